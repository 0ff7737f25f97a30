import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ownPortOf } from '../../src/settings/workers.ts';
import { HeaderId, serialize } from '../../src/sip/message/index.ts';
import { type EngineProcess, startEngineProcess } from '../kit/engine-process.ts';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/free-port.ts';
import { peersSkipped } from '../kit/peers.ts';
import { WorkerProcesses } from '../kit/worker-processes.ts';
import { type Answer, ask, SYSTEM_TOKEN } from './faults/rest.ts';
import { apiOf } from './nodes/cluster.ts';
import { Phone } from './nodes/phone.ts';
import { allWell, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

const WORKERS = 2;
const OUTSIDE = '915551234';
const FOR_EVER = Number.POSITIVE_INFINITY;
const OF_TRUNK = '/api/v1/call-records?trunk=1&limit=1000';

interface Listed {
  readonly items: readonly Record<string, unknown>[];
  readonly total: number;
}

describe.skipIf(peersSkipped)('workers: 2', () => {
  let engine: EngineProcess;
  let address: string;
  let carrierPort: number;
  let phones: readonly Phone[];
  /** A carrier that is pinged. */
  let pinged: Socket;
  let processes: WorkerProcesses;

  beforeAll(async () => {
    carrierPort = await freePort();
    pinged = createSocket('udp4');
    await new Promise<void>((resolve) => pinged.bind(0, '127.0.0.1', resolve));
    engine = await startEngineProcess({
      provisioning: {
        tenants: [acme()],
        trunks: [
          carrierTrunk(carrierPort, {
            tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199', concurrentCalls: 2 }],
          }),
          carrierTrunk(pinged.address().port, {
            id: '2',
            name: 'pinged',
            options: { verifyPort: true, keepAlive: { enabled: true, intervalSeconds: 60 } },
            tenants: [],
          }),
        ],
      },
      settings: {
        workers: WORKERS,
        node: 'many',
        // Workers do not need it to reach each other: it leads nowhere.
        advertise: { privateHost: '203.0.113.7' },
        limits: { backlogMs: 10_000, queueAgeMs: 60_000 },
      },
      environment: { TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN },
    });
    processes = new WorkerProcesses(engine, WORKERS);
    address = `127.0.0.1:${engine.port}`;
    phones = await Promise.all(['101', '102', '103'].map((user) => new Phone(user).open()));
    for (const phone of phones) expect((await phone.register(address)).status).toBe(200);
    await eventually('all phones at all workers', () => everyoneKnows(phones.length));
  }, 60_000);
  afterAll(async () => {
    for (const phone of phones ?? []) phone.close();
    pinged?.close();
    await engine?.stop();
  });

  const api = (method: string, path: string): Promise<Answer> => ask(apiOf(engine), method, path);
  const list = async (path: string) => (await api('GET', path)).body as Listed;
  const everyoneKnows = async (count: number) => {
    const text = await metrics();
    return [1, 2].every((worker) => text.includes(`tandem_registrations{worker="${worker}"} ${count}\n`));
  };
  const metrics = async () => String((await api('GET', '/metrics')).body);
  /** The worker, from 1, by the port that a Via or Contact says. */
  const workersIn = (text: string, field: string) => {
    const found = new Set<number>();
    for (let worker = 0; worker < WORKERS; worker++)
      if (new RegExp(`^${field}:.*:${ownPortOf(worker, engine.port)}\\b`, 'm').test(text)) found.add(worker + 1);
    return found;
  };

  test('phones register at the shared port, and every worker knows them', async () => {
    const one = await new Phone('103').open();
    onTestFinished(() => one.close());
    expect((await one.register(address)).status).toBe(200);
    const count = phones.length + 1;
    await eventually('the phone at all workers', () => everyoneKnows(count));
    expect((await list('/api/v1/registrations')).total).toBe(count);
    expect((await one.register(address, { expires: 0 })).status).toBe(200);
    await eventually('the phone gone from all', () => everyoneKnows(count - 1));
  });

  test('a trunk is pinged by one worker, and the others know what it has learnt', async () => {
    const pings: string[] = [];
    pinged.on('message', (octets, { port, address: from }) => {
      const text = octets.toString('latin1');
      if (!text.startsWith('OPTIONS ')) return;
      pings.push(text);
      const fields = text.split('\r\n').filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
      pinged.send(['SIP/2.0 200 OK', ...fields, 'Content-Length: 0', '', ''].join('\r\n'), port, from);
    });
    for (let round = 1; round <= 2; round++) {
      expect((await api('POST', '/api/v1/trunks/2/retry')).status).toBeLessThan(300);
      await eventually('a ping', () => pings.length >= round);
      await eventually('all workers to know', async () => {
        const up = (await metrics()).split('\n').filter((line) => /^tandem_trunk_up\{.*"pinged".*\} 1$/.test(line));
        return up.length === WORKERS;
      });
    }
    expect(new Set(pings.map((text) => /^Via: ([^;]*)/m.exec(text)?.[1])).size).toBe(1);
  });

  test('phones call each other through any worker; answers and requests within the dialog find it', async () => {
    const [alice, bob] = phones as [Phone, Phone];
    const seen = new Set<number>();
    for (let call = 0; call < 20 && seen.size < WORKERS; call++) {
      const called = await alice.call(address, '102');
      expect(called.status).toBe(200);
      for (const worker of workersIn(`Contact: ${called.response.headers.valueNamed('Contact')}`, 'Contact'))
        seen.add(worker);
    }
    expect([...seen].sort()).toEqual([1, 2]);
    await eventually(
      'each call ended at the callee',
      () => bob.heard.filter((method) => method === 'BYE').length === bob.invites.length,
    );
    await eventually('no call left', async () => (await list('/api/v1/calls')).total === 0);
  });

  test('copies of a request meet, whichever socket they come from', async () => {
    const [, , carol] = phones as [Phone, Phone, Phone];
    const before = carol.invites.length;
    const known = (await list(OF_TRUNK)).total;
    const carrier = createSocket('udp4');
    const another = createSocket('udp4');
    const statuses: string[] = [];
    carrier.on('message', (octets, from) => {
      const text = octets.toString('latin1');
      const fields = (names: RegExp) => text.split('\r\n').filter((line) => names.test(line));
      const say = (start: string, lines: readonly string[], port: number) =>
        carrier.send([start, ...lines, 'Content-Length: 0', '', ''].join('\r\n'), port, from.address);
      if (text.startsWith('BYE ')) say('SIP/2.0 200 OK', fields(/^(Via|From|To|Call-ID|CSeq):/), from.port);
      if (!text.includes('CSeq: 1 INVITE')) return;
      statuses.push(text.slice(8, 11));
      // As one that sends everything to the port that it knows: within the dialog it comes to the same worker.
      const via = `Via: SIP/2.0/UDP 127.0.0.1:${carrierPort};branch=z9hG4bKack`;
      if (text.startsWith('SIP/2.0 200'))
        say('ACK sip:a@127.0.0.1 SIP/2.0', [via, 'CSeq: 1 ACK', ...fields(/^(From|To|Call-ID):/)], engine.port);
    });
    try {
      await new Promise<void>((resolve) => carrier.bind(carrierPort, '127.0.0.1', resolve));
      const invite = [
        'INVITE sip:14155550103@127.0.0.1 SIP/2.0',
        `Via: SIP/2.0/UDP 127.0.0.1:${carrierPort};branch=z9hG4bKcopies`,
        'Max-Forwards: 70',
        'From: <sip:4930123456@127.0.0.1>;tag=copies',
        'To: <sip:14155550103@127.0.0.1>',
        `Contact: <sip:carrier@127.0.0.1:${carrierPort}>`,
        'Call-ID: copies-of-one@carrier',
        'CSeq: 1 INVITE',
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n');
      for (const socket of [carrier, another, carrier, another]) socket.send(invite, engine.port, '127.0.0.1');
      await eventually('an answer', () => statuses.includes('200'), { detail: () => statuses.join() });
      const ended = await eventually('the call', async () => (await list('/api/v1/calls')).items[0]);
      expect(carol.invites.length - before).toBe(1);
      expect((await api('DELETE', `/api/v1/calls/${String(ended['callId'])}`)).status).toBe(204);
      await eventually('no call left', async () => (await list('/api/v1/calls')).total === 0);
      await eventually('its record', async () => (await list(OF_TRUNK)).total === known + 1);
    } finally {
      carrier.close();
      another.close();
    }
  });

  test('RFC 5626 §8: a phone’s STUN keep-alive is answered from the port that it went to, whichever worker’s socket it comes to', async () => {
    const host = '127.0.0.3';
    const phone = await new Phone('103', host).open();
    // Of one address, and of so many ports that each worker’s socket has some.
    const sockets = Array.from({ length: 12 }, () => createSocket('udp4'));
    onTestFinished(() => {
      for (const socket of sockets) socket.close();
      phone.close();
    });
    expect((await phone.register(address)).status).toBe(200);
    await eventually('the phone at all workers', () => everyoneKnows(phones.length + 1));
    const answeredFrom = await Promise.all(
      sockets.map(async (socket) => {
        await new Promise<void>((resolve) => socket.bind(0, host, resolve));
        const answer = once(socket, 'message', { signal: AbortSignal.timeout(4_000) });
        const ask = () =>
          socket.send(Buffer.from('000100002112a442b7e7a701bc34d686fa87dfae', 'hex'), engine.port, '127.0.0.1');
        ask();
        const again = setInterval(ask, 500);
        const told = answer.then(
          ([octets, { port }]) => `${octets.toString('hex', 0, 2)} ${port}`,
          () => 'nothing',
        );
        return told.finally(() => clearInterval(again));
      }),
    );
    expect(answeredFrom).toEqual(sockets.map(() => `0101 ${engine.port}`));
    expect((await phone.register(address, { expires: 0 })).status).toBe(200);
    await eventually('the phone gone from all', () => everyoneKnows(phones.length));
  });

  test('calls out and in over a trunk are spread over the workers, whoever hangs up', async () => {
    // Dealt by Call-IDs that nobody chooses.
    const calls = 16;
    const known = (await list(OF_TRUNK)).total;
    const [out] = await allWell(
      await startAnswerer('answer', { localPort: carrierPort, calls }),
      await startCaller('phone-call', address, { calls, limit: 1, callsPerSecond: 20, pauseMs: 20 }),
    );
    expect([...workersIn(out?.messages ?? '', 'Via')].sort()).toEqual([1, 2]);
    const [called] = await allWell(
      await startCaller('trunk-call', address, {
        localPort: carrierPort,
        calls,
        limit: 1,
        callsPerSecond: 20,
        pauseMs: 20,
        keys: { called: '14155550102' },
      }),
    );
    expect([...workersIn(called?.messages ?? '', 'Contact')].sort()).toEqual([1, 2]);
    await allWell(
      await startAnswerer('answer-then-hang-up', { localPort: carrierPort, calls: 4 }),
      await startCaller('phone-answered-call', address, { calls: 4, limit: 1, pauseMs: 20 }),
    );
    await eventually('a record of each call', async () => {
      const { items, total } = await list(OF_TRUNK);
      const begun = items.map(({ startedAt }) => String(startedAt));
      expect(begun).toEqual(begun.toSorted().reverse());
      return total === known + 2 * calls + 4;
    });
  });

  test('a limit holds over all workers, and a worker that is killed costs the others nothing and comes back with its calls', async () => {
    const carrier = await startAnswerer('answer', { localPort: carrierPort, calls: 2 });
    const [alice, bob] = phones as [Phone, Phone];
    const workersOf = async () => {
      const text = await metrics();
      return [1, 2].map((worker) =>
        Number(new RegExp(`^tandem_calls_live\\{worker="${worker}"\\} (\\d+)`, 'm').exec(text)?.[1]),
      );
    };
    // Calls of before are counted at the other worker until it hears of their ends, 50 ms later.
    const answered = (phone: Phone) =>
      eventually('its call to be let in', async () => {
        const call = await phone.call(address, OUTSIDE, FOR_EVER);
        return call.status === 200 && call;
      });
    const held = [await answered(alice), await answered(bob)] as const;
    await eventually('both calls', async () => (await list('/api/v1/calls?state=answered')).total === 2);
    const [one = 0, two = 0] = await workersOf();
    expect(one + two).toBe(2);
    // Dealt to either worker: one that counted its own calls alone would take one of them.
    const more = await Promise.all(
      [1, 2, 3, 4].map(() => startCaller('phone-refused', address, { keys: { user: '103' } })),
    );
    for (const { messages } of await allWell(...more)) expect(messages).toContain('SIP/2.0 503 ');
    const victim = one > 0 ? 1 : 2;
    await eventually('both in the store', () => keptCalls(engine.dataFolder) === 2);
    await processes.kill(victim);
    expect((await list('/api/v1/calls?state=answered')).total).toBe(2);
    expect((await alice.hangUp(address, held[0])).status).toBe(200);
    expect((await bob.hangUp(address, held[1])).status).toBe(200);
    await allWell(carrier);
    await eventually('no call left', async () => (await list('/api/v1/calls')).total === 0);
    expect((await alice.register(address)).status).toBe(200);
  });

  test('a call that rings at a worker that is killed rings on: its callee answers the process after, and the caller is connected, with one record', async () => {
    const [, bob, carol] = phones as [Phone, Phone, Phone];
    bob.answers = 200;
    // It hangs up at once, by itself.
    expect((await carol.call(address, '102')).status).toBe(200);
    await eventually('the end of a call before', () => bob.heard.at(-1) === 'BYE');
    const [worker = 0] = workersIn(serialize((bob.invites.at(-1) as Phone['invites'][number]).request), 'Via');
    const [invited, left] = [bob.invites.length, bob.heard.length];
    // Calls of before leave it behind their ends.
    await eventually('an empty store', () => keptCalls(engine.dataFolder) === 0);
    bob.answers = 180;
    // At the worker that the callee is at: a half that rings for another worker is not kept, that one places its call again.
    const there = `127.0.0.1:${ownPortOf(worker - 1, engine.port)}`;
    const calling = carol.call(there, '102', FOR_EVER);
    await eventually('it to ring', () => bob.invites.length === invited + 1);
    const { request } = bob.invites.at(-1) as Phone['invites'][number];
    expect(request.headers.value(HeaderId.MaxForwards)).toBe('69');
    await eventually('the call in the store', () => keptCalls(engine.dataFolder) === 1);
    await processes.kill(worker);
    bob.pickUp();
    const call = await calling;
    expect([call.status, bob.invites.length]).toEqual([200, invited + 1]);
    expect((await carol.hangUp(there, call)).status).toBe(200);
    await eventually('the BYE at the callee', () => bob.heard.slice(left).includes('BYE'));
    // Of a worker that was killed earlier records are in its file alone.
    const records = await eventually('its record', async () => {
      const { items } = await list('/api/v1/call-records?limit=1000');
      const own = items.filter(({ sipCallIds }) => (sipCallIds as string[]).includes(call.response.callId()));
      return own.length > 0 && own;
    });
    expect(records).toMatchObject([{ status: 200, hungUpBy: 'caller' }]);
    await eventually('nothing left in the store', () => keptCalls(engine.dataFolder) === 0);
  });

  describe('a call to a phone at another worker, one of which is killed before it is answered', () => {
    /** Where the phones are, from 1; and where whoever calls through the other worker sends to. */
    let [atPhone, atCaller] = [0, 0];
    let there: string;
    let invited: number;

    beforeEach(async () => {
      const [, bob, carol] = phones as [Phone, Phone, Phone];
      bob.answers = 200;
      const left = bob.heard.length;
      // It hangs up at once, by itself.
      expect((await carol.call(address, '102')).status).toBe(200);
      await eventually('the end of a call before', () => bob.heard.slice(left).includes('BYE'));
      [atPhone = 0] = workersIn(serialize((bob.invites.at(-1) as Phone['invites'][number]).request), 'Via');
      atCaller = WORKERS + 1 - atPhone;
      there = `127.0.0.1:${ownPortOf(atCaller - 1, engine.port)}`;
      await eventually('an empty store', () => keptCalls(engine.dataFolder) === 0);
      invited = bob.invites.length;
    });

    const calls = async (bob: Phone, carol: Phone) => {
      const calling = carol.call(there, '102', FOR_EVER);
      await eventually('it to be asked', () => bob.invites.length === invited + 1);
      const { request } = bob.invites.at(-1) as Phone['invites'][number];
      expect([...workersIn(serialize(request), 'Via')]).toEqual([atPhone]);
      return { calling, request };
    };

    test('the callee’s: the caller goes on to the phone’s own address', async () => {
      const [, bob, carol] = phones as [Phone, Phone, Phone];
      bob.answers = 180;
      const { calling } = await calls(bob, carol);
      await eventually('it to ring at the caller’s', () => keptCalls(engine.dataFolder) === 1);
      const killedAtMs = performance.now();
      const back = processes.kill(atPhone);
      const again = await eventually('the next INVITE', () => bob.invites[invited + 1], { timeoutMs: 10_000 });
      console.log(`the phone was asked at its own address ${Math.round(again.atMs - killedAtMs)} ms after the kill`);
      expect([...workersIn(serialize(again.request), 'Via')]).toEqual([atCaller]);
      bob.pickUp();
      const call = await calling;
      expect(call.status).toBe(200);
      expect((await carol.hangUp(there, call)).status).toBe(200);
      await back;
    });

    test('the callee’s, and nobody is at the phone’s own address: the caller gets 480', async () => {
      const [, bob, carol] = phones as [Phone, Phone, Phone];
      bob.answers = 180;
      const { calling } = await calls(bob, carol);
      await eventually('it to ring at the caller’s', () => keptCalls(engine.dataFolder) === 1);
      bob.answers = 0;
      const killedAtMs = performance.now();
      const back = processes.kill(atPhone);
      expect((await calling).status).toBe(480);
      const passedMs = Math.round(performance.now() - killedAtMs);
      console.log(`the caller got 480 ${passedMs} ms after the kill`);
      expect(passedMs).toBeLessThan(10_000);
      await back;
    });

    test('the caller’s: the callee is cancelled', async () => {
      const [, bob] = phones as [Phone, Phone];
      const caller = await new Phone('103').open();
      // What rings at the caller's is in the store, and goes on.
      bob.answers = 100;
      const { request } = await calls(bob, caller);
      // A copy of his INVITE would begin another call at the process after.
      caller.close();
      const killedAtMs = performance.now();
      const back = processes.kill(atCaller);
      await eventually('the CANCEL', () => bob.cancelled.has(request.callId()), { timeoutMs: 10_000 });
      console.log(`the callee was cancelled ${Math.round(performance.now() - killedAtMs)} ms after the kill`);
      await back;
    });
  });

  test('SIGTERM ends all processes in order', async () => {
    const pids = [1, 2].map((worker) => processes.pidOf(worker));
    engine.child.signal('SIGTERM');
    expect(await engine.child.exited).toBe(0);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
  });
});

function keptCalls(dataFolder: string): number {
  const database = new DatabaseSync(join(dataFolder, 'live.db'), { readOnly: true });
  try {
    return Number(database.prepare('SELECT count(*) AS count FROM call').get()?.['count']);
  } finally {
    database.close();
  }
}
