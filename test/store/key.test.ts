import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadStoreKey } from '../../src/store/key.ts';
import { temporaryFolder } from './kit.ts';

test('a key file is made once, for its owner alone, and read from then on', () => {
  const folder = temporaryFolder();
  const made = loadStoreKey(folder, {});
  expect(made).toHaveLength(32);
  expect(loadStoreKey(folder, {})).toEqual(made);
  expect(readdirSync(folder)).toEqual(['store.key']);
  expect(statSync(join(folder, 'store.key')).mode & 0o777).toBe(0o600);
});

test.each([
  ['hexadecimal', 'Ab'.repeat(32)],
  ['base64', Buffer.alloc(32, 0xab).toString('base64')],
])('TANDEM_STORE_KEY as %s goes before the file, and none is made', (_, text) => {
  const folder = temporaryFolder();
  expect(loadStoreKey(folder, { TANDEM_STORE_KEY: text })).toEqual(new Uint8Array(32).fill(0xab));
  expect(readdirSync(folder)).toEqual([]);
});

test.each(['short', 'zz'.repeat(32), Buffer.alloc(31).toString('base64')])('%s is no key', (text) => {
  expect(() => loadStoreKey(temporaryFolder(), { TANDEM_STORE_KEY: text })).toThrow(/TANDEM_STORE_KEY.*32 octets/);
});

test('a key file that others may read is refused, and so is a damaged one', () => {
  const folder = temporaryFolder();
  loadStoreKey(folder, {});
  chmodSync(join(folder, 'store.key'), 0o644);
  expect(() => loadStoreKey(folder, {})).toThrow(/chmod 600/);
  chmodSync(join(folder, 'store.key'), 0o600);
  writeFileSync(join(folder, 'store.key'), 'half');
  expect(() => loadStoreKey(folder, {})).toThrow(/32 octets/);
});
