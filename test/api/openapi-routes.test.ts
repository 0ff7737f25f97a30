import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parse } from 'yaml';

/** What only the document needs, from `src/api/`. */
const NEEDED = [
  'openapi-document.ts',
  'operations.ts',
  'examples.ts',
  ...readdirSync(new URL('../../src/api/answers/', import.meta.url)).map((file) => `answers/${file}`),
];

const loaded = new Set<string>();
let kit: typeof import('./kit.ts');
beforeEach(async () => {
  vi.resetModules();
  loaded.clear();
  for (const file of NEEDED) {
    vi.doMock(`../../src/api/${file}`, async (original) => {
      loaded.add(file);
      return await original<object>();
    });
  }
  kit = await import('./kit.ts');
});
afterEach(() => {
  for (const file of NEEDED) vi.doUnmock(`../../src/api/${file}`);
});

test('nothing that only the OpenAPI document needs is there before somebody asks for it, no schema of an answer', async () => {
  const world = await kit.startTestApi();
  expect((await kit.ask(world, world.tokens.system, 'GET', '/api/v1/trunks')).status).toBe(200);
  expect([...loaded]).toEqual([]);
  expect((await kit.ask(world, undefined, 'GET', '/openapi.json')).status).toBe(200);
  expect([...loaded].sort()).toEqual([...NEEDED].sort());
  await world.close();
});

test('the document is made once, also for those who ask at the same time, and no object of it stays', async () => {
  const { finishDocument } = await import('../../src/api/openapi-document.ts');
  const finish = vi.fn(finishDocument);
  vi.doMock('../../src/api/openapi-document.ts', async (original) => ({
    ...(await original<object>()),
    finishDocument: finish,
  }));
  vi.resetModules();
  const world = await (await import('./kit.ts')).startTestApi();
  const texts = await Promise.all(
    [1, 2, 3].map(async () => (await kit.ask(world, undefined, 'GET', '/openapi.json')).text),
  );
  expect(new Set(texts).size).toBe(1);
  expect(finish).toHaveBeenCalledTimes(1);
  expect((world.app as unknown as { makeOpenApi: () => object }).makeOpenApi()).toEqual({});
  expect(finish).toHaveBeenCalledTimes(1);
  await world.close();
});

test('the pages of /docs show the same document, as JSON and as YAML', async () => {
  const world = await kit.startTestApi();
  const asYaml = await kit.ask(world, undefined, 'GET', '/docs/yaml');
  const asJson = await kit.ask(world, undefined, 'GET', '/docs/json');
  const { headers, body } = await kit.ask(world, undefined, 'GET', '/openapi.json');
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  expect(asJson.body).toEqual(body);
  expect(parse(asYaml.text, { maxAliasCount: -1 })).toEqual(body);
  await world.close();
});
