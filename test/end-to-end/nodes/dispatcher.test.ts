import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HeaderId } from '../../../src/sip/message/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { type ConfiguredKamailio, startConfiguredKamailio } from '../../kit/kamailio.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Cluster, type ClusterNode, startCluster } from './cluster.ts';
import { type Called, Phone } from './phone.ts';

/** What docs/reaching-nodes.md tells operators to use. */
const CONFIGURATION = fileURLToPath(new URL('../../../config/kamailio/kamailio.cfg', import.meta.url));
const PROXY = '127.0.0.53';
const CARRIER = '127.0.0.54';
const CALLS = 20;
const LASTING = Number.POSITIVE_INFINITY;

describe.skipIf(peersSkipped)('Kamailio as a dispatcher in front of two nodes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-dispatcher-'));
  const phones: Phone[] = [];
  let cluster: Cluster;
  let proxy: ConfiguredKamailio;
  let a: ClusterNode;
  let b: ClusterNode;
  let redis: Redis;
  let alice: Phone;
  let bob: Phone;
  let carrier: Phone;

  beforeAll(async () => {
    const port = await freePort(PROXY);
    carrier = await phone('4930123456', CARRIER);
    const trunk = carrierTrunk(portOf(carrier), {
      host: CARRIER,
      outboundProxy: { host: PROXY, port, route: true },
      options: {},
    });
    cluster = await startCluster(
      ['127.0.0.51', '127.0.0.52'],
      { tenants: [acme()], trunks: [trunk] },
      { frontProxies: [PROXY], timers: { t1Ms: 100, attemptMs: 800, failedTargetMs: 0, drainMs: 3_000 } },
    );
    [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
    redis = new Redis(cluster.redis.url);
    const list = join(folder, 'dispatcher.list');
    writeFileSync(list, `1 sip:${a.address}\n1 sip:${b.address}\n`);
    proxy = await startConfiguredKamailio(CONFIGURATION, `${PROXY}:${port}`, {
      LISTEN: `udp:${PROXY}:${port}`,
      NODES: `"${list}"`,
    });
    [alice, bob] = [await phone('101'), await phone('102')];
    for (const each of [alice, bob]) expect((await each.register(proxy.address)).status).toBe(200);
    // What one node writes the other one has a moment later.
    for (const node of [a, b])
      await eventually('both phones at each node', async () => {
        const { items } = (await node.ask('GET', '/api/v1/registrations')).body;
        return items.length === 2;
      });
  }, 90_000);
  afterAll(async () => {
    for (const each of phones) each.close();
    redis?.disconnect();
    await proxy?.stop();
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function phone(user: string, host?: string): Promise<Phone> {
    const made = await new Phone(user, host).open();
    phones.push(made);
    return made;
  }

  const kept = (node: number) => redis.hlen(`tandem:{tandem}:calls:node-${node}`);

  const live = async (node: ClusterNode) =>
    Number(/^tandem_calls_live (\d+)$/m.exec(String((await node.ask('GET', '/metrics')).body))?.[1] ?? Number.NaN);

  test('phones register through it, and are called through it by each node', async () => {
    const nodes = new Set<string>();
    // By chance: a call goes to either.
    for (let call = 0; call < 40 && nodes.size < 2; call++) {
      const { status, response } = await alice.call(proxy.address, '102');
      expect(status).toBe(200);
      nodes.add(nodeOf(response.headers.value(HeaderId.Contact)));
    }
    expect(nodes).toEqual(new Set([a.host, b.host]));
    expect(new Set(bob.invites.map(({ from }) => from))).toEqual(new Set([PROXY]));
  });

  test('a carrier behind it is known by its own address, a phone is not taken for it, and a lie about the sender is not believed', async () => {
    const [before, atCarrier] = [alice.invites.length, carrier.invites.length];
    expect((await carrier.call(proxy.address, '14155550101')).status).toBe(200);
    expect(alice.invites.length).toBe(before + 1);
    // Out through the proxy again.
    expect((await alice.call(proxy.address, '94930123456')).status).toBe(200);
    expect(carrier.invites.slice(atCarrier).map(({ from }) => from)).toEqual([PROXY]);
    const stranger = await phone('4930123456');
    stranger.fields = [`X-Auth-IP: ${CARRIER}`];
    // Challenged, and its answer is nobody's: the address of a phone speaks for no trunk, through the proxy or not.
    for (const way of [proxy.address, a.address]) expect((await stranger.call(way, '14155550101')).status).toBe(407);
    expect(alice.invites.length).toBe(before + 1);
  });

  test('kill -9 of a node with calls up: BYEs from both sides reach the living node, calls to come do as well', async () => {
    const first = bob.invites.length;
    const calls: Called[] = [];
    for (let call = 0; call < CALLS; call++) calls.push(await alice.call(proxy.address, '102', LASTING));
    expect(calls.filter(({ status }) => status === 200)).toHaveLength(CALLS);
    const ofA = calls.filter(({ response }) => nodeOf(response.headers.value(HeaderId.Contact)) === a.host).length;
    expect(ofA).toBeGreaterThan(0);
    expect(ofA).toBeLessThan(CALLS);
    await eventually('all calls', async () => (await live(a)) + (await live(b)) === CALLS);
    // A snapshot is written 200 ms behind the answer.
    await eventually('their snapshots', async () => (await kept(1)) + (await kept(2)) === CALLS);
    const [heardByAlice, heardByBob] = [byes(alice), byes(bob)];
    a.process.child.signal('SIGKILL');
    const taken = bob.invites.slice(first).map(({ request }) => request);
    const callIds = new Set<string>();
    const answers = [
      ...calls.slice(0, CALLS / 2).map((call) => alice.hangUp(proxy.address, call)),
      ...taken.slice(CALLS / 2).map((invite) => bob.hangUpOn(proxy.address, invite)),
    ];
    const new_ = alice.call(proxy.address, '102');
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(200);
      callIds.add(answer.callId());
    }
    expect(callIds.size).toBe(CALLS);
    expect((await new_).status).toBe(200);
    await eventually('the BYEs at bob', () => byes(bob) >= heardByBob + CALLS / 2);
    await eventually('the BYEs at alice', () => byes(alice) >= heardByAlice + CALLS / 2);
    await eventually('no call to be left', async () => (await live(b)) === 0);
  });

  test('a node drains: no call is refused from the first moment on, and its last calls go on at the other', async () => {
    await a.process.killAndRestart();
    await eventually(
      'the proxy to use it again',
      async () => {
        const { response } = await alice.call(proxy.address, '102');
        return nodeOf(response.headers.value(HeaderId.Contact)) === a.host;
      },
      { timeoutMs: 20_000 },
    );
    const up: Called[] = [];
    while (up.every(({ response }) => nodeOf(response.headers.value(HeaderId.Contact)) !== a.host))
      up.push(await alice.call(proxy.address, '102', LASTING));
    a.process.child.signal('SIGTERM');
    await eventually('readyz', async () => (await a.ask('GET', '/readyz')).status === 503);
    const statuses = new Set<number>();
    // Until the proxy sends it nothing more.
    for (let elsewhere = 0; elsewhere < 12; elsewhere++) {
      const { status, response } = await alice.call(proxy.address, '102');
      statuses.add(status);
      if (nodeOf(response.headers.value(HeaderId.Contact)) === a.host) elsewhere = 0;
    }
    expect([...statuses]).toEqual([200]);
    await a.process.child.exited;
    const heard = byes(bob);
    for (const call of up) expect((await alice.hangUp(proxy.address, call)).status).toBe(200);
    await eventually('the BYEs at bob', () => byes(bob) === heard + up.length);
  });
});

const byes = ({ heard }: Phone) => heard.filter((method) => method === 'BYE').length;

function portOf({ contact }: Phone): number {
  return Number(contact.slice(contact.lastIndexOf(':') + 1));
}

function nodeOf(contact = ''): string {
  return /@([\d.]+)/.exec(contact)?.[1] ?? '';
}
