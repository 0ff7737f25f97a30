import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { silentLog } from '../../../src/base/log.ts';
import { type Copy, LastCopy } from '../../../src/store/redis/last-copy.ts';
import { Sealer } from '../../../src/store/sealer.ts';
import { SliceWatch } from '../../kit/slice-watch.ts';
import { temporaryFolder } from '../kit.ts';
import { certificate, tenant, trunk, user, webhook } from '../records.ts';

const sealer = new Sealer(randomBytes(32));
const copy: Copy = {
  storeId: 'store-1',
  nonceSecret: 'ab'.repeat(32),
  changeToken: 'token-7',
  tokens: [],
  users: [user('pat')],
  webhooks: [webhook('w1')],
  provisioned: {
    version: 7,
    state: {
      tenants: [tenant('acme'), tenant('umbrella')],
      trunks: Array.from({ length: 120 }, (_, index) => trunk(String(100_000_000 + index))),
      certificates: [certificate('acme-stir')],
    },
  },
};

async function write(folder: string, log: Log = silentLog, what = copy): Promise<void> {
  const written = new LastCopy(folder, sealer, log, () => what);
  written.changed();
  await written.flush();
}

test('what is written is read back whole; a later one replaces it', async () => {
  const folder = temporaryFolder();
  expect(LastCopy.read(folder, sealer, silentLog)).toBeUndefined();
  await write(folder);
  await write(folder);
  expect(LastCopy.read(folder, sealer, silentLog)).toEqual(copy);
});

test('while a tenant with 10,000 extensions is written no turn of the loop computes for 20 ms', async () => {
  const folder = temporaryFolder();
  const [acme] = copy.provisioned.state.tenants;
  if (acme === undefined) throw new Error('no tenant');
  const [first] = acme.extensions;
  if (first === undefined) throw new Error('no extension');
  const extensions = Array.from({ length: 10_000 }, (_, index) => ({
    ...first,
    number: String(100_000 + index),
    trustedAddresses: Array.from({ length: 16 }, (_each, last) => `198.51.100.${last}`),
  }));
  const large: Copy = {
    ...copy,
    provisioned: { version: 8, state: { ...copy.provisioned.state, tenants: [acme, { ...acme, extensions }] } },
  };
  // What is run for the first time is compiled.
  await write(folder);
  const watch = new SliceWatch();
  watch.start();
  await write(folder, silentLog, large);
  expect(watch.stop().cpuMs).toBeLessThan(20);
  expect(LastCopy.read(folder, sealer, silentLog)).toEqual(large);
});

test.each([
  ['cut off', (text: string) => text.slice(0, -100)],
  ['with a piece missing', (text: string) => `${text.split('\n').slice(0, -4).join('\n').replace(/,$/, '')}\n]}\n`],
  [
    'with two pieces exchanged',
    (text: string) =>
      text
        .split('\n')
        .with(2, text.split('\n')[3] ?? '')
        .with(3, text.split('\n')[2] ?? '')
        .join('\n'),
  ],
  ['of another format', (text: string) => text.replace('"format":1', '"format":9')],
])('a copy %s is not used, and that is logged', async (_, damage) => {
  const folder = temporaryFolder();
  await write(folder);
  const path = join(folder, 'last-copy.json');
  writeFileSync(path, damage(readFileSync(path, 'utf8')));
  const errors: string[] = [];
  expect(LastCopy.read(folder, sealer, { ...silentLog, error: (event) => errors.push(event) })).toBeUndefined();
  expect(errors).toEqual(['last-copy-unreadable']);
});

test('a copy that cannot be written is logged and stops nothing', async () => {
  const errors: string[] = [];
  await write(join(temporaryFolder(), 'missing'), { ...silentLog, error: (event) => errors.push(event) });
  expect(errors).toEqual(['last-copy-not-written']);
});
