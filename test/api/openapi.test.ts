import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { EXAMPLES } from '../../src/api/examples.ts';
import { EVENT_TYPES } from '../../src/observe/events.ts';
import { clientOf, compiler } from './generator/generate.ts';
import { ask, startTestApi } from './kit.ts';

type Json = Record<string, unknown>;
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly Json[];
  readonly requestBody?: { readonly content: Record<string, Json> };
  readonly responses: Record<string, { readonly content?: Record<string, Json> }>;
}

let document: Json & { components: { schemas: Record<string, Json> } };
/** The named shapes as JSON Schema has them: references within the schema. */
let definitions: Readonly<Record<string, Json>>;
let operations: Operation[];
beforeAll(async () => {
  const world = await startTestApi({ docs: true });
  document = (await ask(world, undefined, 'GET', '/openapi.json')).body;
  operations = Object.values(document['paths'] as Record<string, Record<string, Operation>>).flatMap((methods) =>
    Object.values(methods),
  );
  definitions = JSON.parse(
    JSON.stringify(document.components.schemas).replaceAll('#/components/schemas/', '#/$defs/'),
  ) as Record<string, Json>;
  await world.close();
});

/** The schema as a checker, with the shapes that it refers to. */
function checkerOf(name: string): z.ZodType {
  const $defs: Record<string, Json> = {};
  const add = (shape: Json | undefined) => {
    for (const [, other = ''] of JSON.stringify(shape).matchAll(/"#\/\$defs\/([^"]+)"/g)) {
      const found = definitions[other];
      if (found === undefined || other in $defs) continue;
      $defs[other] = found;
      add(found);
    }
  };
  add(definitions[name]);
  return z.fromJSONSchema({ ...definitions[name], $defs });
}

describe('OpenAPI document', () => {
  test('OpenAPI 3.1, with every request body from the schemas and no secret in an answer', () => {
    // biome-ignore lint/suspicious/noExplicitAny: the document has many forms
    const body = document as any;
    expect(body.openapi).toBe('3.1.0');
    const post = body.paths['/api/v1/tenants/{tenant}/extensions'].post;
    const resolved = ({ $ref }: { $ref: string }) => body.components.schemas[$ref.slice($ref.lastIndexOf('/') + 1)];
    const request = resolved(post.requestBody.content['application/json'].schema);
    expect(request.properties.password.type).toBe('string');
    expect(request.additionalProperties).toBe(false);
    const answer = resolved(post.responses['201'].content['application/json'].schema);
    expect(answer.properties.password).toBeUndefined();
    expect(answer.properties.passwordSet).toMatchObject({ type: 'boolean', readOnly: true });
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('is the same from each interface of one process', async () => {
    const world = await startTestApi({ docs: true });
    expect((await ask(world, undefined, 'GET', '/openapi.json')).body).toEqual(document);
    await world.close();
  });

  test('every operation has a description of its own and an example', () => {
    for (const { operationId, summary, description, parameters = [], requestBody, responses } of operations) {
      expect(description.length, operationId).toBeGreaterThan(20);
      expect(description).not.toBe(summary);
      const media = [requestBody, ...Object.values(responses)].flatMap((part) => Object.entries(part?.content ?? {}));
      const examples = [
        ...media.filter(([type]) => type !== 'application/problem+json').map(([, { example }]) => example),
        ...parameters.map((parameter) => parameter['example']),
      ];
      const hasExample = examples.some((example) => example !== undefined) || operationId === 'getOpenApi';
      expect(hasExample, `${operationId} has an example`).toBe(true);
    }
  });

  test('requests and answers are named shapes, and every answer has one', () => {
    for (const { operationId, requestBody, responses } of operations) {
      for (const [type, { schema }] of Object.entries(requestBody?.content ?? {}))
        expect((schema as Json)['$ref'], `${operationId} ${type}`).toMatch(/^#\/components\/schemas\//);
      for (const [status, { content = {} }] of Object.entries(responses)) {
        const schema = content['application/json']?.['schema'] as Json | undefined;
        if (schema === undefined || operationId === 'getOpenApi' || schema['type'] === 'null') continue;
        const items = (schema['properties'] as Record<string, Json> | undefined)?.['items']?.['items'] as
          | Json
          | undefined;
        const shape = items ?? schema;
        // A trunk of a listing has its status beside it.
        expect(shape['$ref'] ?? shape['allOf'] ?? shape['oneOf'], `${operationId} ${status}`).toBeDefined();
      }
    }
  });

  test('examples are true: each passes its own schema', () => {
    for (const [name, example] of Object.entries(EXAMPLES)) {
      expect(document.components.schemas[name], name).toBeDefined();
      if (name.endsWith('Patch')) continue;
      const required = checkerOf(name).safeParse(example);
      const missing = required.error?.issues.filter((issue) => !isDefaultLeftOut(issue)) ?? [];
      expect(missing, name).toEqual([]);
    }
  });

  test('events and webhook payloads are described: one webhook a topic, its data the shape of the event', () => {
    const webhooks = document['webhooks'] as Record<string, { post: Operation }>;
    expect(Object.keys(webhooks).sort()).toEqual([...EVENT_TYPES, 'call-record'].sort());
    for (const { post } of Object.values(webhooks)) {
      const schema = post.requestBody?.content['application/json']?.['schema'] as Json | undefined;
      const reference = String(schema?.['$ref']);
      expect(document.components.schemas[reference.slice('#/components/schemas/'.length)]).toBeDefined();
    }
  });

  test('a client made by openapi-typescript compiles, and nothing that has a schema is unknown in it', async () => {
    const source = await clientOf(document);
    const unknown = source.split('\n').filter((line) => /\bunknown\b/.test(line.replace(/"[^"]*"/g, '')));
    // A header map of an answer, a resource as it was in the audit log, and the document itself have no schema.
    const allowed = /\[name: string\]: unknown;|\[key: string\]: unknown;/;
    expect(unknown.filter((line) => !allowed.test(line))).toEqual([]);
    const folder = mkdtempSync(join(tmpdir(), 'tandem-client-'));
    writeFileSync(join(folder, 'api.ts'), source);
    writeFileSync(
      join(folder, 'client.ts'),
      `import type { components, paths } from './api.ts';
const call: components['schemas']['Call'] = { callId: 'a', sipCallIds: [], direction: 'inbound', from: '1', to: '2', state: 'ringing', startedAt: '', node: 'edge-1' };
type Made = paths['/api/v1/tokens']['post']['responses']['201']['content']['application/json'];
export const token = (made: Made): string => made.token;
// @ts-expect-error a state that does not exist
export const wrong: components['schemas']['Call'] = { ...call, state: 'no' };
`,
    );
    const checked = spawnSync(
      process.execPath,
      [
        compiler,
        '--noEmit',
        '--strict',
        // The client stands for itself: no page, no runtime, and nothing of the libraries is checked.
        '--skipLibCheck',
        '--lib',
        'esnext',
        '--allowImportingTsExtensions',
        '--module',
        'nodenext',
        join(folder, 'client.ts'),
      ],
      { encoding: 'utf8' },
    );
    expect([checked.stdout, checked.status]).toEqual(['', 0]);
  });
});

/** An answer is shown with its defaults filled in; an example leaves them out for the reader's sake. */
function isDefaultLeftOut(issue: { code: string; path: readonly PropertyKey[]; message: string }): boolean {
  return issue.code === 'invalid_type' && issue.message.includes('received undefined') && issue.path.length > 0;
}
