import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SettingsError } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import { openStores, type Stores } from '../../../src/store/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { storeContract } from '../contract.ts';
import { temporaryFolder } from '../kit.ts';
import { binding, CANARY, certificate, commitOf, tenant, trunk, webhook } from '../records.ts';

const open = (path: string, environment: NodeJS.ProcessEnv = {}): Promise<Stores> =>
  openStores(
    { node: 'node-1', store: { kind: 'embedded', path } },
    { log: silentLog, scheduler: new VirtualScheduler(), environment },
  );

describe('the store contract, embedded', () => {
  storeContract(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-store-'));
    return { open: () => open(join(folder, 'data')), close: () => rm(folder, { recursive: true, force: true }) };
  });
});

async function filled(folder: string): Promise<void> {
  const stores = await open(folder);
  const edits = { putTenants: [tenant('acme')], putTrunks: [trunk('100000001')] };
  await stores.provisioning.commit(commitOf(0, { ...edits, putCertificates: [certificate('acme-stir')] }));
  await stores.webhooks.put({ ...webhook('w1'), secret: CANARY });
  await stores.bindings.write([{ aor: '101@acme', bindings: [binding('101@acme')] }]);
  await stores.close();
}

describe('files', () => {
  test('the folder is made with mode 0700 and every file in it has 0600, while open too', async () => {
    const folder = join(temporaryFolder(), 'a', 'data');
    const stores = await open(folder);
    onTestFinished(() => stores.close());
    await stores.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    await stores.bindings.write([{ aor: '101@acme', bindings: [binding('101@acme')] }]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const files = readdirSync(folder);
    expect(files).toEqual(expect.arrayContaining(['store.key', 'provisioning.db', 'provisioning.db-wal', 'live.db']));
    for (const file of files) expect([file, statSync(join(folder, file)).mode & 0o777]).toEqual([file, 0o600]);
  });

  test('an address whose registrations are no list costs no other: all that is read of it is whose they are', async () => {
    const folder = temporaryFolder();
    const stores = await open(folder);
    const four = ['101@acme', '102@acme', '103@acme', '104@acme'];
    await stores.bindings.write(four.map((aor) => ({ aor, bindings: [binding(aor)] })));
    await stores.close();
    const database = new DatabaseSync(join(folder, 'live.db'));
    database.exec(`UPDATE binding SET document = 'no JSON' WHERE aor = '102@acme'`);
    database.exec(`UPDATE binding SET document = '{"no":"list"}' WHERE aor = '103@acme'`);
    database.close();
    const again = await open(folder);
    onTestFinished(() => again.close());
    const read = [...(await again.bindings.load())];
    expect(read).toEqual([
      { aor: '101@acme', bindings: [binding('101@acme')] },
      { aor: '102@acme', bindings: undefined },
      { aor: '103@acme', bindings: undefined },
      { aor: '104@acme', bindings: [binding('104@acme')] },
    ]);
  });

  test('no secret is readable in any file', async () => {
    const folder = join(temporaryFolder(), 'data');
    await filled(folder);
    for (const file of readdirSync(folder)) {
      expect([file, readFileSync(join(folder, file)).includes(CANARY)]).toEqual([file, false]);
    }
  });

  test('a second node on the same folder is refused while the first runs, and served when it has ended', async () => {
    const folder = temporaryFolder();
    const first = await open(folder);
    await expect(open(folder)).rejects.toMatchObject({ problems: [{ code: 'store-in-use', path: folder }] });
    await first.close();
    await (await open(folder)).close();
  });

  test('a folder that cannot be made is a settings error that names it', async () => {
    const file = join(temporaryFolder(), 'file');
    new DatabaseSync(file).close();
    await expect(open(join(file, 'data'))).rejects.toMatchObject({ problems: [{ code: 'store-folder' }] });
  });

  test.each(['provisioning.db', 'live.db'])('%s of a newer version is refused and left as it is', async (file) => {
    const folder = temporaryFolder();
    await filled(folder);
    const database = new DatabaseSync(join(folder, file));
    database.exec('PRAGMA user_version = 99; PRAGMA journal_mode = DELETE');
    database.close();
    const before = readFileSync(join(folder, file));
    const refused = open(folder);
    await expect(refused).rejects.toBeInstanceOf(SettingsError);
    await expect(refused).rejects.toMatchObject({ problems: [{ code: 'store-too-new', path: join(folder, file) }] });
    const after = new DatabaseSync(join(folder, file));
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 });
    after.close();
    expect(readFileSync(join(folder, file)).length).toBe(before.length);
  });
});

test('a backup made while the node runs is a store of that moment', async () => {
  const folder = temporaryFolder();
  await filled(folder);
  const stores = await open(folder);
  onTestFinished(() => stores.close());
  const restored = join(temporaryFolder(), 'restored');
  mkdirSync(restored, { mode: 0o700 });
  const reader = new DatabaseSync(join(folder, 'provisioning.db'));
  reader.exec(`VACUUM INTO '${join(restored, 'provisioning.db')}'`);
  reader.close();
  await stores.provisioning.commit(commitOf(1, { deleteTenants: ['acme'] }));
  copyFileSync(join(folder, 'store.key'), join(restored, 'store.key'));
  const copy = await open(restored);
  onTestFinished(() => copy.close());
  expect(await copy.provisioning.load()).toMatchObject({ version: 1, state: { tenants: [{ name: 'acme' }] } });
});

describe('key', () => {
  test('the store opens with its key from TANDEM_STORE_KEY when the file is gone', async () => {
    const folder = temporaryFolder();
    await filled(folder);
    const key = readFileSync(join(folder, 'store.key'), 'latin1').trim();
    await rm(join(folder, 'store.key'));
    const stores = await open(folder, { TANDEM_STORE_KEY: key });
    expect((await stores.provisioning.load()).state.tenants).toEqual([tenant('acme')]);
    await stores.close();
  });

  test('with another key, or a lost one, the store is refused with what to do', async () => {
    const folder = temporaryFolder();
    await filled(folder);
    await expect(open(folder, { TANDEM_STORE_KEY: 'ab'.repeat(32) })).rejects.toMatchObject({
      problems: [{ code: 'store-key-wrong' }],
    });
    await rm(join(folder, 'store.key'));
    await expect(open(folder)).rejects.toMatchObject({ problems: [{ code: 'store-key-wrong' }] });
  });
});

describe('faults', () => {
  test('while another process holds the file a commit rejects and changes nothing; then it goes through', async () => {
    const folder = temporaryFolder();
    await filled(folder);
    const stores = await open(folder);
    onTestFinished(() => stores.close());
    const other = new DatabaseSync(join(folder, 'provisioning.db'));
    other.exec('BEGIN IMMEDIATE');
    await expect(stores.provisioning.commit(commitOf(1, { deleteTenants: ['acme'] }))).rejects.toThrow(/locked/);
    other.exec('ROLLBACK');
    other.close();
    expect((await stores.provisioning.load()).version).toBe(1);
    expect(await stores.provisioning.commit(commitOf(1, { deleteTenants: ['acme'] }))).toEqual({
      outcome: 'committed',
      version: 2,
    });
  });
});
