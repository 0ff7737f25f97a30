import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { CallStore, StoreContact } from '../../../src/call/index.ts';
import { Probe } from '../../../src/call/probe.ts';
import { NO_PEERS, type PeerNodes } from '../../../src/engine/peer-nodes.ts';
import { aorKey } from '../../../src/registrar/index.ts';
import { buildCancel } from '../../../src/sip/endpoint/index.ts';
import {
  HeaderId,
  parseMessage,
  type SipMessage,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../../src/sip/message/index.ts';
import { SimulatedNetwork, type SimulatedTransport } from '../../kit/simulated-network.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { binding } from '../../store/records.ts';
import { Life, SharedMemory } from '../lives.ts';
import { type Agent, CARRIER_A, CARRIER_B, ENGINE, Phone, SDP, World, type WorldOptions } from '../world.ts';

/** Where the second node is. */
const FRONT = '203.0.113.50';
const OTHER = '198.51.100.77';
/** Of a third, which took calls over. */
const THIRD = '198.51.100.78';
const SECRET = new Uint8Array(32).fill(7);
const UPDATES = { Allow: 'INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE' };

/** The carrier's other address. */
const CARRIER_A_TOO = '192.0.2.11';

const OPTIONS: WorldOptions = {
  trunks: { 'carrier-a': { associatedIps: [CARRIER_A_TOO], options: { sessionTimer: { mode: 'off' } } } },
};

let store: SharedMemory;
/** What the store has of each node. */
let ofOne: CallStore;
let ofTwo: CallStore;
let life: Life;
let one: World;
let two: World;
let alice: Phone;
let carrier: Agent;
let invite: SipRequest;
let final: SipResponse;
/** When the first node was last heard of. */
let endedAtMs: number | undefined;

/** The first node told the store nothing for so long that it is in no roster any more. */
let isForgotten: boolean;

/** What the first node knows of others. */
let hasSuccessor: boolean;
let knowsOther: boolean;

/** What the others know of a third. */
let knowsThird: boolean;

let otherLife: Life;
/** What the first one hears of the second: that its answers prove who it is, and its process where that is another one. */
let answersSigned: boolean;
let otherProcess: string | undefined;
/** When the second node was last heard of. */
let otherEndedAtMs: number | undefined;

/** Two nodes on one store; alice talks to the carrier through the first. */
beforeEach(async () => {
  store = new SharedMemory();
  endedAtMs = undefined;
  hasSuccessor = true;
  knowsOther = false;
  isForgotten = false;
  otherEndedAtMs = undefined;
  knowsThird = false;
  answersSigned = false;
  otherProcess = undefined;
  const scheduler = new VirtualScheduler();
  store.clock = scheduler;
  const after = { scheduler, network: new SimulatedNetwork(scheduler) };
  [ofOne, ofTwo] = [store.of('one', () => life.aheadMs), store.of('two')];
  await startOne(after);
  await startTwo(after);
  alice = one.phone('101', '203.0.113.1');
  carrier = one.agent(CARRIER_A);
  invite = alice.call('18005550199', UPDATES);
  carrier.answer(carrier.took('INVITE'), 200, 'OK', UPDATES, SDP);
  one.run();
  const answered = alice.final(invite);
  if (answered === undefined) throw new Error('not answered');
  final = answered;
  await pass(5_300);
  expect(store.count('one')).toBe(1);
});

/** A process of the first node: the next one finds in the store what this one leaves there. */
async function startOne(after: Pick<World, 'scheduler' | 'network'>): Promise<void> {
  const { scheduler } = after;
  life = new Life(scheduler);
  one = await World.start({
    ...OPTIONS,
    after,
    settings: { node: 'one', frontProxies: [FRONT] },
    engine: {
      scheduler: life,
      callStore: ofOne,
      nonceSecret: SECRET,
      peers: {
        ...NO_PEERS,
        hasSuccessor: () => hasSuccessor,
        names: () => [...(knowsOther ? ['two'] : []), ...(knowsThird ? ['three'] : [])],
        addressOf: (name) => ({ transport: 'udp', address: name === 'three' ? THIRD : OTHER, port: 5060 }),
        quietMs: () => scheduler.nowMs() - (otherEndedAtMs ?? scheduler.nowMs()),
        signs: () => answersSigned,
        processOf: (name) => (name === 'two' ? (otherProcess ?? two.engine.process) : undefined),
      },
    },
  });
}

async function startTwo(after: Pick<World, 'scheduler' | 'network'>): Promise<void> {
  const { scheduler } = after;
  otherLife = new Life(scheduler);
  const peers: PeerNodes = {
    ...NO_PEERS,
    hasSuccessor: () => true,
    isPeerAddress: (address) => (!isForgotten && address === ENGINE) || (knowsThird && address === THIRD),
    names: () => [...(isForgotten ? [] : ['one']), ...(knowsThird ? ['three'] : [])],
    signs: () => true,
    processOf: (name) => (name === 'one' && !isForgotten ? one.engine.process : undefined),
    addressOf: (name) => {
      const address = name === 'three' ? THIRD : isForgotten ? undefined : ENGINE;
      return address === undefined ? undefined : { transport: 'udp', address, port: 5060 };
    },
    quietMs: (name) =>
      name === 'one' && !isForgotten ? scheduler.nowMs() - (endedAtMs ?? scheduler.nowMs()) : undefined,
  };
  two = await World.start({
    ...OPTIONS,
    after,
    settings: { node: 'two', listen: [{ transport: 'udp', host: OTHER, port: 5060 }], frontProxies: [FRONT] },
    engine: {
      scheduler: otherLife,
      callStore: ofTwo,
      nonceSecret: SECRET,
      peers,
      createTransport: after.network.transportAt(OTHER),
    },
  });
}

/** Time passes in steps in which promises settle. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    one.run(50);
    await one.turn();
  }
}

/** The first node ends without a word: its sockets answer nobody. */
async function kill(): Promise<void> {
  life.isOver = true;
  endedAtMs = one.scheduler.nowMs();
  await one.engine.endpoint.transport.close();
}

async function killed(): Promise<void> {
  await kill();
  await pass(1_300);
  store.silent.add('one');
}

/** And the call is the second one's. */
async function moved(): Promise<void> {
  await killed();
  await pass(700);
}

/** The second node ends without a word. */
async function killOther(): Promise<void> {
  otherLife.isOver = true;
  otherEndedAtMs = one.scheduler.nowMs();
  await two.engine.endpoint.transport.close();
}

/** The first node has ended as it should: the second one looks after its calls. */
async function ended(closed: Promise<void>): Promise<void> {
  await closed;
  endedAtMs = one.scheduler.nowMs();
  await pass(1_500);
}

/** How long the call was that a party has just left, 5 s later. */
async function talkedMs(): Promise<number> {
  const [{ id = '' } = {}] = one.engine.calls.list();
  await pass(5_000);
  return one.engine.calls.get(id)?.record.talkMs ?? 0;
}

/** Of the last response to a request; those to its INVITE have its Call-ID too. */
const statusOf = (agent: Agent, request: SipRequest) =>
  agent.responses(request.callId()).findLast((response) => response.cseq().sequence === request.cseq().sequence)
    ?.status;

const toOther = (agent: Agent, message: SipMessage) => agent.peer.send(serialize(message), OTHER);

/** Alice's BYE, by the node that she called through. */
function hangUp(): SipRequest {
  const bye = alice.within(invite, final, 'BYE');
  alice.send(bye);
  return bye;
}

/** By the other one. */
function hangUpThere(): SipRequest {
  const bye = alice.within(invite, final, 'BYE');
  toOther(alice, bye);
  return bye;
}

/** The carrier answers the BYE that it got, to the other node. */
const carrierHangsUpThere = () => toOther(carrier, okTo(carrier.took('BYE')));

describe('a node ends with a call up', () => {
  test('within 2 s the other has it, tells both parties by UPDATE where it is, and serves their BYE', async () => {
    await moved();
    expect([...two.engine.calls.list()]).toMatchObject([{ state: 'answered' }]);
    expect([store.count('one'), store.count('two')]).toEqual([0, 1]);
    for (const party of [alice, carrier]) {
      const update = party.took('UPDATE');
      expect(update.headers.valueNamed('Contact')).toMatch(new RegExp(`@${OTHER.replaceAll('.', '\\.')}:5060[;>]`));
      expect(update.body).toBe('');
      toOther(party, okTo(update));
    }
    await pass(100);
    const bye = hangUpThere();
    await pass(100);
    expect(statusOf(alice, bye)).toBe(200);
    const passed = carrier.took('BYE');
    // §12.2.1.1: the sequence numbers of the dialog go on.
    expect(passed.cseq().sequence).toBeGreaterThan(carrier.took('UPDATE').cseq().sequence);
    toOther(carrier, okTo(passed));
    await pass(400);
    expect(two.observed.ended).toMatchObject([{ endedBy: 'caller', endReason: 'bye', status: 200 }]);
    expect(one.observed.ended).toEqual([]);
    expect(store.count('two')).toBe(0);
  });

  test('a fault in joining the halves of a call keeps neither it nor others from going on', async () => {
    const rejoin = vi.spyOn(two.engine.calls, 'rejoin').mockImplementation(() => {
      throw new Error('cannot be joined');
    });
    await moved();
    expect(rejoin).toHaveBeenCalledOnce();
    expect([...two.engine.calls.list()]).toMatchObject([{ state: 'answered' }]);
    for (const party of [alice, carrier]) toOther(party, okTo(party.took('UPDATE')));
    await pass(300);
    expect([store.count('one'), store.count('two')]).toEqual([0, 1]);
  });

  describe('a defect in what waits for a call costs it a 500, is counted, and costs nothing that waits with it', () => {
    const once = () => {
      throw new Error('a defect');
    };
    const stray = (agent: Agent, method: string, callId: string) => {
      const request = agent.withinOf(carrier.took('INVITE'), method, { 'Call-ID': callId });
      toOther(agent, request);
      return request;
    };
    const uncaught = () => two.engine.endpoint.counters.uncaughtErrors;

    test('where it is served at last', async () => {
      await kill();
      const { counters } = two.engine.calls;
      const counted = Object.getOwnPropertyDescriptor(counters, 'unmatched');
      // The first one that is counted meets it.
      const meet = () => {
        Object.defineProperty(counters, 'unmatched', { ...counted });
        once();
      };
      Object.defineProperty(counters, 'unmatched', { get: meet, set: () => {}, configurable: true });
      const [one, other] = [stray(carrier, 'INFO', 'one'), stray(carrier, 'INFO', 'other')];
      await pass(4_000);
      expect([statusOf(carrier, one), statusOf(carrier, other)]).toEqual([500, 481]);
      expect(uncaught()).toBe(1);
    });

    // A CANCEL for nothing is answered 481 in any case.
    test.each([
      ['BYE', 500],
      ['CANCEL', 481],
    ])('where other nodes are asked for it: %s', async (method, status) => {
      await kill();
      if (ofTwo.shared === undefined) throw new Error('not shared');
      vi.spyOn(ofTwo.shared, 'heard').mockImplementationOnce(once);
      stray(carrier, method, 'one');
      stray(carrier, method, 'other');
      await pass(27_000);
      const finals = ['one', 'other'].map((callId) => carrier.responses(callId).filter((each) => each.status >= 200));
      expect(finals.map((each) => each.map((response) => response.status))).toEqual([[status], [481]]);
      expect(uncaught()).toBe(1);
    });
  });

  test('a defect in telling a party where its call is ends that call: both get a BYE, and it has its record', async () => {
    vi.spyOn(Probe.prototype, 'refreshTarget').mockImplementationOnce(() => {
      throw new Error('a defect');
    });
    await moved();
    for (const party of [alice, carrier]) toOther(party, okTo(party.took('BYE')));
    await pass(400);
    expect(two.observed.ended).toMatchObject([{ endedBy: 'engine', endReason: 'defect' }]);
    expect([store.count('two'), two.engine.endpoint.counters.uncaughtErrors]).toEqual([0, 1]);
  });

  test('one that has lost the store alone keeps its calls, for as long as it answers', async () => {
    endedAtMs = one.scheduler.nowMs();
    store.silent.add('one');
    await pass(2_000);
    isForgotten = true;
    await pass(10_000);
    expect([store.count('one'), store.count('two')]).toEqual([1, 0]);
    expect([...two.engine.calls.list()]).toEqual([]);
    await kill();
    await pass(2_000);
    expect([store.count('one'), store.count('two')]).toEqual([0, 1]);
  });

  test.each([3_600_000, -3_600_000])(
    'whose clock was %i ms ahead: the record says how long the call was',
    async (aheadMs) => {
      // It is set while the call is up; what the store has is written after that.
      life.aheadMs = aheadMs;
      alice.send(alice.within(invite, final, 'UPDATE', { Contact: '<sip:101@203.0.113.1:5070>' }));
      await pass(100);
      await pass(1_000);
      await moved();
      const bye = alice.within(invite, final, 'BYE', { CSeq: '99 BYE' });
      toOther(alice, bye);
      await pass(200);
      carrierHangsUpThere();
      await pass(400);
      const [record] = two.observed.ended;
      expect(record?.talkMs).toBeGreaterThan(7_000);
      expect(record?.talkMs).toBeLessThan(12_000);
    },
  );

  test('a BYE that reaches the other first waits for its call, and is served', async () => {
    await kill();
    await pass(100);
    const bye = carrier.withinOf(carrier.took('INVITE'), 'BYE');
    toOther(carrier, bye);
    await pass(1_000);
    expect(carrier.responses(bye.callId())).toEqual([]);
    store.silent.add('one');
    await pass(900);
    expect(carrier.responses(bye.callId())).toMatchObject([{ status: 200 }]);
    expect(alice.requests('BYE')).toHaveLength(1);
  });

  test('so is one whose sender has no such call any more, and answers 481 to whatever else it hears of it', async () => {
    await kill();
    await pass(100);
    const bye = carrier.withinOf(carrier.took('INVITE'), 'BYE');
    toOther(carrier, bye);
    await pass(1_000);
    store.silent.add('one');
    for (let refused = 0, passed = 0; passed < 2_000; passed += 50) {
      await pass(50);
      for (; refused < carrier.requests('UPDATE').length; refused++)
        toOther(carrier, answerTo(carrier.requests('UPDATE')[refused] as SipRequest, '481 Gone'));
    }
    expect(statusOf(carrier, bye)).toBe(200);
    toOther(alice, okTo(alice.took('BYE')));
    await pass(400);
    expect(two.observed.ended).toMatchObject([{ endedBy: 'callee', endReason: 'bye' }]);
  });

  test('so does an INVITE that is to take the place of one of its parties (Replaces)', async () => {
    const bob = atOther();
    await kill();
    await pass(100);
    const replaces = `${invite.callId()};to-tag=${final.toTag()};from-tag=${invite.fromTag()}`;
    const newcomer = bob.call('101', { Replaces: replaces });
    await pass(1_000);
    expect(bob.final(newcomer)).toBeUndefined();
    store.silent.add('one');
    await pass(900);
    const offered = carrier.requests('INVITE').at(-1) as SipRequest;
    expect([offered.toTag(), offered.body]).toEqual([`peer-${CARRIER_A}`, SDP]);
  });

  test.each([
    ['to take the place of a party (Replaces)', 'outside'],
    ['within the call', 'inside'],
  ])('an INVITE %s that is cancelled while it waits for the call changes nothing of it', async (_what, where) => {
    const bob = atOther();
    await kill();
    await pass(100);
    const replaces = `${invite.callId()};to-tag=${final.toTag()};from-tag=${invite.fromTag()}`;
    const again = carrier.withinOf(carrier.took('INVITE'), 'INVITE', { Contact: `<sip:${carrier.host}>` });
    const [sender, waiting] = where === 'inside' ? [carrier, again] : [bob, bob.call('101', { Replaces: replaces })];
    if (where === 'inside') toOther(carrier, again);
    await pass(100);
    toOther(sender, buildCancel(waiting, []));
    await pass(100);
    store.silent.add('one');
    await pass(1_500);
    const { sequence } = waiting.cseq();
    const statuses = sender.responses(waiting.callId()).filter((response) => response.cseq().sequence === sequence);
    expect(statuses.filter(({ status }) => status >= 300).map(({ status }) => status)[0]).toBe(487);
    const invited = [carrier, alice].map((party) => party.requests('INVITE').length);
    expect([two.engine.calls.counters.live, invited]).toEqual([1, [1, 0]]);
  });

  test('a party that does not have the call any more ends it at the other too, with a record', async () => {
    await moved();
    toOther(carrier, answerTo(carrier.took('UPDATE'), '481 Gone'));
    await pass(100);
    expect(alice.requests('BYE')).toHaveLength(1);
    toOther(alice, okTo(alice.took('BYE')));
    await pass(100);
    expect(two.observed.ended).toMatchObject([{ endReason: 'lost' }]);
  });
});

describe('a party has left the call, and the other side’s answers to BYE are lost', () => {
  let bye: SipRequest;
  let talkMs: number;

  beforeEach(async () => {
    bye = alice.within(invite, final, 'BYE');
    alice.send(bye);
    talkMs = await talkedMs();
    expect(statusOf(alice, bye)).toBe(200);
    expect(one.observed.ended).toEqual([]);
  });

  /** Whoever has it tells both that it is over, and has the one record: as long as it was when the party left. */
  const isEndedBy = async (node: World, at: string) => {
    expect([...alice.requests('UPDATE'), ...carrier.requests('UPDATE')]).toEqual([]);
    const byes = [alice.took('BYE'), carrier.requests('BYE').at(-1) as SipRequest] as const;
    expect(byes.map((request) => request.topVia().host)).toEqual([at, at]);
    alice.peer.send(serialize(answerTo(byes[0], '481 Gone')), at);
    carrier.peer.send(serialize(okTo(byes[1])), at);
    await pass(500);
    const [record, ...more] = node.observed.ended;
    expect(more).toEqual([]);
    expect(record).toMatchObject({ endedBy: 'caller', endReason: 'bye', status: 200 });
    expect(record?.talkMs).toBe(talkMs);
    expect([...node.engine.calls.list()]).toEqual([]);
  };

  test('its node is killed: the other one ends it with the seconds that it had', async () => {
    await moved();
    await isEndedBy(two, OTHER);
    expect([store.count('one'), store.count('two')]).toEqual([0, 0]);
  });

  test('a copy of its BYE that comes to the other one is answered as the first was', async () => {
    await moved();
    const before = alice.responses(bye.callId()).length;
    toOther(alice, bye);
    await pass(50);
    expect(alice.responses(bye.callId()).slice(before)).toMatchObject([{ status: 200 }]);
  });

  test('its node is killed and begins again: so does its next process', async () => {
    await kill();
    await pass(500);
    endedAtMs = undefined;
    await startOne(one);
    await pass(1_100);
    await isEndedBy(one, ENGINE);
    expect(store.count('one')).toBe(0);
  });

  test('its node is killed, and the next process too before it has ended it: the other one does', async () => {
    await kill();
    await startOne(one);
    await pass(500);
    await moved();
    await isEndedBy(two, OTHER);
  });

  test('its node is stopped: it ends there, and is nobody else’s', async () => {
    const closed = one.engine.close();
    await pass(3_000);
    await ended(closed);
    const [record, ...more] = one.observed.ended;
    expect(more).toEqual([]);
    expect(record?.talkMs).toBe(talkMs);
    expect([store.count('one'), store.count('two'), [...two.engine.calls.list()].length]).toEqual([0, 0, 0]);
  });
});

test('a call that had rung for more than a minute when its node ended goes on at the other as well', async () => {
  const second = alice.call('18005550100', UPDATES);
  carrier.answer(carrier.took('INVITE', 1), 180, 'Ringing');
  await pass(100_000);
  await killed();
  await pass(1_000);
  const again = carrier.requests('INVITE').at(-1) as SipRequest;
  expect(again.topVia().host).toBe(OTHER);
  toOther(carrier, answerTo(again, '486 Busy Here'));
  await pass(400);
  expect(alice.responses(second.callId()).at(-1)?.status).toBe(486);
  expect(two.observed.ended).toMatchObject([{ status: 486 }]);
});

describe('a node ends while a call rings', () => {
  let second: SipRequest;

  beforeEach(async () => {
    second = alice.call('18005550100', UPDATES);
    carrier.answer(carrier.took('INVITE', 1), 180, 'Ringing');
    await pass(400);
    expect(store.count('one')).toBe(2);
    await killed();
    await pass(1_000);
  });

  test('the callee is cancelled and asked again by the other, and the caller, who has heard it ring all the time, is answered', async () => {
    const [before, again] = [carrier.took('INVITE', 1), carrier.took('INVITE', 2)];
    expect(carrier.took('CANCEL').topVia().branch).toBe(before.topVia().branch);
    expect(again.topVia().host).toBe(OTHER);
    toOther(carrier, answerTo(again, '200 OK', ['Contact: <sip:carrier@192.0.2.10>']));
    await pass(100);
    const answered = alice.responses(second.callId()).at(-1);
    expect(answered).toMatchObject({ status: 200 });
    toOther(alice, alice.within(second, answered as SipResponse, 'ACK', { CSeq: `${second.cseq().sequence} ACK` }));
    const bye = alice.within(second, answered as SipResponse, 'BYE');
    toOther(alice, bye);
    await pass(100);
    expect(statusOf(alice, bye)).toBe(200);
    carrierHangsUpThere();
    await pass(400);
    expect(two.observed.ended).toMatchObject([{ status: 200, endReason: 'bye' }]);
  });

  test('one that is refused there is refused to the caller, and nothing is left in the store', async () => {
    toOther(carrier, answerTo(carrier.took('INVITE', 2), '486 Busy Here'));
    await pass(400);
    expect(alice.responses(second.callId()).at(-1)?.status).toBe(486);
    expect(store.count('two')).toBe(1);
  });
});

describe('a node ends while a call of it rings at a phone of the node that follows it', () => {
  let second: SipRequest;
  let bob: Phone;
  let asked: SipRequest;

  beforeEach(async () => {
    bob = atOther();
    second = alice.call('102', UPDATES);
    one.run(50);
    asked = bob.took('INVITE');
    expect(asked.topVia().host).toBe(OTHER);
    toOther(bob, answerTo(asked, '180 Ringing', ['Contact: <sip:102@203.0.113.2>']));
    await pass(400);
    expect(store.count('one')).toBe(2);
  });

  const answer = async () => {
    const again = bob.took('INVITE', 1);
    toOther(bob, answerTo(again, '200 OK', ['Contact: <sip:102@203.0.113.2>']));
    await pass(100);
    expect(alice.responses(second.callId()).at(-1)?.status).toBe(200);
  };

  test('the phone is cancelled there and called anew', async () => {
    await killed();
    await pass(1_000);
    const cancel = bob.took('CANCEL');
    expect(cancel.topVia().branch).toBe(asked.topVia().branch);
    toOther(bob, okTo(cancel));
    toOther(bob, answerTo(asked, '487 Request Terminated'));
    await answer();
    expect(bob.requests('BYE')).toEqual([]);
    expect(two.engine.calls.counters.live).toBe(2);
  });

  test('a phone that has answered meanwhile, to a caller who never heard of it, is left with BYE and called anew', async () => {
    await kill();
    toOther(bob, answerTo(asked, '200 OK', ['Contact: <sip:102@203.0.113.2>']));
    await pass(1_300);
    expect(bob.requests('ACK')).toHaveLength(1);
    expect(bob.requests('BYE')).toEqual([]);
    store.silent.add('one');
    await pass(1_000);
    toOther(bob, okTo(bob.took('BYE')));
    await answer();
    await pass(400);
    expect(two.engine.calls.counters.live).toBe(2);
    expect([store.count('one'), store.count('two')]).toEqual([0, 2]);
  });

  test('the same where the others have forgotten the node when it is followed', async () => {
    await kill();
    await pass(5_000);
    isForgotten = true;
    store.silent.add('one');
    await pass(1_500);
    expect(bob.took('CANCEL').topVia().branch).toBe(asked.topVia().branch);
  });

  test('a CANCEL of somebody else’s ends nothing', async () => {
    const stranger = one.agent('203.0.113.200');
    const toTwo = one.network.packets.find(({ to, text }) => to === `${OTHER}:5060` && text.startsWith('INVITE'));
    const cancel = buildCancel(parseMessage(toTwo?.text ?? '') as SipRequest, []);
    toOther(stranger, cancel);
    await pass(100);
    toOther(bob, answerTo(asked, '200 OK', ['Contact: <sip:102@203.0.113.2>']));
    await pass(100);
    toOther(stranger, cancel);
    // Nor does one of the node's own that crosses the answer.
    one.network.carry('udp', { host: ENGINE, port: 5060 }, { host: OTHER, port: 5060 }, serialize(cancel));
    await pass(100);
    expect([...bob.requests('CANCEL'), ...bob.requests('BYE')]).toEqual([]);
  });
});

describe('a call is up between nodes, and its other half goes on at a third', () => {
  let bob: Phone;
  let bye: string;
  /** The same of the callee's half, to the node that the call began at. */
  let byeOfCallee: string;
  let third: Agent;

  beforeEach(async () => {
    bob = atOther();
    const called = alice.call('102', UPDATES);
    one.run(50);
    toOther(bob, answerTo(bob.took('INVITE'), '200 OK', ['Contact: <sip:102@203.0.113.2>']));
    await pass(100);
    alice.final(called);
    const between = one.network.packets.filter(
      ({ to, text }) => to === `${ENGINE}:5060` && /^CSeq: .* INVITE/m.test(text),
    );
    const ok = parseMessage(between.findLast(({ text }) => text.startsWith('SIP/2.0 200'))?.text ?? '') as SipResponse;
    const [from, to] = ['From', 'To'].map((name) => ok.headers.valueNamed(name));
    third = one.agent(THIRD);
    bye = serialize(
      third.request('BYE', `sip:102@${OTHER}`, { From: from, To: to, 'Call-ID': ok.callId(), CSeq: '99 BYE' }),
    );
    byeOfCallee = serialize(
      third.request('BYE', `sip:101@${ENGINE}`, { From: to, To: from, 'Call-ID': ok.callId(), CSeq: '99 BYE' }),
    );
  });

  test('which has lost the store and is in no roster any more: its BYE ends this half', async () => {
    knowsThird = true;
    await pass(100);
    knowsThird = false;
    third.peer.send(bye, OTHER);
    await pass(100);
    expect(third.responses()).toMatchObject([{ status: 200 }]);
    expect(bob.requests('BYE')).toHaveLength(1);
  });

  test('so does one that has the callee’s half: the node that the call began at ends it', async () => {
    third.peer.send(byeOfCallee, ENGINE);
    await pass(4_000);
    expect(third.responses()).toMatchObject([{ status: 481 }]);
    knowsThird = true;
    await pass(100);
    knowsThird = false;
    third.peer.send(byeOfCallee.replace('z9hG4bK', 'z9hG4bK-second'), ENGINE);
    await pass(100);
    expect(third.responses().at(-1)).toMatchObject({ status: 200 });
    expect(alice.requests('BYE')).toHaveLength(1);
  });

  test('so does not the BYE of a phone that has its address since', async () => {
    knowsThird = true;
    await pass(100);
    knowsThird = false;
    const phone = new AtOther(one, THIRD, '103');
    expect(phone.register().status).toBe(200);
    phone.send(bye);
    await pass(4_000);
    expect(phone.responses().at(-1)).toMatchObject({ status: 481 });
    expect(bob.requests('BYE')).toEqual([]);
  });

  test('a call that is between no nodes is none of it: neither its BYE, nor a Contact that names it', async () => {
    knowsThird = true;
    await pass(100);
    knowsThird = false;
    const called = carrier.request('INVITE', `sip:14155550102@${OTHER}`, { Contact: `<sip:carrier@${THIRD}>` }, SDP);
    toOther(carrier, called);
    await pass(100);
    const asked = bob.requests('INVITE').at(-1) as SipRequest;
    toOther(bob, answerTo(asked, '200 OK', ['Contact: <sip:102@203.0.113.2>']));
    await pass(100);
    const ok = carrier.responses(called.callId()).at(-1) as SipResponse;
    toOther(carrier, carrier.within(called, ok, 'ACK', { CSeq: '1 ACK' }));
    third.peer.send(serialize(third.within(called, ok, 'BYE')), OTHER);
    await pass(4_000);
    expect(third.responses()).toMatchObject([{ status: 481 }]);
    expect(bob.requests('BYE')).toEqual([]);
    bob.send(bob.withinOf(asked, 'BYE', { From: `${asked.headers.valueNamed('To')};tag=peer-again` }));
    await pass(100);
    expect([carrier.requests('BYE').length, third.requests('BYE').length]).toEqual([1, 0]);
  });

  test('a BYE from where no node has ever been ends nothing', async () => {
    third.peer.send(bye, OTHER);
    await pass(4_000);
    expect(third.responses()).toMatchObject([{ status: 481 }]);
    expect(bob.requests('BYE')).toEqual([]);
  });
});

describe('a node is stopped with a call up', () => {
  test('the call is left to another: nobody gets a BYE, and its BYE is served there', async () => {
    await ended(one.engine.close());
    expect([...alice.requests('BYE'), ...carrier.requests('BYE'), ...one.observed.ended]).toEqual([]);
    expect([store.count('one'), store.count('two')]).toEqual([0, 1]);
    const bye = hangUpThere();
    await pass(100);
    expect(statusOf(alice, bye)).toBe(200);
    expect(carrier.requests('BYE')).toHaveLength(1);
  });

  test('one that is being ended just then is nobody else’s: it ends here, with its record', async () => {
    alice.peer.send(serialize(alice.within(invite, final, 'BYE')), ENGINE);
    one.run(10);
    const closed = one.engine.close();
    await pass(100);
    carrier.peer.send(serialize(okTo(carrier.took('BYE'))), ENGINE);
    await pass(100);
    await ended(closed);
    expect(one.observed.ended).toMatchObject([{ endReason: 'bye', endedBy: 'caller' }]);
    expect([store.count('one'), store.count('two'), [...two.engine.calls.list()].length]).toEqual([0, 0, 0]);
  });

  test('a store that is away just then, and back within a second, costs it nothing', async () => {
    store.cutOff.add('one');
    const closed = one.engine.close();
    await pass(900);
    store.cutOff.delete('one');
    await pass(200);
    await ended(closed);
    expect([...alice.requests('BYE'), ...carrier.requests('BYE'), ...one.observed.ended]).toEqual([]);
    expect([store.count('one'), store.count('two')]).toEqual([0, 1]);
  });

  test('what ends while it waits for the store has its record here, and is nobody else’s', async () => {
    store.cutOff.add('one');
    const closed = one.engine.close();
    await pass(300);
    alice.peer.send(serialize(alice.within(invite, final, 'BYE')), ENGINE);
    await pass(100);
    carrier.peer.send(serialize(okTo(carrier.took('BYE'))), ENGINE);
    await pass(100);
    store.cutOff.delete('one');
    await pass(1_000);
    await ended(closed);
    expect(one.observed.ended).toMatchObject([{ endReason: 'bye', endedBy: 'caller' }]);
    expect([store.count('one'), store.count('two'), [...two.engine.calls.list()].length]).toEqual([0, 0, 0]);
  });

  test('with one that stays away it ends all the same a second later: both get a BYE, and the call has its record', async () => {
    store.cutOff.add('one');
    const closed = one.engine.close();
    await pass(950);
    expect([...alice.requests('BYE'), ...carrier.requests('BYE')]).toEqual([]);
    await pass(150);
    expect([...alice.requests('BYE'), ...carrier.requests('BYE')]).toHaveLength(2);
    await pass(1_000);
    await closed;
    expect(one.observed.ended).toMatchObject([{ endReason: 'shutdown', endedBy: 'engine' }]);
  });

  test('what comes once the others have its calls begins nothing here: who calls is told at once', async () => {
    alice.peer.send(serialize(alice.within(invite, final, 'BYE')), ENGINE);
    one.run(10);
    const closed = one.engine.close();
    await pass(100);
    const asked = carrier.requests('INVITE').length;
    const late = alice.call('+14155550199');
    await pass(50);
    expect(alice.responses(late.callId()).at(-1)?.status).toBe(503);
    carrier.peer.send(serialize(okTo(carrier.took('BYE'))), ENGINE);
    await pass(100);
    await closed;
    expect(carrier.requests('INVITE')).toHaveLength(asked);
    expect(one.observed.ended).toHaveLength(1);
  });

  test('without another node both get a BYE, and the call has its record, whatever they answer', async () => {
    hasSuccessor = false;
    const closed = one.engine.close();
    await pass(100);
    await closed;
    expect([...alice.requests('BYE'), ...carrier.requests('BYE')]).toHaveLength(2);
    expect(one.observed.ended).toMatchObject([{ endReason: 'shutdown', endedBy: 'engine' }]);
    expect(store.count('one')).toBe(0);
  });
});

describe('nobody has ended', () => {
  test('a BYE for no call is answered 481 as soon as the other node has answered', async () => {
    const bye = carrier.withinOf(carrier.took('INVITE'), 'BYE', { 'Call-ID': 'nobody-s' });
    toOther(carrier, bye);
    await pass(200);
    expect(carrier.responses('nobody-s')).toMatchObject([{ status: 481 }]);
  });

  test('a BYE with the right Call-ID and tags from a third address is 481 there as well, and ends nothing', async () => {
    const [other, front] = [one.agent(CARRIER_B), one.agent(FRONT)];
    const bye = (fields = {}) => carrier.withinOf(carrier.took('INVITE'), 'BYE', fields);
    // What the sender says of where it came from counts for nothing.
    const said = { 'X-Tandem-Via': `SIP/2.0/UDP ${CARRIER_A}:5060;branch=z9hG4bKsaid`, 'X-Auth-IP': CARRIER_A };
    const forged = bye(said);
    forged.headers.set(HeaderId.Via, `SIP/2.0/UDP ${CARRIER_B}:5060;branch=z9hG4bKforged;received=${CARRIER_A}`);
    toOther(other, forged);
    toOther(front, bye({ 'X-Auth-IP': CARRIER_B }));
    await pass(300);
    expect([statusOf(other, forged), statusOf(front, forged)]).toEqual([481, 481]);
    expect([[...one.engine.calls.list()].length, alice.requests('BYE')]).toEqual([1, []]);
    toOther(front, bye({ 'X-Auth-IP': CARRIER_A }));
    await pass(300);
    expect([front.responses().at(-1)?.status, alice.requests('BYE').length]).toEqual([200, 1]);
  });

  test('from who is not known it is 481 at once, and costs nothing', () => {
    const stranger = one.agent('203.0.113.200');
    toOther(stranger, stranger.withinOf(carrier.took('INVITE'), 'BYE'));
    one.run(10);
    expect(stranger.responses()).toMatchObject([{ status: 481 }]);
  });

  test.each([
    ['from who is not known', { 'X-Auth-IP': '203.0.113.200' }, [{ status: 481 }]],
    ['from nobody that it names', {}, [{ status: 481 }]],
    ['from a known one waits', { 'X-Auth-IP': CARRIER_A }, []],
  ])('through a proxy in front, %s, it is answered at once or waits by the sender', (_what, fields, answers) => {
    const front = one.agent(FRONT);
    toOther(front, front.withinOf(carrier.took('INVITE'), 'BYE', fields));
    one.run(10);
    expect(front.responses()).toMatchObject(answers);
  });

  test('a node that tells the others nothing but answers keeps its calls', async () => {
    endedAtMs = one.scheduler.nowMs();
    store.silent.add('one');
    await pass(3_000);
    expect([...two.engine.calls.list()]).toEqual([]);
    expect(store.count('one')).toBe(1);
  });
});

test('a node that was silent for so long that its calls are another’s forgets them without a word', async () => {
  store.silent.add('one');
  endedAtMs = one.scheduler.nowMs();
  one.network.detach('udp', ENGINE, 5060);
  await pass(1_700);
  expect([...two.engine.calls.list()]).toHaveLength(1);
  expect([...one.engine.calls.list()]).toHaveLength(1);
  await pass(10_000);
  expect([...one.engine.calls.list()]).toEqual([]);
  expect(one.observed.ended).toEqual([]);
  expect([...alice.requests('BYE'), ...carrier.requests('BYE')]).toEqual([]);
  expect(one.log.lines.filter(({ event }) => event === 'calls-taken')).toHaveLength(1);
});

test('a transfer of a call that is another’s by now is over: who was called for it is not kept ringing, and nobody is told', async () => {
  const refer = alice.within(invite, final, 'REFER', {
    'Refer-To': '<sip:18005550100@acme.example.com>',
    Contact: `<sip:${alice.host}>`,
  });
  expect(alice.ask(refer, 50).status).toBe(202);
  for (const notify of alice.requests('NOTIFY')) alice.answer(notify, 200);
  carrier.answer(carrier.took('INVITE', 1), 180, 'Ringing');
  one.run(50);
  for (const notify of alice.requests('NOTIFY').slice(1)) alice.answer(notify, 200);
  store.silent.add('one');
  endedAtMs = one.scheduler.nowMs();
  one.network.detach('udp', ENGINE, 5060);
  await pass(12_000);
  expect([...one.engine.calls.list()]).toEqual([]);
  const heard = alice.requests().length;
  one.network.attach('udp', ENGINE, 5060, one.engine.endpoint.transport as unknown as SimulatedTransport);
  expect(carrier.took('CANCEL').topVia().branch).toBe(carrier.took('INVITE', 1).topVia().branch);
  carrier.answer(carrier.took('CANCEL'), 200);
  carrier.answer(carrier.took('INVITE', 1), 487, 'Request Terminated');
  await pass(40_000);
  expect(alice.requests()).toHaveLength(heard);
  expect(one.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
});

test('what comes of a ringing call that is another’s by now is not told to its caller', async () => {
  const ringing = alice.call('18005550100', UPDATES);
  carrier.answer(carrier.took('INVITE', 1), 180, 'Ringing');
  await pass(400);
  store.silent.add('one');
  endedAtMs = one.scheduler.nowMs();
  one.network.detach('udp', ENGINE, 5060);
  await pass(12_000);
  expect([...one.engine.calls.list()]).toEqual([]);
  one.network.attach('udp', ENGINE, 5060, one.engine.endpoint.transport as unknown as SimulatedTransport);
  carrier.answer(carrier.took('INVITE', 1), 487, 'Request Terminated');
  await pass(200);
  const finals = alice.responses(ringing.callId()).filter(({ status }) => status >= 200 && status !== 407);
  expect(finals).toEqual([]);
  expect(carrier.took('INVITE', 2).topVia().host).toBe(OTHER);
});

describe('a call that rang goes to another node, whose own was cut off, and comes back when that one ends', () => {
  let ringing: SipRequest;
  let again: SipRequest;

  beforeEach(async () => {
    knowsOther = true;
    ringing = alice.call('18005550100', UPDATES);
    carrier.answer(carrier.took('INVITE', 1), 180, 'Ringing');
    await pass(400);
    store.silent.add('one');
    endedAtMs = one.scheduler.nowMs();
    one.network.detach('udp', ENGINE, 5060);
    await pass(1_700);
    again = carrier.took('INVITE', 2);
    expect(again.topVia().host).toBe(OTHER);
    toOther(carrier, answerTo(again, '180 Ringing'));
    for (const party of [alice, carrier]) toOther(party, okTo(party.took('UPDATE')));
    await pass(1_000);
  });

  /** The first node is back, and has heard that its calls were taken. */
  const isBack = async () => {
    store.silent.delete('one');
    endedAtMs = undefined;
    one.network.attach('udp', ENGINE, 5060, one.engine.endpoint.transport as unknown as SimulatedTransport);
    await pass(10_000);
    expect(one.log.lines.filter(({ event }) => event === 'calls-taken')).toHaveLength(1);
    carrier.answer(carrier.took('CANCEL'), 200);
    carrier.answer(carrier.took('INVITE', 1), 487, 'Request Terminated');
    await pass(100);
  };

  const otherEnds = async () => {
    await killOther();
    await pass(1_300);
    store.silent.add('two');
    await pass(1_000);
  };

  const answer = async () => {
    toOther(carrier, answerTo(again, '200 OK', ['Contact: <sip:carrier@192.0.2.10>', 'Allow: INVITE, BYE']));
    await pass(100);
    const answered = alice.responses(ringing.callId()).at(-1) as SipResponse;
    expect(answered.status).toBe(200);
    toOther(alice, alice.within(ringing, answered, 'ACK', { CSeq: `${ringing.cseq().sequence} ACK` }));
    await pass(400);
    return answered;
  };

  test('nothing of it is left where it began', async () => {
    await isBack();
    await pass(40_000);
    expect(one.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
  });

  test('a CANCEL that reaches the node where it began ends it at the other: 200, 487, and whoever rang is cancelled', async () => {
    await isBack();
    const said = alice.responses(ringing.callId()).length;
    alice.send(buildCancel(ringing, []));
    alice.send(buildCancel(ringing, []));
    await pass(200);
    const heard = alice.responses(ringing.callId()).slice(said);
    expect(new Set(heard.map(({ status, headers }) => `${status} ${headers.valueNamed('CSeq')}`))).toEqual(
      new Set([`200 ${ringing.cseq().sequence} CANCEL`, `487 ${ringing.cseq().sequence} INVITE`]),
    );
    // §9.2: the tag of both is the same.
    expect(new Set(heard.map((response) => response.toTag())).size).toBe(1);
    const cancel = carrier.requests('CANCEL').at(-1) as SipRequest;
    expect(cancel.topVia().branch).toBe(again.topVia().branch);
    toOther(carrier, okTo(cancel));
    toOther(carrier, answerTo(again, '487 Request Terminated'));
    await pass(100);
    expect(two.observed.ended).toMatchObject([{ endedBy: 'caller', endReason: 'cancel', status: 487 }]);
  });

  test('a CANCEL whose call is at a node that is silent now waits for that one', async () => {
    await isBack();
    one.network.detach('udp', OTHER, 5060);
    const said = alice.responses(ringing.callId()).length;
    const cancel = buildCancel(ringing, []);
    alice.send(cancel);
    await pass(2_000);
    alice.send(cancel);
    expect(alice.responses(ringing.callId()).slice(said)).toEqual([]);
    one.network.attach('udp', OTHER, 5060, two.engine.endpoint.transport as unknown as SimulatedTransport);
    await pass(1_600);
    const heard = alice.responses(ringing.callId()).slice(said);
    expect(new Set(heard.map(({ status }) => status))).toEqual(new Set([200, 487]));
    expect(carrier.requests('CANCEL').at(-1)?.topVia().branch).toBe(again.topVia().branch);
  });

  test('a CANCEL of somebody else ends nothing there, nor one that a stranger says a node has passed on', async () => {
    await isBack();
    const mallory = one.phone('103', '203.0.113.77');
    mallory.send(buildCancel(ringing, []));
    const forged = buildCancel(ringing, []);
    forged.headers.addNamed('X-Tandem-Via', forged.headers.valueNamed('Via') ?? '');
    forged.headers.set(HeaderId.Via, 'SIP/2.0/UDP 203.0.113.77;branch=z9hG4bKforged');
    toOther(mallory, forged);
    await pass(1_500);
    expect(mallory.responses(ringing.callId()).map(({ status }) => status)).toEqual([481, 481]);
    expect(carrier.requests('CANCEL').some((cancel) => cancel.topVia().branch === again.topVia().branch)).toBe(false);
  });

  test('answered meanwhile: its BYE reaches the other side, and it has its record', async () => {
    const answered = await answer();
    await isBack();
    await otherEnds();
    expect([store.count('one'), store.count('two')]).toEqual([2, 0]);
    expect(one.log.lines.filter(({ event }) => event === 'calls-taken-over')).toMatchObject([
      { fields: { count: 2, lost: 0 } },
    ]);
    const bye = alice.within(ringing, answered, 'BYE', { CSeq: '99 BYE' });
    alice.send(bye);
    await pass(100);
    expect(statusOf(alice, bye)).toBe(200);
    expect(carrier.took('BYE').callId()).toBe(again.callId());
    carrier.answer(carrier.took('BYE'), 200);
    await pass(400);
    expect(one.observed.ended).toMatchObject([{ status: 200, endedBy: 'caller', endReason: 'bye' }]);
  });

  test('answered meanwhile, and ringing where it began since the store never said that it was taken: it goes on as answered', async () => {
    const answered = await answer();
    store.forgetTaken('one');
    store.silent.delete('one');
    endedAtMs = undefined;
    one.network.attach('udp', ENGINE, 5060, one.engine.endpoint.transport as unknown as SimulatedTransport);
    await pass(100);
    expect([...one.engine.calls.list()].map(({ state }) => state)).toEqual(['answered', 'ringing']);
    await otherEnds();
    expect([...one.engine.calls.list()].map(({ state }) => state)).toEqual(['answered', 'answered']);
    expect(store.count('one')).toBe(2);
    const bye = alice.within(ringing, answered, 'BYE', { CSeq: '99 BYE' });
    alice.send(bye);
    await pass(100);
    expect(statusOf(alice, bye)).toBe(200);
    expect(carrier.took('BYE').callId()).toBe(again.callId());
  });

  test('ringing still: it goes on where it began, and its caller is answered', async () => {
    await isBack();
    await otherEnds();
    const third = carrier.took('INVITE', 3);
    expect(third.topVia().host).toBe(ENGINE);
    carrier.answer(third, 200, 'OK', UPDATES, SDP);
    await pass(100);
    expect(alice.responses(ringing.callId()).at(-1)).toMatchObject({ status: 200 });
  });
});

describe('a carrier cancels from another of its addresses what rings at a phone, when the node where it began', () => {
  let bob: Phone;
  let called: SipRequest;
  let cancel: SipRequest;

  beforeEach(async () => {
    knowsOther = true;
    bob = atOther();
    const contact = { Contact: `<sip:carrier@${CARRIER_A}>` };
    called = carrier.request('INVITE', `sip:14155550102@${ENGINE}`, contact, SDP);
    cancel = buildCancel(called, []);
    carrier.send(called);
    await pass(50);
    toOther(bob, answerTo(bob.took('INVITE'), '180 Ringing', ['Contact: <sip:102@203.0.113.2>']));
    await pass(400);
    expect(store.count('one')).toBe(2);
  });

  /** The call goes on at the other, where the phone rings anew. */
  const isFollowed = async () => {
    store.silent.add('one');
    await pass(2_300);
    toOther(bob, okTo(bob.took('CANCEL')));
    toOther(bob, answerTo(bob.took('INVITE'), '487 Request Terminated'));
    const again = bob.took('INVITE', 1);
    toOther(bob, answerTo(again, '180 Ringing', ['Contact: <sip:102@203.0.113.2>']));
    await pass(100);
    return again;
  };
  const finals = () => [
    ...new Set(
      carrier
        .responses(called.callId())
        .filter((response) => response.method() === 'INVITE' && response.status >= 200)
        .map(({ status }) => status),
    ),
  ];

  test('has ended, and the call has not come to the other yet', async () => {
    const [second, stranger] = [one.agent(CARRIER_A_TOO), one.agent(CARRIER_B)];
    await kill();
    await pass(100);
    for (const sender of [stranger, second]) toOther(sender, cancel);
    store.silent.add('one');
    await pass(2_000);
    expect(second.responses(called.callId())).toMatchObject([{ status: 200 }]);
    expect(finals()).toEqual([487]);
    expect(bob.requests('INVITE')).toHaveLength(1);
  });

  test('lives again: it is passed on, and that of another trunk is none', async () => {
    const [second, stranger] = [one.agent(CARRIER_A_TOO), one.agent(CARRIER_B)];
    endedAtMs = one.scheduler.nowMs();
    one.network.detach('udp', ENGINE, 5060);
    const again = await isFollowed();
    await pass(10_000);
    store.silent.delete('one');
    endedAtMs = undefined;
    one.network.attach('udp', ENGINE, 5060, one.engine.endpoint.transport as unknown as SimulatedTransport);
    stranger.send(cancel);
    await pass(1_500);
    expect([stranger.responses(called.callId()), finals()]).toMatchObject([[{ status: 481 }], []]);
    second.send(cancel);
    await pass(200);
    expect(second.responses(called.callId())).toMatchObject([{ status: 200 }]);
    expect(finals()).toEqual([487]);
    expect(bob.requests('CANCEL').at(-1)?.topVia().branch).toBe(again.topVia().branch);
  });
});

test('a store that crashed and forgot that a call had ended is told again: nobody goes on with it', async () => {
  hangUp();
  await pass(100);
  carrier.answer(carrier.took('BYE'), 200);
  await pass(400);
  expect(store.count('one')).toBe(0);
  store.crash('one');
  expect(store.count('one')).toBe(1);
  await pass(6_000);
  expect(store.count('one')).toBe(0);
  await killed();
  await pass(1_000);
  expect([...two.engine.calls.list()]).toEqual([]);
});

test('a node that lives is heard though three of five packets are lost on the way', async () => {
  const sockets = one.engine.endpoint.transport as unknown as SimulatedTransport;
  let packets = 0;
  one.network.attach('udp', ENGINE, 5060, {
    receive: (...message) => void (packets++ % 5 >= 3 && sockets.receive(...message)),
  });
  endedAtMs = one.scheduler.nowMs();
  store.silent.add('one');
  await pass(10_000);
  expect([store.count('one'), store.count('two')]).toEqual([1, 0]);
});

describe('a node stands still while another one takes its calls', () => {
  /** What lies in its sockets. */
  let arrived: Parameters<SimulatedTransport['receive']>[];

  const standStill = () => {
    const { scheduler, network } = one;
    arrived = [];
    life.standStill();
    store.silent.add('one');
    const missed = { missedAtMs: Number.NEGATIVE_INFINITY, contact: 'silent' as const };
    store.heard.set('one', { atMs: scheduler.nowMs(), isInDoubt: false, ...missed });
    endedAtMs = scheduler.nowMs();
    network.attach('udp', ENGINE, 5060, { receive: (...message) => void arrived.push(message) });
  };

  const goOn = async () => {
    const sockets = one.engine.endpoint.transport as unknown as SimulatedTransport;
    one.network.attach('udp', ENGINE, 5060, sockets);
    life.goOn(() => {
      for (const message of arrived) sockets.receive(...message);
    });
    await pass(100);
  };

  test('a BYE that lay in its socket ends no call of the other’s, and makes no record', async () => {
    standStill();
    await pass(1_700);
    hangUp();
    await pass(1_000);
    expect([...two.engine.calls.list()]).toHaveLength(1);
    await goOn();
    expect([...one.engine.calls.list(), ...one.observed.ended]).toEqual([]);
    expect(carrier.requests('BYE')).toEqual([]);
    expect(one.log.lines.map(({ event }) => event)).toEqual(expect.arrayContaining(['calls-in-doubt', 'calls-taken']));
  });

  test('a call that was being ended is ended by the other, with the seconds that it had, and makes no second record', async () => {
    hangUp();
    const talkMs = await talkedMs();
    standStill();
    await pass(2_000);
    for (const party of [alice, carrier]) toOther(party, okTo(party.requests('BYE').at(-1) as SipRequest));
    await pass(300);
    const [record] = two.observed.ended;
    expect(record).toMatchObject({ endedBy: 'caller', endReason: 'bye' });
    expect(record?.talkMs).toBe(talkMs);
    await goOn();
    await pass(40_000);
    expect([one.observed.ended.length, two.observed.ended.length]).toEqual([0, 1]);
  });

  test('a call whose other side answers the end only when asked again, just before that, is over: it has one record', async () => {
    hangUp();
    await pass(1_700);
    expect([...one.engine.calls.list()]).toMatchObject([{ state: 'ending' }]);
    expect(store.count('one')).toBe(1);
    carrier.answer(carrier.requests('BYE').at(-1) as SipRequest, 200);
    await pass(50);
    standStill();
    await pass(3_000);
    expect(carrier.requests('BYE').map((bye) => bye.topVia().host)).not.toContain(OTHER);
    await goOn();
    await pass(40_000);
    expect([one.observed.ended.length, two.observed.ended.length]).toEqual([1, 0]);
  });

  test('a BYE of a party that knows no other node is passed on to who has its call', async () => {
    standStill();
    await pass(1_700);
    for (const party of [alice, carrier]) toOther(party, okTo(party.took('UPDATE')));
    await goOn();
    expect([...one.engine.calls.list()]).toEqual([]);
    knowsOther = true;
    const bye = hangUp();
    await pass(300);
    expect(statusOf(alice, bye)).toBe(200);
    carrierHangsUpThere();
    await pass(400);
    expect([...two.engine.calls.list(), ...one.observed.ended]).toEqual([]);
    expect(two.observed.ended).toMatchObject([{ endedBy: 'caller', endReason: 'bye' }]);
  });

  test('so is one while that node has lost the store, and is in no roster any more', async () => {
    standStill();
    await pass(1_700);
    for (const party of [alice, carrier]) toOther(party, okTo(party.took('UPDATE')));
    await goOn();
    knowsOther = true;
    await pass(100);
    knowsOther = false;
    const bye = hangUp();
    await pass(300);
    expect(statusOf(alice, bye)).toBe(200);
    expect(carrier.requests('BYE')).toHaveLength(1);
  });

  describe('and that one is silent when a BYE of the call comes to the first', () => {
    let bye: SipRequest;

    beforeEach(async () => {
      standStill();
      await pass(1_700);
      for (const party of [alice, carrier]) toOther(party, okTo(party.took('UPDATE')));
      await goOn();
      // It tells the store of itself again, and reads of the others.
      store.heard.delete('one');
      knowsOther = true;
      one.network.detach('udp', OTHER, 5060);
      bye = alice.within(invite, final, 'BYE');
      alice.send(bye);
    });

    test('it is not answered, and the other ends the call when it is heard again', async () => {
      await pass(2_000);
      expect(statusOf(alice, bye)).toBeUndefined();
      alice.send(bye);
      one.network.attach('udp', OTHER, 5060, two.engine.endpoint.transport as unknown as SimulatedTransport);
      await pass(1_600);
      expect(alice.responses(bye.callId()).filter((response) => response.method() === 'BYE')).toMatchObject([
        { status: 200 },
      ]);
      expect(carrier.requests('BYE')).toHaveLength(1);
      carrierHangsUpThere();
      await pass(400);
      expect(two.observed.ended).toMatchObject([{ endedBy: 'caller', endReason: 'bye' }]);
    });

    test('the first ends it, when it has taken the calls of the other', async () => {
      otherLife.isOver = true;
      otherEndedAtMs = one.scheduler.nowMs();
      store.silent.delete('one');
      await pass(1_300);
      store.silent.add('two');
      await pass(1_000);
      expect(statusOf(alice, bye)).toBe(200);
      expect(carrier.took('BYE').topVia().host).toBe(ENGINE);
    });

    test('and has ended, while the store is away: the first ends it when that is back and the calls have come', async () => {
      otherLife.isOver = true;
      const missed = { missedAtMs: Number.NEGATIVE_INFINITY, contact: 'refused' as const };
      const heard = { atMs: one.scheduler.nowMs(), isInDoubt: false, ...missed };
      for (let times = 0; times < 20; times++) {
        store.heard.set('one', heard);
        await pass(500);
      }
      expect(statusOf(alice, bye)).toBe(100);
      // The roster has it no more as soon as that can be read; its calls are taken later.
      otherEndedAtMs = one.scheduler.nowMs() - 10_000;
      store.heard.delete('one');
      knowsOther = false;
      await pass(2_500);
      expect(statusOf(alice, bye)).toBe(100);
      store.silent.delete('one');
      store.silent.add('two');
      await pass(2_000);
      expect(statusOf(alice, bye)).toBe(200);
      expect(carrier.took('BYE').topVia().host).toBe(ENGINE);
    });

    test('it is answered 481 when the other is heard of no more, and in any case before its sender gives up', async () => {
      await pass(3_000);
      expect(statusOf(alice, bye)).toBeUndefined();
      knowsOther = false;
      await pass(1_600);
      expect(statusOf(alice, bye)).toBe(481);
      knowsOther = true;
      const next = alice.within(invite, final, 'BYE', { CSeq: '99 BYE' });
      alice.send(next);
      await pass(24_000);
      // RFC 4320 section 4.1: that it is being worked on is said once its timer E has reached T2.
      expect(statusOf(alice, next)).toBe(100);
      await pass(6_000);
      expect(statusOf(alice, next)).toBe(481);
    });
  });

  test('a BYE of a call that no node has is answered 481', async () => {
    knowsOther = true;
    const bye = alice.within(invite, final, 'BYE', { 'Call-ID': 'nobody-s' });
    alice.send(bye);
    await pass(900);
    expect(alice.responses('nobody-s')).toMatchObject([{ status: 481 }]);
  });

  test('what a callee of it has said tells its caller nothing any more: he is told by who has his call', async () => {
    const ringing = alice.call('18005550100', UPDATES);
    carrier.answer(carrier.took('INVITE', 1), 180, 'Ringing');
    await pass(400);
    standStill();
    await pass(1_700);
    const again = carrier.took('INVITE', 2);
    expect(again.topVia().host).toBe(OTHER);
    carrier.answer(carrier.took('INVITE', 1), 200, 'OK', UPDATES, SDP);
    await pass(300);
    await goOn();
    const finals = alice.responses(ringing.callId()).filter(({ status }) => status >= 200 && status !== 407);
    expect(finals).toEqual([]);
    toOther(carrier, answerTo(again, '200 OK', ['Contact: <sip:carrier@192.0.2.10>']));
    await pass(100);
    expect(alice.responses(ringing.callId()).at(-1)?.status).toBe(200);
  });

  test('its timers say nothing either: a call that nobody answered in time is the other’s to end', async () => {
    const ringing = alice.call('18005550100', UPDATES);
    carrier.answer(carrier.took('INVITE', 1), 180, 'Ringing');
    await pass(400);
    standStill();
    await pass(200_000);
    const before = alice.responses(ringing.callId()).length;
    await goOn();
    expect(alice.responses(ringing.callId())).toHaveLength(before);
    expect(one.observed.ended).toEqual([]);
  });

  test('one whose calls nobody took serves what lay in its sockets', async () => {
    standStill();
    store.silent.delete('one');
    await pass(1_700);
    const bye = hangUp();
    await pass(100);
    await goOn();
    expect(statusOf(alice, bye)).toBe(200);
    expect(carrier.requests('BYE')).toHaveLength(1);
  });

  test('a call that began while it could not write, and that nobody can have taken, is kept', async () => {
    standStill();
    await pass(1_700);
    store.cutOff.add('one');
    store.silent.delete('one');
    await goOn();
    const begun = alice.call('18005550100', UPDATES);
    carrier.answer(carrier.took('INVITE', 1), 200, 'OK', UPDATES, SDP);
    await pass(1_000);
    expect(alice.responses(begun.callId()).at(-1)?.status).toBe(200);
    expect(one.engine.calls.counters.live).toBe(2);
    store.cutOff.delete('one');
    await pass(2_000);
    expect([...one.engine.calls.list()]).toMatchObject([{ state: 'answered' }]);
    expect([store.count('one'), store.count('two')]).toEqual([1, 1]);
  });

  test('one that goes on while the other has taken only some of its calls keeps the rest, in the store too', async () => {
    alice.call('18005550100', UPDATES);
    carrier.answer(carrier.took('INVITE', 1), 200, 'OK', UPDATES, SDP);
    await pass(6_000);
    expect(store.count('one')).toBe(2);
    store.wakesAfter = 1;
    standStill();
    await pass(1_700);
    expect([store.count('one'), store.count('two')]).toEqual([1, 1]);
    await goOn();
    await pass(1_000);
    expect([store.count('one'), store.count('two')]).toEqual([1, 1]);
    expect([one.engine.calls.counters.live, two.engine.calls.counters.live]).toEqual([1, 1]);
    expect(one.log.lines.filter(({ event }) => event === 'calls-taken')).toMatchObject([
      { fields: { count: 1, kept: 1 } },
    ]);
    const [kept] = one.engine.calls.list();
    expect(JSON.stringify(kept)).toContain('18005550100');
  });

  test('one that cannot reach the store goes on with its calls', async () => {
    standStill();
    store.cutOff.add('one');
    store.silent.delete('one');
    await pass(1_700);
    const bye = hangUp();
    await pass(100);
    await goOn();
    expect(statusOf(alice, bye)).toBe(200);
  });
});

describe('a node was cut off from everybody, another one took its calls, and its network is back before the store', () => {
  /** Its way to the store. */
  let contact: StoreContact;

  const cutOff = () => {
    const { scheduler, network } = one;
    const atMs = scheduler.nowMs();
    store.cutOff.add('one');
    store.silent.add('one');
    knowsOther = true;
    endedAtMs = atMs;
    contact = 'silent';
    const missedAtMs = () => scheduler.nowMs();
    store.heard.set('one', {
      atMs,
      isInDoubt: false,
      get contact() {
        return contact;
      },
      get missedAtMs() {
        return missedAtMs();
      },
    });
    network.detach('udp', ENGINE, 5060);
  };

  const networkIsBack = () =>
    one.network.attach('udp', ENGINE, 5060, one.engine.endpoint.transport as unknown as SimulatedTransport);

  /** The second node has told the parties that take UPDATE where they are. */
  const isTaken = async () => {
    await pass(2_400);
    for (const party of [alice, carrier]) toOther(party, okTo(party.took('UPDATE')));
    await pass(100);
    expect([...two.engine.calls.list()]).toMatchObject([{ state: 'answered' }]);
  };

  test('a BYE that reaches it is served by the one that has the call: one record', async () => {
    cutOff();
    await isTaken();
    networkIsBack();
    const bye = hangUp();
    await pass(400);
    expect(statusOf(alice, bye)).toBe(200);
    expect(carrier.took('BYE').topVia().host).toBe(OTHER);
    carrierHangsUpThere();
    await pass(400);
    expect([...one.engine.calls.list(), ...one.observed.ended]).toEqual([]);
    expect(two.observed.ended).toMatchObject([{ endedBy: 'caller', endReason: 'bye' }]);
    expect(one.log.lines.filter(({ event }) => event === 'calls-taken')).toMatchObject([{ fields: { count: 1 } }]);
  });

  test('so is one of a call that has ended at the other, though what this node sends first is lost for a second: no second record', async () => {
    cutOff();
    await pass(2_400);
    toOther(carrier, answerTo(carrier.took('UPDATE'), '481 Call/Transaction Does Not Exist'));
    toOther(alice, okTo(alice.took('UPDATE')));
    await pass(100);
    toOther(alice, okTo(alice.took('BYE')));
    await pass(100);
    expect(two.observed.ended).toHaveLength(1);
    networkIsBack();
    const heardFromMs = one.scheduler.nowMs() + 900;
    const sockets = two.engine.endpoint.transport as unknown as SimulatedTransport;
    one.network.attach('udp', OTHER, 5060, {
      receive: (...message) =>
        void ((message[2].host !== ENGINE || one.scheduler.nowMs() >= heardFromMs) && sockets.receive(...message)),
    });
    const bye = carrier.withinOf(carrier.took('INVITE'), 'BYE');
    carrier.send(bye);
    await pass(3_000);
    expect(statusOf(carrier, bye)).toBeGreaterThanOrEqual(200);
    expect([...one.engine.calls.list(), ...one.observed.ended]).toEqual([]);
    expect([alice.requests('BYE').length, two.observed.ended.length]).toEqual([1, 1]);
  });

  test.each([
    ['Redis has heard of this node and they have not', false],
    ['this node has lost Redis once more', true],
  ])('so is one that comes when the others have forgotten this node: %s', async (_what, isCutOff) => {
    cutOff();
    await isTaken();
    isForgotten = true;
    networkIsBack();
    for (const names of [store.cutOff, store.silent, store.heard]) names.delete('one');
    await pass(11_000);
    expect([...one.engine.calls.list()]).toEqual([]);
    if (isCutOff) store.cutOff.add('one');
    const bye = hangUp();
    await pass(100);
    expect(statusOf(alice, bye)).toBe(200);
    expect(carrier.took('BYE').topVia().host).toBe(OTHER);
    carrierHangsUpThere();
    await pass(400);
    expect(two.observed.ended).toMatchObject([{ endedBy: 'caller', endReason: 'bye' }]);
  });

  test.each([
    ['as soon as the way to it is there, before it has heard of this node', 0],
    ['also where that is while the nodes are asked', 400],
  ])('no node hears what this one sends, and the store is asked %s: no second record', async (_, reachedAfterMs) => {
    cutOff();
    await isTaken();
    networkIsBack();
    const sockets = two.engine.endpoint.transport as unknown as SimulatedTransport;
    one.network.attach('udp', OTHER, 5060, {
      receive: (...message) => void (message[2].host !== ENGINE && sockets.receive(...message)),
    });
    const reached = () => {
      store.cutOff.delete('one');
      contact = 'reached';
    };
    if (reachedAfterMs === 0) reached();
    const bye = hangUp();
    await pass(reachedAfterMs);
    reached();
    await pass(3_000);
    expect([...one.engine.calls.list(), ...one.observed.ended, ...carrier.requests('BYE')]).toEqual([]);
    expect(one.log.lines.filter(({ event }) => event === 'calls-taken')).toMatchObject([{ fields: { count: 1 } }]);
    // It is heard again: the BYE is for the other.
    one.network.attach('udp', OTHER, 5060, sockets);
    await pass(3_000);
    expect(statusOf(alice, bye)).toBe(200);
    expect(carrier.took('BYE').topVia().host).toBe(OTHER);
    carrierHangsUpThere();
    await pass(400);
    expect([one.observed.ended, two.observed.ended]).toMatchObject([[], [{ endedBy: 'caller', endReason: 'bye' }]]);
  });

  test('so is one that comes when messages have come for long, and it has been cut off once more', async () => {
    cutOff();
    // Nobody takes its calls, since it answers.
    networkIsBack();
    await pass(10_000);
    expect(store.count('one')).toBe(1);
    one.network.detach('udp', ENGINE, 5060);
    await isTaken();
    networkIsBack();
    const bye = hangUp();
    await pass(400);
    expect(statusOf(alice, bye)).toBe(200);
    expect(one.observed.ended).toEqual([]);
    expect(carrier.took('BYE').topVia().host).toBe(OTHER);
  });

  test('what is due of a call that it had is not done, though nothing comes to it', async () => {
    const ringing = alice.call('18005550100', UPDATES);
    carrier.answer(carrier.took('INVITE', 1), 180, 'Ringing');
    await pass(177_000);
    cutOff();
    await pass(2_400);
    toOther(carrier, answerTo(carrier.took('INVITE', 2), '180 Ringing'));
    networkIsBack();
    await pass(3_000);
    expect([...one.engine.calls.list(), ...one.observed.ended]).toEqual([]);
    const finals = alice.responses(ringing.callId()).filter(({ status }) => status >= 200 && status !== 407);
    expect(new Set(finals.map(({ status }) => status))).toEqual(new Set([480]));
    const from = (host: string) =>
      one.network.packets.filter((packet) => packet.from === `${host}:5060` && packet.text.startsWith('SIP/2.0 480'));
    expect([from(ENGINE).length, from(OTHER).length]).toEqual([0, finals.length]);
  });

  test('one whose calls nobody took serves them as soon as the others have said so', async () => {
    cutOff();
    store.silent.delete('one');
    await pass(2_400);
    networkIsBack();
    const bye = hangUp();
    await pass(100);
    expect(statusOf(alice, bye)).toBe(200);
    expect(carrier.took('BYE').topVia().host).toBe(ENGINE);
  });

  test('one that hears nobody at all, since its others have ended, serves them within 2.4 s, and the next ones at once', async () => {
    const second = alice.call('18005550100', UPDATES);
    carrier.answer(carrier.took('INVITE', 1), 200, 'OK', UPDATES, SDP);
    await pass(400);
    const answered = alice.final(second) as SipResponse;
    cutOff();
    store.silent.delete('one');
    await pass(2_400);
    otherLife.isOver = true;
    await two.engine.endpoint.transport.close();
    networkIsBack();
    const bye = hangUp();
    await pass(2_500);
    expect(statusOf(alice, bye)).toBe(200);
    await pass(2_000);
    const next = alice.within(second, answered, 'BYE');
    alice.send(next);
    await pass(100);
    expect(statusOf(alice, next)).toBe(200);
  });
});

/** What a phone with several codecs and ICE candidates writes. */
const LONG_SDP = `v=0\r\no=- 1 1 IN IP4 203.0.113.2\r\ns=-\r\nc=IN IP4 203.0.113.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n${'a=candidate:1 1 UDP 2130706431 203.0.113.2 4000 typ host\r\n'.repeat(20)}`;

describe.each([
  ['', ''],
  [' with a long description', LONG_SDP],
])('a call rings between two nodes%s', (_described, description) => {
  let bob: Phone;
  let second: SipRequest;
  let asked: SipRequest;

  beforeEach(() => {
    knowsOther = true;
    bob = atOther();
    second = alice.call('102', UPDATES);
    one.run(50);
    asked = bob.took('INVITE');
    const ringing = answerTo(asked, '180 Ringing', ['Contact: <sip:102@203.0.113.2>']);
    ringing.body = description;
    if (description !== '') ringing.headers.add(HeaderId.ContentType, 'application/sdp');
    toOther(bob, ringing);
    one.run(20);
  });

  const betweenNodes = () => {
    const sent = one.network.packets.find(({ to, text }) => to === `${OTHER}:5060` && text.startsWith('INVITE'));
    return parseMessage(sent?.text ?? '') as SipRequest;
  };
  const finals = () =>
    alice
      .responses(second.callId())
      .filter(
        ({ status, headers }) =>
          status >= 200 && status !== 407 && headers.valueNamed('CSeq') === `${second.cseq().sequence} INVITE`,
      );

  test('and the caller’s ends before the call was kept: the callee is cancelled within 5 s', async () => {
    store.cutOff.add('one');
    await kill();
    await pass(4_800);
    expect(bob.took('CANCEL').topVia().branch).toBe(asked.topVia().branch);
    expect(two.log.lines.filter(({ event }) => event === 'ringing-half-lost')).toHaveLength(1);
  });

  test('and the callee’s ends: he is asked at his own address, and the caller has his answer within 5 s where he is not heard', async () => {
    await killOther();
    await pass(4_500);
    // In the name of his node: else he rings twice, and on when he has answered one of them.
    const [cancel] = bob.requests('CANCEL');
    expect([cancel?.topVia().branch, cancel?.topVia().host]).toEqual([asked.topVia().branch, OTHER]);
    expect(cancel?.headers.valueNamed('From')).toBe(asked.headers.valueNamed('From'));
    bob.peer.send(serialize(okTo(cancel as SipRequest)), ENGINE);
    const again = bob.took('INVITE', 1);
    expect(again.topVia().host).toBe(ENGINE);
    bob.peer.send(serialize(answerTo(again, '486 Busy Here')), ENGINE);
    await pass(100);
    expect(finals().at(-1)?.status).toBe(486);
    await pass(40_000);
    expect(bob.requests('CANCEL')).toHaveLength(1);
    expect(alice.responses(second.callId()).some(({ headers }) => headers.hasNamed('X-Tandem-Ringing'))).toBe(false);
  });

  test('and the callee’s ends, and then the caller gives up: the callee does not ring on', async () => {
    await killOther();
    alice.send(buildCancel(second, []));
    await pass(40_000);
    expect(bob.took('CANCEL').topVia().branch).toBe(asked.topVia().branch);
    expect(finals().at(-1)?.status).toBe(487);
    expect(bob.requests('INVITE')).toHaveLength(1);
  });

  test('so has he where the callee has no address of his own', async () => {
    one.engine.registrations.registrar.applyRemote(aorKey('102', 'acme.example.com'), []);
    const third = atOther({ target: undefined });
    const call = alice.call('102', UPDATES);
    one.run(50);
    toOther(third, answerTo(third.requests('INVITE').at(-1) as SipRequest, '180 Ringing'));
    one.run(20);
    await killOther();
    await pass(4_800);
    expect(alice.final(call)?.status).toBe(480);
  });

  test('and the callee’s is stopped while another call ends there: he is cancelled at once, and asked at his own address', async () => {
    const placed = bob.call('18005550100', UPDATES);
    const other = carrier.requests('INVITE').at(-1) as SipRequest;
    toOther(carrier, answerTo(other, '200 OK', ['Contact: <sip:carrier@192.0.2.10>']));
    await pass(50);
    bob.final(placed);
    await pass(400);
    toOther(carrier, carrier.withinOf(other, 'BYE', { From: `${other.headers.valueNamed('To')};tag=peer-again` }));
    await pass(50);
    expect(bob.requests('BYE')).toHaveLength(1);
    const closed = two.engine.close();
    await pass(100);
    expect(bob.took('CANCEL').topVia().branch).toBe(asked.topVia().branch);
    const again = bob.took('INVITE', 1);
    bob.peer.send(serialize(answerTo(again, '200 OK', ['Contact: <sip:102@203.0.113.2>'])), ENGINE);
    toOther(bob, okTo(bob.took('CANCEL')));
    toOther(bob, answerTo(asked, '487 Request Terminated'));
    toOther(bob, okTo(bob.took('BYE')));
    await pass(600);
    await closed;
    expect(finals().at(-1)?.status).toBe(200);
    expect([bob.requests('BYE').length, alice.requests('BYE').length]).toEqual([1, 0]);
  });

  test('it goes on while the other one is silent toward the store and answers', async () => {
    expect(one.engine.calls.halves.has(betweenNodes().callId())).toBe(true);
    endedAtMs = one.scheduler.nowMs();
    otherEndedAtMs = one.scheduler.nowMs();
    await pass(20_000);
    expect([...bob.requests('CANCEL'), ...finals()]).toEqual([]);
    toOther(bob, answerTo(asked, '200 OK', ['Contact: <sip:102@203.0.113.2>']));
    await pass(100);
    expect(finals().at(-1)?.status).toBe(200);
    expect(one.engine.calls.halves.has(betweenNodes().callId())).toBe(false);
  });
});

/** The callee has said nothing yet but that his node has the INVITE: that of a carrier may take seconds. */
describe('a call between two nodes does not ring yet', () => {
  let bob: Phone;
  let second: SipRequest;
  let asked: SipRequest;

  beforeEach(() => {
    [knowsOther, answersSigned] = [true, true];
    bob = atOther();
  });

  const call = async () => {
    second = alice.call('102', UPDATES);
    await pass(50);
    asked = bob.took('INVITE');
    await pass(1_000);
  };

  test('and the callee’s node ends: he is asked at his own address within 5 s', async () => {
    await call();
    await killOther();
    await pass(4_500);
    expect(bob.requests('INVITE').map((invite) => invite.topVia().host)).toContain(ENGINE);
  });

  test('and the caller’s ends before the call was kept: the callee is cancelled within 5 s', async () => {
    store.cutOff.add('one');
    await call();
    // A callee that has said nothing cannot be cancelled (RFC 3261 section 9.1).
    toOther(bob, answerTo(asked, '100 Trying'));
    await kill();
    await pass(4_800);
    expect(bob.took('CANCEL').topVia().branch).toBe(asked.topVia().branch);
  });

  test('it goes on while both are silent toward the store and answer each other', async () => {
    await call();
    endedAtMs = one.scheduler.nowMs();
    otherEndedAtMs = one.scheduler.nowMs();
    toOther(bob, answerTo(asked, '100 Trying'));
    await pass(20_000);
    expect(bob.requests('CANCEL')).toEqual([]);
    toOther(bob, answerTo(asked, '200 OK', ['Contact: <sip:102@203.0.113.2>']));
    await pass(100);
    expect(alice.final(second)?.status).toBe(200);
  });

  test('and another process is at work under the name of the callee’s node at once: he is asked anew', async () => {
    await call();
    otherLife.isOver = true;
    await two.engine.endpoint.transport.close();
    otherProcess = 'next';
    await pass(3_500);
    expect(bob.requests('INVITE').map((invite) => invite.topVia().host)).toContain(ENGINE);
  });
});

/** Each node, or worker, has a half: alice is at the first, bob at the second. */
describe('a call is up between two nodes, and both end', () => {
  let bob: Phone;
  let called: SipRequest;
  let answered: SipResponse;
  let asked: SipRequest;

  beforeEach(async () => {
    knowsOther = true;
    bob = atOther();
    called = alice.call('102', UPDATES);
    one.run(50);
    asked = bob.took('INVITE');
    toOther(bob, answerTo(asked, '200 OK', ['Contact: <sip:102@203.0.113.2>', `Allow: ${UPDATES.Allow}`]));
    await pass(100);
    answered = alice.final(called) as SipResponse;
    await pass(1_000);
    expect([store.count('one'), store.count('two')]).toEqual([2, 1]);
    await kill();
    await killOther();
    await pass(1_000);
  });

  const begin = async (node: 'one' | 'two') => {
    if (node === 'one') {
      endedAtMs = undefined;
      await startOne(one);
      return one;
    }
    otherEndedAtMs = undefined;
    await startTwo(two);
    return two;
  };

  /** The BYE of one is answered, the other one hears it once, and there is one record. `at`: where they are served by now. */
  const ends = async (
    by: 'caller' | 'callee',
    at: Readonly<Record<'alice' | 'bob', string>>,
    nodes: readonly World[],
  ) => {
    const sequence = `${called.cseq().sequence + 1} BYE`;
    const ofBob = { From: `${asked.headers.valueNamed('To')};tag=peer-again`, CSeq: sequence };
    const [bye, sender, hearer, to, from] =
      by === 'caller'
        ? ([alice.within(called, answered, 'BYE', { CSeq: sequence }), alice, bob, at.alice, at.bob] as const)
        : ([bob.withinOf(asked, 'BYE', ofBob), bob, alice, at.bob, at.alice] as const);
    sender.peer.send(serialize(bye), to);
    await pass(500);
    expect(statusOf(sender, bye)).toBe(200);
    hearer.peer.send(serialize(okTo(hearer.took('BYE'))), from);
    await pass(40_000);
    expect([hearer.requests('BYE').length, sender.requests('BYE').length]).toEqual([1, 0]);
    const records = nodes.flatMap(({ observed }) => observed.ended).filter(({ facts }) => facts.called === '102');
    expect(records.filter(({ facts }) => facts.peerNode === undefined)).toMatchObject([
      { endedBy: by, endReason: 'bye', status: 200 },
    ]);
    const left = nodes.flatMap(({ engine }) => [...engine.calls.list()]).filter(({ facts }) => facts.called === '102');
    expect(left).toEqual([]);
  };

  test.each(['caller', 'callee'] as const)(
    'each has its half again when it has begun again with the store: the BYE of the %s reaches the other one',
    async (by) => {
      const again = [await begin('one'), await begin('two')];
      await pass(10_000);
      await ends(by, { alice: ENGINE, bob: OTHER }, again);
    },
  );

  test.each([
    ['one', 'caller'],
    ['one', 'callee'],
    ['two', 'caller'],
    ['two', 'callee'],
  ] as const)(
    'where only node %s begins again, and takes over what the other had, both halves are one call: so does the BYE of the %s',
    async (node, by) => {
      const again = await begin(node);
      await pass(300);
      store.silent.add(node === 'one' ? 'two' : 'one');
      await pass(3_000);
      const at = node === 'one' ? ENGINE : OTHER;
      expect([...again.engine.calls.list()].filter(({ facts }) => facts.called === '102')).toHaveLength(1);
      await ends(by, { alice: at, bob: at }, [again]);
    },
  );
});

test('half of a call between nodes was being ended, unheard by the other, when its node was killed: both end', async () => {
  knowsOther = true;
  const bob = atOther();
  const called = alice.call('102', UPDATES);
  one.run(50);
  const asked = bob.took('INVITE');
  toOther(bob, answerTo(asked, '200 OK', ['Contact: <sip:102@203.0.113.2>', `Allow: ${UPDATES.Allow}`]));
  await pass(100);
  alice.send(alice.within(called, alice.final(called) as SipResponse, 'ACK'));
  await pass(3_000);
  const sockets = one.engine.endpoint.transport as unknown as SimulatedTransport;
  one.network.attach('udp', ENGINE, 5060, {
    receive: (...message) => void (message[0].startsWith('BYE ') || sockets.receive(...message)),
  });
  bob.send(bob.withinOf(asked, 'BYE', { From: `${asked.headers.valueNamed('To')};tag=peer-again` }));
  await pass(50);
  const [half] = [...two.engine.calls.list()].map(({ id }) => two.engine.calls.get(id)?.record);
  expect(half).toMatchObject({ endedBy: 'callee', endReason: 'bye' });
  await pass(5_000);
  expect(one.observed.ended).toEqual([]);
  await killOther();
  await pass(1_300);
  store.silent.add('two');
  await pass(1_000);
  for (const party of [alice, bob]) party.peer.send(serialize(okTo(party.took('BYE'))), ENGINE);
  await pass(300);
  expect(one.observed.ended).toMatchObject([{ endedBy: 'callee', endReason: 'bye', talkMs: half?.talkMs }]);
  expect(one.engine.calls.counters.live).toBe(1);
});

/** Registered there, and known to the first one. */
function atOther(reach: { readonly target?: undefined } = {}): Phone {
  const bob = new AtOther(one, '203.0.113.2', '102');
  expect(bob.register().status).toBe(200);
  const aor = aorKey('102', 'acme.example.com');
  const at = { transport: 'udp' as const, address: '203.0.113.2', port: 5060 };
  const atWallMs = one.scheduler.wallMs();
  const times = { refreshedAtWallMs: atWallMs, expiresAtWallMs: atWallMs + 600_000 };
  const where = { contactUri: `sip:102@${bob.host}`, path: [], source: at, target: at, node: 'two' };
  one.engine.registrations.registrar.applyRemote(aor, [binding(aor, { ...where, ...times, ...reach })]);
  return bob;
}

/** A phone of the second node. */
class AtOther extends Phone {
  override send(message: SipMessage | string): void {
    this.peer.send(typeof message === 'string' ? message : serialize(message), OTHER);
  }
}

const okTo = (request: SipRequest) => answerTo(request, '200 OK');

function answerTo(request: SipRequest, status: string, more: readonly string[] = []): SipResponse {
  const names = ['Via', 'From', 'To', 'Call-ID', 'CSeq'] as const;
  const fields = names.flatMap((name) => request.headers.fieldValuesNamed(name).map((value) => `${name}: ${value}`));
  const tagged = fields.map((field) => (/^To: [^;]*$/.test(field) ? `${field};tag=peer-again` : field));
  return parseMessage(
    `SIP/2.0 ${status}\r\n${[...tagged, ...more].join('\r\n')}\r\nContent-Length: 0\r\n\r\n`,
  ) as SipResponse;
}
