import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CallStore } from '../../../src/call/index.ts';
import {
  addDescription,
  createResponse,
  HeaderId,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../../src/sip/message/index.ts';
import { SimulatedNetwork } from '../../kit/simulated-network.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { Life, SharedMemory, SharedStore } from '../lives.ts';
import { type Agent, CARRIER_A, ENGINE, type Phone, SDP, World, type WorldOptions } from '../world.ts';

const SECRET = new Uint8Array(32).fill(7);

const OPTIONS: WorldOptions = { trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'off' } } } } };

let store: CallStore & Pick<SharedStore, 'documents'>;
let life: Life;
let world: World;
let alice: Phone;
let carrier: Agent;

async function start(options = OPTIONS): Promise<void> {
  store = new SharedStore();
  const scheduler = new VirtualScheduler();
  world = await begin(options, { scheduler, network: new SimulatedNetwork(scheduler) });
  alice = world.phone('101', '203.0.113.1');
  carrier = world.agent(CARRIER_A);
}

async function begin(options: WorldOptions, after: NonNullable<WorldOptions['after']>): Promise<World> {
  life = new Life(after.scheduler);
  return World.start({ ...options, after, engine: { scheduler: life, callStore: store, nonceSecret: SECRET } });
}

async function settle(ms = 300): Promise<void> {
  world.run(ms);
  await world.turn();
}

/** In steps, so that it tells the store that it lives. */
async function pass(seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed++) await settle(1_000);
}

/** The process ends without a word; the next one of the node has its address. */
async function restart(options = OPTIONS): Promise<void> {
  life.isOver = true;
  world.run(1_000);
  world = await begin(options, world);
  await settle();
}

const finals = (invite: SipRequest) =>
  alice
    .responses(invite.callId())
    .filter(
      ({ status, headers }) => status >= 200 && headers.value(HeaderId.CSeq) === `${invite.cseq().sequence} INVITE`,
    );

describe('a call rings when its process ends, and its callee’s answer comes to the next one', () => {
  let invite: SipRequest;
  let asked: SipRequest;
  let ringing: SipResponse;

  beforeEach(async () => {
    await start();
    invite = alice.call('18005550199');
    asked = carrier.took('INVITE');
    carrier.answer(asked, 180, 'Ringing');
    await settle();
    ringing = alice.responses(invite.callId()).find(({ status }) => status === 180) as SipResponse;
    expect(store.documents.size).toBe(1);
    await restart();
    // Nobody is asked anew, and nobody hears that the ringing has an end.
    expect(carrier.requests()).toHaveLength(1);
  });

  // Until everything that is owed to anybody has ended.
  afterEach(async () => {
    for (const call of [...world.engine.calls.list()]) world.engine.calls.end(call.id);
    world.scheduler.runUntilIdle(3600_000);
    await settle();
    await settle();
    expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
    expect(store.documents.size).toBe(0);
  });

  test('the 2xx is acknowledged and given to the caller with his Via and the tag that he knows; BYE ends both sides, with one record', async () => {
    carrier.answer(asked, 200, 'OK', {}, SDP);
    const [ok] = finals(invite);
    expect(ok).toMatchObject({ status: 200, body: SDP });
    expect(ok?.toTag()).toBe(ringing.toTag());
    expect(ok?.topVia().branch).toBe(invite.topVia().branch);
    expect(carrier.took('ACK').cseq().sequence).toBe(asked.cseq().sequence);
    alice.ack(invite, ok as SipResponse);
    await settle();
    expect(alice.ask(alice.within(invite, ok as SipResponse, 'BYE')).status).toBe(200);
    const bye = carrier.took('BYE');
    expect(bye.fromTag()).toBe(asked.fromTag());
    expect(bye.cseq().sequence).toBeGreaterThan(asked.cseq().sequence);
    carrier.answer(bye, 200);
    await settle();
    expect(world.observed.ended).toMatchObject([{ status: 200, endReason: 'bye', endedBy: 'caller', takeovers: 1 }]);
  });

  test('a refusal is given to the caller, and nobody is asked anew', async () => {
    carrier.answer(asked, 486, 'Busy Here');
    expect(finals(invite)).toMatchObject([{ status: 486 }]);
    expect(carrier.requests('ACK')).toHaveLength(1);
    alice.ack(invite, finals(invite)[0] as SipResponse);
    await settle(3_000);
    expect(carrier.requests('INVITE')).toHaveLength(1);
    expect(world.observed.ended).toMatchObject([{ status: 486 }]);
  });

  test('the caller gives up: the callee is cancelled in the transaction that it knows', async () => {
    alice.send(alice.request('CANCEL', invite.requestUri, copied(invite, 'CANCEL')));
    world.run(50);
    const cancel = carrier.took('CANCEL');
    expect(cancel.topVia().branch).toBe(asked.topVia().branch);
    carrier.answer(cancel, 200);
    carrier.answer(asked, 487, 'Request Terminated');
    expect(finals(invite)).toMatchObject([{ status: 487 }]);
    alice.ack(invite, finals(invite)[0] as SipResponse);
    expect(carrier.requests('ACK')).toHaveLength(1);
    await settle();
    expect(world.observed.ended).toMatchObject([{ status: 487, endedBy: 'caller' }]);
  });

  test('that process ends as well: a third one goes on', async () => {
    await restart();
    expect(carrier.requests()).toHaveLength(1);
    carrier.answer(asked, 200, 'OK', {}, SDP);
    expect(finals(invite)).toMatchObject([{ status: 200 }]);
    expect(finals(invite)[0]?.toTag()).toBe(ringing.toTag());
    expect([...world.engine.calls.list()].map(({ id }) => world.engine.calls.get(id)?.record.takeovers)).toEqual([2]);
  });

  test('nobody answers, and the time to ring is over: the caller is told so, the callee is cancelled, and a minute later nothing is left', async () => {
    await settle(300_000);
    expect(finals(invite)[0]?.status).toBe(480);
    alice.ack(invite, finals(invite)[0] as SipResponse);
    expect(carrier.requests('CANCEL')).toHaveLength(1);
    await settle(60_000);
    expect(world.held()).toMatchObject({ calls: 0, legs: 0 });
  });
});

describe('RFC 3323 §4.1: who rings in private is not told of by its own fields after the process has ended, nor after the next one', () => {
  const OWN = { headers: { relay: { trunk: ['X-Account'] } } };
  const account = ({ headers }: SipResponse) => headers.fieldValuesNamed('X-Account');

  test.each([
    ['private', { Privacy: 'id' }, []],
    ['open', {}, ['Bob']],
  ])('%s', async (_what, fields, expected) => {
    for (const [status, reason] of [
      [200, 'OK'],
      [486, 'Busy Here'],
    ] as const) {
      const options = { ...OPTIONS, acme: OWN };
      await start(options);
      const invite = alice.call('18005550199');
      const asked = carrier.took('INVITE');
      carrier.answer(asked, 180, 'Ringing', fields);
      await settle();
      await restart(options);
      await restart(options);
      carrier.answer(asked, status, reason, { 'X-Account': 'Bob' }, status === 200 ? SDP : '');
      expect(finals(invite).map(account)).toEqual([expected]);
      alice.ack(invite, finals(invite)[0] as SipResponse);
      for (const call of [...world.engine.calls.list()]) world.engine.calls.end(call.id);
      await settle(60_000);
    }
  });
});

describe('the caller was told a description while it rang (RFC 3261 §13.2.1)', () => {
  const OTHER_SDP = SDP.replace('t=0 0', 's=other\r\nt=0 0');
  let invite: SipRequest;
  let asked: SipRequest;
  let told: SipResponse;

  async function told183(fields: Record<string, string> = {}): Promise<void> {
    await start();
    invite = alice.call('18005550199');
    asked = carrier.took('INVITE');
    carrier.answer(asked, 183, 'Session Progress', fields, SDP);
    await settle();
    for (const prack of carrier.requests('PRACK')) carrier.answer(prack, 200);
    await settle();
    told = alice.responses(invite.callId()).find(({ status }) => status === 183) as SipResponse;
    expect(told.body).toBe(SDP);
    await restart();
  }

  test.each([
    ['in which nobody says it again', '', SDP],
    ['in which another one is said', OTHER_SDP, OTHER_SDP],
  ])('his 2xx has one, under the tag that he knows: one %s', async (_what, said, heard) => {
    await told183({ Require: '100rel', RSeq: '1' });
    carrier.answer(asked, 200, 'OK', {}, said);
    expect(finals(invite)).toMatchObject([{ status: 200, body: heard }]);
    expect(finals(invite)[0]?.toTag()).toBe(told.toTag());
  });

  test('a third process knows it as well', async () => {
    await told183({ Require: '100rel', RSeq: '1' });
    carrier.answer(asked, 180, 'Ringing');
    await settle();
    await restart();
    carrier.answer(asked, 200, 'OK');
    expect(finals(invite)).toMatchObject([{ status: 200, body: SDP }]);
    expect(finals(invite)[0]?.toTag()).toBe(told.toTag());
  });

  test('another callee describes his own in a dialog of its own', async () => {
    await told183();
    const answer = createResponse(asked, 200, 'OK', { toTag: 'of-another' });
    answer.headers.add(HeaderId.Contact, `<sip:${carrier.host}>`);
    addDescription(answer, OTHER_SDP);
    carrier.send(answer);
    world.run(20);
    expect(finals(invite)).toMatchObject([{ status: 200, body: OTHER_SDP }]);
    expect(finals(invite)[0]?.toTag()).not.toBe(told.toTag());
  });
});

test('it rings for as long as it may in all, over however many processes, and its record begins with it', async () => {
  await start();
  const beganAtMs = world.scheduler.wallMs();
  const invite = alice.call('18005550199');
  const ringsAtMs = world.scheduler.wallMs();
  carrier.answer(carrier.took('INVITE'), 180, 'Ringing');
  for (const seconds of [70, 50, 30]) {
    await pass(seconds);
    await restart();
  }
  await pass(Math.floor(179 - (world.scheduler.wallMs() - beganAtMs) / 1_000));
  expect(finals(invite)).toEqual([]);
  await settle(2_000);
  expect(finals(invite)[0]?.status).toBe(480);
  alice.ack(invite, finals(invite)[0] as SipResponse);
  carrier.answer(carrier.took('CANCEL'), 200);
  carrier.answer(carrier.took('INVITE'), 487, 'Request Terminated');
  await settle(60_000);
  const [record] = world.observed.ended;
  const { startedAtMs = 0, ringingAtMs = 0, attempts = [] } = record ?? {};
  expect([startedAtMs - beganAtMs, ringingAtMs - ringsAtMs].map((ms) => ms >= 0 && ms < 250)).toEqual([true, true]);
  expect(attempts).toHaveLength(1);
});

test('an INVITE that goes on is let in though its nonce has run out since it came', async () => {
  await start();
  const first = alice.call('18005550199');
  carrier.answer(carrier.took('INVITE'), 486, 'Busy Here');
  alice.ack(first, finals(first)[0] as SipResponse);
  // A phone uses a nonce for as long as it is taken: 300 s.
  await pass(240);
  const invite = withCredentials(alice, alice.invite('18005550199'));
  alice.send(invite);
  world.run(50);
  const asked = carrier.took('INVITE', 1);
  carrier.answer(asked, 180, 'Ringing');
  await pass(70);
  await restart();
  expect(finals(invite)).toEqual([]);
  carrier.answer(asked, 200, 'OK', {}, SDP);
  expect(finals(invite)).toMatchObject([{ status: 200 }]);
  // A new one needs a new nonce as ever.
  const late = withCredentials(alice, alice.invite('18005550199'));
  expect(alice.ask(late).status).toBe(407);
});

test('whoever waits for a call has nobody else’s INVITE let in again in its place', async () => {
  await start();
  const invite = alice.call('18005550199');
  carrier.answer(carrier.took('INVITE'), 180, 'Ringing');
  const other = world.phone('102', '203.0.113.1');
  const own = other.call('18005550198');
  carrier.answer(carrier.took('INVITE', 1), 180, 'Ringing');
  await pass(2);
  expect(store.documents.size).toBe(2);
  await restart();
  // Behind one address, from another port, so that it is no copy of what has come.
  const sentFrom = own.headers.value(HeaderId.Via)?.replace('203.0.113.1:5060', '203.0.113.1:5070') ?? '';
  for (const [callId, address] of [
    [invite.callId(), '203.0.113.1'],
    [own.callId(), '203.0.113.1'],
    [own.callId(), '203.0.113.9'],
  ] as const) {
    const thief = world.agent(address, 5070);
    const stolen = parseMessage(serialize(invite)) as SipRequest;
    stolen.headers.set(HeaderId.Via, sentFrom);
    stolen.headers.set(HeaderId.CallId, callId);
    stolen.headers.set(HeaderId.From, `<sip:101@acme.example.com>;tag=${world.next()}`);
    thief.send(stolen);
    world.run(50);
    expect(thief.responses().map(({ status }) => status)).toContain(407);
  }
  await settle(1_000);
  expect(carrier.requests('INVITE')).toHaveLength(2);
});

test('a callee that is not asked any more when the process is back is cancelled; its 2xx that crosses that is acknowledged and left with BYE', async () => {
  await start();
  const invite = alice.call('18005550199');
  const asked = carrier.took('INVITE');
  carrier.answer(asked, 180, 'Ringing');
  await settle();
  const document = [...store.documents][0] as [string, string];
  // As if another target stood there.
  store.documents.set(document[0], document[1].replaceAll(`"address":"${CARRIER_A}"`, '"address":"192.0.2.99"'));
  const old = world.network.peer('192.0.2.99');
  await restart();
  await settle(3_000);
  expect(old.received.map((text) => text.slice(0, text.indexOf(' ')))).toContain('CANCEL');
  const ok = answerTo(asked, '200 OK', [`Contact: <sip:192.0.2.99>`]);
  old.send(ok, ENGINE);
  await settle();
  const heard = old.received.map((text) => parseMessage(text) as SipRequest);
  expect(heard.filter(({ method }) => method === 'ACK')).toHaveLength(1);
  expect(heard.find(({ method }) => method === 'BYE')?.callId()).toBe(asked.callId());
  // The caller's call is that of whom the next process has asked.
  expect(carrier.requests('INVITE')).toHaveLength(2);
  expect(finals(invite)).toEqual([]);
});

describe.each([
  ['tcp', 5060],
  ['tls', 5061],
] as const)('over a trunk that is reached over %s', (transport, listening) => {
  const overTcp: WorldOptions = {
    settings: {
      listen: [
        { transport: 'udp', host: ENGINE, port: 5060 },
        { transport: 'tcp', host: ENGINE, port: 5060 },
        { transport: 'tls', host: ENGINE, port: 5061, certificate: import.meta.filename, key: import.meta.filename },
      ],
    },
    trunks: { 'carrier-a': { transport, port: listening, options: { sessionTimer: { mode: 'off' } } } },
  };

  test('whoever rings there is answered over the connection that its 2xx makes', async () => {
    await start(overTcp);
    carrier.peer.listen(transport, listening);
    const invite = alice.call('18005550199');
    world.run(50);
    const asked = carrier.took('INVITE');
    const from = { host: CARRIER_A, port: listening };
    const connected = world.network.packets.findLast(
      ({ text }) => text.startsWith('INVITE') && text.includes(asked.callId()),
    );
    const port = Number(connected?.from.slice(connected.from.lastIndexOf(':') + 1));
    world.network.carry(transport, from, { host: ENGINE, port }, answerTo(asked, '180 Ringing'));
    await settle();
    await restart(overTcp);
    expect(carrier.requests('CANCEL')).toEqual([]);
    // RFC 3261 §18.2.2: to the port in Via.
    const back = { host: ENGINE, port: asked.topVia().port ?? listening };
    world.network.carry(
      transport,
      { host: CARRIER_A, port: 40_001 },
      back,
      answerTo(asked, '200 OK', [`Contact: <sip:192.0.2.10:${listening};transport=${transport}>`]),
    );
    await settle();
    expect(finals(invite)).toMatchObject([{ status: 200 }]);
    expect(carrier.requests('ACK')).toHaveLength(1);
  });

  test('whoever cannot be heard there is cancelled over a new connection, and asked anew over it', async () => {
    await start(overTcp);
    carrier.peer.listen(transport, listening);
    const invite = alice.call('18005550199');
    world.run(50);
    const asked = carrier.took('INVITE');
    const connected = world.network.packets.findLast(
      ({ text }) => text.startsWith('INVITE') && text.includes(asked.callId()),
    );
    const port = Number(connected?.from.slice(connected.from.lastIndexOf(':') + 1));
    world.network.carry(
      transport,
      { host: CARRIER_A, port: listening },
      { host: ENGINE, port },
      answerTo(asked, '180 Ringing'),
    );
    await settle();
    const [[id, document]] = [...store.documents] as [[string, string]];
    // As if it had been asked from another node's address.
    store.documents.set(id, document.replace(/("at":\{[^}]*"host":")[^"]*/, '$1192.0.2.77'));
    await restart(overTcp);
    await settle(1_000);
    const cancel = carrier.took('CANCEL');
    expect(cancel.topVia().branch).toBe(asked.topVia().branch);
    expect(carrier.requests('INVITE')).toHaveLength(2);
    expect(finals(invite)).toEqual([]);
  });
});

test('a caller at the end of a connection gets 503 over another one, who rang for him is cancelled, and there is one record', async () => {
  await start();
  carrier.peer.listen('tcp', 5060);
  const invite = carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {
    Via: `SIP/2.0/TCP ${carrier.host};branch=z9hG4bK-of-carrier`,
  });
  world.network.carry('tcp', { host: CARRIER_A, port: 40_001 }, { host: ENGINE, port: 5060 }, serialize(invite));
  world.run(50);
  const asked = alice.took('INVITE');
  alice.answer(asked, 180, 'Ringing');
  await settle();
  expect(store.documents.size).toBe(1);
  // A program that would answer him over his connection does not read it.
  expect([...store.documents.values()]).toMatchObject([expect.stringContaining('"waiting-2"')]);
  await restart();
  const answers = carrier.responses(invite.callId());
  expect(answers.at(-1)).toMatchObject({ status: 503 });
  const ringing = world.network.packets.find(
    ({ text, to }) => text.startsWith('SIP/2.0 180') && to.startsWith(CARRIER_A),
  );
  expect(answers.at(-1)?.toTag()).toBe((parseMessage(ringing?.text ?? '') as SipResponse).toTag());
  const cancel = alice.took('CANCEL');
  expect(cancel.topVia().branch).toBe(asked.topVia().branch);
  alice.answer(cancel, 200);
  alice.answer(asked, 487, 'Request Terminated');
  expect(alice.requests('ACK')).toHaveLength(1);
  expect(alice.requests('INVITE')).toHaveLength(1);
  await settle(60_000);
  expect(world.held()).toMatchObject({ calls: 0, legs: 0, clients: 0 });
  expect(store.documents.size).toBe(0);
  const [record, ...others] = world.observed.ended;
  expect(others).toEqual([]);
  expect(record).toMatchObject({
    ...{ id: expect.any(String), callerCallId: invite.callId(), facts: { direction: 'inbound', tenant: 'acme' } },
    ...{ status: 503, reason: 'Service Unavailable', endedBy: 'engine', endReason: 'node-ended', takeovers: 1 },
  });
  const { startedAtMs, ringingAtMs = 0, endedAtMs = 0, talkMs } = record as (typeof world.observed.ended)[number];
  expect([startedAtMs < ringingAtMs, ringingAtMs < endedAtMs - 1_000, talkMs]).toEqual([true, true, 0]);
});

describe('the caller gives up between the end of the process and the moment when the next one has his call', () => {
  let invite: SipRequest;
  let asked: SipRequest;

  /** The carrier calls a phone, which rings. */
  async function rings(): Promise<void> {
    invite = carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP);
    carrier.send(invite);
    world.run(50);
    asked = alice.took('INVITE');
    alice.answer(asked, 180, 'Ringing');
    await settle();
  }

  const giveUp = (from = carrier) => from.send(from.request('CANCEL', invite.requestUri, copied(invite, 'CANCEL')));
  const answers = (method: string) =>
    carrier
      .responses(invite.callId())
      .filter(({ status, headers }) => status >= 200 && headers.value(HeaderId.CSeq) === `1 ${method}`);

  /** 200 and 487 for him, CANCEL for whom he called, and one record. */
  async function isOver(): Promise<void> {
    expect(answers('CANCEL').map(({ status }) => status)).toEqual([200]);
    // Until he acknowledges it.
    expect([...new Set(answers('INVITE').map(({ status }) => status))]).toEqual([487]);
    const ringing = carrier.responses(invite.callId()).find(({ status }) => status === 180);
    expect(answers('INVITE')[0]?.toTag()).toBe(ringing?.toTag());
    carrier.ack(invite, answers('INVITE')[0] as SipResponse);
    const cancel = alice.took('CANCEL');
    expect(cancel.topVia().branch).toBe(asked.topVia().branch);
    alice.answer(cancel, 200);
    alice.answer(asked, 487, 'Request Terminated');
    expect(alice.requests('ACK')).toHaveLength(1);
    await settle(3_000);
    expect(alice.requests('INVITE')).toHaveLength(1);
    expect(world.observed.ended).toMatchObject([{ status: 487, endedBy: 'caller', endReason: 'cancel' }]);
    await settle(60_000);
    expect(world.held()).toMatchObject({ calls: 0, legs: 0, clients: 0, servers: 0 });
  }

  test('that takes it from the store', async () => {
    const memory = new SharedMemory();
    store = memory.of('one') as SharedStore;
    const scheduler = new VirtualScheduler();
    world = await begin(OPTIONS, { scheduler, network: new SimulatedNetwork(scheduler) });
    [alice, carrier] = [world.phone('101', '203.0.113.1'), world.agent(CARRIER_A)];
    await rings();
    life.isOver = true;
    store = memory.of('two') as SharedStore;
    world = await begin(OPTIONS, world);
    await settle(600);
    giveUp();
    await settle(600);
    // RFC 3261 §17.1.2.2.
    giveUp();
    await settle(400);
    expect(answers('CANCEL')).toEqual([]);
    memory.silent.add('one');
    for (let looked = 0; looked < 6; looked++) await settle(250);
    await isOver();
    expect(memory.count('one') + memory.count('two')).toBe(0);
  });

  test('that has just read it', async () => {
    await start();
    await rings();
    life.isOver = true;
    world.run(1_000);
    const [[id, document]] = [...store.documents] as [[string, string]];
    // Asked from elsewhere: the INVITE waits until the phone is free.
    store.documents.set(id, document.replace(/("at":\{[^}]*"host":")[^"]*/, '$1192.0.2.77'));
    world = await begin(OPTIONS, world);
    giveUp();
    await settle(1_000);
    await isOver();
  });

  test.each([
    ['of its trunk', '192.0.2.11', true],
    ['of another trunk, which says to have its own as well: it goes on', '192.0.2.66', false],
  ])('that has just read it, from another address %s', async (_whose, address, isOver) => {
    const other = {
      associatedIps: [CARRIER_A, '192.0.2.66'],
      tenants: [{ tenant: 'globex', didPool: '14155550300' }],
    };
    const trunks = { 'carrier-a': { associatedIps: ['192.0.2.11'] }, 'carrier-b': other };
    await start({ trunks });
    await rings();
    life.isOver = true;
    world.run(1_000);
    const [[id, document]] = [...store.documents] as [[string, string]];
    store.documents.set(id, document.replace(/("at":\{[^}]*"host":")[^"]*/, '$1192.0.2.77'));
    world = await begin({ trunks }, world);
    giveUp(world.agent(address));
    await settle(1_000);
    expect(answers('INVITE').some(({ status }) => status === 487)).toBe(isOver);
  });

  test('whose call does not come: 481, as for any other', async () => {
    const memory = new SharedMemory();
    store = memory.of('one') as SharedStore;
    const scheduler = new VirtualScheduler();
    world = await begin(OPTIONS, { scheduler, network: new SimulatedNetwork(scheduler) });
    [alice, carrier] = [world.phone('101', '203.0.113.1'), world.agent(CARRIER_A)];
    invite = carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP);
    giveUp();
    for (let passed = 0; passed < 4_000; passed += 250) await settle(250);
    expect(answers('CANCEL').map(({ status }) => status)).toEqual([481]);
  });
});

test('who answers as he is cancelled is acknowledged and left with what a trunk is told in Via by all calls', async () => {
  const options: WorldOptions = {
    settings: { advertise: { publicHost: '203.0.113.91', privateHost: ENGINE } },
    trunks: {
      'carrier-a': { options: { sessionTimer: { mode: 'off' }, usePrivateIp: true, rewriteViaHost: true } },
    },
  };
  await start(options);
  alice.call('18005550199');
  const asked = carrier.took('INVITE');
  carrier.answer(asked, 180, 'Ringing');
  await settle();
  const [[id, document]] = [...store.documents] as [[string, string]];
  store.documents.set(id, document.replace(/("at":\{[^}]*"host":")[^"]*/, '$1192.0.2.77'));
  await restart(options);
  carrier.answer(asked, 200, 'OK', {}, SDP);
  await settle();
  expect(asked.topVia().host).toBe('203.0.113.91');
  expect(carrier.took('ACK').topVia().host).toBe('203.0.113.91');
  expect(carrier.took('BYE').topVia().host).toBe('203.0.113.91');
});

/** As a phone answers a challenge that it had for an earlier request. */
function withCredentials(phone: Phone, request: SipRequest): SipRequest {
  for (const [id, value] of phone.client.preemptive(request, `udp:${ENGINE}:5060`)) request.headers.add(id, value);
  return request;
}

function copied(invite: SipRequest, method: string): Record<string, string> {
  return {
    Via: invite.headers.value(HeaderId.Via) ?? '',
    From: invite.headers.value(HeaderId.From) ?? '',
    To: invite.headers.value(HeaderId.To) ?? '',
    'Call-ID': invite.callId(),
    CSeq: `${invite.cseq().sequence} ${method}`,
  };
}

function answerTo(request: SipRequest, status: string, more: readonly string[] = []): string {
  const names = ['Via', 'From', 'Call-ID', 'CSeq'] as const;
  const fields = names.flatMap((name) => request.headers.fieldValuesNamed(name).map((value) => `${name}: ${value}`));
  const to = `To: ${request.headers.value(HeaderId.To)};tag=peer-again`;
  return `SIP/2.0 ${status}\r\n${[...fields, to, ...more].join('\r\n')}\r\nContent-Length: 0\r\n\r\n`;
}
