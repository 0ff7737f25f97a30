/** `/openapi.json` and the pages of /docs. The document is made when it is first asked for, and kept as one text. */
import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { stringify } from 'yaml';
import { answer, describe } from './context.ts';
import type { finishDocument, Shapes } from './openapi-document.ts';

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
/** Under what name the plugin's own function is found. It keeps what it has made, so it is asked once. */
const MAKE_DOCUMENT = 'makeOpenApi';

/** Takes notice of all routes that are added from now on. Gives the text of the document about them. */
export async function setUpDocument(
  app: FastifyInstance,
  options: { readonly version: string; readonly docs: boolean },
): Promise<() => Promise<Buffer>> {
  let finish: typeof finishDocument | undefined;
  let shapes: Shapes | undefined;
  let text: Buffer | undefined;
  await app.register(fastifySwagger, {
    decorator: MAKE_DOCUMENT,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'tandem',
        version: options.version,
        description:
          'Provisioning and operation of a tandem SIP engine. Errors are application/problem+json with a stable `code`.',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    // Request parts are zod schemas; answers are JSON schemas already, since secrets are taken out of them.
    transform: (input) => {
      const { url, schema } = jsonSchemaTransform(input as Parameters<typeof jsonSchemaTransform>[0]);
      const { answers } = input.route.config ?? {};
      return { url, schema: { ...schema, ...(answers && { response: shapes?.expand(answers) }) } };
    },
    // What is returned stays in the plugin: not the document.
    transformObject: (input) => {
      const { openapiObject } = input as { openapiObject: Record<string, unknown> };
      text = Buffer.from(JSON.stringify(finish?.(openapiObject)));
      return {};
    },
  });
  const make = async (): Promise<Buffer> => {
    const document = await import('./openapi-document.ts');
    if (text === undefined) {
      finish = document.finishDocument;
      shapes = new document.Shapes();
      (app as unknown as Record<typeof MAKE_DOCUMENT, () => object>)[MAKE_DOCUMENT]();
      shapes = undefined;
    }
    return text as unknown as Buffer;
  };
  if (options.docs) {
    // What the pages ask for it, once it is made.
    app.decorate('swagger', ((form?: { yaml?: boolean }) => {
      const document = JSON.parse((text as Buffer).toString());
      return form?.yaml === true ? stringify(document, { strict: false }) : document;
    }) as FastifyInstance['swagger']);
    await app.register(fastifySwaggerUi, {
      routePrefix: '/docs',
      staticCSP: DOCS_CSP,
      uiHooks: { onRequest: () => make().then(() => undefined) },
    });
  }
  return make;
}

export function documentRoute(app: FastifyInstance, docs: boolean, text: () => Promise<Buffer>): void {
  app.get(
    '/openapi.json',
    describe({
      operationId: 'getOpenApi',
      tag: 'health',
      summary: 'This document',
      access: docs ? 'public' : 'any',
      answers: { 200: answer('OpenAPI 3.1', { type: 'object' }) },
    }),
    async (_request, reply) => reply.type('application/json; charset=utf-8').send(await text()),
  );
}
