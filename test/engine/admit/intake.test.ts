import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { FrontProxies } from '../../../src/engine/admit/front-proxies.ts';
import { guessBudgets, Intake } from '../../../src/engine/admit/intake.ts';
import { NO_PEERS, PeerPass } from '../../../src/engine/peer-nodes.ts';
import { nodeLimitsSchema } from '../../../src/settings/limits-schema.ts';
import { HeaderId, parseMessage, type SipRequest } from '../../../src/sip/message/index.ts';
import type { Flow } from '../../../src/sip/transport/index.ts';
import { knownBy } from '../../kit/known.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { type Agent, CARRIER_A, CARRIER_B, ENGINE, SDP, World } from '../world.ts';

const OTHER_NODE = '198.51.100.2';
const INVITE = parseMessage('INVITE sip:b@x SIP/2.0\r\n\r\n') as SipRequest;
const OPTIONS = parseMessage('OPTIONS sip:b@x SIP/2.0\r\n\r\n') as SipRequest;

function intakeOf(input: Record<string, number>, overloadSeconds?: () => number | undefined, counts = true) {
  const clock = new VirtualScheduler();
  const settings = { limits: nodeLimitsSchema.parse(input) };
  const counters = { legs: 0, live: 0, started: 0, answered: 0, refused: 0, unmatched: 0 };
  const isPeerAddress = (address: string) => address === OTHER_NODE;
  const pass = new PeerPass({ node: 'two', secret: randomBytes(32), clock, peers: { ...NO_PEERS, isPeerAddress } });
  const intake = new Intake({
    settings,
    scheduler: clock,
    sources: knownBy((address) => address === '192.0.2.1'),
    guardsLoad: true,
    ...(overloadSeconds !== undefined && { stallGuard: { retryAfterSeconds: overloadSeconds } }),
    served: {
      isEmergency: ({ requestUri }) => requestUri.includes('112'),
      isEmergencyNumber: (number) => number === '112',
    },
    front: new FrontProxies([]),
    pass,
  });
  if (counts) intake.watch({ counters }, { lingeringOctets: 0 });
  return { clock, intake, counters, pass, options: intake.endpointOptions() };
}

test('limits of what is there are never silently off: an intake that was given nothing to count lets nobody in', () => {
  const { intake, options } = intakeOf({}, undefined, false);
  expect(() => options.overloadSeconds?.(INVITE)).toThrow('never given');
  expect(() => intake.gate.admits('203.0.113.1')).toThrow('never given');
});

describe('limits.callsPerSecond', () => {
  test('only calls that were admitted take a place; refused while none is left, let in as places come back', () => {
    const { clock, intake, options } = intakeOf({ callsPerSecond: 2 });
    for (let asked = 0; asked < 100; asked++) expect(options.overloadSeconds?.(INVITE)).toBeUndefined();
    intake.callBegins();
    intake.callBegins();
    expect(options.overloadSeconds?.(INVITE)).toBe(1);
    clock.advance(499);
    expect(options.overloadSeconds?.(INVITE)).toBe(1);
    clock.advance(1);
    expect(options.overloadSeconds?.(INVITE)).toBeUndefined();
  });

  test('other requests do not count as calls', () => {
    const { intake, options } = intakeOf({ callsPerSecond: 1 });
    intake.callBegins();
    expect(options.overloadSeconds?.(OPTIONS)).toBeUndefined();
  });

  test('neither rate nor dialogs hold up an emergency call', () => {
    const { intake, counters, options } = intakeOf({ callsPerSecond: 1, dialogs: 10 });
    const emergency = parseMessage('INVITE sip:112@x SIP/2.0\r\n\r\n') as SipRequest;
    intake.callBegins();
    expect(options.overloadSeconds?.(emergency)).toBeUndefined();
    counters.legs = 10;
    expect(options.overloadSeconds?.(emergency)).toBeUndefined();
    expect(options.overloadSeconds?.(INVITE)).toBe(1);
  });

  test.each(['911', '9-1-1', '+112', 'urn:service:sos', 'URN:service:sos.police'])(
    'a node that is full places a call to %s all the same',
    async (called) => {
      const world = await World.start({
        settings: { limits: { callsPerSecond: 1, calls: 1 } },
        acme: { emergency: { routes: [{ trunk: 'carrier-a' }] }, emergencyNumbers: ['911', '112'] },
      });
      const [first, second] = [world.phone('101', '203.0.113.1'), world.phone('102', '203.0.113.2')];
      const carrier = world.agent(CARRIER_A);
      world.run(1_000);
      expect(world.engine.calls.isFull).toBe(false);
      first.call('18005550199');
      expect(world.engine.calls.isFull).toBe(true);
      const uri = called.includes(':') ? called : `sip:${called}@acme.example.com`;
      const { address, client } = second;
      const sos = second.request(
        'INVITE',
        uri,
        { From: `${address};tag=1`, Contact: `<sip:102@${second.host}>` },
        'v=0\r\n',
      );
      second.sends(second.authorized(sos, second.ask(sos), client));
      const number = called.includes('112') ? '112' : '911';
      expect(carrier.requests('INVITE').map(({ requestUri }) => requestUri)[1]).toContain(`sip:${number}@`);
      second.call('18005550198');
      expect(second.responses().at(-1)?.status).toBe(503);
    },
  );

  test('RFC 5031: without emergency routes urn:service:sos is refused, and any other service is', async () => {
    const world = await World.start();
    const phone = world.phone('101', '203.0.113.1');
    for (const uri of ['urn:service:sos', 'urn:service:counseling', 'urn:service:sos..police']) {
      const fields = { From: `${phone.address};tag=1`, Contact: `<sip:101@${phone.host}>` };
      expect(phone.askAuthenticated(phone.request('INVITE', uri, fields, 'v=0\r\n'), phone.client).status).toBe(416);
    }
  });

  test('a machine without time refuses everything new', () => {
    const { options } = intakeOf({}, () => 7);
    expect(options.overloadSeconds?.(OPTIONS)).toBe(7);
    expect(options.overloadSeconds?.(INVITE)).toBe(7);
  });

  test('a machine without time lets an emergency call in', () => {
    const emergency = parseMessage('INVITE sip:112@x SIP/2.0\r\n\r\n') as SipRequest;
    expect(intakeOf({}, () => 7).options.overloadSeconds?.(emergency)).toBeUndefined();
  });

  test('over the limit a caller gets 503 with Retry-After, at no cost of state, and calls in progress go on', async () => {
    const world = await World.start({ settings: { limits: { callsPerSecond: 1 } } });
    const [first, second] = [world.phone('101', '203.0.113.1'), world.phone('102', '203.0.113.2')];
    const carrier = world.agent(CARRIER_A);
    world.run(1_000);
    const call = first.call('18005550199');
    const held = world.held();
    const refused = second.ask(second.invite('18005550198'), 20);
    expect(refused.status).toBe(503);
    expect(refused.headers.value(HeaderId.RetryAfter)).toBe('1');
    expect(world.held()).toEqual(held);
    carrier.answer(carrier.took('INVITE'), 486, 'Busy Here');
    world.run(1_000);
    expect(first.final(call)?.status).toBe(486);
    expect(second.ask(second.invite('18005550198'), 20).status).toBe(407);
  });
});

test('limits.dialogs: no new calls while there are as many, everything else goes on', () => {
  const { counters, options } = intakeOf({ dialogs: 10 });
  counters.legs = 9;
  expect(options.overloadSeconds?.(INVITE)).toBeUndefined();
  counters.legs = 10;
  expect(options.overloadSeconds?.(INVITE)).toBe(5);
  expect(options.overloadSeconds?.(OPTIONS)).toBeUndefined();
});

describe('limits.transactions', () => {
  const FRONT = '10.0.0.5';
  const call = (peer: Agent, user: string, from: Record<string, string>) =>
    peer.ask(peer.request('INVITE', `sip:${user}@${ENGINE}`, { Contact: `<sip:x@${peer.host}>`, ...from }, SDP), 300)
      .status;

  test('whoever fills his share behind a front proxy leaves places to others behind it', async () => {
    const world = await World.start({ settings: { frontProxies: [FRONT], limits: { transactions: 8 } } });
    world.phone('101', '203.0.113.1');
    const front = world.agent(FRONT);
    const ask = (address: string) => call(front, '14155550100', { 'X-Auth-IP': address });
    const answers = Array.from({ length: 8 }, () => ask(CARRIER_A));
    expect(answers.slice(-1)).toEqual([503]);
    expect(answers.filter((status) => status !== 503).length).toBeGreaterThan(4);
    expect(ask(CARRIER_B)).not.toBe(503);
  });

  test('whoever fills his share from all addresses of a network that is said to be his leaves places to others', async () => {
    const world = await World.start({
      settings: { limits: { transactions: 8 } },
      trunks: { 'carrier-a': { associatedIps: ['198.18.0.0/24'] } },
    });
    world.phone('101', '203.0.113.1');
    const answers = Array.from({ length: 16 }, (_each, index) =>
      call(world.agent(`198.18.0.${index + 1}`), '14155550100', {}),
    );
    expect(answers.filter((status) => status !== 503).length).toBeGreaterThan(4);
    expect(call(world.agent(CARRIER_B), '14155550100', {})).not.toBe(503);
  });

  test('another node, which hands over calls of many, has no share; who writes from its address without a pass has', () => {
    const { options, pass } = intakeOf({});
    const [name, value] = pass.write('sip:b@x', { aor: 'sip:b@x', contact: 'sip:b@192.0.2.9' });
    const handedOver = parseMessage(`INVITE sip:b@x SIP/2.0\r\n${name}: ${value}\r\n\r\n`) as SipRequest;
    const speaks = (request: SipRequest, remoteAddress: string) =>
      options.speaksForMany?.(request, { remoteAddress } as Flow);
    expect([speaks(handedOver, OTHER_NODE), speaks(INVITE, OTHER_NODE)]).toEqual([true, false]);
    expect(speaks(handedOver, '192.0.2.66')).toBe(false);
  });
});

describe('limits of sources', () => {
  test('messagesPerSecondPerPeer holds for strangers, not for known peers', () => {
    const { options } = intakeOf({ messagesPerSecondPerPeer: 10 });
    const admitted = (address: string) =>
      Array.from({ length: 100 }, () => options.sources?.admits(address)).filter(Boolean).length;
    expect(admitted('203.0.113.66')).toBe(20);
    expect(admitted('192.0.2.1')).toBe(100);
  });

  test('trunks and registered phones are known, phones as long as they are registered', async () => {
    const world = await World.start({ settings: { limits: { messagesPerSecondPerPeer: 1 } } });
    const knows = (address: string) => world.engine.sources.knows(address);
    expect(knows(CARRIER_A)).toBe(true);
    expect(knows('203.0.113.1')).toBe(false);
    const phone = world.phone('101', '203.0.113.1');
    expect(knows('203.0.113.1')).toBe(true);
    phone.register();
    phone.register({ Contact: '*', Expires: '0' });
    expect(knows('203.0.113.1')).toBe(false);
    phone.register({ Expires: '60' });
    expect(knows('203.0.113.1')).toBe(true);
    world.run(61_000);
    expect(knows('203.0.113.1')).toBe(false);
  });
});

test('every limit of a connection and of a message is the one that is set', () => {
  const { options } = intakeOf({
    connections: 10,
    connectionsPerPeer: 3,
    connectionsReservedForTrunks: 4,
    firstMessageMs: 5,
    idleConnectionMs: 6,
    sendQueueBytes: 7,
    messageBytes: 800,
    headerLineBytes: 90,
    headerCount: 11,
    viaCount: 12,
    transactions: 13,
  });
  expect(options).toMatchObject({
    transportLimits: {
      maxConnections: 10,
      maxConnectionsPerSource: 3,
      reservedConnections: 4,
      messageTimeoutMs: 5,
      idleTimeoutMs: 6,
      maxQueuedOctets: 7,
    },
    messageLimits: { messageOctets: 800, headOctets: 800, lineOctets: 90, headerCount: 11, viaCount: 12 },
    maxServerTransactions: 13,
    maxClientTransactions: 13,
  });
});

test('limits.headerLineBytes and messageBytes reach the parser', async () => {
  const world = await World.start({ settings: { limits: { headerLineBytes: 200, messageBytes: 1_500 } } });
  const peer = world.agent('203.0.113.9');
  const options = (fields: Record<string, string>) => peer.request('OPTIONS', 'sip:198.51.100.1', fields);
  expect(peer.ask(options({ Subject: 'x'.repeat(150) })).status).toBe(200);
  expect(peer.ask(options({ Subject: 'x'.repeat(250) })).status).toBe(400);
  expect(
    peer.ask(options(Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`X-${n}`, 'x'.repeat(150)])))).status,
  ).toBe(513);
});

test('budgets for wrong passwords follow limits.authFailuresPerMinute', () => {
  const of = (authFailuresPerMinute: number) => guessBudgets(nodeLimitsSchema.parse({ authFailuresPerMinute }));
  expect(of(20)).toEqual({
    perUserAndSource: { burst: 10, refillMs: 30_000 },
    perUser: { burst: 30, refillMs: 20_000 },
    perSource: { burst: 60, refillMs: 2_000 },
  });
  expect(of(1).perUserAndSource).toEqual({ burst: 1, refillMs: 600_000 });
});
