import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-cache-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** In a process of its own, since the cache is the process's. Says where it is kept. */
function keepIn(store: string): string {
  const script = `
    import { flushCompileCache, getCompileCacheDir } from 'node:module';
    const { keepCompiledCode } = await import(${source('node/compile-cache.ts')});
    keepCompiledCode(${JSON.stringify(store)});
    await import(${source('base/text.ts')});
    flushCompileCache();
    console.log(getCompileCacheDir() ?? 'nowhere');`;
  const { NODE_COMPILE_CACHE: _, NODE_DISABLE_COMPILE_CACHE: __, ...env } = process.env;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8', env }).trim();
}

test('what is compiled is kept in the store folder, which is made for its owner alone', () => {
  const store = join(folder, 'data');
  const kept = keepIn(store);
  expect(kept.startsWith(join(store, 'compile-cache'))).toBe(true);
  expect(existsSync(kept)).toBe(true);
  expect(statSync(store).mode & 0o077).toBe(0);
});

test('a folder that others may write to is not trusted with code', () => {
  const store = join(folder, 'open');
  mkdirSync(store);
  chmodSync(store, 0o777);
  expect(keepIn(store)).toBe('nowhere');
  expect(existsSync(join(store, 'compile-cache'))).toBe(false);
});

test('a folder that cannot be made costs the cache, not the start', () => {
  expect(keepIn('/dev/null/data')).toBe('nowhere');
});
