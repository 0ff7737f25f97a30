import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import workerThreads from 'node:worker_threads';
import { afterAll, afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { parse } from 'yaml';
import { threadCpuMs } from '../kit/thread-cpu.ts';
import { type Answer, ask, startTestApi, type TestApi } from './kit.ts';

const threads = vi.spyOn(workerThreads, 'Worker');
syncBuiltinESMExports();
let world: TestApi;
beforeEach(async () => {
  threads.mockClear();
  world = await startTestApi({ docs: true });
});
afterEach(() => world.close());
afterAll(() => {
  threads.mockRestore();
  syncBuiltinESMExports();
});

const document = () => ask(world, undefined, 'GET', '/openapi.json');

test('nothing that only the OpenAPI document needs comes into the thread of the calls, no schema of an answer', () => {
  const api = new URL('../../src/api/', import.meta.url);
  const answers = readdirSync(new URL('answers/', api)).map((file) => `answers/${file}`);
  const needed = ['openapi-document.ts', 'operations.ts', 'examples.ts', ...answers].map((file) => `${api}${file}`);
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({
      load(url, context, next) {
        loaded.push(url);
        return next(url, context);
      },
    });
    const { ask, startTestApi } = await import(${JSON.stringify(import.meta.resolve('./kit.ts'))});
    const world = await startTestApi({ docs: true });
    const asked = ['/api/v1/trunks', '/openapi.json'].map((url) => ask(world, world.tokens.system, 'GET', url));
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    await world.close();
    console.log(JSON.stringify({ loaded, statuses }));
  `;
  // A thread would get the options of a process that evaluates text.
  const folder = mkdtempSync(join(tmpdir(), 'tandem-loaded-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'loaded.mjs');
  writeFileSync(file, script);
  const { loaded, statuses } = JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' }));
  expect(statuses).toEqual([200, 200]);
  expect(loaded).toContain(`${api}server.ts`);
  expect(needed.filter((file) => loaded.includes(file))).toEqual([]);
});

test('while the document is made, and its YAML, the thread of the calls computes a third of it at most; the pages of /docs show the same', async () => {
  // What any request needs is compiled.
  await ask(world, undefined, 'GET', '/');
  const texts: string[] = [];
  for (const url of ['/openapi.json', '/docs/yaml']) {
    const fromMs = threadCpuMs();
    const from = process.cpuUsage();
    const { statusCode, body } = await world.app.inject({ url });
    const ownMs = threadCpuMs() - fromMs;
    const { user, system } = process.cpuUsage(from);
    expect(ownMs, url).toBeLessThan((user + system) / 1000 / 3);
    expect(statusCode).toBe(200);
    texts.push(body);
  }
  const [asJson = '', asYaml = ''] = texts;
  expect(parse(asYaml)).toEqual(JSON.parse(asJson));
  for (const url of ['/openapi.json', '/docs/json']) {
    const { headers, text } = await ask(world, undefined, 'GET', url);
    expect([headers['content-type'], text]).toEqual(['application/json; charset=utf-8', asJson]);
  }
  expect(threads).toHaveBeenCalledTimes(2);
});

test('a document that could not be made is an error that says so, and the next request tries again', async () => {
  threads.mockImplementationOnce(
    class {
      constructor() {
        throw new Error('out of memory');
      }
    } as never,
  );
  const failed = { status: 500, body: { code: 'document-not-made' } };
  const both = await Promise.all([document(), ask(world, undefined, 'GET', '/docs/json')]);
  expect(both).toMatchObject([failed, failed]);
  expect((await document()).status).toBe(200);
  expect(threads).toHaveBeenCalledTimes(2);
});

test('it is made once, also for those who ask at the same time; who may read it and the metrics is in it as it is here', async () => {
  const securityOf = ({ body }: Answer) => ['/openapi.json', '/metrics'].map((path) => body.paths[path].get.security);
  // Whoever asks at the same time waits for the same one.
  const [first, ...others] = await Promise.all([document(), document(), document()]);
  expect(new Set([first, ...others].map(({ text }) => text)).size).toBe(1);
  expect(threads).toHaveBeenCalledTimes(1);
  expect(securityOf(first)).toEqual([[], []]);
  await world.close();
  world = await startTestApi({ docs: false, metricsAccess: 'any' });
  const told = await ask(world, world.tokens.acme, 'GET', '/openapi.json');
  expect(securityOf(told)).toEqual([undefined, undefined]);
});
