import { beforeEach, describe, expect, test, vi } from 'vitest';
import { pause } from '../../../src/base/scheduler.ts';
import type { CallStore, OtherHalf } from '../../../src/call/index.ts';
import { OtherHalves, type OtherHalvesOptions } from '../../../src/engine/continuity/other-halves.ts';
import type { Knowledge } from '../../../src/engine/continuity/peer-question.ts';
import { NO_PEERS, type PeerNodes } from '../../../src/engine/peer-nodes.ts';
import { aorKey } from '../../../src/registrar/index.ts';
import {
  HeaderId,
  parseMessage,
  type SipMessage,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../../src/sip/message/index.ts';
import { SimulatedNetwork } from '../../kit/simulated-network.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { binding } from '../../store/records.ts';
import { Life, SharedMemory } from '../lives.ts';
import { ENGINE, Phone, SDP, World, type WorldOptions } from '../world.ts';

/** The call begins at the first node; bob's phone is at the second. The other two go on with what these had. */
const PLACES = { one: ENGINE, two: '198.51.100.77', three: '198.51.100.78', four: '198.51.100.79' };
type Name = keyof typeof PLACES;
const NAMES = Object.keys(PLACES) as Name[];
const SECRET = new Uint8Array(32).fill(7);
const UPDATES = { Allow: 'INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE' };
const OPTIONS: WorldOptions = { trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'off' } } } } };

let scheduler: VirtualScheduler;
let store: SharedMemory;
let lives: Map<Name, Life>;
let worlds: Record<Name, World>;
/** When it was last heard of. */
let endedAtMs: Map<Name, number>;
/** Nobody can take its calls before that. */
let isHeldBack: Set<Name>;
let alice: Phone;
let bob: Phone;
let called: SipRequest;
let answered: SipResponse;
let asked: SipRequest;

function peersOf(self: Name): PeerNodes {
  return {
    ...NO_PEERS,
    names: () => NAMES.filter((name) => name !== self),
    hasSuccessor: () => true,
    signs: () => true,
    isPeerAddress: (address) => Object.values(PLACES).includes(address),
    processOf: (name) => worlds[name as Name]?.engine.process,
    addressOf: (name) => ({ transport: 'udp', address: PLACES[name as Name], port: 5060 }),
    quietMs: (name) => scheduler.nowMs() - (endedAtMs.get(name as Name) ?? scheduler.nowMs()),
  };
}

/** Of the calls of one node alone this one takes any. */
function following(own: CallStore, node: Name): CallStore {
  const { shared } = own;
  if (shared === undefined) throw new Error('not shared');
  return {
    ...own,
    shared: {
      ...shared,
      holders: async () => (await shared.holders()).filter(({ name }) => name === node && !isHeldBack.has(node)),
      take: (name, silentMs) => (name === node ? shared.take(name, silentMs) : Promise.resolve('alive')),
    },
  };
}

async function start(name: Name, network: SimulatedNetwork, callStore: CallStore): Promise<World> {
  const life = new Life(scheduler);
  lives.set(name, life);
  return World.start({
    ...OPTIONS,
    after: { scheduler, network },
    settings: { node: name, listen: [{ transport: 'udp', host: PLACES[name], port: 5060 }] },
    engine: {
      ...{ scheduler: life, callStore, nonceSecret: SECRET, peers: peersOf(name) },
      createTransport: network.transportAt(PLACES[name]),
    },
  });
}

beforeEach(async () => {
  scheduler = new VirtualScheduler();
  store = new SharedMemory();
  store.clock = scheduler;
  [lives, endedAtMs, isHeldBack] = [new Map(), new Map(), new Set()];
  const network = new SimulatedNetwork(scheduler);
  worlds = {} as Record<Name, World>;
  worlds.one = await start('one', network, following(store.of('one'), 'one'));
  worlds.two = await start('two', network, following(store.of('two'), 'two'));
  worlds.three = await start('three', network, following(store.of('three'), 'one'));
  worlds.four = await start('four', network, following(store.of('four'), 'two'));
  alice = worlds.one.phone('101', '203.0.113.1');
  bob = new Phone(worlds.one, '203.0.113.2', '102');
  const at = { transport: 'udp' as const, address: '203.0.113.2', port: 5060 };
  const atWallMs = scheduler.wallMs();
  const times = { refreshedAtWallMs: atWallMs, expiresAtWallMs: atWallMs + 600_000 };
  const where = { contactUri: `sip:102@${bob.host}`, path: [], source: at, target: at, node: 'two' };
  await register(bob, 'two');
  for (const name of ['three', 'four'] as const) for (const phone of [alice, bob]) await register(phone, name);
  const aor = aorKey('102', 'acme.example.com');
  worlds.one.engine.registrations.registrar.applyRemote(aor, [binding(aor, { ...where, ...times })]);
  called = alice.call('102', UPDATES);
  await pass(100);
  asked = bob.took('INVITE');
  const ok = okTo(asked, [`Contact: <sip:102@${bob.host}>`, `Allow: ${UPDATES.Allow}`], SDP);
  const to = `To: ${asked.headers.value(HeaderId.To)};tag=peer-${bob.host}`;
  send(bob, parseMessage(serialize(ok).replace(/^To: .*$/m, to)), 'two');
  await pass(100);
  answered = alice.final(called) as SipResponse;
  await pass(1_000);
  expect([store.count('one'), store.count('two')]).toEqual([1, 1]);
});

async function register(phone: Phone, node: Name): Promise<void> {
  const request = phone.request('REGISTER', 'sip:acme.example.com', {
    From: `${phone.address};tag=at-${node}`,
    To: phone.address,
    Contact: `<sip:${phone.number}@${phone.host}>`,
  });
  send(phone, request, node);
  await pass(100);
  send(phone, phone.authorized(request, phone.responses(request.callId()).at(-1) as SipResponse, phone.client), node);
  await pass(100);
  expect(phone.responses(request.callId()).at(-1)?.status).toBe(200);
}

/** Time passes in steps in which promises settle. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    worlds.one.run(50);
    await worlds.one.turn();
  }
}

/** Neither is heard any more, nor answers. */
async function kill(...names: Name[]): Promise<void> {
  for (const name of names) {
    (lives.get(name) as Life).isOver = true;
    endedAtMs.set(name, scheduler.nowMs());
    await worlds[name].engine.endpoint.transport.close();
  }
  await pass(1_300);
  for (const name of names) store.silent.add(name);
}

const send = (phone: Phone, message: SipMessage, to: Name) => phone.peer.send(serialize(message), PLACES[to]);

function okTo(request: SipRequest, more: readonly string[] = [], body = ''): SipResponse {
  const names = ['Via', 'From', 'To', 'Call-ID', 'CSeq'] as const;
  const fields = names.flatMap((name) => request.headers.fieldValuesNamed(name).map((value) => `${name}: ${value}`));
  const head = ['SIP/2.0 200 OK', ...fields, ...more, `Content-Length: ${body.length}`];
  return parseMessage(`${head.join('\r\n')}\r\n\r\n${body}`) as SipResponse;
}

/** Who it is told to by which node takes it. */
function answerUpdates(): void {
  for (const [phone, node] of [
    [alice, 'three'],
    [bob, 'four'],
  ] as const)
    for (const update of phone.requests('UPDATE')) send(phone, okTo(update), node);
}

const statusOf = (phone: Phone, request: SipRequest) =>
  phone.responses(request.callId()).findLast((response) => response.cseq().sequence === request.cseq().sequence)
    ?.status;

/** The BYE of one is answered, and the other one hears it once; there is one record, and nothing is left. */
async function ends(by: 'caller' | 'callee', withinMs: number): Promise<void> {
  const sequence = `${called.cseq().sequence + 1} BYE`;
  const ofBob = { From: `${asked.headers.valueNamed('To')};tag=peer-${bob.host}`, CSeq: sequence };
  const [bye, sender, hearer, to, from] =
    by === 'caller'
      ? ([alice.within(called, answered, 'BYE', { CSeq: sequence }), alice, bob, 'three', 'four'] as const)
      : ([bob.withinOf(asked, 'BYE', ofBob), bob, alice, 'four', 'three'] as const);
  send(sender, bye, to);
  await pass(withinMs);
  expect(statusOf(sender, bye)).toBe(200);
  send(hearer, okTo(hearer.took('BYE')), from);
  await pass(40_000);
  expect([hearer.requests('BYE').length, sender.requests('BYE').length]).toEqual([1, 0]);
  const followers = [worlds.three, worlds.four];
  const records = followers.flatMap(({ observed }) => observed.ended).filter(({ facts }) => facts.called === '102');
  expect(records.filter(({ facts }) => facts.peerNode === undefined)).toMatchObject([
    { endedBy: by, endReason: 'bye', status: 200 },
  ]);
  expect(followers.map(({ engine }) => [...engine.calls.list()].length)).toEqual([0, 0]);
}

describe('both nodes of a call have ended, and each half has come to another one', () => {
  test.each(['caller', 'callee'] as const)(
    'the halves find each other, and the BYE of the %s ends both',
    async (by) => {
      await kill('one', 'two');
      await pass(1_500);
      answerUpdates();
      await pass(40_000);
      expect(['three', 'four'].map((name) => [...worlds[name as Name].engine.calls.list()].length)).toEqual([1, 1]);
      await ends(by, 500);
    },
  );

  test.each(['caller', 'callee'] as const)(
    'the BYE of the %s that comes before they have found each other ends both, too',
    async (by) => {
      isHeldBack.add(by === 'caller' ? 'two' : 'one');
      await kill('one', 'two');
      await pass(1_500);
      await pass(600);
      isHeldBack.clear();
      await ends(by, 4_000);
    },
  );

  test('what is sent within the call goes to the other party', async () => {
    await kill('one', 'two');
    await pass(1_500);
    answerUpdates();
    await pass(1_000);
    const info = alice.within(called, answered, 'INFO', { CSeq: `${called.cseq().sequence + 1} INFO` });
    send(alice, info, 'three');
    await pass(500);
    send(bob, okTo(bob.took('INFO')), 'four');
    await pass(500);
    expect(statusOf(alice, info)).toBe(200);
  });

  test('a half that nobody goes on with is given up: its party hears BYE', async () => {
    isHeldBack.add('two');
    await kill('one', 'two');
    await pass(1_500);
    for (const update of alice.requests('UPDATE')) send(alice, okTo(update), 'three');
    await pass(3_000);
    expect(alice.requests('BYE')).toEqual([]);
    await pass(40_000);
    expect(alice.requests('BYE').length).toBeGreaterThan(0);
  });
});

describe('a half that is being ended', () => {
  /** The record of the call, at whoever goes on with the half that has it. */
  const recordOf = (name: Name) =>
    worlds[name].observed.ended.filter(({ facts }) => facts.called === '102' && facts.peerNode === undefined);

  test('its BYE went to the node that the other half was at: who goes on with that ends it at once, as by the BYE', async () => {
    isHeldBack.add('one');
    await kill('one');
    await pass(500);
    send(
      bob,
      bob.withinOf(asked, 'BYE', {
        From: `${asked.headers.valueNamed('To')};tag=peer-${bob.host}`,
        CSeq: `${called.cseq().sequence + 1} BYE`,
      }),
      'two',
    );
    await pass(500);
    isHeldBack.clear();
    await pass(1_800);
    send(alice, okTo(alice.took('BYE')), 'three');
    await pass(40_000);
    expect(alice.requests('BYE')).toHaveLength(1);
    expect(recordOf('three')).toMatchObject([{ endedBy: 'callee', endReason: 'bye', status: 200 }]);
    expect([...worlds.three.engine.calls.list()]).toEqual([]);
  });

  test('it comes to another node later than the other half: that one hears BYE', async () => {
    isHeldBack.add('one').add('two');
    await kill('two');
    await pass(500);
    const bye = alice.within(called, answered, 'BYE', { CSeq: `${called.cseq().sequence + 1} BYE` });
    send(alice, bye, 'one');
    await pass(1_000);
    expect(statusOf(alice, bye)).toBe(200);
    await kill('one');
    isHeldBack.delete('two');
    await pass(7_000);
    expect(bob.requests('BYE')).toEqual([]);
    isHeldBack.clear();
    await pass(2_500);
    send(bob, okTo(bob.took('BYE')), 'four');
    await pass(40_000);
    expect(bob.requests('BYE')).toHaveLength(1);
    expect(recordOf('three')).toMatchObject([{ endedBy: 'caller', endReason: 'bye', status: 200 }]);
  });
});

describe('a node has left a thousand halves whose other ones nobody has', () => {
  const HALVES = 1_000;
  const SEARCHED_MS = 5_000;
  const node = (name: string) => ({ transport: 'udp' as const, address: `node-${name}`, port: 5060 });
  let time: VirtualScheduler;
  let questions: { readonly name: string; readonly atMs: number }[];
  /** Of those given up: when each began and ended. */
  let toldAfterMs: number[];
  let found: number;
  let ended: number;
  let calls: OtherHalvesOptions['calls'];
  let halves: OtherHalves;

  const at = { b: 'none', c: 'none', d: undefined } as Record<string, Knowledge | undefined>;

  function halfAt(name: string): OtherHalf {
    const beganMs = time.nowMs();
    const half = {
      ...{ isSought: true, dialog: { callId: 'call', ours: 'ours', theirs: 'theirs' } },
      leg: { destination: node(name) },
      found: () => found++,
      ended: () => ended++,
      tell: () => toldAfterMs.push(time.nowMs() - beganMs),
    };
    return half as unknown as OtherHalf;
  }

  async function passTime(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 5) {
      time.advance(5);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
  }

  function begin(
    place: string,
    knowledge: Record<string, Knowledge | undefined>,
    isHeard = (name: string) => knowledge[name] !== undefined,
  ): void {
    time = new VirtualScheduler();
    [questions, toldAfterMs, found, ended] = [[], [], 0, 0];
    const knows = async ({ name }: { readonly name: string }, _dialog: unknown, withinMs: number) => {
      questions.push({ name, atMs: time.nowMs() });
      if (knowledge[name] === undefined) await pause(time, withinMs);
      return knowledge[name];
    };
    calls = { refreshTargets: () => halfAt(place), otherHalf: () => halfAt(place), end: () => true };
    halves = new OtherHalves({
      calls,
      known: {
        listedNames: () => Object.keys(knowledge),
        ...{ lastAddressOf: node, signs: () => true, isHeard },
      },
      ...{ questions: { knows }, scheduler: time },
    });
  }

  const mostInASecond = (name: string) => {
    const times = questions.filter((question) => question.name === name).map(({ atMs }) => atMs);
    return Math.max(...times.map((fromMs) => times.filter((atMs) => atMs >= fromMs && atMs < fromMs + 1_000).length));
  };

  test('each node is asked 400 times a second at most, a silent one hardly, and each half has its time', async () => {
    begin('a', at);
    for (let half = 0; half < HALVES; half++) {
      halves.tell(String(half));
      await passTime(5);
    }
    await passTime(2 * SEARCHED_MS + 1_000);
    expect(mostInASecond('b')).toBeLessThanOrEqual(400);
    // Those under way when it is found to be silent.
    expect(mostInASecond('d')).toBeLessThanOrEqual(150);
    expect([toldAfterMs.length, found]).toEqual([HALVES, 0]);
    expect(Math.min(...toldAfterMs)).toBeGreaterThanOrEqual(SEARCHED_MS);
    // Each in its turn at the end, after the longest pause.
    expect(Math.max(...toldAfterMs)).toBeLessThan(SEARCHED_MS + HALVES * 5 + 1_000);
  });

  test('one is asked after less often from time to time', async () => {
    begin('a', at);
    halves.tell('1');
    await passTime(SEARCHED_MS + 1_500);
    expect(toldAfterMs).toHaveLength(1);
    expect(questions.filter(({ name }) => name === 'b').length).toBeLessThanOrEqual(9);
  });

  test('where the node lives that it was known to be at, no other one is asked', async () => {
    begin('c', { ...at, c: 'has' });
    halves.tell('1');
    await passTime(500);
    expect([questions.map(({ name }) => name), found]).toEqual([['c'], 1]);
  });

  test('a defect in telling one where this one is, is told to its call', async () => {
    begin('c', { ...at, c: 'has' });
    const met: unknown[] = [];
    const found = () => {
      throw new Error('a defect');
    };
    const half = Object.assign(halfAt('c'), { found, onFault: (error: unknown) => met.push(error) });
    vi.spyOn(calls, 'refreshTargets').mockReturnValueOnce(half);
    halves.tell('1');
    await passTime(500);
    expect(met).toEqual([new Error('a defect')]);
  });

  test.each([
    { b: 'has', founds: 1, ends: 0 },
    { b: 'none', founds: 0, ends: 1 },
  ] as const)(
    'where the node is ending it that it was known to be at, the call goes on if another one has it: $b',
    async ({ b, founds, ends }) => {
      begin('c', { b, c: 'had' });
      halves.tell('1');
      await passTime(500);
      expect([found, ended]).toEqual([founds, ends]);
    },
  );

  describe.each(['a', 'b', 'c'])(
    'one node is ending it, and one that is heard of does not answer; it was at %s',
    (place) => {
      let known: { b: Knowledge | undefined; c: Knowledge };

      beforeEach(async () => {
        known = { b: undefined, c: 'had' };
        begin(place, known, () => true);
        halves.tell('1');
        await passTime(1_000);
        expect([found, ended]).toEqual([0, 0]);
      });

      test('the call goes on once that one answers that it has it', async () => {
        known.b = 'has';
        await passTime(2_500);
        expect([found, ended, toldAfterMs]).toEqual([1, 0, []]);
      });

      test('it ends once that one answers that it does not have it', async () => {
        known.b = 'none';
        await passTime(2_500);
        expect([found, ended, toldAfterMs]).toEqual([0, 1, []]);
      });

      test('it ends at the end of its time where that one never does', async () => {
        await passTime(SEARCHED_MS + 500);
        expect([found, ended, toldAfterMs]).toEqual([0, 1, []]);
      });
    },
  );

  test('nothing is looked for any more when the node ends', async () => {
    begin('a', at);
    halves.tell('1');
    await passTime(500);
    halves.stop();
    const asked = questions.length;
    await passTime(2 * SEARCHED_MS);
    expect([questions.length, toldAfterMs]).toEqual([asked, []]);
  });
});

describe('a call rings between two nodes, and both end', () => {
  let rang: SipRequest;

  beforeEach(async () => {
    alice.call('102', UPDATES);
    await pass(100);
    rang = bob.requests('INVITE').at(-1) as SipRequest;
    send(bob, parseMessage(serialize(okTo(rang)).replace('200 OK', '180 Ringing')), 'two');
    await pass(500);
    expect([rang.callId() === asked.callId(), store.count('one')]).toEqual([false, 2]);
  });

  const cancelled = () => bob.requests('CANCEL').map((cancel) => cancel.topVia().branch);

  test('the phone is cancelled in the transaction that it knows, and then called at its own address', async () => {
    await kill('one', 'two');
    await pass(1_000);
    expect(new Set(cancelled())).toEqual(new Set([rang.topVia().branch]));
    const again = bob.requests('INVITE').at(-1) as SipRequest;
    expect([again.callId() === rang.callId(), again.topVia().host]).toEqual([false, PLACES.three]);
  });

  test('where the node lives that it rings through, that one and whoever follows the other cancel one transaction', async () => {
    await kill('one');
    await pass(1_000);
    expect(new Set(cancelled())).toEqual(new Set([rang.topVia().branch]));
    expect(bob.requests('INVITE').at(-1)?.callId()).not.toBe(rang.callId());
  });
});

test('one of the two has ended: the half at the other is told by whoever goes on with it, as before', async () => {
  await kill('one');
  await pass(1_500);
  for (const update of alice.requests('UPDATE')) send(alice, okTo(update), 'three');
  await pass(500);
  const bye = alice.within(called, answered, 'BYE', { CSeq: `${called.cseq().sequence + 1} BYE` });
  send(alice, bye, 'three');
  await pass(500);
  expect(statusOf(alice, bye)).toBe(200);
  expect(bob.requests('BYE')).toHaveLength(1);
});
