import { readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { threadCpuMs } from '../kit/thread-cpu.ts';

/** What only the document needs, from `src/api/`. */
const NEEDED = [
  'openapi-document.ts',
  'operations.ts',
  'examples.ts',
  ...readdirSync(new URL('../../src/api/answers/', import.meta.url)).map((file) => `answers/${file}`),
];

const loaded = new Set<string>();
/** Starts the thread. */
const askAside = vi.fn<typeof import('../../src/settings/aside.ts').askAside>();
let kit: typeof import('./kit.ts');
let world: import('./kit.ts').TestApi;
/** Everything is read anew, once for all tests: what any of them has come in shows in `loaded`. */
beforeAll(async () => {
  vi.resetModules();
  for (const file of NEEDED) {
    vi.doMock(`../../src/api/${file}`, async (original) => {
      loaded.add(file);
      return await original<object>();
    });
  }
  vi.doMock('../../src/settings/aside.ts', async (original) => {
    const aside = await original<typeof import('../../src/settings/aside.ts')>();
    askAside.mockImplementation(aside.askAside);
    return { ...aside, askAside };
  });
  kit = await import('./kit.ts');
});
beforeEach(async () => {
  askAside.mockClear();
  world = await kit.startTestApi();
});
afterEach(() => world.close());
afterAll(() => {
  for (const file of NEEDED) vi.doUnmock(`../../src/api/${file}`);
  vi.doUnmock('../../src/settings/aside.ts');
});

const document = () => kit.ask(world, undefined, 'GET', '/openapi.json');

test('nothing that only the OpenAPI document needs comes into the thread of the calls, no schema of an answer', async () => {
  expect((await kit.ask(world, world.tokens.system, 'GET', '/api/v1/trunks')).status).toBe(200);
  expect((await document()).body).toMatchObject({ openapi: '3.1.0', components: { schemas: { Call: {} } } });
  expect([...loaded]).toEqual([]);
});

test('while the document is made, and its YAML, the thread of the calls computes for less than 50 ms each', async () => {
  // What any request needs is compiled.
  await kit.ask(world, undefined, 'GET', '/');
  for (const url of ['/openapi.json', '/docs/yaml']) {
    const fromMs = threadCpuMs();
    expect((await world.app.inject({ url })).statusCode).toBe(200);
    expect(threadCpuMs() - fromMs, url).toBeLessThan(50);
  }
});

test('the document is made once, also for those who ask at the same time', async () => {
  const texts = await Promise.all([1, 2, 3].map(async () => (await document()).text));
  expect(new Set(texts).size).toBe(1);
  expect((await document()).text).toBe(texts[0]);
  expect(askAside).toHaveBeenCalledTimes(1);
});

test('a document that could not be made is an error that says so, and the next request tries again', async () => {
  askAside.mockRejectedValueOnce(new Error('out of memory'));
  const failed = { status: 500, body: { code: 'document-not-made' } };
  const both = await Promise.all([document(), kit.ask(world, undefined, 'GET', '/docs/json')]);
  expect(both).toMatchObject([failed, failed]);
  expect((await document()).status).toBe(200);
  expect(askAside).toHaveBeenCalledTimes(2);
});

test('the pages of /docs show the same document, as JSON and as YAML', async () => {
  const asYaml = await kit.ask(world, undefined, 'GET', '/docs/yaml');
  const asJson = await kit.ask(world, undefined, 'GET', '/docs/json');
  const { headers, text, body } = await document();
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  expect(asJson.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(asJson.text).toBe(text);
  expect(parse(asYaml.text)).toEqual(body);
});

test('who may read the document and the metrics is in it as it is here', async () => {
  const securityOf = ({ body }: import('./kit.ts').Answer) =>
    ['/openapi.json', '/metrics'].map((path) => body.paths[path].get.security);
  expect(securityOf(await document())).toEqual([[], []]);
  await world.close();
  world = await kit.startTestApi({ docs: false, metricsAccess: 'any' });
  const told = await kit.ask(world, world.tokens.acme, 'GET', '/openapi.json');
  expect(securityOf(told)).toEqual([undefined, undefined]);
});
