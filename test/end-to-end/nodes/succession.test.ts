import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { TestAuthority } from '../../kit/certificates.ts';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { metric } from '../faults/rest.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Cluster, type ClusterNode, startCluster } from './cluster.ts';
import { type Called, halvesOf, Phone } from './phone.ts';
import { RingingCarrier } from './ringing-carrier.ts';

/** The long form: `TANDEM_SUCCESSION_CALLS=1000 npx vitest run test/end-to-end/nodes/succession.test.ts`. */
const CALLS = Number(process.env['TANDEM_SUCCESSION_CALLS'] ?? 50);

describe.skipIf(peersSkipped)('a node of two ends with calls up', () => {
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;
  let redis: Redis;
  const authority = new TestAuthority();
  let folder: string;
  const carriers: RingingCarrier[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-succession-'));
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const hosts = ['127.0.0.45', '127.0.0.46'];
    const own = authority.issue({ commonName: 'tandem.test', alternativeNames: hosts.map((host) => `IP:${host}`) });
    const tls = { certificate: file('own.pem', own.cert), key: file('own.key', own.key) };
    const ca = file('ca.pem', authority.certificate);
    const pair = authority.issue({ commonName: 'carrier.test', alternativeNames: ['DNS:carrier.test'] });
    const made = [
      { transport: 'udp', host: '127.0.0.61' },
      { transport: 'tcp', host: '127.0.0.62' },
      { transport: 'tls', host: '127.0.0.63', pair, authority: authority.certificate },
    ] as const;
    const trunks: ReturnType<typeof carrierTrunk>[] = [];
    for (const [index, { transport, ...options }] of made.entries()) {
      const carrier = await new RingingCarrier({ transport, ...options }).open();
      carriers.push(carrier);
      trunks.push(
        carrierTrunk(carrier.port, {
          ...{ id: String(index + 1), name: transport, transport, host: options.host, options: {} },
          ...(transport === 'tls' && { tls: { ca, serverName: 'carrier.test' } }),
        }),
      );
    }
    const outboundRules = trunks.map(({ name }, index) => ({
      name,
      match: { prefixes: [String(index + 7)] },
      routes: [{ trunk: name, strip: 1, prepend: '+' }],
    }));
    const inboundRules = trunks.map(({ name }) => ({
      name,
      trunk: name,
      dids: '14155550101-14155550103',
      destination: { extensions: '101-103' as const },
    }));
    cluster = await startCluster(
      hosts,
      { tenants: [acme({ outboundRules, inboundRules })], trunks },
      { timers: { t1Ms: 100, attemptMs: 800, failedTargetMs: 0, drainMs: 500 } },
      tls,
    );
    [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
    redis = new Redis(cluster.redis.url);
  }, 90_000);
  afterAll(async () => {
    redis?.disconnect();
    await cluster?.stop();
    for (const carrier of carriers.splice(0)) carrier.close();
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  // Whatever the test before has left, or a first attempt of this one: both nodes are up, and have no calls.
  beforeEach(async () => {
    await a.process.killAndRestart();
    for (const node of [a, b]) {
      const { items } = (await node.ask('GET', `/api/v1/calls?limit=1000&node=${node.name}`)).body;
      for (const { id } of items) await node.ask('DELETE', `/api/v1/calls/${id}`);
    }
    await eventually(
      'nothing to be left of before',
      async () => (await live()) + (await kept(1)) + (await kept(2)) === 0,
      LONG,
    );
  }, 90_000);

  let phones = 0;
  const phone = async (user: string, node: ClusterNode) => {
    const made = await new Phone(user).open();
    phones++;
    // A number has one phone in each test; the second node lives in all of them.
    onTestFinished(async () => {
      phones--;
      await made.register(b.address, { expires: 0 });
      made.close();
    });
    expect((await made.register(node.address)).status).toBe(200);
    // By whichever worker its call is placed.
    const isKnown = async () => (await metric(node.api, 'tandem_registrations')) === phones * node.members.length;
    await eventually('the phone to be known', isKnown);
    return made;
  };

  const keptTexts = async (node: 1 | 2) => {
    const { members } = node === 1 ? a : b;
    const each = await Promise.all(members.map((member) => redis.hvals(`tandem:{tandem}:calls:${member}`)));
    return each.flat();
  };
  const kept = async (node: 1 | 2) => (await keptTexts(node)).length;

  test(`kill -9: ${CALLS} calls go on at the other, none is lost, each has one record`, async () => {
    const [alice, bob] = [await phone('101', a), await phone('102', a)];
    const calls: Called[] = [];
    for (let call = 0; call < CALLS; call++) calls.push(await alice.call(a.address, '102', LASTING));
    expect(calls.filter(({ status }) => status === 200)).toHaveLength(CALLS);
    const rows = CALLS * halvesOf(calls[0], bob);
    await eventually('all calls in the store', async () => (await kept(1)) === rows);

    bob.answers = 180;
    const ringing = alice.call(a.address, '102', LASTING);
    await eventually('the one that rings in the store', async () => (await kept(1)) === rows + 1);

    const killedAtMs = performance.now();
    bob.answers = 200;
    a.process.kill();
    // Somebody hangs up where nobody is any more; the next node has the same address, or is told of in the DNS.
    const early = calls.shift() as Called;
    const earlyAnswered = alice.hangUp(b.address, early);
    await eventually('the calls at the other', async () => (await live()) >= CALLS - 1);
    const tookMs = performance.now() - killedAtMs;
    console.log(`${CALLS} calls taken over ${Math.round(tookMs)} ms after the kill`);
    // 1.4 s on a machine that has nothing else to do.
    expect(tookMs).toBeLessThan(3_000);
    expect((await earlyAnswered).status).toBe(200);

    // Whom it rang at is cancelled and called again, and the caller is answered.
    expect(await ringing).toMatchObject({ status: 200 });
    expect(bob.heard).toContain('CANCEL');
    expect((await alice.hangUp(b.address, await ringing)).status).toBe(200);

    // Both parties are told where their call is.
    await eventually('alice to be told', () => calls.every(({ response }) => alice.told.has(response.callId())), LONG);
    for (const contact of [...alice.told.values(), ...bob.told.values()]) expect(isOf(b, contact), contact).toBe(true);
    const byBob = bob.invites.slice(1, CALLS / 2);
    for (const { request } of byBob) expect((await bob.hangUpOn(b.address, request)).status).toBe(200);
    await eventually('the BYEs at alice', () => count(alice.heard, 'BYE') === byBob.length, LONG);
    for (const call of calls.slice(byBob.length)) expect((await alice.hangUp(b.address, call)).status).toBe(200);
    await eventually('the BYEs at bob', () => count(bob.heard, 'BYE') === CALLS + 1 - byBob.length, LONG);

    const written = await eventually('a record of each', async () => {
      const found = await records();
      return found.length > CALLS && found;
    });
    expect([written.length, new Set(written.map(({ callId }) => callId)).size]).toEqual([CALLS + 1, CALLS + 1]);
    expect(written.every(({ status, talkMs }) => status === 200 && talkMs > 0)).toBe(true);
    await eventually('no call to be left', async () => (await live()) === 0);
    await eventually('nothing left in the store', async () => (await kept(2)) === 0);
  }, 120_000);

  test('kill -9 while calls ring over trunks, UDP, TCP and TLS, in and out: each caller has his answer, who rang is cancelled, nothing is left', async () => {
    const [alice, bob, carol] = [await phone('101', a), await phone('102', a), await phone('103', a)];
    const [udp, tcp, tls] = carriers as [RingingCarrier, RingingCarrier, RingingCarrier];
    for (const carrier of carriers) carrier.forget();
    for (const callee of [udp, tcp, tls, bob, carol]) callee.answers = 180;
    const out = ['7', '8', '9'].map((prefix) => alice.call(a.address, `${prefix}4930555${prefix}`, LASTING));
    const answeredAt = out.map((call) => call.then(() => performance.now()));
    const { host } = a;
    const [inUdp, inTcp, inTls] = [
      await udp.call({ host, port: a.process.port }, '14155550102'),
      await tcp.call({ host, port: a.process.port }, '14155550103'),
      await tls.call({ host, port: a.process.tlsPort }, '14155550103'),
    ];
    await eventually(
      'all to ring, in the store',
      async () => {
        const ringing = (await keptTexts(1)).filter((text) => text.includes('"asked"'));
        return ringing.length === 6 && [inUdp, inTcp, inTls].every(({ responses }) => responses.at(-1)?.status === 180);
      },
      LONG,
    );
    const rang = [udp, tcp, tls].map(({ invites }) => invites.at(-1)?.request.callId() ?? '');
    const before = [bob.invites.length, carol.invites.length] as const;
    const rangAtPhones = [bob.invites.at(-1), ...carol.invites.slice(-2)].map((each) => each?.request.callId() ?? '');
    for (const callee of [udp, tcp, tls, bob]) callee.answers = 200;
    const written = (await records()).length;
    const killedAtMs = performance.now();
    a.process.kill();

    // Those who can be answered are, by whoever rang before.
    const calls = await Promise.all(out);
    expect(calls.map(({ status }) => status)).toEqual([200, 200, 200]);
    await eventually(
      'the callers to have an answer',
      () => [inUdp, inTcp, inTls].every(({ final }) => final !== undefined),
      LONG,
    );
    expect(inUdp.final?.status).toBe(200);
    // Bob describes himself as he rings, and anew when he is called again: in a dialog of its own, as any other callee would be (RFC 3261 §13.2.1).
    expect(inUdp.tags).toHaveLength(2);
    // Over another connection, with the tag that he knows (RFC 3261 §18.2.2).
    for (const call of [inTcp, inTls]) {
      expect(call.final?.status).toBe(503);
      expect(call.tags).toHaveLength(1);
    }
    const times = [...(await Promise.all(answeredAt)), inUdp.answeredAtMs, inTcp.answeredAtMs, inTls.answeredAtMs];
    console.log(`answered ${times.map((atMs) => Math.round((atMs ?? 0) - killedAtMs)).join(', ')} ms after the kill`);
    for (const atMs of times) expect((atMs ?? Number.NaN) - killedAtMs).toBeLessThan(5_000);

    // Who rang is cancelled in the transaction that it knows. Its 487 goes to where the INVITE came from, which is no more.
    for (const [index, carrier] of [udp, tcp, tls].entries())
      await eventually(`the CANCEL at ${index}`, () => carrier.cancelled.has(rang[index] as string), LONG);
    await eventually(
      'the CANCELs at phones',
      () => rangAtPhones.every((id) => bob.cancelled.has(id) || carol.cancelled.has(id)),
      LONG,
    );
    // Nobody is rung for callers who have gone.
    expect([bob.invites.length, carol.invites.length]).toEqual([before[0] + 1, before[1]]);
    for (const carrier of [udp, tcp, tls]) expect(carrier.invites).toHaveLength(2);

    await udp.within(inUdp, 'ACK', { host: b.host, port: b.process.port });
    for (const call of calls) expect((await alice.hangUp(b.address, call)).status).toBe(200);
    for (const carrier of [udp, tcp, tls]) {
      await eventually('the BYE at the carrier', () => carrier.byes.length > 0, LONG);
      expect(carrier.byes).toEqual([carrier.invites[1]?.request.callId()]);
    }
    const byes = count(bob.heard, 'BYE');
    await udp.within(inUdp, 'BYE', { host: b.host, port: b.process.port });
    await eventually('the BYE at bob', () => count(bob.heard, 'BYE') === byes + 1, LONG);
    await eventually('no call to be left', async () => (await live()) === 0, LONG);
    await eventually('nothing left in the store', async () => (await kept(1)) + (await kept(2)) === 0, LONG);
    expect((await b.ask('GET', '/api/v1/calls')).body.items).toEqual([]);
    await eventually('a record of each', async () => (await records()).length >= written + 6, LONG);
    const after = await records();
    const since = after.slice(0, after.length - written).map(({ sipCallIds, status }) => `${sipCallIds[0]} ${status}`);
    const answered = [...calls.map(({ response }) => response.callId()), inUdp.callId];
    const lost = [inTcp.callId, inTls.callId];
    expect(since.sort()).toEqual([...answered.map((id) => `${id} 200`), ...lost.map((id) => `${id} 503`)].sort());
  }, 120_000);

  test('a call between the nodes goes on, whichever of them is killed: both halves become one call', async () => {
    const [carol, bob] = [await phone('103', b), await phone('102', a)];
    // A node that has just begun is told of to the others within half a second; until then they call its phones past it.
    await eventually('each to reach the other’s phone through it', async () => {
      const [one, other] = [await carol.call(b.address, '102'), await bob.call(a.address, '103')];
      const from = [bob.invites.at(-1)?.from, carol.invites.at(-1)?.from];
      return one.status === 200 && other.status === 200 && from[0] === a.host && from[1] === b.host;
    });
    await eventually('nothing to be left of that', async () => (await kept(1)) + (await kept(2)) === 0, LONG);
    const [toBob, toCarol] = [await carol.call(b.address, '102', LASTING), await bob.call(a.address, '103', LASTING)];
    expect([toBob.status, toCarol.status]).toEqual([200, 200]);
    let rows: string[] = [];
    const areBothKept = async () => {
      rows = [...(await keptTexts(1)), ...(await keptTexts(2))];
      return rows.length === 4;
    };
    await eventually('both halves of both in the store', areBothKept, { detail: () => rows.join('\n') });
    const [atBob, atCarol] = [bob.invites.at(-1)?.request, carol.invites.at(-1)?.request];
    if (atBob === undefined || atCarol === undefined) throw new Error('not called');
    a.process.kill();
    // They become one where both come to one process: any worker of the node may take those of the other.
    const isWhole = async () => b.members.length > 1 || (await kept(2)) === 2;
    await eventually('the calls to be whole', async () => (await live()) === 2 && (await kept(1)) === 0 && isWhole());
    const told = [atBob.callId(), toCarol.response.callId()];
    await eventually('bob to be told', () => told.every((callId) => bob.told.has(callId)));
    for (const callId of told) expect(isOf(b, bob.told.get(callId))).toBe(true);
    const before = [count(bob.heard, 'BYE'), count(carol.heard, 'BYE')] as const;
    expect((await carol.hangUp(b.address, toBob)).status).toBe(200);
    expect((await carol.hangUpOn(b.address, atCarol)).status).toBe(200);
    await eventually('both BYEs at bob', () => count(bob.heard, 'BYE') === before[0] + 2);
    await eventually('no call to be left', async () => (await live()) === 0);
    await eventually('nothing to be left', async () => (await kept(2)) === 0, LONG);
    const { items } = (await b.ask('GET', '/api/v1/call-records?limit=2')).body;
    // They end within a millisecond or two.
    const ends = items.map(({ status, hungUpBy }: { status: number; hungUpBy: string }) => `${hungUpBy} ${status}`);
    expect(ends.sort()).toEqual(['callee 200', 'caller 200']);
  }, 60_000);

  test('a node that stood still serves nothing of a call that the other has taken: its BYE is passed on, and there is one record', async () => {
    const [alice, bob] = [await phone('101', a), await phone('102', a)];
    const before = await records();
    const call = await alice.call(a.address, '102', LASTING);
    const rows = halvesOf(call, bob);
    await eventually('the call in the store', async () => (await kept(1)) === rows, LONG);
    const { child } = a.process;
    // All processes of it.
    process.kill(-child.pid, 'SIGSTOP');
    // It lies in the socket of a process that does not read.
    const early = alice.hangUp(a.address, call);
    try {
      await eventually('the call at the other', async () => (await live()) === 1, LONG);
    } finally {
      process.kill(-child.pid, 'SIGCONT');
    }
    // Passed on to the one that has the call by now.
    expect((await early).status).toBe(200);
    // Whoever has said whose it is: the store, or, where that answers later than it, the other node.
    await child.waitFor(/"event":"calls-taken"/);
    await eventually('the BYE at bob', () => count(bob.heard, 'BYE') === 1);
    await eventually('no call to be left', async () => (await live()) === 0);
    await eventually('nothing left in the store', async () => (await kept(1)) + (await kept(2)) === 0);
    // Of both nodes.
    const after = await records();
    expect([after.length - before.length, after[0]]).toMatchObject([1, { status: 200, hungUpBy: 'caller' }]);
  }, 60_000);

  test('a node is told to stop: what is left of its calls when the drain is over goes on at the other', async () => {
    const [alice, bob] = [await phone('101', a), await phone('102', a)];
    const [one, other] = [await alice.call(a.address, '102', LASTING), await alice.call(a.address, '102', LASTING)];
    const everybody = a.members.length + b.members.length;
    const isKnown = async () => (await metric(a.api, 'tandem_nodes')) === everybody * a.members.length;
    await eventually('each node to know the other', isKnown);
    await a.process.stop();
    await eventually('the calls at the other', async () => (await live()) === 2);
    expect([...alice.heard, ...bob.heard]).not.toContain('BYE');
    expect((await alice.hangUp(b.address, one)).status).toBe(200);
    expect((await alice.hangUp(b.address, other)).status).toBe(200);
    await eventually('both BYEs at bob', () => count(bob.heard, 'BYE') === 2);
  }, 60_000);

  /** Of both nodes, the latest first. */
  const records = async () => {
    const found: {
      callId: string;
      sipCallIds: string[];
      status: number;
      talkMs: number;
      hungUpBy?: string;
    }[] = [];
    for (;;) {
      const { items } = (await b.ask('GET', `/api/v1/call-records?limit=1000&offset=${found.length}`)).body;
      found.push(...items);
      if (items.length < 1_000) return found;
    }
  };

  const live = () => metric(b.api, 'tandem_calls_live');
});

const isOf = ({ contacts }: ClusterNode, contact = '') => contacts.some((place) => contact.includes(`@${place}`));

const LONG = { timeoutMs: 60_000 };
/** Until somebody hangs up. */
const LASTING = Number.POSITIVE_INFINITY;

const count = (heard: readonly string[], method: string) => heard.filter((each) => each === method).length;
