/** The thread that makes the OpenAPI document: it adds all routes to an interface that nobody can ask, and tells what they say. */
import { parentPort } from 'node:worker_threads';
import fastifySwagger from '@fastify/swagger';
import Fastify, { type FastifyInstance } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { stringify } from 'yaml';
import { stackOf } from '../base/errors.ts';
import { type AsideAnswer, asideData } from '../settings/aside.ts';
import type { ApiContext } from './context.ts';
import { finishDocument, Shapes } from './openapi-document.ts';
import type { DocumentInput, DocumentOptions } from './openapi-routes.ts';
import { addRoutes } from './routes.ts';

/** What routes look at when they are added; what they work with when they are asked is not here. */
const CONTEXT = { nodes: { self: '' }, metrics: { readGauge: () => {} } } as unknown as ApiContext;
const NO_TEXTS = {
  json: (): never => {
    throw new Error('no route is asked here');
  },
};

const { form, ...described } = asideData<DocumentInput>().input;

async function answer(): Promise<AsideAnswer<Uint8Array>> {
  try {
    const text = JSON.stringify(await documentOf(described));
    // Read again nothing is in it twice, which would be written as an alias.
    return { rest: Buffer.from(form === 'json' ? text : stringify(JSON.parse(text), { strict: false })) };
  } catch (error) {
    return { failure: stackOf(error) };
  }
}

async function documentOf(described: DocumentOptions): Promise<object> {
  const app = Fastify() as FastifyInstance;
  // Nothing comes in.
  app.setValidatorCompiler(() => () => true);
  const shapes = new Shapes();
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'tandem',
        version: described.version,
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
      return { url, schema: { ...schema, ...(answers && { response: shapes.expand(answers) }) } };
    },
    transformObject: (input) => finishDocument((input as { openapiObject: Record<string, unknown> }).openapiObject),
  });
  await app.register((scope) => addRoutes(scope, CONTEXT, { ...described, documentOctets: 1, texts: NO_TEXTS }));
  await app.ready();
  return app.swagger();
}

parentPort?.postMessage(await answer());
