import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HeaderId } from '../../../src/sip/message/index.ts';
import { type Child, startChild } from '../../kit/child.ts';
import { type EngineProcess, startEngineProcess } from '../../kit/engine-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { LAN_INTERFACE, type Lan, type LanMachine, makeLan } from '../../kit/lan.ts';
import { peerCommand, peersSkipped } from '../../kit/peers.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import type { Sipp } from '../../kit/sipp.ts';
import { ask, SYSTEM_TOKEN } from '../faults/rest.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Called, Phone } from './phone.ts';

/** What docs/reaching-nodes.md tells operators to use. */
const CONFIGURATION = fileURLToPath(new URL('../../../config/keepalived/keepalived.conf', import.meta.url));
const CALLS = 20;
/** Of SIPp, half hung up by each side. The long form: `TANDEM_SHARED_CALLS=1000 npx vitest run test/end-to-end/nodes/shared-address.test.ts`. */
const SIPP_CALLS = Number(process.env['TANDEM_SHARED_CALLS'] ?? 20);
const SIPP_CALLS_PER_SECOND = SIPP_CALLS > 100 ? 25 : 5;
const LONG = { timeoutMs: 60_000 };
const LASTING = Number.POSITIVE_INFINITY;

interface Node {
  readonly name: string;
  readonly machine: LanMachine;
  readonly engine: EngineProcess;
  readonly keepalived: Child;
}

describe.skipIf(peersSkipped)('two nodes that share an address by VRRP (keepalived)', () => {
  let folder: string;
  const phones: Phone[] = [];
  const nodes: Node[] = [];
  let lan: Lan;
  let server: RedisServer;
  let redis: Redis;
  let shared: string;
  let alice: Phone;
  let bob: Phone;
  let carrier: Phone;
  let sippPorts: number[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-vrrp-'));
    lan = makeLan(2);
    shared = lan.spare(10);
    server = await startRedis({ args: ['--bind', '127.0.0.1', lan.here, '--protected-mode', 'no'] });
    redis = new Redis(server.url);
    carrier = await phone('4930123456');
    sippPorts = [await freePort(lan.here), await freePort(lan.here)];
    const environment = { TANDEM_STORE_KEY: randomBytes(32).toString('base64'), TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN };
    for (const [index, machine] of lan.machines.entries()) {
      // So that the address can be listened on before it is there.
      machine.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind');
      const name = `node-${index + 1}`;
      const engine = await startEngineProcess({
        provisioning: provisioning(),
        settings: {
          node: name,
          listen: [
            { transport: 'udp', host: machine.address, port: 5060, publicHost: shared },
            { transport: 'udp', host: shared, port: 5060 },
          ],
          store: { kind: 'redis', url: `redis://${lan.here}:${server.port}`, path: join(folder, name) },
          api: { host: machine.address, port: 8080, requestsPerMinute: 1_000_000 },
          timers: { attemptMs: 800, failedTargetMs: 0, drainMs: 3_000 },
        },
        environment,
        wrapper: machine.wrapper,
      });
      const other = lan.machines[1 - index] as LanMachine;
      nodes.push({ name, machine, engine, keepalived: startKeepalived(name, machine, other) });
      // The first to be ready has it.
      if (index === 0) await eventually('the address at the first', () => has(nodes[0] as Node), { timeoutMs: 15_000 });
    }
    [alice, bob] = [await phone('101'), await phone('102')];
    for (const each of [alice, bob]) expect((await each.register(`${shared}:5060`)).status).toBe(200);
  }, 90_000);
  afterAll(async () => {
    for (const each of phones.splice(0)) each.close();
    redis?.disconnect();
    await Promise.all(nodes.splice(0).flatMap(({ engine, keepalived }) => [engine.stop(), keepalived.stop()]));
    await server?.stop();
    lan?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Carriers at this machine: the one that is a {@link Phone} behind 9, two SIPps behind 7 and 8. */
  function provisioning() {
    const trunks = [portOf(carrier), ...sippPorts].map((port, index) =>
      carrierTrunk(port, { id: String(index + 1), name: `carrier-${index}`, host: lan.here }),
    );
    const outboundRules = trunks.map(({ name }, index) => ({
      name,
      match: { prefixes: [String(9 - index)] },
      routes: [{ trunk: name, strip: 1, prepend: '+' }],
    }));
    const [rule] = acme().inboundRules ?? [];
    const inboundRules = rule === undefined ? [] : [{ ...rule, trunk: 'carrier-0' }];
    return { tenants: [acme({ outboundRules, inboundRules })], trunks };
  }

  /** SIPp calls SIPp, until one of them is told that its call has moved. */
  async function startCalls(which: 1 | 2, caller: string, answerer: string): Promise<[Sipp, Sipp]> {
    const many = {
      calls: SIPP_CALLS / 2,
      limit: SIPP_CALLS,
      timeoutSeconds: 100,
      traceMessages: false,
      extraArguments: ['-aa'],
    };
    const at = { ...many, localHost: lan.here };
    const called = `${9 - which}15551234`;
    return [
      // SIPp answers to where the call's first packet came from, which is the machine that ends.
      await startAnswerer(answerer, {
        ...at,
        extraArguments: ['-aa', '-rsa', address()],
        localPort: sippPorts[which - 1] as number,
      }),
      await startCaller(caller, address(), { ...at, callsPerSecond: SIPP_CALLS_PER_SECOND, keys: { called } }),
    ];
  }

  async function phone(user: string): Promise<Phone> {
    const made = await new Phone(user, lan.here).open();
    phones.push(made);
    return made;
  }

  /** The configuration as it is, with this machine's addresses and interface. */
  function startKeepalived(name: string, machine: LanMachine, other: LanMachine): Child {
    const text = readFileSync(CONFIGURATION, 'utf8')
      .replaceAll('10.0.0.10/24', `${shared}/24`)
      .replaceAll(/10\.0\.0\.1\b/g, machine.address)
      .replaceAll(/10\.0\.0\.2\b/g, other.address)
      .replaceAll('127.0.0.1:8080', `${machine.address}:8080`)
      .replace('interface eth0', `interface ${LAN_INTERFACE}`);
    const file = join(folder, `${name}.conf`);
    writeFileSync(file, text);
    const files = ['-f', file, '-p', join(folder, `${name}.pid`), '-r', join(folder, `${name}.vrrp.pid`)];
    const [command = '', ...args] = [...machine.wrapper, peerCommand('keepalived'), '-P', '-n', '-l', '-D', ...files];
    return startChild(command, args);
  }

  const has = ({ keepalived }: Node) =>
    /Entering (MASTER|BACKUP|FAULT) STATE(?![\s\S]*Entering)/.exec(keepalived.output())?.[1] === 'MASTER';
  const api = ({ machine }: Node, path: string) => ask(`http://${machine.address}:8080`, 'GET', path);
  const live = async (node: Node) =>
    Number(/^tandem_calls_live (\d+)$/m.exec(String((await api(node, '/metrics')).body))?.[1] ?? Number.NaN);
  /** Calls of a node that the store has as answered. */
  const kept = async (node: Node) => {
    const documents = await redis.hvals(`tandem:{tandem}:calls:${node.name}`);
    return documents.filter((document) => document.includes('"answeredAtMs"')).length;
  };
  /** Whether it has the call to bob's phone as one that rings there. */
  const ringsAtBob = async (node: Node) => {
    const documents = await redis.hvals(`tandem:{tandem}:calls:${node.name}`);
    return documents.some((document) => /"waiting-1".*INVITE sip:102@.*"asked"/.test(document));
  };
  const recordsFrom = async (node: Node, offset: number) =>
    (await api(node, `/api/v1/call-records?limit=1000&offset=${offset}`)).body.items as {
      callId: string;
      status: number;
      talkMs: number;
      trunk?: string;
      hungUpBy?: string;
    }[];
  const address = () => `${shared}:5060`;
  const byes = ({ heard }: Phone) => heard.filter((method) => method === 'BYE').length;

  test(`kill -9 of the node that has the address: ${CALLS} calls and ${SIPP_CALLS} of SIPp go on, phones are reached and reach it without registering anew`, async () => {
    const [a, b] = nodes as [Node, Node];
    const calls: Called[] = [];
    for (let call = 0; call < CALLS / 2; call++) calls.push(await alice.call(address(), '102', LASTING));
    for (let call = 0; call < CALLS / 2; call++) calls.push(await alice.call(address(), '94930123456', LASTING));
    expect(calls.map(({ status }) => status)).toEqual(calls.map(() => 200));
    for (const { response } of calls) expect(response.headers.value(HeaderId.Contact)).toContain(`@${address()}`);
    // Toward the carrier as well, whatever address of the machine it comes from.
    for (const { request } of carrier.invites)
      expect(request.headers.value(HeaderId.Contact)).toContain(`@${address()}`);
    const byCaller = await startCalls(1, 'phone-call-until-told', 'answer-update');
    const byCarrier = await startCalls(2, 'phone-answered-call', 'answer-until-told');
    await eventually('their snapshots', async () => (await kept(a)) === CALLS + SIPP_CALLS, LONG);
    bob.answers = 180;
    const rings = alice.call(address(), '102', LASTING);
    await eventually('the one that rings in the store', () => ringsAtBob(a), LONG);
    bob.answers = 200;
    const [cancels, invites] = [bob.heard.filter((method) => method === 'CANCEL').length, bob.invites.length];
    await eventually('the other node is ready', async () => (await api(b, '/readyz')).status === 200);
    const [killedAtMs, killedAtWallMs] = [performance.now(), Date.now()];
    a.engine.child.signal('SIGKILL');
    await eventually('the address at the other', () => has(b), { timeoutMs: 15_000 });
    console.log(`the address had moved ${Math.round(performance.now() - killedAtMs)} ms after the kill`);
    // The phone rings on, and its answer is the other node's to give to the caller.
    await eventually('the call that rings at the other', () => ringsAtBob(b), LONG);
    bob.pickUp();
    // RFC 3261 §13.3.1.4.
    const again = setInterval(() => bob.pickUp(), 500);
    const pickedUp = await rings.finally(() => clearInterval(again));
    expect(pickedUp.status).toBe(200);
    expect([bob.heard.filter((method) => method === 'CANCEL').length, bob.invites.length]).toEqual([cancels, invites]);
    expect((await alice.hangUp(address(), pickedUp)).status).toBe(200);
    const [toBob, toCarrier] = [calls.slice(0, CALLS / 2), calls.slice(CALLS / 2)];
    const answers = await Promise.all([
      ...toBob.map((call) => alice.hangUp(address(), call)),
      ...carrier.invites.map(({ request }) => carrier.hangUpOn(address(), request)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(calls.map(() => 200));
    await eventually('the BYEs at bob', () => byes(bob) === toBob.length + 1, LONG);
    await eventually('the BYEs at alice', () => byes(alice) === toCarrier.length);
    await allWell(...byCaller, ...byCarrier);
    await eventually('no call to be left', async () => (await live(b)) === 0, LONG);
    const takenAt = [...b.engine.child.output().matchAll(/"time":"?([^",]+)"?[^\n]*"event":"calls-taken-over"/g)];
    const tookMs = new Date(takenAt.at(-1)?.[1] ?? Number.NaN).getTime() - killedAtWallMs;
    console.log(`${CALLS + SIPP_CALLS} calls taken over ${tookMs} ms after the kill`);
    // 1.4 s on a machine that has nothing else to do.
    expect(tookMs).toBeLessThan(3_000);
    const records = [...(await recordsFrom(b, 0)), ...(await recordsFrom(b, 1000))];
    expect(new Set(records.map(({ callId }) => callId)).size).toBe(records.length);
    const ofSipp = records.filter(({ trunk }) => trunk === 'carrier-1' || trunk === 'carrier-2');
    expect([records.length, ofSipp.length]).toEqual([CALLS + SIPP_CALLS + 1, SIPP_CALLS]);
    expect(records.every(({ status, talkMs }) => status === 200 && talkMs > 0)).toBe(true);
    for (const [trunk, hungUpBy] of [
      ['carrier-1', 'caller'],
      ['carrier-2', 'callee'],
    ])
      expect(ofSipp.filter((record) => record.trunk === trunk && record.hungUpBy === hungUpBy)).toHaveLength(
        SIPP_CALLS / 2,
      );
    expect((await alice.call(address(), '102')).status).toBe(200);
    expect((await carrier.call(address(), '14155550102')).status).toBe(200);
  }, 120_000);

  test('a node drains: the address moves first, no call is refused, and its calls go on at the other', async () => {
    const [a, b] = nodes as [Node, Node];
    a.engine.child.signal('SIGKILL');
    await eventually('the address at the other', () => has(b), { timeoutMs: 15_000 });
    await a.engine.restart();
    await eventually('the first is ready again', async () => (await api(a, '/readyz')).status === 200);
    await eventually('each to know the other', async () =>
      /^tandem_nodes 2$/m.test(String((await api(b, '/metrics')).body)),
    );
    await eventually(
      'keepalived to have seen it',
      () => /ready.* succeeded[\s\S]*succeeded/.test(a.keepalived.output()),
      { timeoutMs: 10_000 },
    );
    const up = await alice.call(address(), '94930123456', LASTING);
    const heard = byes(carrier);
    b.engine.child.signal('SIGTERM');
    const statuses: number[] = [];
    const moved = eventually('the address at the first', () => has(a), { timeoutMs: 15_000 });
    let isOver = false;
    void moved.then(() => {
      isOver = true;
    });
    while (!isOver) statuses.push((await alice.call(address(), '102')).status);
    await moved;
    statuses.push((await alice.call(address(), '102')).status);
    expect([...new Set(statuses)]).toEqual([200]);
    await b.engine.child.exited;
    expect(byes(carrier)).toBe(heard);
    expect((await alice.hangUp(address(), up)).status).toBe(200);
    await eventually('the BYE at the carrier', () => byes(carrier) === heard + 1);
  });
});

function portOf({ contact }: Phone): number {
  return Number(contact.slice(contact.lastIndexOf(':') + 1));
}
