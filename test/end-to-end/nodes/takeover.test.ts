import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { metric } from '../faults/rest.ts';
import { allWell, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Cluster, type ClusterNode, knowEachOther, startCluster } from './cluster.ts';
import { Phone } from './phone.ts';
import { Provider } from './provider.ts';

/** Longer than a lease lasts: the other node has had its chances. */
const BEYOND_A_LEASE_MS = 7000;
const LEASE_MS = 6_000;
/** How long the provider keeps a registration: the holder registers again within a lease. */
const GRANTED_SECONDS = 4;

describe.skipIf(peersSkipped)('a register trunk of two nodes', () => {
  let provider: Provider;
  let cluster: Cluster;
  let holder: ClusterNode;
  let other: ClusterNode;
  let firstAtMs: number;
  let redis: Redis;

  beforeAll(async () => {
    provider = new Provider(GRANTED_SECONDS);
    await provider.open();
    const trunk = carrierTrunk(provider.port, {
      type: 'register',
      credentials: { username: 'acme-trunk', password: 'c4rrier', registerSeconds: 60 },
    });
    cluster = await startCluster(['127.0.0.13', '127.0.0.14'], { tenants: [acme()], trunks: [trunk] });
    redis = new Redis(cluster.redis.url);
    const first = await eventually('the first REGISTER', () => provider.requests('REGISTER')[0], { timeoutMs: 15_000 });
    const isFirst = ({ host }: ClusterNode) => host === first.from;
    [holder, other] = cluster.nodes.toSorted((node) => (isFirst(node) ? -1 : 1)) as [ClusterNode, ClusterNode];
    expect(isFirst(holder)).toBe(true);
    firstAtMs = first.atMs;
  }, 60_000);
  afterAll(async () => {
    redis?.disconnect();
    await cluster?.stop();
    provider?.close();
  });

  const reasons = async (node: ClusterNode) => (await node.ask('GET', '/readyz')).body.reasons as string[];

  /** The node that a name is of, or that has a worker of that name. */
  const nodeOf = (name: string) => [holder, other].find(({ members }) => members.includes(name));

  const calls = async (node: ClusterNode) => {
    await allWell(await startCaller('phone-call', node.address, { pauseMs: 100 }));
    expect(provider.requests('INVITE', node.host).length).toBeGreaterThan(0);
  };

  /** Each node shows what both have. */
  const placesToLook = async () => {
    const nodesOf = (items: readonly { readonly node: string }[]) => items.map(({ node }) => nodeOf(node)?.name);
    const names = [holder.name, other.name];
    for (const { ask } of [holder, other]) {
      const leases = (await ask('GET', '/api/v1/leases')).body;
      expect(leases.items).toMatchObject([{ trunk: 'carrier', state: 'online' }]);
      expect(nodesOf(leases.items)).toEqual([holder.name]);
      const records = (await ask('GET', '/api/v1/call-records')).body;
      expect(nodesOf(records.items).toSorted()).toEqual(names.toSorted());
      expect(records.missing).toBeUndefined();
      const { body } = await ask('GET', '/api/v1/trace?method=INVITE');
      expect(new Set(nodesOf(body.messages))).toEqual(new Set(names));
      for (const { callId, node } of records.items as { callId: string; node: string }[]) {
        expect((await ask('GET', `/api/v1/call-records/${callId}`)).body).toMatchObject({ callId, node });
        expect((await ask('GET', `/api/v1/calls/${callId}/trace`)).body).toMatchObject({ node });
      }
      const one = (await ask('GET', `/api/v1/call-records?node=${other.name}`)).body;
      expect(nodesOf(one.items)).toEqual([other.name]);
    }
  };

  test('is registered by exactly one, and calls go out through it from both', async () => {
    await calls(holder);
    await calls(other);
    // What was written is read a moment later.
    await vi.waitFor(placesToLook, { timeout: 15_000 });
    // It is up at the node that does not register it too.
    for (const node of [holder, other]) {
      const up = 'tandem_trunk_up{trunk_id="1",trunk="carrier"}';
      // Of each process.
      const isUp = async () => (await metric(node.api, up)) === node.members.length;
      await eventually(`the trunk up at ${node.name}`, isUp);
    }
  }, 40_000);

  test('with registeredNodeOnly, calls of the other leave through the one that is registered', async () => {
    const set = async (registeredNodeOnly: boolean) => {
      const { status } = await other.ask('PATCH', '/api/v1/trunks/1', { options: { registeredNodeOnly } });
      expect(status).toBe(200);
    };
    const before = provider.requests('INVITE', other.host).length;
    const ofHolder = provider.requests('INVITE', holder.host).length;
    await set(true);
    const question = { tenant: 'acme', from: '101', to: '915551234' };
    const way = /leaves through node ([^,]*), which is registered/;
    const wayIn = async () => {
      const [, name] = way.exec(JSON.stringify((await other.ask('POST', '/api/v1/explain', question)).body)) ?? [];
      return name && nodeOf(name);
    };
    await eventually('the way in explain', async () => (await wayIn()) === holder);
    await allWell(await startCaller('phone-call', other.address, { pauseMs: 100 }));
    expect(provider.requests('INVITE', other.host)).toHaveLength(before);
    expect(provider.requests('INVITE', holder.host)).toHaveLength(ofHolder + 1);
    const record = await eventually('its record', async () => {
      const { body } = await other.ask('GET', `/api/v1/call-records?node=${other.name}`);
      return body.items.find(({ attempts }: { attempts: { node?: string }[] }) => attempts[0]?.node !== undefined);
    });
    expect(record).toMatchObject({ trunk: 'carrier', attempts: [{ trunk: 'carrier', status: 200 }] });
    expect(nodeOf(record.attempts[0].node)).toBe(holder);
    await set(false);
    await eventually('its own way', async () => (await wayIn()) === undefined);
    expect(provider.requests('REGISTER', other.host)).toEqual([]);
  }, 40_000);

  test('one that loses only Redis keeps its calls and takes new ones; its registration goes to the other when the lease is over, and the two never overlap', async () => {
    const alice = await new Phone('101').open();
    onTestFinished(() => alice.close());
    const leftMs = firstAtMs + BEYOND_A_LEASE_MS - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(leftMs, 0)));
    // Nothing else than its chances kept it from registering until now.
    expect(provider.requests('REGISTER', other.host)).toEqual([]);
    const up = await alice.call(holder.address, '915551234', Number.POSITIVE_INFINITY);
    expect(up.status).toBe(200);
    const ended = provider.requests('BYE').length;
    await eventually('its snapshot', async () => {
      const kept = await Promise.all(holder.members.map((member) => redis.hlen(`tandem:{tandem}:calls:${member}`)));
      return kept.reduce((sum, count) => sum + count) === 1;
    });
    const cutAtMs = performance.now();
    holder.store.cut();
    await eventually('the node to say so', async () => (await reasons(holder)).includes('store-unreachable'));
    expect((await alice.call(holder.address, '915551234')).status).toBe(200);
    const next = await eventually('the other to register', () => provider.requests('REGISTER', other.host)[0], {
      timeoutMs: 15_000,
    });
    console.log(`the other registered ${Math.round(next.atMs - cutAtMs)} ms after the cut`);
    const before = provider.requests('REGISTER', holder.host);
    const last = before.at(-1)?.atMs ?? Number.NaN;
    // It has refreshed on what it had, and no longer than it had that.
    expect(last).toBeGreaterThan(cutAtMs);
    expect(last).toBeLessThan(Math.min(next.atMs, cutAtMs + LEASE_MS));
    expect((await alice.call(holder.address, '915551234')).status).toBe(200);
    holder.store.mend();
    await eventually('all well again', async () => (await reasons(holder)).length === 0, { timeoutMs: 10_000 });
    await eventually('each to know the other', () => knowEachOther([holder, other]));
    expect(alice.heard).toEqual([]);
    const bye = await alice.hangUp(holder.address, up);
    expect(bye.status).toBe(200);
    await eventually('its BYE at the provider', () => provider.requests('BYE').length === ended + 3);
    const records = await eventually('its record', async () => {
      const { body } = await other.ask('GET', '/api/v1/call-records?limit=1000');
      const ofCall = (body.items as { sipCallIds: string[]; node: string }[]).filter(({ sipCallIds }) =>
        sipCallIds.includes(bye.callId()),
      );
      return ofCall.length > 0 && ofCall;
    });
    expect(records.map(({ node }) => nodeOf(node))).toEqual([holder]);
    for (const { process } of [holder, other]) expect(process.child.output()).not.toMatch(/"calls-taken(-over)?"/);
    // The lease is the other's, and stays so.
    expect(provider.requests('REGISTER', holder.host)).toHaveLength(before.length);
    [holder, other] = [other, holder];
  }, 60_000);

  test('that one is killed with kill -9: the other registers within 10 s, never both, and calls go out', async () => {
    const known = provider.requests('REGISTER', other.host).length;
    const killedAtMs = performance.now();
    holder.process.kill();
    // Workers end when they find that their supervisor has.
    await eventually('it to be missing', async () => {
      const { missing = [] } = (await other.ask('GET', '/api/v1/calls')).body;
      return `${missing.toSorted()}` === `${holder.members}`;
    });
    await calls(other);
    const next = await eventually('its REGISTER', () => provider.requests('REGISTER', other.host)[known], {
      timeoutMs: 15_000,
    });
    expect(next.atMs - killedAtMs).toBeLessThan(10_000);
    expect(provider.requests('REGISTER', holder.host).every(({ atMs }) => atMs < next.atMs)).toBe(true);
    await calls(other);
    console.log(
      `the other node registered ${Math.round(next.atMs - killedAtMs)} ms after the kill; REGISTERs in all: ${provider.requests('REGISTER').length}`,
    );
  }, 40_000);

  test('a node that is told to stop hands over: the registration moves at once, and the provider is told', async () => {
    await holder.process.killAndRestart();
    const leaves = await eventually(
      'one of them to be registered',
      async () => {
        const { items } = (await holder.ask('GET', '/api/v1/leases')).body;
        return items[0]?.state === 'online' ? nodeOf(items[0].node) : undefined;
      },
      { timeoutMs: 15_000 },
    );
    const stays = leaves === holder ? other : holder;
    const before = provider.requests('REGISTER', stays.host).length;
    const toldAtMs = performance.now();
    await leaves.process.stop();
    await eventually('the removal', () => provider.requests('REGISTER', leaves.host).at(-1)?.expires === '0');
    const taken = await eventually('the other’s', () => provider.requests('REGISTER', stays.host)[before], {
      timeoutMs: 15_000,
    });
    console.log(`handed over ${Math.round(taken.atMs - toldAtMs)} ms after the word to stop`);
    expect(taken.atMs - toldAtMs).toBeLessThan(10_000);
  }, 40_000);
});
