import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
import type { Sipp } from '../../kit/sipp.ts';
import { metric } from '../faults/rest.ts';
import { startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Cluster, type ClusterNode, knowEachOther, startCluster } from './cluster.ts';
import { type Called, Phone } from './phone.ts';

/** What docs/reaching-nodes.md tells operators to use. */
const CONFIGURATION = fileURLToPath(new URL('../../../config/kamailio/kamailio.cfg', import.meta.url));
const PROXY = '127.0.0.53';
const CARRIER = '127.0.0.54';
const SIPP_CARRIER = '127.0.0.55';
/** Of those that upgrades are shown with: no pause of a busy machine shall pass for a node's end there. */
const PATIENT_PROXY = '127.0.0.56';
const PATIENCE_MS = 3_000;
const CALLS = 20;
/**
 * What is placed while both nodes are upgraded, in all, for half of them by either side to hang up. The long form:
 * `TANDEM_UPGRADE_RATE=50 npx vitest run test/end-to-end/nodes/dispatcher.test.ts`; `TANDEM_UPGRADES` says how often both.
 */
const CALLS_PER_SECOND = Number(process.env['TANDEM_UPGRADE_RATE'] ?? 4);
const UPGRADES = Number(process.env['TANDEM_UPGRADES'] ?? 1);
const TALK_MS = 2_000;
const LASTING = Number.POSITIVE_INFINITY;

describe.skipIf(peersSkipped)('Kamailio as a dispatcher in front of two nodes', () => {
  let folder: string;
  const phones: Phone[] = [];
  let cluster: Cluster;
  let proxy: ConfiguredKamailio;
  let patientProxy: ConfiguredKamailio;
  let a: ClusterNode;
  let b: ClusterNode;
  let redis: Redis;
  let alice: Phone;
  let bob: Phone;
  let carrier: Phone;
  let sippPorts: number[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-dispatcher-'));
    const port = await freePort(PROXY);
    carrier = await phone('4930123456', CARRIER);
    const outboundProxy = { host: PROXY, port, route: true };
    const trunk = carrierTrunk(portOf(carrier), { host: CARRIER, outboundProxy, options: {} });
    const patientPort = await freePort(PATIENT_PROXY);
    const patient = { host: PATIENT_PROXY, port: patientPort, route: true };
    sippPorts = [await freePort(SIPP_CARRIER), await freePort(SIPP_CARRIER)];
    const sipps = sippPorts.map((sippPort, index) =>
      carrierTrunk(sippPort, {
        id: String(index + 2),
        name: `sipp-${index}`,
        host: SIPP_CARRIER,
        outboundProxy: patient,
      }),
    );
    const rules = sipps.map(({ name }, index) => ({
      name,
      match: { prefixes: [String(8 - index)] },
      routes: [{ trunk: name, strip: 1, prepend: '+' }],
    }));
    cluster = await startCluster(
      ['127.0.0.51', '127.0.0.52'],
      { tenants: [acme({ outboundRules: [...(acme().outboundRules ?? []), ...rules] })], trunks: [trunk, ...sipps] },
      {
        frontProxies: [PROXY, PATIENT_PROXY],
        timers: { t1Ms: 100, attemptMs: 800, failedTargetMs: 0, drainMs: 3_000 },
      },
    );
    [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
    redis = new Redis(cluster.redis.url);
    const list = join(folder, 'dispatcher.list');
    writeFileSync(list, `1 sip:${a.address}\n1 sip:${b.address}\n`);
    proxy = await startConfiguredKamailio(CONFIGURATION, `${PROXY}:${port}`, {
      LISTEN: `udp:${PROXY}:${port}`,
      NODES: `"${list}"`,
    });
    patientProxy = await startConfiguredKamailio(CONFIGURATION, `${PATIENT_PROXY}:${patientPort}`, {
      LISTEN: `udp:${PATIENT_PROXY}:${patientPort}`,
      NODES: `"${list}"`,
      SILENT_MS: String(PATIENCE_MS),
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
    for (const each of phones.splice(0)) each.close();
    redis?.disconnect();
    await Promise.all([proxy?.stop(), patientProxy?.stop()]);
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function phone(user: string, host?: string): Promise<Phone> {
    const made = await new Phone(user, host).open();
    phones.push(made);
    return made;
  }

  const kept = async ({ members }: ClusterNode) => {
    const rows = await Promise.all(members.map((member) => redis.hlen(`tandem:{tandem}:calls:${member}`)));
    return rows.reduce((sum, count) => sum + count);
  };

  const live = ({ api }: ClusterNode) => metric(api, 'tandem_calls_live');

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
    // Phones acknowledge challenges at the domain that they called: a name server that is slow would hold up everybody.
    expect(proxy.child.output()).not.toContain('could not resolve');
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
    await eventually('their snapshots', async () => (await kept(a)) + (await kept(b)) === CALLS);
    const [heardByAlice, heardByBob] = [byes(alice), byes(bob)];
    a.process.kill();
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

  /** SIPp calls SIPp through the proxy, without end. */
  async function startCalls(which: 0 | 1, caller: string, answerer: string): Promise<[Sipp, Sipp]> {
    const called = `${8 - which}15551234`;
    // Its own idea of the digest's URI is the address that it sends to, which is not the nodes'.
    const extraArguments = ['-aa', '-auth_uri', `${called}@acme.test`];
    const each = { calls: 1_000_000, timeoutSeconds: 600, extraArguments, pauseMs: TALK_MS };
    return [
      await startCaller(caller, patientProxy.address, {
        ...each,
        callsPerSecond: CALLS_PER_SECOND / 2,
        keys: { user: '103', called },
      }),
      await startAnswerer(answerer, { ...each, localHost: SIPP_CARRIER, localPort: sippPorts[which] as number }),
    ];
  }

  /** No new ones; gives how many there were once those that are up have ended, having gone as their scenarios say. */
  async function endCalls([caller, answerer]: [Sipp, Sipp]): Promise<number> {
    caller.child.signal('SIGUSR1');
    const placed = await caller.finished;
    answerer.child.signal('SIGUSR1');
    const taken = await answerer.finished;
    const said = [a, b].map(({ process }) =>
      process.child.output().split('\n').filter(isWarning).slice(-20).join('\n'),
    );
    said.push(patientProxy.child.output().slice(-3_000));
    const report = [placed.errors.slice(0, 3_000), taken.errors.slice(0, 1_000), ...said].join('\n===\n');
    expect([placed.failed, taken.failed], report).toEqual([0, 0]);
    expect(taken.successful, report).toBe(placed.successful);
    return placed.successful;
  }

  const records = () =>
    [a, b]
      .flatMap(({ recordFile }) => readFileSync(recordFile, 'utf8').trimEnd().split('\n'))
      .map((line) => JSON.parse(line) as { callId: string; status: number; trunk?: string; hungUpBy?: string });

  const usesIt = (node: ClusterNode, way = proxy) =>
    eventually(
      'the proxy to use it again',
      async () => {
        const { response } = await alice.call(way.address, '102');
        return nodeOf(response.headers.value(HeaderId.Contact)) === node.host;
      },
      { timeoutMs: 20_000 },
    );

  test('a node drains: no call is refused from the first moment on, and its last calls go on at the other', async () => {
    await a.process.killAndRestart();
    await usesIt(a);
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

  test(`both are upgraded, one after the other, under ${CALLS_PER_SECOND} calls a second between SIPps: none is refused or lost, each has one record`, async () => {
    await a.process.killAndRestart();
    await usesIt(a, patientProxy);
    const calls = [
      await startCalls(0, 'phone-call', 'answer-update'),
      await startCalls(1, 'phone-answered-call', 'answer-then-hang-up'),
    ] as const;
    for (let upgrade = 0; upgrade < UPGRADES; upgrade++)
      for (const node of [b, a]) {
        await eventually('calls at it', async () => (await live(node)) > 0, { timeoutMs: 20_000 });
        node.process.child.signal('SIGTERM');
        await node.process.child.exited;
        // What follows is the newer program.
        await node.process.restart();
        await eventually('it to be ready', async () => (await node.ask('GET', '/readyz')).status === 200);
        await eventually('each to know the other', () => knowEachOther([a, b]));
        await usesIt(node, patientProxy);
      }
    const placed = [await endCalls(calls[0]), await endCalls(calls[1])] as const;
    console.log(
      `${placed.join(' + ')} calls while both nodes were upgraded ${UPGRADES} times, all of them answered and ended`,
    );
    await eventually('no call to be left', async () => (await live(a)) + (await live(b)) === 0);
    await eventually('their records', () => recordsOf(0).length + recordsOf(1).length >= placed[0] + placed[1]);
    for (const [which, hungUpBy] of [
      [0, 'caller'],
      [1, 'callee'],
    ] as const) {
      const written = recordsOf(which);
      expect([written.length, new Set(written.map(({ callId }) => callId)).size]).toEqual([
        placed[which],
        placed[which],
      ]);
      expect(written.filter((record) => record.status !== 200 || record.hungUpBy !== hungUpBy)).toEqual([]);
    }
  }, 600_000);

  const recordsOf = (which: 0 | 1) => records().filter(({ trunk }) => trunk === `sipp-${which}`);
});

const isWarning = (line: string) => /"level":"(warn|error)"/.test(line);

const byes = ({ heard }: Phone) => heard.filter((method) => method === 'BYE').length;

function portOf({ contact }: Phone): number {
  return Number(contact.slice(contact.lastIndexOf(':') + 1));
}

function nodeOf(contact = ''): string {
  return /@([\d.]+)/.exec(contact)?.[1] ?? '';
}
