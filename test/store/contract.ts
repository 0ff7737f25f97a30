/** What every store must do, whatever it keeps its state in. Run against each adapter by a file of its own. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MessageRow } from '../../src/messages/index.ts';
import { applyEdits, type ProvisioningCommit } from '../../src/provisioning/directory/store.ts';
import type { Tenant } from '../../src/provisioning/tenants/schema.ts';
import type { Provisioned } from '../../src/provisioning/trunk-settings/schema.ts';
import type { Stores } from '../../src/store/index.ts';
import { bindingsIn } from '../registrar/kit.ts';
import { binding, certificate, commitOf, tenant, trunk, user, webhook } from './records.ts';

export interface StoreWorld {
  /** Opens the store, empty at the first call, as what was left at later ones. */
  open(node?: string): Promise<Stores>;
  close(): Promise<void>;
}

export function storeContract(makeWorld: () => Promise<StoreWorld>): void {
  let world: StoreWorld;
  let stores: Stores;

  beforeEach(async () => {
    world = await makeWorld();
    stores = await world.open();
  });
  afterEach(async () => {
    await stores.close();
    await world.close();
  });

  const reopen = async () => {
    await stores.close();
    stores = await world.open();
  };

  describe('counts of periods', () => {
    const untilMs = Date.UTC(2100, 0, 1);

    test('add up, begin from what the node knows, are there after opening again, and go when they are over', async () => {
      const { tallies } = stores;
      const add = (key: string, more: number, known: number, until = untilMs) => ({
        key,
        add: more,
        known,
        untilMs: until,
      });
      expect(await tallies.add(1, [add('a', 3, 0), add('b\'"', 5, 0), add('over', 1, 0, 2_000)], 1_000)).toEqual([
        3, 5, 1,
      ]);
      expect(await tallies.add(2, [add('a', 2, 1)], 1_500)).toEqual([5]);
      expect(await tallies.add(3, [add('a', 1, 10), add('c', 4_000_000_000_000, 0)], 3_000)).toEqual([11, 4e12]);
      await reopen();
      const totals = [...(await stores.tallies.load())].sort((one, other) => (one.key < other.key ? -1 : 1));
      expect(totals).toEqual([
        { key: 'a', total: 11, untilMs },
        { key: 'b\'"', total: 5, untilMs },
        { key: 'c', total: 4e12, untilMs },
      ]);
    });
  });

  describe('provisioning', () => {
    test('a new store is empty, at version 0, and has no problems', async () => {
      expect(await stores.provisioning.load()).toEqual({
        version: 0,
        state: { tenants: [], trunks: [], certificates: [] },
      });
      expect(stores.problems()).toEqual([]);
    });

    test('what is committed is there, whole, after closing and opening again', async () => {
      const written = {
        putTenants: [tenant('acme')],
        putTrunks: [trunk('100000001')],
        putCertificates: [certificate('acme-stir')],
      };
      expect(await stores.provisioning.commit(commitOf(0, written))).toEqual({ outcome: 'committed', version: 1 });
      await reopen();
      expect(await stores.provisioning.load()).toEqual({
        version: 1,
        state: { tenants: written.putTenants, trunks: written.putTrunks, certificates: written.putCertificates },
      });
    });

    test('a tenant with very many extensions comes back as it was written, beside others', async () => {
      const extensions = Array.from({ length: 1_103 }, (_each, index) => ({
        ...(tenant('one').extensions[0] as Tenant['extensions'][number]),
        number: String(1_000 + index),
      }));
      const large = { ...tenant('large'), extensions };
      const putTenants = [tenant('acme'), large, tenant('umbrella')];
      await stores.provisioning.commit(commitOf(0, { putTenants, putTrunks: [trunk('100000001')] }));
      await reopen();
      expect((await stores.provisioning.load()).state.tenants).toEqual(putTenants);
    });

    test('a commit against an older version is stale and changes nothing', async () => {
      await stores.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
      const before = await stores.provisioning.load();
      const late = commitOf(0, { putTenants: [tenant('umbrella')], deleteTenants: ['acme'] });
      expect(await stores.provisioning.commit(late)).toEqual({ outcome: 'stale' });
      expect(await stores.provisioning.load()).toEqual(before);
    });

    test('a commit against a version that does not exist yet is stale', async () => {
      expect(await stores.provisioning.commit(commitOf(7))).toEqual({ outcome: 'stale' });
    });

    test('of ten commits made at once against one version exactly one wins', async () => {
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          stores.provisioning.commit(commitOf(0, { putTenants: [tenant(`tenant-${i}`)] })),
        ),
      );
      expect(results.filter(({ outcome }) => outcome === 'committed')).toHaveLength(1);
      expect((await stores.provisioning.load()).state.tenants).toHaveLength(1);
    });

    test('any row of commits leaves what the same commits leave in memory, in the same order', async () => {
      let version = (await stores.provisioning.load()).version;
      let model: Provisioned = { tenants: [], trunks: [], certificates: [] };
      await fc.assert(
        fc.asyncProperty(fc.array(commits, { minLength: 1, maxLength: 6 }), async (row) => {
          for (const parts of row) {
            expect(await stores.provisioning.commit(commitOf(version, parts))).toEqual({
              outcome: 'committed',
              version: version + 1,
            });
            version++;
            model = applyEdits(model, { ...commitOf(0), ...parts });
          }
          expect(await stores.provisioning.load()).toEqual({ version, state: model });
        }),
        { numRuns: 15 },
      );
    });

    test('names that mean something to JavaScript or the store are names like others', async () => {
      const names = ['constructor', 'toString', 'version', 'acme-1'];
      await stores.provisioning.commit(commitOf(0, { putTenants: names.map((name) => tenant(name)) }));
      await reopen();
      expect((await stores.provisioning.load()).state.tenants.map(({ name }) => name)).toEqual(names);
    });
  });

  describe('bindings', () => {
    test('all bindings of an AOR replace those before; none removes it; they outlive the process', async () => {
      const two = [binding('101@acme'), binding('101@acme', { contactUri: 'sip:101@192.0.2.8', cseq: 2 })];
      await stores.bindings.write([
        { aor: '101@acme', bindings: [binding('101@acme')] },
        { aor: '102@acme', bindings: [binding('102@acme')] },
        { aor: '103@acme', bindings: [binding('103@acme')] },
      ]);
      await stores.bindings.write([
        { aor: '101@acme', bindings: two },
        { aor: '102@acme', bindings: [] },
      ]);
      await reopen();
      const kept = (await bindingsIn(stores.bindings)).sort((a, b) => (a.aor + a.cseq < b.aor + b.cseq ? -1 : 1));
      expect(kept).toEqual([...two, binding('103@acme')]);
    });

    test('of several changes of one AOR in a batch the last one counts', async () => {
      await stores.bindings.write([
        { aor: '101@acme', bindings: [binding('101@acme')] },
        { aor: '101@acme', bindings: [] },
        { aor: '101@acme', bindings: [binding('101@acme', { cseq: 9 })] },
      ]);
      expect((await bindingsIn(stores.bindings)).map(({ cseq }) => cseq)).toEqual([9]);
    });

    test('a batch of 500 AORs is written', async () => {
      const aors = Array.from({ length: 500 }, (_, i) => `${i}@acme`);
      await stores.bindings.write(aors.map((aor) => ({ aor, bindings: [binding(aor)] })));
      expect(await bindingsIn(stores.bindings)).toHaveLength(500);
    });
  });

  describe('sign-ins', () => {
    test('they outlive the process, the oldest first, each once', async () => {
      expect(await stores.signIns.load()).toEqual([]);
      await stores.signIns.add(['192.0.2.1 101@acme']);
      await stores.signIns.add(['192.0.2.1 101@acme', '192.0.2.2 102@acme']);
      await stores.signIns.add([]);
      await reopen();
      expect([...(await stores.signIns.load())].sort()).toEqual(['192.0.2.1 101@acme', '192.0.2.2 102@acme']);
    });
  });

  describe('answered calls', () => {
    const call = (id: string, text = '{}') => ({ id, document: text });

    test('they outlive the process until they are said to have ended; the latest document counts', async () => {
      expect(await stores.calls.load()).toEqual({ calls: [], aliveAtMs: 0 });
      await stores.calls.write({ put: [call('a'), call('b')], remove: [], aliveAtMs: 1_763_000_000_000.5 });
      await stores.calls.write({
        put: [call('c', '{"name":"Zoë"}'), call('b', '[]')],
        remove: ['a', 'x'],
        aliveAtMs: 1_763_000_000_010,
      });
      await reopen();
      const { calls, aliveAtMs } = await stores.calls.load();
      expect([...calls].sort((one, other) => one.id.localeCompare(other.id))).toEqual([
        call('b', '[]'),
        call('c', '{"name":"Zoë"}'),
      ]);
      expect(aliveAtMs).toBe(1_763_000_000_010);
      await stores.calls.write({ put: [], remove: [], aliveAtMs: 1_763_000_000_020 });
      expect((await stores.calls.load()).aliveAtMs).toBe(1_763_000_000_020);
    });

    test('what became of one that is not there: over, when its process had told of all that it had since the answer; and what is noted as over', async () => {
      const said = (id: string, answeredAtMs: number, process = '1-a') =>
        stores.calls.fate({ id, process, answeredAtMs });
      const at = { put: [], remove: [], aliveAtMs: 1_763_000_000_100 };
      expect(await said('f', 1_763_000_000_000)).toBe('unknown');
      await stores.calls.write(at);
      expect(await said('f', 1_763_000_000_000)).toBe('unknown');
      await stores.calls.write({ ...at, whole: '1-a' });
      expect(await said('f', 1_763_000_000_100)).toBe('over');
      expect(await said('f', 1_763_000_000_101)).toBe('unknown');
      expect(await said('f', 1_763_000_000_000, '1-b')).toBe('unknown');
      // A clock that was set back takes nothing back.
      await stores.calls.write({ ...at, aliveAtMs: 1_763_000_000_050, whole: '1-a' });
      expect(await said('f', 1_763_000_000_100)).toBe('over');
      await stores.calls.write({ ...at, over: ['g', 'g'] });
      await stores.calls.write({ ...at, over: ['g'] });
      await reopen();
      expect(await said('g', 1_763_000_000_000, '9-9')).toBe('over');
      expect(await said('f', 1_763_000_000_100)).toBe('over');
    });
  });

  describe('messages', () => {
    const row = (id: string, changes: Partial<MessageRow> = {}): MessageRow => ({
      id,
      tenant: 'acme',
      createdMs: 1_763_000_000_000,
      listed: true,
      dueMs: undefined,
      waitsFor: [],
      remoteKey: undefined,
      holder: '',
      heldUntilMs: 0,
      revision: 1,
      document: `{"says":"Grüße von ${id}"}`,
      ...changes,
    });
    const claim = { holder: 'a', nowMs: 1_000, untilMs: 2_000, limit: 10 };
    const idsOf = (rows: readonly MessageRow[]) => rows.map(({ id }) => id);

    test('one of an id that is there is not added again, and comes back as it was written', async () => {
      const kept = row('a', {
        dueMs: 5,
        waitsFor: ['acme/101', 'acme/102'],
        remoteKey: '7 wamid.A',
        holder: 'n',
        heldUntilMs: 9,
      });
      expect(await stores.messages.add([kept, row('b')], [])).toEqual([true, true]);
      expect(await stores.messages.add([row('a', { document: 'other' }), row('c')], [])).toEqual([false, true]);
      await reopen();
      expect(await stores.messages.get('a')).toEqual(kept);
      expect(await stores.messages.byRemoteKey('7 wamid.A')).toEqual(kept);
      expect(await stores.messages.get('x')).toBeUndefined();
      expect(await stores.messages.byRemoteKey('7 wamid.X')).toBeUndefined();
    });

    test('of two changes of one revision the first counts', async () => {
      await stores.messages.add([row('a')], []);
      const next = row('a', { revision: 2, document: 'first' });
      expect(await stores.messages.save([next, row('x', { revision: 2 })])).toEqual([true, false]);
      expect(await stores.messages.save([row('a', { revision: 2, document: 'second' })])).toEqual([false]);
      expect(await stores.messages.get('a')).toEqual(next);
    });

    test('what is due is taken by one, the earliest first, until its hold has run out', async () => {
      await stores.messages.add(
        [row('late', { dueMs: 900 }), row('early', { dueMs: 10 }), row('never'), row('later', { dueMs: 1_001 })],
        [],
      );
      expect(idsOf(await stores.messages.claim({ ...claim, limit: 1 }))).toEqual(['early']);
      expect(idsOf(await stores.messages.claim({ ...claim, holder: 'b' }))).toEqual(['late']);
      expect(await stores.messages.claim(claim)).toEqual([]);
      expect(await stores.messages.claim({ ...claim, leftBeforeMs: 2_000 })).toEqual([]);
      // A node that starts again has what it held before, also where its clock was set back meanwhile.
      expect(idsOf(await stores.messages.claim({ ...claim, leftBeforeMs: 2_001 }))).toEqual(['early']);
      expect(idsOf(await stores.messages.claim({ ...claim, untilMs: 1_999 }))).toEqual(['early']);
      expect(await stores.messages.claim({ ...claim, untilMs: 1_999 })).toEqual([]);
      expect(idsOf(await stores.messages.claim({ ...claim, nowMs: 2_000, untilMs: 3_000 }))).toEqual([
        'early',
        'late',
        'later',
      ]);
    });

    test('what is due of a tenant that is excepted is passed over, however much there is before that of others', async () => {
      const many = Array.from({ length: 6_000 }, (_, at) => row(`a${at}`, { dueMs: at % 100 }));
      for (let at = 0; at < many.length; at += 500) await stores.messages.add(many.slice(at, at + 500), []);
      const others = [row('b1', { tenant: 'bolt', dueMs: 990 }), row('c1', { tenant: 'cove', dueMs: 991 })];
      await stores.messages.add([...others, row('c2', { tenant: 'cove', dueMs: 1_001 })], []);
      expect(idsOf(await stores.messages.claim({ ...claim, exceptTenants: ['acme', 'bolt'] }))).toEqual(['c1']);
      expect(idsOf(await stores.messages.claim({ ...claim, exceptTenants: ['acme'] }))).toEqual(['b1']);
      const next = others.map((each) => ({ ...each, revision: 2 }));
      await stores.messages.save([
        { ...(next[0] as MessageRow), dueMs: undefined },
        { ...(next[1] as MessageRow), dueMs: 1_002 },
      ]);
      expect(await stores.messages.claim({ ...claim, exceptTenants: ['acme'] })).toEqual([]);
      expect(idsOf(await stores.messages.claim({ ...claim, nowMs: 1_002, exceptTenants: ['acme'] }))).toEqual([
        'c2',
        'c1',
      ]);
      expect(await stores.messages.claim(claim)).toHaveLength(10);
    });

    test('what waits for a phone is taken when it is there, in the order in which it came', async () => {
      await stores.messages.add(
        [
          row('second', { createdMs: 20, waitsFor: ['acme/101'], dueMs: 9_000 }),
          row('first', { createdMs: 10, waitsFor: ['acme/101', 'acme/102'], dueMs: 9_000 }),
          row('other', { waitsFor: ['bolt/101'], dueMs: 9_000 }),
        ],
        [],
      );
      const taken = await stores.messages.claim({ ...claim, waitsFor: 'acme/101' });
      expect(idsOf(taken)).toEqual(['first', 'second']);
      await stores.messages.save([row('first', { createdMs: 10, revision: 2, waitsFor: ['acme/102'], dueMs: 9_000 })]);
      await stores.messages.save([row('second', { createdMs: 20, revision: 2 })]);
      expect(await stores.messages.claim({ ...claim, waitsFor: 'acme/101' })).toEqual([]);
      expect(idsOf(await stores.messages.claim({ ...claim, waitsFor: 'acme/102' }))).toEqual(['first']);
    });

    test('a tenant lists its own, the latest first, page by page, without what is passed along beside', async () => {
      const rows = Array.from({ length: 5 }, (_, at) => row(`m${at}`, { createdMs: 1_000 + at }));
      await stores.messages.add(
        [...rows, row('report', { listed: false }), row('of-bolt', { tenant: 'bolt', createdMs: 1 })],
        [],
      );
      const page = await stores.messages.list('acme', 1, 2);
      expect([idsOf(page.rows), page.total]).toEqual([['m3', 'm2'], 5]);
      expect((await stores.messages.list(undefined, 0, 100)).total).toBe(6);
      expect(await stores.messages.list('nobody', 0, 10)).toEqual({ rows: [], total: 0 });
    });

    test('when somebody wrote last is the latest time, in whatever order they come', async () => {
      await stores.messages.add([row('a')], [{ key: '7 1', atMs: 2_000 }]);
      await stores.messages.add([row('a')], [{ key: '7 1', atMs: 1_000 }]);
      expect(await stores.messages.heard('7 1')).toBe(2_000);
      expect(await stores.messages.heard('7 2')).toBeUndefined();
    });

    test('old ones are forgotten once there is nothing left to do for them', async () => {
      await stores.messages.add(
        [
          row('done', { createdMs: 10, remoteKey: '7 x' }),
          row('open', { createdMs: 10, dueMs: 99 }),
          row('new', { createdMs: 99 }),
        ],
        [],
      );
      await stores.messages.forget(50);
      expect(await stores.messages.get('done')).toBeUndefined();
      expect(await stores.messages.byRemoteKey('7 x')).toBeUndefined();
      expect(await stores.messages.get('open')).toBeDefined();
      expect(idsOf((await stores.messages.list('acme', 0, 10)).rows).sort()).toEqual(['new', 'open']);
    });
  });

  describe('since when trunks have had their addresses', () => {
    const claim = (address: string, since: number, trunkId = '100') => ({ trunkId, address, since });

    test('it outlives the process; of two moments for one address the earlier stays, and is answered', async () => {
      expect(await stores.claims.load()).toEqual([]);
      const first = [claim('192.0.2.1', 1_763_000_000_000), claim('2001:db8::1', 1_763_000_000_001)];
      expect(await stores.claims.keep(first)).toEqual(first);
      const later = [claim('192.0.2.1', 1_763_000_000_009), claim('192.0.2.1', 1_763_000_000_010, '101')];
      expect(await stores.claims.keep(later)).toEqual([first[0], later[1]]);
      expect(await stores.claims.keep([claim('2001:db8::1', 1_762_999_999_999)])).toEqual([
        claim('2001:db8::1', 1_762_999_999_999),
      ]);
      expect(await stores.claims.keep([])).toEqual([]);
      await reopen();
      const kept = [...(await stores.claims.load())].sort((a, b) => a.since - b.since);
      expect(kept).toEqual([claim('2001:db8::1', 1_762_999_999_999), first[0], later[1]]);
    });

    test('what is forgotten is not there any more; the rest is', async () => {
      await stores.claims.keep([claim('192.0.2.1', 1), claim('192.0.2.2', 2), claim('192.0.2.1', 3, '101')]);
      await stores.claims.forget([claim('192.0.2.1', 1), claim('192.0.2.9', 1)]);
      await stores.claims.forget([]);
      await reopen();
      const kept = [...(await stores.claims.load())].sort((a, b) => a.since - b.since);
      expect(kept).toEqual([claim('192.0.2.2', 2), claim('192.0.2.1', 3, '101')]);
    });
  });

  describe('tokens, users and webhooks', () => {
    const token = {
      id: 't1',
      role: 'tenant-admin' as const,
      tenant: 'acme',
      hash: '$sha256$aGFzaA==',
      createdAt: '2026-11-21T00:00:00.000Z',
      createdBy: 'bootstrap',
    };

    test('a token is found by id and in the list; putting it again replaces it; it outlives the process; deleted it is gone', async () => {
      expect(await stores.tokens.get('t1')).toBeUndefined();
      await stores.tokens.put(token);
      await stores.tokens.put({ ...token, id: 't2' });
      await stores.tokens.put({ ...token, revokedAt: '2026-11-22T00:00:00.000Z' });
      await reopen();
      expect(await stores.tokens.get('t1')).toEqual({ ...token, revokedAt: '2026-11-22T00:00:00.000Z' });
      expect((await stores.tokens.list()).map(({ id }) => id).sort()).toEqual(['t1', 't2']);
      await stores.tokens.delete('t1');
      await stores.tokens.delete('unknown');
      await reopen();
      expect((await stores.tokens.list()).map(({ id }) => id)).toEqual(['t2']);
    });

    test('a user is found by name and in the list, replaced, outlives the process, and is gone when deleted', async () => {
      expect(await stores.users.get('pat')).toBeUndefined();
      await stores.users.put(user('pat'));
      await stores.users.put(user('sam'));
      await stores.users.put({ ...user('pat'), enabled: false });
      await reopen();
      expect(await stores.users.get('pat')).toEqual({ ...user('pat'), enabled: false });
      expect((await stores.users.list()).map(({ id }) => id).sort()).toEqual(['pat', 'sam']);
      await stores.users.delete('pat');
      await stores.users.delete('unknown');
      await reopen();
      expect(await stores.users.list()).toEqual([user('sam')]);
    });

    test('a webhook is listed as it was put, replaced by id, and gone when deleted', async () => {
      const one = webhook('w1');
      await stores.webhooks.put(one);
      await stores.webhooks.put({ ...one, id: 'w2' });
      await stores.webhooks.put({ ...one, enabled: false });
      await reopen();
      expect((await stores.webhooks.list()).toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
        { ...one, enabled: false },
        { ...one, id: 'w2' },
      ]);
      await stores.webhooks.delete('w1');
      await stores.webhooks.delete('unknown');
      expect((await stores.webhooks.list()).map(({ id }) => id)).toEqual(['w2']);
    });

    test('of two who replace one version of a record the first does, and the other hears so', async () => {
      const { users } = stores;
      const [pat, disabled, named] = [
        user('pat'),
        { ...user('pat'), enabled: false },
        { ...user('pat'), readOnly: true },
      ];
      expect(await users.replace('pat', pat, disabled)).toBe(false);
      expect(await Promise.all([users.replace('pat', undefined, pat), users.replace('pat', undefined, named)])).toEqual(
        [true, false],
      );
      expect(await Promise.all([users.replace('pat', pat, disabled), users.replace('pat', pat, named)])).toEqual([
        true,
        false,
      ]);
      await reopen();
      expect(await stores.users.list()).toEqual([disabled]);
      expect(await stores.users.replace('pat', pat, undefined)).toBe(false);
      expect(await stores.users.replace('pat', disabled, undefined)).toBe(true);
      expect(await stores.users.replace('pat', disabled, named)).toBe(false);
      expect(await stores.users.list()).toEqual([]);
    });
  });

  test('the nonce secret has 32 octets and is the same after opening again', async () => {
    const first = stores.nonceSecret;
    expect(first).toHaveLength(32);
    await reopen();
    expect(Buffer.from(stores.nonceSecret).toString('hex')).toBe(Buffer.from(first).toString('hex'));
  });

  test('a lease is granted to who asks first, and to its holder again', async () => {
    expect(await stores.trunkLease.acquire('trunk 1', 5000)).toBe(true);
    expect(await stores.trunkLease.acquire('trunk 1', 5000)).toBe(true);
  });

  test('after closing every method rejects, and closing again is harmless', async () => {
    await stores.close();
    await expect(stores.provisioning.commit(commitOf(0))).rejects.toThrow(/closed/);
    await expect(stores.bindings.write([{ aor: 'a', bindings: [] }])).rejects.toThrow(/closed/);
    await expect(stores.tokens.list()).rejects.toThrow(/closed/);
    await stores.close();
  });
}

const tenantNames = fc.constantFrom('acme', 'umbrella', 'globex');
const trunkIds = fc.constantFrom('100000001', '100000002', '100000003');
const certificateNames = fc.constantFrom('acme-stir', 'acme-stir-2027', 'shared');

const commits: fc.Arbitrary<Partial<ProvisioningCommit>> = fc.record({
  putTenants: fc
    .uniqueArray(fc.tuple(tenantNames, fc.constantFrom('Alice', 'Bob')), { selector: ([name]) => name })
    .map((list) => list.map(([name, displayName]) => tenant(name, displayName))),
  putTrunks: fc
    .uniqueArray(fc.tuple(trunkIds, fc.constantFrom('carrier-a', 'carrier-b')), { selector: ([id]) => id })
    .map((list) => list.map(([id, name]) => trunk(id, name))),
  putCertificates: fc
    .uniqueArray(fc.tuple(certificateNames, fc.constantFrom('old', 'new')), { selector: ([name]) => name })
    .map((list) => list.map(([name, chain]) => certificate(name, chain))),
  deleteCertificates: fc.uniqueArray(certificateNames),
  deleteTenants: fc.uniqueArray(tenantNames),
  deleteTrunks: fc.uniqueArray(trunkIds),
});
