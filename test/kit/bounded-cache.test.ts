import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { boundedCache } from './bounded-cache.ts';

/** A cache with two files of this size each, one of them in a folder of a version of the runtime. */
function cacheOf(octets: number): { folder: string; files: string[] } {
  const parent = mkdtempSync(join(tmpdir(), 'tandem-cache-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  const folder = join(parent, 'cache');
  mkdirSync(join(folder, 'v26'), { recursive: true });
  const files = [join(folder, 'a'), join(folder, 'v26', 'b')];
  for (const file of files) writeFileSync(file, 'x'.repeat(octets));
  return { folder, files };
}

test('a cache is left as it is up to its bound, and emptied beyond it', () => {
  const { folder, files } = cacheOf(500);
  expect(boundedCache(folder, 1000)).toBe(folder);
  expect(files.map((file) => existsSync(file))).toEqual([true, true]);
  expect(boundedCache(folder, 999)).toBe(folder);
  expect(files.map((file) => existsSync(file))).toEqual([false, false]);
});

test('one that is not there yet is empty', () => {
  const { folder } = cacheOf(1);
  expect(boundedCache(join(folder, 'none'), 0)).toBe(join(folder, 'none'));
});
