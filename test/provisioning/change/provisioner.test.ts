import { getHeapStatistics } from 'node:v8';
import { beforeAll, describe, expect, test } from 'vitest';
import { networksIn } from '../../../src/base/network.ts';
import { Provisioner } from '../../../src/provisioning/change/provisioner.ts';
import type { Directory } from '../../../src/provisioning/directory/directory.ts';
import { tenantIn, trunkIn } from '../../../src/provisioning/directory/places.ts';
import type {
  CommitResult,
  ProvisionedState,
  ProvisioningCommit,
  ProvisioningEdits,
  ProvisioningStore,
} from '../../../src/provisioning/directory/store.ts';
import { derivedTrunkId } from '../../../src/provisioning/trunk-settings/effective.ts';
import { MemoryProvisioningStore } from '../../kit/memory-provisioning-store.ts';
import { uniqueStringsAfter } from '../../kit/unique-strings.ts';
import { RecordingLog } from '../../sip/transport/recorder.ts';
import { provision } from '../../trunks/kit.ts';

const ACME = { name: 'acme', domain: 'acme.example.com', extensions: [{ number: '101', password: 'x' }] };
const TRUNK = {
  name: 'carrier',
  type: 'ip' as const,
  host: '192.0.2.1',
  port: 5060,
  tenants: [{ tenant: 'acme', didPool: '100-199' }],
};

function provisionerOn(store: ProvisioningStore = new MemoryProvisioningStore()) {
  const served: Directory[] = [];
  const log = new RecordingLog();
  const provisioner = new Provisioner({ store, log, context: {}, onDirectory: (directory) => served.push(directory) });
  return { provisioner, served, log, store };
}

/** A store that does what a test says on the next commits. */
class FaultyStore extends MemoryProvisioningStore {
  readonly faults: (() => Promise<void> | void)[] = [];
  listener: (() => void) | undefined;

  override async commit(commit: ProvisioningCommit): Promise<CommitResult> {
    await this.faults.shift()?.();
    return super.commit(commit);
  }

  onChange(listener: () => void): () => void {
    this.listener = listener;
    return () => {};
  }
}

/** What another node does to the store. */
async function elsewhere(store: MemoryProvisioningStore, name: string): Promise<void> {
  const { version } = await store.load();
  const tenants = provision({ tenants: [{ name, domain: `${name}.example.com` }] }).tenants;
  // Not what the test makes of this node's commits.
  await MemoryProvisioningStore.prototype.commit.call(store, {
    expectedVersion: version,
    putTenants: tenants,
    putTrunks: [],
    putCertificates: [],
    deleteCertificates: [],
    deleteTenants: [],
    deleteTrunks: [],
  });
}

describe('changing what is provisioned', () => {
  test('a change is committed, then served', async () => {
    const { provisioner, served, store } = provisionerOn();
    await provisioner.load();
    const result = await provisioner.put(provision({ tenants: [ACME], trunks: [TRUNK] }));
    expect(result).toEqual({ outcome: 'applied', version: 1 });
    expect(served.at(-1)?.tenantByName('acme')?.domain).toBe('acme.example.com');
    expect((await store.load()).version).toBe(1);
  });

  test('all or nothing: one broken rule and nothing of the change is written or served', async () => {
    const { provisioner, served, store } = provisionerOn();
    await provisioner.load();
    const before = served.length;
    const result = await provisioner.put(
      provision({ tenants: [ACME, { name: 'other', domain: 'acme.example.com' }], trunks: [TRUNK] }),
    );
    expect(result).toMatchObject({ outcome: 'refused', problems: [{ path: expect.stringContaining('domain') }] });
    expect(served).toHaveLength(before);
    expect((await store.load()).state).toEqual({ tenants: [], trunks: [], certificates: [] });
  });

  test('a preview checks a change and shows what would be served; nothing is written or served', async () => {
    const { provisioner, served, store } = provisionerOn();
    await provisioner.load();
    await provisioner.put(provision({ tenants: [ACME] }));
    const { trunks } = provision({ trunks: [{ ...TRUNK, id: '7' }] });
    const seen = await provisioner.preview({ expectedVersion: 1, putTrunks: trunks });
    expect(seen.outcome === 'possible' && seen.directory.trunk('7')?.name).toBe('carrier');
    expect(await provisioner.preview({ expectedVersion: 0, putTrunks: trunks })).toEqual({ outcome: 'stale' });
    const broken = provision({ trunks: [{ ...TRUNK, id: '7', tenants: [{ tenant: 'nobody', didPool: '1' }] }] });
    expect((await provisioner.preview({ expectedVersion: 1, putTrunks: broken.trunks })).outcome).toBe('refused');
    expect([(await store.load()).version, provisioner.directory.trunk('7')]).toEqual([1, undefined]);
    expect(served.at(-1)).toBe(provisioner.directory);
  });

  test('a store that fails leaves everything as it was, and the log says so', async () => {
    const store = new FaultyStore();
    const { provisioner, log } = provisionerOn(store);
    await provisioner.load();
    store.faults.push(() => Promise.reject(new Error('disk full')));
    expect(await provisioner.put(provision({ tenants: [ACME] }))).toEqual({
      outcome: 'unavailable',
      reason: 'disk full',
    });
    expect(provisioner.directory.tenants).toEqual([]);
    expect(log.lines.map(({ event }) => event)).toEqual(['provisioning-not-written']);
    expect(await provisioner.put(provision({ tenants: [ACME] }))).toMatchObject({ outcome: 'applied' });
  });

  test('applying the same twice changes nothing the second time', async () => {
    const { provisioner, store } = provisionerOn();
    await provisioner.load();
    const wanted = provision({ tenants: [ACME], trunks: [TRUNK] });
    await provisioner.put(wanted);
    const first = await store.load();
    expect(await provisioner.put(wanted)).toEqual({ outcome: 'applied', version: first.version });
    expect(await store.load()).toEqual(first);
  });

  test('a trunk without an id gets one, and keeps it when it is applied again by name', async () => {
    const { provisioner } = provisionerOn();
    await provisioner.load();
    await provisioner.put(provision({ tenants: [ACME], trunks: [TRUNK] }));
    const id = provisioner.directory.trunks.at(0)?.id;
    expect(id).toMatch(/^[0-9]+$/);
    await provisioner.put(provision({ tenants: [ACME], trunks: [{ ...TRUNK, host: '192.0.2.2' }] }));
    expect(provisioner.directory.trunks.map((trunk) => [trunk.id, trunk.host])).toEqual([[id, '192.0.2.2']]);
  });

  test('a file gives the same ids on every node, those that the API gives', async () => {
    const ids = [];
    for (const { provisioner } of [provisionerOn(), provisionerOn()]) {
      await provisioner.put(provision({ tenants: [ACME], trunks: [TRUNK] }));
      ids.push(provisioner.directory.trunks.at(0)?.id);
    }
    const derived = derivedTrunkId({ owner: 'system', name: TRUNK.name });
    expect(ids).toEqual([derived, derived]);
  });

  test('a trunk that is stored under another id keeps it: it is known by its owner and name', async () => {
    const { provisioner, store } = provisionerOn();
    await provisioner.put(provision({ tenants: [ACME], trunks: [{ ...TRUNK, id: '123456789' }] }));
    const before = await store.load();
    await provisioner.put(provision({ tenants: [ACME], trunks: [TRUNK] }));
    expect(await store.load()).toEqual(before);
    expect(provisioner.directory.trunks.map(({ id }) => id)).toEqual(['123456789']);
  });

  test('a new trunk never takes the id of one that was renamed', async () => {
    const { provisioner } = provisionerOn();
    const id = derivedTrunkId({ owner: 'system', name: TRUNK.name });
    await provisioner.put(provision({ tenants: [ACME], trunks: [{ ...TRUNK, id, name: 'renamed' }] }));
    const another = { ...TRUNK, host: '192.0.2.9', tenants: [{ tenant: 'acme', didPool: '200-299' }] };
    expect(await provisioner.put(provision({ trunks: [another] }))).toMatchObject({ outcome: 'applied' });
    expect(provisioner.directory.trunks.map(({ name }) => name)).toEqual(['renamed', TRUNK.name]);
    expect(provisioner.directory.trunks.at(0)?.id).toBe(id);
  });

  test('put leaves alone what it does not name', async () => {
    const { provisioner } = provisionerOn();
    await provisioner.load();
    await provisioner.put(provision({ tenants: [ACME] }));
    await provisioner.put(provision({ tenants: [{ name: 'other', domain: 'other.example.com' }] }));
    expect(provisioner.directory.tenants.map(({ name }) => name)).toEqual(['acme', 'other']);
  });

  test('a change against an old version is stale', async () => {
    const { provisioner } = provisionerOn();
    await provisioner.load();
    await provisioner.put(provision({ tenants: [ACME] }));
    expect(await provisioner.apply({ expectedVersion: 0, deleteTenants: ['acme'] })).toEqual({ outcome: 'stale' });
    expect(provisioner.directory.tenants).toHaveLength(1);
  });

  test('another node was faster: the change is worked out again on what is there now', async () => {
    const store = new FaultyStore();
    const { provisioner } = provisionerOn(store);
    await provisioner.load();
    store.faults.push(() => elsewhere(store, 'other'));
    expect(await provisioner.put(provision({ tenants: [ACME] }))).toEqual({ outcome: 'applied', version: 2 });
    expect(provisioner.directory.tenants.map(({ name }) => name).sort()).toEqual(['acme', 'other']);
  });

  test('another node is always faster: it gives up, stale', async () => {
    const store = new FaultyStore();
    const { provisioner } = provisionerOn(store);
    await provisioner.load();
    for (let index = 0; index < 30; index++) store.faults.push(() => elsewhere(store, `other-${index}`));
    expect(await provisioner.put(provision({ tenants: [ACME] }))).toEqual({ outcome: 'stale' });
  });

  test('what another node commits is served once the store says so', async () => {
    const store = new FaultyStore();
    const { provisioner, served } = provisionerOn(store);
    await provisioner.load();
    await elsewhere(store, 'other');
    store.listener?.();
    await expect.poll(() => served.at(-1)?.tenants.map(({ name }) => name)).toEqual(['other']);
  });

  test('two changes at once are made one after the other', async () => {
    const { provisioner } = provisionerOn();
    await provisioner.load();
    const results = await Promise.all(
      ['a', 'b', 'c'].map((name) => provisioner.put(provision({ tenants: [{ name, domain: `${name}.example.com` }] }))),
    );
    expect(results.map(({ outcome }) => outcome)).toEqual(['applied', 'applied', 'applied']);
    expect(provisioner.current()).toMatchObject({ version: 3 } satisfies Partial<ProvisionedState>);
  });
});

describe('a setting that a dial code stores', () => {
  test('changes that extension and no other', async () => {
    const { provisioner } = provisionerOn();
    await provisioner.load();
    const extensions = ['101', '102'].map((number) => ({ number, password: 'x' }));
    await provisioner.put(provision({ tenants: [{ ...ACME, extensions }] }));
    const result = await provisioner.storeSettings('acme', [{ extension: '101', set: { anonymousCalls: true } }]);
    expect(result.outcome).toBe('applied');
    expect(provisioner.directory.extension('acme', '101')?.anonymousCalls).toBe(true);
    expect(provisioner.directory.extension('acme', '102')?.anonymousCalls).toBe(false);
  });

  test('of an extension that is gone meanwhile changes nothing', async () => {
    const { provisioner } = provisionerOn();
    await provisioner.load();
    await provisioner.put(provision({ tenants: [ACME] }));
    const before = provisioner.current();
    await provisioner.storeSettings('acme', [{ extension: '999', set: { anonymousCalls: true } }]);
    await provisioner.storeSettings('gone', [{ extension: '101', set: { anonymousCalls: true } }]);
    expect(provisioner.current()).toEqual(before);
  });
});

describe('what the DNS says of a trunk that is written (behaviour 2)', () => {
  const own = (owner: string, changes: object = {}) => ({
    name: owner,
    type: 'register' as const,
    owner,
    host: `sip.${owner}.example`,
    credentials: { authName: 'u', password: 'p' },
    didPool: '100-199',
    ...changes,
  });
  const tenants = ['acme', 'globex'].map((name) => ({ name, domain: `${name}.example` }));

  function world() {
    const dns = new Map<string, readonly string[]>();
    const asked: string[][] = [];
    const ids = new Map<string, string>();
    const provisioner = new Provisioner({
      store: new MemoryProvisioningStore(),
      log: new RecordingLog(),
      context: {},
      onDirectory: (directory) => {
        for (const { id, host } of directory.trunks) ids.set(id, host);
      },
      locate: (trunks) => {
        asked.push(trunks.map(({ host }) => host));
        for (const { id, host } of trunks) ids.set(id, host);
        return Promise.resolve((id) => networksIn(dns.get(ids.get(id) ?? '') ?? []));
      },
    });
    const put = async (...trunks: object[]) => {
      const result = await provisioner.put(provision({ tenants, trunks: trunks as never }));
      return result.outcome === 'refused' ? result.problems.map(({ code }) => code) : result.outcome;
    };
    return { dns, asked, put };
  }

  test('a host that resolves to another tenant’s carrier is refused with a number of the other’s, and nothing else', async () => {
    const { dns, put } = world();
    dns.set('sip.acme.example', ['203.0.113.9']).set('sip.globex.example', ['203.0.113.9']);
    expect(await put(own('acme'))).toBe('applied');
    expect(await put(own('globex'))).toEqual(['pool-overlap']);
    expect(await put(own('globex', { didPool: '200' }))).toBe('applied');
    expect(await put(own('globex', { didPool: '150' }))).toEqual(['pool-overlap']);
  });

  test('what the DNS made coincide later is nobody’s fault who changes something else', async () => {
    const { dns, asked, put } = world();
    expect([await put(own('acme')), await put(own('globex'))]).toEqual(['applied', 'applied']);
    dns.set('sip.acme.example', ['203.0.113.9']).set('sip.globex.example', ['203.0.113.9']);
    const before = asked.length;
    expect(await put(own('acme', { enabled: false }))).toBe('applied');
    expect(asked).toHaveLength(before);
    expect(await put(own('globex', { didPool: '100-200' }))).toEqual(['pool-overlap']);
  });
});

describe('of 20,000 tenants and 10,000 trunks', () => {
  /** 170,000 to 210,000, half of it in code that has hardly run yet; 450,000 and more with lists that are copied whole. */
  const MOST_OCTETS = 300_000;
  const CHANGES = 20;
  const { provisioner } = provisionerOn();
  beforeAll(async () => {
    const tenants = Array.from({ length: 20_000 }, (_each, at) => ({
      name: `t${at}`,
      domain: `t${at}.example.com`,
      extensions: [{ number: '101', password: 'x' }],
    }));
    const trunks = Array.from({ length: 10_000 }, (_each, at) => ({
      id: String(100_000 + at),
      name: `trunk-${at}`,
      type: 'ip' as const,
      host: `10.1.${at >> 8}.${at & 255}`,
      tenants: [{ tenant: `t${at}`, didPool: String(20_000_000_000 + at) }],
    }));
    await provisioner.load();
    expect(await provisioner.put(provision({ tenants, trunks }))).toMatchObject({ outcome: 'applied' });
  });

  const tenantOf = (state: ProvisionedState['state']) => tenantIn(state, 't7777') ?? expect.unreachable();
  const trunkOf = (state: ProvisionedState['state']) => trunkIn(state, '105000') ?? expect.unreachable();
  const changes: Record<string, (state: ProvisionedState['state'], n: number) => ProvisioningEdits> = {
    'an extension': (state, n) => {
      const tenant = tenantOf(state);
      return { putTenants: [{ ...tenant, extensions: tenant.extensions.map((each) => ({ ...each, name: `n${n}` })) }] };
    },
    'a rule': (state, n) => {
      const tenant = tenantOf(state);
      const rule = { name: `r${n}`, trunk: 'trunk-7777', dids: '20000007777', destination: { extension: '101' } };
      const [written] = provision({ tenants: [{ name: 'x', domain: 'x.example.com', inboundRules: [rule] }] }).tenants;
      return { putTenants: [{ ...tenant, inboundRules: written?.inboundRules ?? [] }] };
    },
    "a trunk's pool": (state, n) => ({
      putTrunks: [{ ...trunkOf(state), tenants: [{ tenant: 't5000', didPool: String(30_000_000_000 + n) }] }],
    }),
    "a trunk's name": (state, n) => ({ putTrunks: [{ ...trunkOf(state), name: `other${n}` }] }),
    'a tenant that comes': (_state, n) => ({
      putTenants: provision({ tenants: [{ name: `new${n}`, domain: `new${n}.example.com` }] }).tenants,
    }),
  };

  test.each(Object.entries(changes))('%s is changed without garbage for all the others', async (_what, edits) => {
    let count = 0;
    const change = async () => {
      const n = ++count;
      expect(await provisioner.update((state) => edits(state, n))).toMatchObject({ outcome: 'applied' });
    };
    for (let before = 0; before < 3 * CHANGES; before++) await change();
    const beganOctets = allocatedOctets();
    for (let now = 0; now < CHANGES; now++) await change();
    expect((allocatedOctets() - beganOctets) / CHANGES).toBeLessThan(MOST_OCTETS);
  });
});

/** What this thread has ever allocated on its heap. */
function allocatedOctets(): number {
  return getHeapStatistics().total_allocated_bytes;
}

test('names and domains are no unique strings of V8, which every whole collection goes through', () => {
  const script = `
    const { Provisioner } = await import('../../src/provisioning/change/provisioner.ts');
    const { provisioningSchema } = await import('../../src/provisioning/trunk-settings/schema.ts');
    const { MemoryProvisioningStore } = await import('./memory-provisioning-store.ts');
    const name = (...parts) => ['qz', ...parts].join('-');
    const numbers = Array.from({ length: 200 }, (_each, at) => at);
    const wanted = () => provisioningSchema.parse({
      tenants: numbers.map((n) => ({ name: name('tenant', n), domain: name('domain', n) + '.example.com' })),
      trunks: numbers.map((n) => ({
        id: String(100_000 + n),
        name: name('trunk', n),
        type: n % 2 ? 'ip' : 'register',
        owner: n % 2 ? 'system' : name('tenant', n),
        host: '192.0.2.' + n,
        ...(n % 2 ? { tenants: [{ tenant: name('tenant', n), didPool: String(1000 + n) }] } : { didPool: String(1000 + n), credentials: { authName: 'u', password: 'p' } }),
      })),
    });
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const provisioner = new Provisioner({ store: new MemoryProvisioningStore(), log, context: {}, onDirectory() {} });
    await provisioner.load();
    // As it comes from the thread that reads it.
    const result = await provisioner.put(structuredClone(wanted()));
    if (result.outcome !== 'applied') throw new Error(JSON.stringify(result));
    globalThis.kept = provisioner;
  `;
  expect(uniqueStringsAfter(script, 'qz-')).toEqual([]);
});
