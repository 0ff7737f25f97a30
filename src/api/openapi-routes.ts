/** `/openapi.json` and the pages of /docs. Their texts are made when they are first asked for, in a thread of their own, and kept. */
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { askAside } from '../settings/aside.ts';
import { type Access, answer } from './context.ts';
import { operation } from './operation.ts';
import { ApiProblem } from './problem.ts';

/** What the document depends on, beside the routes that there always are. */
export interface DocumentOptions {
  /** Of the product, which `/healthz` says too. */
  readonly version: string;
  /** `/docs` and the document are for anybody. Default true. */
  readonly docs?: boolean | undefined;
  /** Who may read /metrics. Default `public`. */
  readonly metricsAccess?: Access | undefined;
}

type Form = 'json' | 'yaml';

/** What the thread is asked. */
export interface DocumentInput extends DocumentOptions {
  readonly form: Form;
}

const TYPES: Readonly<Record<Form, string>> = {
  json: 'application/json; charset=utf-8',
  yaml: 'application/x-yaml',
};
/** The pages that are the document itself. */
const PAGES: Readonly<Record<string, Form>> = { '/docs/json': 'json', '/docs/yaml': 'yaml' };
/** What the page of /docs may load: its own files. It is read over plain HTTP too, so nothing in it asks for HTTPS. */
const DOCS_CSP = {
  'default-src': ["'self'"],
  'base-uri': ["'self'"],
  'frame-ancestors': ["'none'"],
  'img-src': ["'self'", 'data:'],
  'object-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
};

/**
 * The texts of the document. Making one computes for most of a second, and needs the schemas of all answers: a thread does it, and what it
 * has loaded ends with it. Those who ask meanwhile wait for the same text.
 */
export class DocumentTexts {
  readonly #described: DocumentOptions;
  readonly #texts = new Map<Form, Promise<Buffer>>();

  constructor(described: DocumentOptions) {
    this.#described = described;
  }

  /** Throws an ApiProblem when the text could not be made; the next to ask has it tried again. */
  json(): Promise<Buffer> {
    return this.of('json');
  }

  of(form: Form): Promise<Buffer> {
    const kept = this.#texts.get(form);
    if (kept !== undefined) return kept;
    const text = this.#make(form);
    this.#texts.set(form, text);
    text.catch(() => this.#texts.delete(form));
    return text;
  }

  async #make(form: Form): Promise<Buffer> {
    const input = { ...this.#described, form };
    const question = { thread: 'openapi-thread', importer: import.meta.url, input, isServing: true };
    try {
      const { rest } = await askAside<DocumentInput, Uint8Array, void>(question, noParts);
      return Buffer.from(rest.buffer, rest.byteOffset, rest.byteLength);
    } catch (cause) {
      const problem = new ApiProblem(500, 'document-not-made', 'the document could not be made; the log says why');
      problem.cause = cause;
      throw problem;
    }
  }
}

/** The text comes with the answer. */
function* noParts(): Generator<void, void> {}

/** Below /docs. */
export async function documentPages(app: FastifyInstance, texts: DocumentTexts): Promise<void> {
  await app.register(inPlaceOfSwagger);
  await app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    staticCSP: DOCS_CSP,
    uiHooks: {
      preHandler: async ({ routeOptions }, reply) => {
        const form = PAGES[routeOptions.url ?? ''];
        if (form !== undefined) return reply.type(TYPES[form]).send(await texts.of(form));
      },
    },
  });
}

/** The pages ask for the plugin that makes documents, which is in the thread; of it they use nothing that the hook above does not answer. */
const inPlaceOfSwagger: FastifyPluginAsync = Object.assign(async () => {}, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('plugin-meta')]: { name: '@fastify/swagger' },
});

export function documentRoute(app: FastifyInstance, docs: boolean, texts: Pick<DocumentTexts, 'json'>): void {
  operation(app, 'getOpenApi', {
    access: docs ? 'public' : 'any',
    answers: { 200: answer('OpenAPI 3.1', { type: 'object' }) },
  }).by(async (_request, reply) => reply.type(TYPES.json).send(await texts.json()));
}
