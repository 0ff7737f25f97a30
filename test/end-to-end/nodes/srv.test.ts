import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readKept } from '../../../src/call/index.ts';
import { type Baresip, startBaresip } from '../../kit/baresip.ts';
import { startEngineHere, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { metric } from '../faults/rest.ts';
import { type DnsServer, startDnsmasq } from '../trunks/dns-server.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Cluster, type ClusterNode, knowEachOther, startCluster } from './cluster.ts';
import { Phone } from './phone.ts';

const LASTING = Number.POSITIVE_INFINITY;

describe.skipIf(peersSkipped)('two nodes behind one name with SRV records', () => {
  let bob: Phone;
  let caller: Phone;
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;
  let dns: DnsServer;
  /** A carrier that resolves SRV and tries the next record: another tandem. */
  let carrier: TestEngine;
  let baresip: Baresip;
  let redis: Redis;

  beforeAll(async () => {
    const carrierPort = await freePort();
    cluster = await startCluster(
      ['127.0.0.56', '127.0.0.57'],
      { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
      { registrar: { minExpiresSeconds: 3 }, timers: { t1Ms: 100, attemptMs: 800, failedTargetMs: 0, drainMs: 500 } },
    );
    [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
    redis = new Redis(cluster.redis.url);
    dns = await startDnsmasq(
      [a, b].flatMap(({ name, host, process: { port } }, index) => [
        ...['udp', 'tcp'].map(
          (transport) => `srv-host=_sip._${transport}.acme.test,${name}.acme.test,${port},${index},0`,
        ),
        `host-record=${name}.acme.test,${host}`,
      ]),
    );
    carrier = await startEngineHere({
      provisioning: {
        tenants: [acme()],
        trunks: [carrierTrunk(0, { host: 'acme.test', port: undefined, options: {} })],
      },
      settings: {
        listen: [{ transport: 'udp', host: '127.0.0.1', port: carrierPort }],
        dns: { servers: [dns.address] },
        timers: { t1Ms: 100, attemptMs: 800, failedTargetMs: 60_000 },
      },
    });
    baresip = await startBaresip({
      user: '103',
      domain: 'acme.test',
      password: 'secret-103',
      proxy: { host: 'acme.test' },
      transport: 'tcp',
      dnsServer: dns.address,
      registerSeconds: 4,
    });
    await baresip.registered();
    bob = await new Phone('102').open();
    caller = await new Phone('101').open();
    expect((await bob.register(b.address)).status).toBe(200);
    await eventually('the first to know bob', () => isKnownAt(a, '102'));
  }, 90_000);
  afterAll(async () => {
    redis?.disconnect();
    await baresip?.stop();
    await carrier?.stop();
    await dns?.stop();
    await cluster?.stop();
    bob?.close();
    caller?.close();
  });

  /** The node that took the registration of an extension, as the store has it. */
  const takenBy = async (extension: string) => {
    const kept = Object.entries(await redis.hgetall('tandem:{tandem}:bindings'));
    const [, json] = kept.find(([aor]) => aor.includes(extension)) ?? [];
    return /"node":"([^"]*)"/.exec(json ?? '')?.[1];
  };
  const isAt = async (extension: string, { members }: ClusterNode) =>
    members.includes((await takenBy(extension)) ?? '');
  const isKnownAt = async (node: ClusterNode, extension: string) =>
    (await node.ask('GET', `/api/v1/registrations?extension=${extension}`)).body.items.length > 0;
  /** The one call that is up at a node is in the store as it is. Calls of before leave that up to 200 ms behind their ends. */
  const isKept = async (node: ClusterNode) => {
    const [up] = (await node.ask('GET', `/api/v1/calls?state=answered&node=${node.name}`)).body.items;
    const document = up && (await redis.hget(`tandem:{tandem}:calls:${up.node}`, up.callId));
    return typeof document === 'string' && readKept(document, 0).answered !== undefined;
  };
  const byes = () => bob.heard.filter((method) => method === 'BYE').length;

  test('while both live the first record is used, by the phone and by the carrier', async () => {
    await eventually('baresip at the first', () => isAt('103', a), { timeoutMs: 20_000 });
    expect((await caller.call(carrier.address(), '914155550102')).status).toBe(200);
    const records = await eventually('the record', async () => {
      const { items } = (await a.ask('GET', '/api/v1/call-records')).body;
      return items.length > 0 && items;
    });
    expect(records).toMatchObject([{ direction: 'inbound', status: 200 }]);
  });

  test('kill -9 of the first: its calls go on, the carrier and the phone use the next record', async () => {
    const call = await caller.call(carrier.address(), '914155550102', LASTING);
    expect(call.status).toBe(200);
    await eventually('its snapshot', () => isKept(a));
    const killedAtMs = performance.now();
    const sinceKill = () => Math.round(performance.now() - killedAtMs);
    a.process.kill();
    // Placed while nobody has noticed yet.
    expect((await caller.call(carrier.address(), '914155550102')).status).toBe(200);
    console.log(`a carrier's next call was answered ${sinceKill()} ms after the kill`);
    await eventually('the call at the other', async () => (await metric(b.api, 'tandem_calls_live')) > 0);
    // Both are told by UPDATE: the carrier hangs up where the call is.
    await eventually('bob to be told', () =>
      [...bob.told.values()].some((contact) => b.contacts.some((place) => contact.includes(place))),
    );
    const heard = byes();
    expect((await caller.hangUp(carrier.address(), call)).status).toBe(200);
    await eventually('the BYE at bob', () => byes() > heard);
    await eventually('baresip at the other', () => isAt('103', b), { timeoutMs: 20_000 });
    console.log(`baresip registered at the other ${sinceKill()} ms after the kill`);
    baresip.dial('sip:102@acme.test');
    await baresip.heard('CALL_ESTABLISHED');
    baresip.hangUp();
    await baresip.heard('CALL_CLOSED');
  });

  test('a drain: whoever is at the node that ends is at the other when it has ended, and no call of the carrier is lost', async () => {
    await a.process.killAndRestart();
    await eventually('the first to know bob', () => isKnownAt(a, '102'));
    await eventually('each to know the other', () => knowEachOther([a, b]));
    const call = await caller.call(carrier.address(), '914155550102', LASTING);
    expect(call.status).toBe(200);
    b.process.child.signal('SIGTERM');
    const statuses = new Set<number>();
    let hasEnded = false;
    void b.process.child.exited.then(() => {
      hasEnded = true;
    });
    while (!hasEnded) statuses.add((await caller.call(carrier.address(), '914155550102')).status);
    statuses.add((await caller.call(carrier.address(), '914155550102')).status);
    expect([...statuses]).toEqual([200]);
    await eventually('baresip at the first', () => isAt('103', a), { timeoutMs: 20_000 });
    expect((await caller.hangUp(carrier.address(), call)).status).toBe(200);
  });
});
