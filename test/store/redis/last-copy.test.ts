import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Log } from '../../../src/base/log.ts';
import { silentLog } from '../../../src/base/log.ts';
import { type Copy, type KeptCopy, LastCopy } from '../../../src/store/redis/last-copy.ts';
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

async function write(folder: string, log: Log = silentLog, what = copy, kept?: KeptCopy): Promise<void> {
  const written = new LastCopy(folder, sealer, log, () => what, kept);
  written.changed();
  await written.flush();
}

function read(folder: string, log: Log = silentLog): Copy | undefined {
  return LastCopy.read(folder, sealer, log)?.copy;
}

/** The files with what is provisioned. */
function filesIn(folder: string): string[] {
  return readdirSync(join(folder, 'last-copy')).sort();
}

test('what is written is read back whole; a later one replaces it', async () => {
  const folder = temporaryFolder();
  expect(read(folder)).toBeUndefined();
  await write(folder);
  await write(folder);
  expect(read(folder)).toEqual(copy);
});

test('it is for the owner alone', async () => {
  const folder = temporaryFolder();
  await write(folder);
  const modes = ['last-copy.json', 'last-copy', join('last-copy', filesIn(folder)[0] ?? '')];
  expect(modes.map((each) => statSync(join(folder, each)).mode & 0o777)).toEqual([0o600, 0o700, 0o600]);
});

/** Until the test has ended `asked` is given the path of what is synced before it is; what it throws is how that fails. */
async function atSync(asked: (path: string) => void): Promise<void> {
  const handle = await open('/');
  const proto = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  const { sync } = proto;
  vi.spyOn(proto, 'sync').mockImplementation(async function (this: FileHandle) {
    asked(readlinkSync(`/proc/self/fd/${this.fd}`));
    await sync.call(this);
  });
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
}

/** The copy with its tenants changed so. */
function withTenants(what: Copy, change: (tenants: ReturnType<typeof tenant>[]) => void): Copy {
  const { version, state } = what.provisioned;
  const tenants = [...state.tenants];
  change(tenants);
  return { ...what, provisioned: { version: version + 1, state: { ...state, tenants } } };
}

describe('of 2,000 tenants', () => {
  const tenants = Array.from({ length: 2_000 }, (_, index) => tenant(`t${index}`));
  const large: Copy = { ...copy, provisioned: { version: 8, state: { ...copy.provisioned.state, tenants } } };

  test('a change writes the tenants near the changed one, and what is left behind is removed', async () => {
    const folder = temporaryFolder();
    let current = large;
    const written = new LastCopy(folder, sealer, silentLog, () => current);
    written.changed();
    await written.flush();
    const before = filesIn(folder);
    current = withTenants(large, (all) => all.splice(1_200, 1, tenant('t1200', 'Bob')));
    written.changed();
    await written.flush();
    expect(read(folder)).toEqual(current);
    const after = filesIn(folder);
    expect(after).toHaveLength(before.length);
    const anew = after.filter((name) => !before.includes(name));
    expect(anew).toHaveLength(1);
    const [octets, all] = [anew, after].map((names) =>
      names.reduce((sum, name) => sum + statSync(join(folder, 'last-copy', name)).size, 0),
    );
    expect(octets).toBeLessThan((all ?? 0) / 10);
  });

  test('what a node starts from is not written again', async () => {
    const folder = temporaryFolder();
    await write(folder, silentLog, large);
    const before = filesIn(folder);
    const kept = LastCopy.read(folder, sealer, silentLog);
    if (kept === undefined) throw new Error('no copy');
    const next = withTenants(kept.copy, (all) => all.push(tenant('last')));
    await write(folder, silentLog, next, kept);
    expect(read(folder)).toEqual(next);
    expect(filesIn(folder).filter((name) => !before.includes(name))).toHaveLength(1);
  });

  test('what was begun of a copy that could not be written is removed, and the one before stays good', async () => {
    const folder = temporaryFolder();
    await write(folder, silentLog, large);
    const [before, kept] = [filesIn(folder), LastCopy.read(folder, sealer, silentLog)];
    if (kept === undefined) throw new Error('no copy');
    // In the way of the index.
    mkdirSync(join(folder, 'last-copy.json.new'));
    const errors: string[] = [];
    const next = withTenants(kept.copy, (all) => all.push(tenant('last')));
    await write(folder, { ...silentLog, error: (event) => errors.push(event) }, next, kept);
    expect(errors).toEqual(['last-copy-not-written']);
    expect(filesIn(folder)).toEqual(before);
    expect(read(folder)).toEqual(large);
  });

  test('a copy that could not be read at the start is still there when the next one cannot be written', async () => {
    const folder = temporaryFolder();
    await write(folder, silentLog, large);
    const before = filesIn(folder);
    mkdirSync(join(folder, 'last-copy.json.new'));
    await write(
      folder,
      silentLog,
      withTenants(large, (all) => all.push(tenant('last'))),
    );
    expect(filesIn(folder)).toEqual(before);
    expect(read(folder)).toEqual(large);
  });

  test('what cannot be removed is no failure of the copy', async () => {
    const folder = temporaryFolder();
    await write(folder, silentLog, large);
    // A folder is not removed as a file is.
    mkdirSync(join(folder, 'last-copy', 'folder'));
    const before = filesIn(folder);
    const errors: string[] = [];
    const next = withTenants(large, (all) => all.push(tenant('last')));
    await write(folder, { ...silentLog, error: (event) => errors.push(event) }, next);
    expect(errors).toEqual([]);
    expect(read(folder)).toEqual(next);
    expect(filesIn(folder).filter((name) => before.includes(name))).toEqual(['folder']);
  });

  test('a copy is on the disk, and its names are, before what it replaces is removed', async () => {
    const folder = temporaryFolder();
    await write(folder, silentLog, large);
    const former = filesIn(folder);
    const synced: { readonly path: string; readonly names: readonly string[]; readonly index: string }[] = [];
    await atSync((at) => {
      const path = relative(folder, at);
      synced.push({ path, names: filesIn(folder), index: readFileSync(join(folder, 'last-copy.json'), 'utf8') });
    });
    const before = readFileSync(join(folder, 'last-copy.json'), 'utf8');
    await write(folder, silentLog, large);
    const kinds = synced.map(({ path }) => (path.startsWith('last-copy/') ? 'piece' : path));
    expect(kinds.filter((kind, index) => kind !== kinds[index - 1])).toEqual([
      'piece',
      'last-copy',
      'last-copy.json.new',
      '',
    ]);
    for (const { path, names, index } of synced) {
      expect(names).toEqual(expect.arrayContaining(former));
      expect(index === before).toBe(path !== '');
    }
    expect(filesIn(folder).filter((name) => former.includes(name))).toEqual([]);
  });

  test.each(['EINVAL', 'ENOTSUP', 'ENOSYS', 'EPERM'])(
    'where folders are not synced (%s) it is written all the same, and what it replaces is removed',
    async (code) => {
      const folder = temporaryFolder();
      await atSync((path) => {
        if (statSync(path).isDirectory()) throw Object.assign(new Error(code), { code });
      });
      const errors: string[] = [];
      const log = { ...silentLog, error: (event: string) => errors.push(event) };
      await write(folder, log, large);
      const former = filesIn(folder);
      const next = withTenants(large, (all) => all.push(tenant('last')));
      await write(folder, log, next);
      expect(errors).toEqual([]);
      expect(read(folder)).toEqual(next);
      expect(filesIn(folder).filter((name) => former.includes(name))).toEqual([]);
    },
  );

  test('a disk on which the names of its files cannot be synced is a failure, and the copy before stays', async () => {
    const folder = temporaryFolder();
    await write(folder, silentLog, large);
    const before = filesIn(folder);
    await atSync((path) => {
      if (path.endsWith('last-copy')) throw Object.assign(new Error('i/o error'), { code: 'EIO' });
    });
    const errors: string[] = [];
    const next = withTenants(large, (all) => all.push(tenant('last')));
    await write(folder, { ...silentLog, error: (event) => errors.push(event) }, next);
    expect(errors).toEqual(['last-copy-not-written']);
    expect(filesIn(folder)).toEqual(before);
    expect(read(folder)).toEqual(large);
  });

  test('what a crash has left is removed with the next change', async () => {
    const folder = temporaryFolder();
    await write(folder, silentLog, large);
    writeFileSync(join(folder, 'last-copy', 'left'), 'half a piece');
    await write(folder, silentLog, large);
    expect(filesIn(folder)).not.toContain('left');
    expect(read(folder)).toEqual(large);
  });
});

test('a copy of the format before, in one file, is read, and replaced with the next change', async () => {
  const folder = temporaryFolder();
  const { provisioned, ...rest } = copy;
  const pieces = [{ tenants: provisioned.state.tenants }, { trunks: provisioned.state.trunks }];
  const all = [...pieces, { certificates: provisioned.state.certificates }];
  const head = { ...rest, version: provisioned.version, pieces: all.length };
  const sealed = [head, ...all].map((piece, index) => sealer.sealJson(`last-copy/${index}`, piece).toString('base64'));
  writeFileSync(join(folder, 'last-copy.json'), JSON.stringify({ format: 1, sealed }));
  const kept = LastCopy.read(folder, sealer, silentLog);
  expect(kept?.copy).toEqual(copy);
  await write(folder, silentLog, copy, kept);
  expect(read(folder)).toEqual(copy);
  expect(filesIn(folder).length).toBeGreaterThan(0);
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
  expect(read(folder)).toEqual(large);
});

/** Does something to the first two files with what is provisioned. */
const toFiles = (damage: (first: string, second: string) => void) => (folder: string) => {
  const [first = '', second = ''] = filesIn(folder).map((name) => join(folder, 'last-copy', name));
  damage(first, second);
};
const toIndex = (damage: (text: string) => string) => (folder: string) => {
  const path = join(folder, 'last-copy.json');
  writeFileSync(path, damage(readFileSync(path, 'utf8')));
};

test.each([
  ['cut off', toIndex((text) => text.slice(0, -100))],
  ['of another format', toIndex((text) => text.replace('"format":2', '"format":9'))],
  ['with a piece cut off', toFiles((first) => writeFileSync(first, readFileSync(first).subarray(0, -1)))],
  ['with a piece missing', toFiles((first) => rmSync(first))],
  ['with one piece in the place of another', toFiles((first, second) => copyFileSync(second, first))],
])('a copy %s is not used, and that is logged', async (_, damage) => {
  const folder = temporaryFolder();
  await write(folder);
  damage(folder);
  const errors: string[] = [];
  expect(read(folder, { ...silentLog, error: (event) => errors.push(event) })).toBeUndefined();
  expect(errors).toEqual(['last-copy-unreadable']);
});

test('a copy that cannot be written is logged and stops nothing', async () => {
  const errors: string[] = [];
  await write(join(temporaryFolder(), 'missing'), { ...silentLog, error: (event) => errors.push(event) });
  expect(errors).toEqual(['last-copy-not-written']);
});
