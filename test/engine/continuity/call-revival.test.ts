import { beforeEach, describe, expect, test } from 'vitest';
import type { CallStore } from '../../../src/call/index.ts';
import { NodeMark } from '../../../src/engine/continuity/node-mark.ts';
import { NO_PEERS, type PeerNodes } from '../../../src/engine/peer-nodes.ts';
import { aorKey } from '../../../src/registrar/index.ts';
import {
  formatUri,
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
import { Life, MemoryCalls, SharedMemory } from '../lives.ts';
import { type Agent, CARRIER_A, CARRIER_B, ENGINE, Phone, SDP, World, type WorldOptions } from '../world.ts';

/** Where the second node is. */
const OTHER = '198.51.100.77';
const THIRD = '198.51.100.78';
const SECRET = new Uint8Array(32).fill(7);
const UPDATES = { Allow: 'INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO' };
const OPTIONS: WorldOptions = { trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'off' } } } } };
const ALLOWS = ['Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO'];
const GRANTS = ['Session-Expires: 90;refresher=uac', 'Require: timer'];
const CONTINUES = ['Session-Expires: 90;refresher=uas', 'Require: timer'];
const CARRIER_CONTACT = 'Contact: <sip:carrier@192.0.2.10>';
const CARRIES = { continuity: { contactToken: true } };

/** A store that cannot be reached, or has lost what it had. */
class Lost {
  isLost = false;
  /** Is at fault when it is asked about a call. */
  fault: Error | undefined;
  readonly memory = new SharedMemory();

  of(name: string): CallStore {
    const { shared, ...own } = this.memory.of(name);
    if (shared === undefined) throw new Error('not shared');
    const reached = <T>(answer: () => Promise<T>) =>
      this.isLost ? Promise.reject(new Error('Redis cannot be reached')) : answer();
    return {
      load: () => reached(() => own.load()),
      write: (changes) => reached(() => own.write(changes)),
      fate: (call) => {
        if (this.fault !== undefined) throw this.fault;
        return reached(() => own.fate(call));
      },
      shared: {
        holders: () => reached(() => shared.holders()),
        take: (node, silentMs) => reached(() => shared.take(node, silentMs)),
        claim: (ids) => reached(() => shared.claim(ids)),
        heard: () => shared.heard(),
        answers: async () => !this.isLost,
        release: () => reached(() => shared.release()),
      },
    };
  }
}

let store: Lost;
let life: Life;
let one: World;
let two: World;
let alice: Phone;
let carrier: Agent;
/** Alice's INVITE and its answer, and what the carrier was sent. */
let invite: SipRequest;
let final: SipResponse;
let sent: SipRequest;
let isEnded: boolean;
/** What the other nodes know of the first one. */
let roster: 'whole' | 'silent' | 'gone';
const tokenOf = (message: SipMessage) => /;tdm=([^;>]*)/.exec(message.headers.valueNamed('Contact') ?? '')?.[1];

async function nodes(
  first = CARRIES,
  options: WorldOptions = OPTIONS,
  publicly?: { readonly one: string; readonly two: string },
  says: { readonly caller: Readonly<Record<string, string>>; readonly callee: Readonly<Record<string, string>> } = {
    caller: UPDATES,
    callee: UPDATES,
  },
): Promise<void> {
  const advertised = (publicHost: string | undefined, privateHost: string) =>
    publicHost === undefined ? {} : { advertise: { publicHost, privateHost } };
  store = new Lost();
  isEnded = false;
  roster = 'whole';
  const scheduler = new VirtualScheduler();
  const after = { scheduler, network: new SimulatedNetwork(scheduler) };
  life = new Life(scheduler);
  one = await World.start({
    ...options,
    after,
    settings: { node: 'one', ...advertised(publicly?.one, ENGINE), ...first },
    engine: { scheduler: life, callStore: store.of('one'), nonceSecret: SECRET, peers: peersOf('one', ['two']) },
  });
  two = await World.start({
    ...options,
    after,
    settings: {
      node: 'two',
      listen: [{ transport: 'udp', host: OTHER, port: 5060 }],
      ...advertised(publicly?.two, OTHER),
      ...CARRIES,
    },
    engine: {
      callStore: store.of('two'),
      nonceSecret: SECRET,
      peers: peersOf('two'),
      createTransport: after.network.transportAt(OTHER),
    },
  });
  alice = one.phone('101', '203.0.113.1');
  carrier = one.agent(CARRIER_A);
  await registerAtOther(alice);
  invite = alice.call('18005550199', says.caller);
  sent = carrier.took('INVITE');
  one.run(2_000);
  carrier.answer(sent, 200, 'OK', says.callee, SDP);
  one.run();
  const answered = alice.final(invite);
  if (answered === undefined) throw new Error('not answered');
  final = answered;
  await pass(10_000);
}

const PLACES = { one: ENGINE, two: OTHER, three: THIRD };
type Name = keyof typeof PLACES;

/** The others, as one of them knows them. */
function peersOf(self: Name, names: readonly Name[] = ['one']): PeerNodes {
  const isKnown = (name: string) => name !== 'one' || roster !== 'gone';
  return {
    ...NO_PEERS,
    names: () => names.filter((name) => name !== self && isKnown(name)),
    signs: () => true,
    isPeerAddress: (address) => Object.values(PLACES).includes(address),
    addressOf: (name) =>
      isKnown(name) && (name !== 'one' || roster === 'whole')
        ? { transport: 'udp', address: PLACES[name as Name], port: 5060 }
        : undefined,
    quietMs: (name) => (isKnown(name) ? (name === 'one' && isEnded ? 5_000 : 0) : undefined),
  };
}

/** A third node, which knows the first two, and has read the store before that was lost. */
async function third(hasRead = true): Promise<World> {
  const { scheduler, network } = one;
  const { isLost } = store;
  if (hasRead) store.isLost = false;
  const world = await World.start({
    ...OPTIONS,
    after: { scheduler, network },
    settings: { node: 'three', listen: [{ transport: 'udp', host: THIRD, port: 5060 }], ...CARRIES },
    engine: {
      callStore: store.of('three'),
      nonceSecret: SECRET,
      peers: peersOf('three', ['one', 'two']),
      createTransport: network.transportAt(THIRD),
    },
  });
  store.isLost = isLost;
  await registerAtOther(alice, THIRD);
  return world;
}

/** The phone is known at both nodes, as registrations are shared. */
async function registerAtOther(phone: Phone, at = OTHER): Promise<void> {
  const request = phone.request('REGISTER', 'sip:acme.example.com', {
    From: `${phone.address};tag=r-other`,
    To: phone.address,
    Contact: `<sip:${phone.number}@${phone.host}>`,
  });
  phone.peer.send(serialize(request), at);
  await pass(100);
  const challenge = phone.responses(request.callId()).at(-1) as SipResponse;
  phone.peer.send(serialize(phone.authorized(request, challenge, phone.client)), at);
  await pass(100);
  expect(phone.responses(request.callId()).at(-1)?.status).toBe(200);
}

/** Time passes in steps in which promises settle. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    one.run(50);
    await one.turn();
  }
}

/** The first node and the store end without a word. */
async function killBoth(): Promise<void> {
  store.isLost = true;
  await kill();
}

async function kill(): Promise<void> {
  life.isOver = true;
  isEnded = true;
  await one.engine.endpoint.transport.close();
}

const toOther = (agent: Agent, message: SipMessage) => agent.peer.send(serialize(message), OTHER);

function hangUp(): SipRequest {
  const bye = alice.within(invite, final, 'BYE');
  toOther(alice, bye);
  return bye;
}

function carrierHangsUp(): SipRequest {
  const bye = carrier.withinOf(sent, 'BYE');
  toOther(carrier, bye);
  return bye;
}

const okTo = (request: SipRequest, more: readonly string[] = [], body = '') => {
  const names = ['Via', 'From', 'To', 'Call-ID', 'CSeq'] as const;
  const fields = names.flatMap((name) => request.headers.fieldValuesNamed(name).map((value) => `${name}: ${value}`));
  const head = ['SIP/2.0 200 OK', ...fields, ...more, `Content-Length: ${body.length}`];
  return parseMessage(`${head.join('\r\n')}\r\n\r\n${body}`) as SipResponse;
};
const answers = (agent: Agent, request: SipRequest) =>
  agent
    .responses(request.callId())
    .filter((response) => response.headers.value(HeaderId.CSeq) === request.headers.value(HeaderId.CSeq))
    .map(({ status }) => status);

describe('what Contacts carry', () => {
  beforeEach(() => nodes());

  test('both parties are told a token of at most 200 octets; it says nothing to who has no key', () => {
    for (const message of [sent, final]) {
      const token = tokenOf(message) ?? '';
      expect(token).toMatch(/^[A-Za-z0-9_-]{60,}$/);
      expect(`;tdm=${token}`.length).toBeLessThanOrEqual(200);
      expect(Buffer.from(token, 'base64url').includes('18005550199')).toBe(false);
    }
  });

  test('a re-INVITE that would not go into a datagram with it leaves without', async () => {
    const long = `${SDP}${'a=x-filler:0123456789\r\n'.repeat(24)}`;
    const hold = alice.within(invite, final, 'INVITE', { CSeq: '50 INVITE', Contact: `<sip:101@${alice.host}>` });
    const described = serialize(hold).replace(
      'Content-Length: 0\r\n\r\n',
      `Content-Type: application/sdp\r\nContent-Length: ${long.length}\r\n\r\n${long}`,
    );
    alice.peer.send(described, ENGINE);
    await pass(200);
    const again = carrier.requests('INVITE').at(-1) as SipRequest;
    expect([again.callId(), again.body, tokenOf(again)]).toEqual([sent.callId(), long, undefined]);
    expect(serialize(again).length).toBeLessThanOrEqual(1_300);
    expect(one.engine.contacts.counters.tooLarge).toBe(1);
  });

  test('what was made and is left out is counted as both: neither count falls', async () => {
    const { counters } = one.engine.contacts;
    const { sealed } = counters;
    alice.call('18005550100', UPDATES, `${SDP}${'a=x-filler:0123456789\r\n'.repeat(24)}`);
    expect([counters.sealed, counters.tooLarge]).toEqual([sealed + 1, 1]);
  });

  test('one that is not wanted is left out', async () => {
    await nodes({ continuity: { contactToken: false } });
    expect([tokenOf(sent), tokenOf(final)]).toEqual([undefined, undefined]);
    await nodes(CARRIES, {
      trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'off' }, contactToken: false } } },
    });
    expect([tokenOf(sent), tokenOf(final) === undefined]).toEqual([undefined, false]);
  });

  test('an INVITE that would not go into a datagram with it leaves without', async () => {
    const long = `${SDP}${'a=x-filler:0123456789\r\n'.repeat(24)}`;
    const before = carrier.requests('INVITE').length;
    alice.call('18005550100', UPDATES, long);
    const large = carrier.took('INVITE', before);
    expect(tokenOf(large)).toBeUndefined();
    expect(serialize(large).length).toBeLessThanOrEqual(1_300);
    expect(one.engine.contacts.counters.tooLarge).toBe(1);
  });
});

describe('the node and the store are lost', () => {
  beforeEach(async () => {
    await nodes();
    await killBoth();
  });

  test('the caller’s BYE ends both legs at the other node, with the record that is due', async () => {
    const bye = hangUp();
    await pass(1_000);
    expect(answers(alice, bye)).toEqual([200]);
    const passed = carrier.took('BYE');
    expect([passed.callId(), passed.fromTag(), passed.toTag()]).toEqual([
      sent.callId(),
      sent.fromTag(),
      `peer-${CARRIER_A}`,
    ]);
    expect(passed.cseq().sequence).toBeGreaterThan(sent.cseq().sequence + 1_000);
    expect(formatUri(passed.to().uri)).toBe(formatUri(sent.to().uri));
    expect(formatUri(passed.from().uri)).toBe(formatUri(sent.from().uri));
    toOther(carrier, okTo(passed));
    await pass(500);
    const [record, ...more] = two.observed.ended;
    expect(more).toEqual([]);
    expect(record).toMatchObject({
      endedBy: 'caller',
      endReason: 'bye',
      status: 200,
      facts: { direction: 'outbound', tenant: 'acme', caller: '101', called: '18005550199', extension: '101' },
    });
    expect((record?.endedAtMs ?? 0) - (record?.answeredAtMs ?? 0)).toBeGreaterThan(10_000);
    expect((record?.endedAtMs ?? 0) - (record?.answeredAtMs ?? 0)).toBeLessThan(12_000);
    expect(record?.facts.rebuilt).toBe('whole');
    expect(two.engine.calls.counters).toMatchObject({ live: 0, legs: 0 });
  });

  test('so does the called party’s, whose Contact was made before it answered', async () => {
    const bye = carrierHangsUp();
    await pass(1_000);
    expect(answers(carrier, bye)).toEqual([200]);
    const passed = alice.took('BYE');
    expect([passed.callId(), passed.fromTag(), passed.toTag()]).toEqual([
      invite.callId(),
      final.toTag(),
      invite.fromTag(),
    ]);
    toOther(alice, okTo(passed));
    await pass(500);
    expect(two.observed.ended).toMatchObject([
      { endedBy: 'callee', endReason: 'bye', facts: { called: '18005550199', rebuilt: 'timed-from-invite' } },
    ]);
  });

  test('an end that comes twice, or later with another CSeq, begins nothing anew', async () => {
    const bye = hangUp();
    await pass(1_000);
    toOther(carrier, okTo(carrier.took('BYE')));
    await pass(40_000);
    toOther(alice, bye);
    toOther(carrier, carrier.withinOf(sent, 'BYE'));
    await pass(4_000);
    expect(answers(alice, bye)).toEqual([200, 481]);
    expect(carrier.responses(sent.callId()).at(-1)?.status).toBe(481);
    expect(two.observed.ended).toHaveLength(1);
  });

  test('re-INVITE, UPDATE and INFO go on to the other party, whose answers come back, and CSeq only grows', async () => {
    const info = alice.within(invite, final, 'INFO', { 'Content-Type': 'application/dtmf-relay' });
    toOther(alice, info);
    await pass(700);
    const passed = carrier.took('INFO');
    toOther(carrier, okTo(passed));
    await pass(100);
    expect(answers(alice, info)).toEqual([200]);

    const hold = alice.within(invite, final, 'INVITE', { CSeq: '50 INVITE', Contact: `<sip:101@${alice.host}>` });
    const described = parseMessage(
      serialize(hold).replace('Content-Length: 0\r\n\r\n', `Content-Type: application/sdp\r\n\r\n${SDP}`),
    ) as SipRequest;
    toOther(alice, described);
    await pass(200);
    const again = carrier.requests('INVITE').at(-1) as SipRequest;
    expect([again.callId(), again.body]).toEqual([sent.callId(), SDP]);
    toOther(carrier, okTo(again, ['Contact: <sip:carrier@192.0.2.10>', 'Content-Type: application/sdp'], SDP));
    await pass(200);
    const answer = alice.responses(invite.callId()).at(-1) as SipResponse;
    expect([answer.status, answer.body]).toEqual([200, SDP]);
    // What follows comes here: the Contact is this node's, and carries the call.
    expect(answer.headers.valueNamed('Contact')).toMatch(new RegExp(`@${OTHER.replaceAll('.', '\\.')}:5060;tdm=`));
    toOther(alice, alice.within(invite, final, 'ACK', { CSeq: '50 ACK' }));

    const update = carrier.withinOf(sent, 'UPDATE', { CSeq: '7 UPDATE', Contact: '<sip:carrier@192.0.2.10>' });
    toOther(carrier, update);
    await pass(200);
    expect(answers(carrier, update)).toEqual([200]);

    const sequences = carrier
      .requests()
      .filter((request) => request.callId() === sent.callId() && request.method !== 'ACK')
      .map((request) => request.cseq().sequence);
    expect(sequences.length).toBeGreaterThan(2);
    expect([...new Set(sequences)].sort((a, b) => a - b)).toEqual(sequences);
    expect(two.engine.calls.counters.live).toBe(1);
  });

  test('REFER moves the call on under the rules of who asks', async () => {
    const bob = new Phone(one, '203.0.113.2', '102');
    await registerAtOther(bob);
    const refer = alice.within(invite, final, 'REFER', {
      Contact: `<sip:101@${alice.host}>`,
      'Refer-To': '<sip:102@acme.example.com>',
    });
    toOther(alice, refer);
    await pass(800);
    expect(answers(alice, refer)).toEqual([202]);
    expect(bob.requests('INVITE')).toHaveLength(1);
  });

  test('a call that has lasted as long as it may is over', async () => {
    // Hours in which nothing happens.
    const { scheduler } = one;
    scheduler.advance(14_400_000);
    const bye = carrierHangsUp();
    await pass(1_000);
    expect(answers(carrier, bye)).toEqual([481]);
    expect(two.engine.contacts.counters).toMatchObject({ opened: 1, refused: 1, rebuilt: 0 });
    expect(two.observed.ended).toEqual([]);
  });

  test('a token that was made before the answer is good for BYE alone', async () => {
    const info = carrier.withinOf(sent, 'INFO');
    toOther(carrier, info);
    await pass(1_000);
    const [refusal] = carrier.responses(sent.callId()).slice(-1);
    expect([refusal?.status, Number(refusal?.headers.valueNamed('Retry-After'))]).toEqual([500, 5]);
    expect(two.engine.calls.counters.live).toBe(0);
    // The caller's brings it back, and then it is told to the called party whole.
    toOther(alice, alice.within(invite, final, 'INFO'));
    await pass(700);
    toOther(carrier, okTo(carrier.took('INFO')));
    await pass(500);
    toOther(carrier, carrier.withinOf(sent, 'INFO', { CSeq: '8 INFO' }));
    await pass(200);
    expect(alice.requests('INFO')).toHaveLength(1);
  });

  test('a dialog that is here is not laid over by a call of another name', async () => {
    toOther(alice, alice.within(invite, final, 'INFO'));
    await pass(700);
    const [{ id } = { id: '' }] = two.engine.calls.list();
    const snapshot = two.engine.calls.get(id)?.snapshot(0);
    if (snapshot === undefined) throw new Error('no snapshot');
    let asked = 0;
    const by = () => {
      asked++;
      throw new Error('asked');
    };
    expect(two.engine.calls.restore({ ...snapshot, id: 'another' }, by)).toBeUndefined();
    expect(asked).toBe(0);
    expect(two.engine.calls.counters.live).toBe(1);
  });

  test.each([
    ['changed', (token: string) => `${token.slice(0, 60)}${token[60] === 'A' ? 'B' : 'A'}${token.slice(61)}`, {}],
    ['cut off', (token: string) => token.slice(0, -4), {}],
    ['of another call', (token: string) => token, { 'Call-ID': 'another' }],
    ['of another dialog', (token: string) => token, { From: '<sip:101@acme.example.com>;tag=another' }],
  ])('a token that is %s is worth nothing', async (_what, change, fields) => {
    const bye = alice.within(invite, final, 'BYE', fields);
    const token = tokenOf(final) as string;
    const text = serialize(bye).replace(token, change(token));
    roster = 'gone';
    alice.peer.send(text, OTHER);
    await pass(4_000);
    // As one without: it is passed on, and the node that has ended may have been silent for a moment (RFC 4320 §4.1).
    expect(answers(alice, bye)).toEqual([100, 481]);
    expect(carrier.requests('BYE')).toEqual([]);
    expect(two.engine.contacts.counters).toMatchObject({ forged: 1, opened: 0 });
  });

  test('from a stranger it is not even opened, and from another known address it is refused', async () => {
    const bye = alice.within(invite, final, 'BYE');
    const [stranger, other] = [one.agent('203.0.113.200'), one.agent(CARRIER_B)];
    toOther(stranger, bye);
    await pass(500);
    expect(stranger.responses().at(-1)?.status).toBe(481);
    expect(two.engine.contacts.counters.opened).toBe(0);
    toOther(other, bye);
    await pass(1_000);
    expect(other.responses().at(-1)?.status).toBe(481);
    expect(two.engine.calls.counters.live).toBe(0);
    expect(carrier.requests('BYE')).toEqual([]);
    // Whose it is may still use it.
    toOther(alice, alice.within(invite, final, 'BYE'));
    await pass(1_000);
    expect(carrier.requests('BYE')).toHaveLength(1);
  });

  test('a foreign device that answers at the address of the node that has ended is nobody', async () => {
    const stranger = one.network.peer(ENGINE);
    const answersAll = () => {
      for (const text of stranger.received.splice(0)) {
        const request = parseMessage(text) as SipRequest;
        if (request.method === 'OPTIONS') stranger.send(serialize(okTo(request)), OTHER);
      }
    };
    const bye = hangUp();
    for (let passed = 0; passed < 1_000; passed += 10) {
      await pass(10);
      answersAll();
    }
    expect(answers(alice, bye)).toEqual([200]);
    expect(two.engine.contacts.counters).toMatchObject({ rebuilt: 1, elsewhere: 0 });
  });

  test('a defect on the way is logged, and the request is answered', async () => {
    store.fault = new Error('a defect');
    const bye = hangUp();
    await pass(1_000);
    expect(answers(alice, bye)).toEqual([481]);
    expect(two.log.lines.map(({ event }) => event)).toContain('call-not-restored');
    // Nothing of it is in the way of who comes next.
    store.fault = undefined;
    toOther(carrier, carrier.withinOf(sent, 'BYE'));
    await pass(1_000);
    expect(alice.requests('BYE')).toHaveLength(1);
  });

  test('a trunk whose Contacts carry none any more has none that is opened', async () => {
    await two.provision({
      trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'off' }, contactToken: false } } },
    });
    const bye = carrierHangsUp();
    await pass(1_000);
    expect(answers(carrier, bye)).toEqual([481]);
    expect(two.engine.contacts.counters).toMatchObject({ refused: 1, rebuilt: 0 });
  });

  test('a call that went on at one node does so at no third, however the store is', async () => {
    const three = await third();
    toOther(alice, alice.within(invite, final, 'INFO'));
    await pass(700);
    expect(two.engine.calls.counters.live).toBe(1);
    carrier.peer.send(serialize(carrier.withinOf(sent, 'INFO')), THIRD);
    await pass(1_000);
    expect(carrier.responses(sent.callId()).at(-1)?.status).toBe(481);
    expect([two, three].map(({ engine }) => engine.calls.counters.live)).toEqual([1, 0]);
    // Over, it is not begun again there either, by the caller, whose token is whole.
    toOther(alice, alice.within(invite, final, 'BYE', { CSeq: '90 BYE' }));
    await pass(500);
    toOther(carrier, okTo(carrier.took('BYE')));
    await pass(40_000);
    alice.peer.send(serialize(alice.within(invite, final, 'BYE', { CSeq: '91 BYE' })), THIRD);
    await pass(1_000);
    expect(three.engine.contacts.counters).toMatchObject({ elsewhere: 1, over: 1, rebuilt: 0 });
    expect([...two.observed.ended, ...three.observed.ended]).toHaveLength(1);
  });

  test('the BYE of one that went on at another node is passed on to that one', async () => {
    const three = await third();
    toOther(alice, alice.within(invite, final, 'INFO'));
    await pass(700);
    carrier.peer.send(serialize(carrier.withinOf(sent, 'BYE')), THIRD);
    await pass(1_000);
    toOther(alice, okTo(alice.took('BYE')));
    await pass(500);
    expect(carrier.responses(sent.callId()).at(-1)?.status).toBe(200);
    expect([two, three].map(({ observed }) => observed.ended.length)).toEqual([1, 0]);
  });

  test('what another node passes on begins no call', async () => {
    const bye = alice.within(invite, final, 'BYE');
    new NodeMark(SECRET).put(bye);
    toOther(alice, bye);
    await pass(2_000);
    expect(two.engine.contacts.counters).toMatchObject({ rebuilt: 0 });
    expect(two.observed.ended).toEqual([]);
  });

  test('a node that has not reached the store since its start, and cannot know who has the call, goes on with none', async () => {
    const three = await third(false);
    const bye = alice.within(invite, final, 'BYE');
    alice.peer.send(serialize(bye), THIRD);
    await pass(24_000);
    // RFC 4320 §4.1: it lives.
    expect(answers(alice, bye)).toEqual([100]);
    await pass(2_000);
    expect(answers(alice, bye)).toEqual([100, 481]);
    expect(three.engine.contacts.counters).toMatchObject({ rebuilt: 0 });
  });

  test('of two nodes that are asked by both parties at once one goes on with it', async () => {
    const three = await third();
    const peers = [two, three];
    toOther(alice, alice.within(invite, final, 'BYE'));
    carrier.peer.send(serialize(carrier.withinOf(sent, 'BYE')), THIRD);
    await pass(1_000);
    for (const agent of [alice, carrier])
      for (const request of agent.requests('BYE'))
        for (const to of [OTHER, THIRD]) agent.peer.send(serialize(okTo(request)), to);
    await pass(1_000);
    expect(peers.map(({ engine }) => engine.contacts.counters.rebuilt).sort()).toEqual([0, 1]);
    expect(peers.flatMap(({ observed }) => observed.ended)).toHaveLength(1);
  });

  test('when the store comes back with the call, nobody has it twice, and no second record is written', async () => {
    hangUp();
    await pass(1_000);
    toOther(carrier, okTo(carrier.took('BYE')));
    await pass(500);
    store.memory.silent.add('one');
    expect(store.memory.count('one')).toBe(1);
    store.isLost = false;
    await pass(5_000);
    expect([store.memory.count('one'), store.memory.count('two')]).toEqual([0, 0]);
    expect(two.engine.calls.counters.live).toBe(0);
    expect(two.observed.ended).toHaveLength(1);
  });

  test('a call that goes on when the store comes back is kept there as this node’s', async () => {
    const info = alice.within(invite, final, 'INFO');
    toOther(alice, info);
    await pass(700);
    store.memory.silent.add('one');
    store.isLost = false;
    for (const agent of [alice, carrier])
      for (const request of agent.requests().filter(({ method }) => /INFO|UPDATE|OPTIONS/.test(method)))
        toOther(agent, okTo(request));
    await pass(3_000);
    expect([store.memory.count('one'), store.memory.count('two')]).toEqual([0, 1]);
    expect(two.engine.calls.counters.live).toBe(1);
    toOther(alice, alice.within(invite, final, 'BYE', { CSeq: '90 BYE' }));
    await pass(1_000);
    expect(carrier.requests('BYE')).toHaveLength(1);
  });
});

describe('session timers (RFC 4028) and the longest duration, of a call that its Contact carried', () => {
  const timed: WorldOptions = {
    trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'request', refresher: 'uac', expiresSeconds: 90 } } } },
  };
  const plain = { Allow: 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO' };
  const weRefresh = { 'Session-Expires': '90;refresher=uac' };
  const sheIsRefreshed = { Supported: 'timer', 'Session-Expires': '90;refresher=uas' };
  const ALICE_CONTACT = `Contact: <sip:101@203.0.113.1>`;
  /** Re-INVITEs that a party has got. */
  const inDialog = (agent: Agent) => agent.requests('INVITE').filter((request) => request.toTag() !== undefined);
  const sheRefreshes = { Supported: 'timer', 'Session-Expires': '90;refresher=uac' };
  const asked = (request: SipRequest) => [request.method, request.headers.valueNamed('Session-Expires')];
  const latest = (agent: Agent) => agent.requests().at(-1) as SipRequest;

  /** Alice's request brings the call back at the other node. */
  async function revived(): Promise<void> {
    await killBoth();
    toOther(alice, alice.within(invite, final, 'INFO'));
    await pass(700);
    toOther(carrier, okTo(carrier.took('INFO')));
    await pass(100);
    expect(two.engine.calls.counters.live).toBe(1);
  }

  test('a session that this side refreshes is refreshed at once, and then at half the interval, by UPDATE', async () => {
    await nodes(CARRIES, timed, undefined, { caller: UPDATES, callee: { ...UPDATES, ...weRefresh } });
    await revived();
    const first = carrier.took('UPDATE');
    expect(asked(first)).toEqual(['UPDATE', '90;refresher=uac']);
    toOther(carrier, okTo(first, ['Session-Expires: 90;refresher=uac', ...ALLOWS]));
    toOther(alice, okTo(alice.took('UPDATE'), ALLOWS));
    await pass(44_000);
    expect(carrier.requests('UPDATE')).toHaveLength(1);
    await pass(2_000);
    const second = carrier.took('UPDATE', 1);
    expect(asked(second)).toEqual(['UPDATE', '90;refresher=uac']);
    expect(two.engine.calls.counters.live).toBe(1);
  });

  test('one that the peer refreshes ends for want of it, with BYE to both', async () => {
    await nodes(CARRIES, OPTIONS, undefined, { caller: { ...UPDATES, ...sheRefreshes }, callee: UPDATES });
    await revived();
    for (const party of [alice, carrier]) toOther(party, okTo(party.took('UPDATE'), [...ALLOWS, ...CONTINUES]));
    await pass(55_000);
    expect(two.engine.calls.counters.live).toBe(1);
    await pass(10_000);
    for (const party of [alice, carrier]) {
      expect(party.took('BYE').headers.valueNamed('Reason')).toBe('SIP;cause=408;text="Session Timer Expired"');
      toOther(party, okTo(party.took('BYE')));
    }
    await pass(500);
    expect(two.observed.ended).toMatchObject([{ endedBy: 'engine', endReason: 'session-expired' }]);
  });

  test('a party without UPDATE, whose description nobody knows, describes itself anew, and the other party answers', async () => {
    await nodes(CARRIES, timed, undefined, { caller: UPDATES, callee: { ...plain, ...weRefresh } });
    await revived();
    toOther(alice, okTo(alice.took('UPDATE'), ALLOWS));
    const again = latest(carrier);
    expect([...asked(again), again.body]).toEqual(['INVITE', '90;refresher=uac', '']);
    const offer = SDP.replace('s=-', 's=anew');
    toOther(carrier, okTo(again, [...GRANTS, CARRIER_CONTACT, 'Content-Type: application/sdp'], offer));
    await pass(200);
    const offered = alice.requests('INVITE').at(-1) as SipRequest;
    expect([offered.callId(), offered.body]).toEqual([invite.callId(), offer]);
    const answer = SDP.replace('s=-', 's=answer');
    toOther(
      alice,
      okTo(offered, [`Contact: <sip:101@${alice.host}>`, 'Content-Type: application/sdp', ...ALLOWS], answer),
    );
    await pass(200);
    expect(alice.requests('ACK').at(-1)?.cseq().sequence).toBe(offered.cseq().sequence);
    const ack = carrier.requests('ACK').at(-1) as SipRequest;
    expect([ack.cseq().sequence, ack.body]).toEqual([again.cseq().sequence, answer]);
    // From now on the description is known.
    await pass(46_000);
    const refresh = carrier.requests('INVITE').at(-1) as SipRequest;
    expect(refresh.cseq().sequence).toBeGreaterThan(again.cseq().sequence);
    expect([...asked(refresh), refresh.body]).toEqual(['INVITE', '90;refresher=uac', answer]);
  });

  test('of two parties without UPDATE one describes itself anew at a time: the other answers it, and is refreshed so', async () => {
    await nodes(CARRIES, timed, undefined, {
      caller: { ...plain, ...sheIsRefreshed },
      callee: { ...plain, ...weRefresh },
    });
    await revived();
    const again = alice.requests('INVITE').at(-1) as SipRequest;
    expect([...asked(again), again.body]).toEqual(['INVITE', '90;refresher=uac', '']);
    expect(inDialog(carrier)).toEqual([]);
    const offer = SDP.replace('s=-', 's=alice');
    toOther(alice, okTo(again, [...GRANTS, ALICE_CONTACT, 'Content-Type: application/sdp'], offer));
    await pass(200);
    const [offered, ...others] = inDialog(carrier);
    expect([...asked(offered as SipRequest), offered?.body, others]).toEqual(['INVITE', '90;refresher=uac', offer, []]);
    const answer = SDP.replace('s=-', 's=carrier');
    toOther(
      carrier,
      okTo(offered as SipRequest, [...GRANTS, CARRIER_CONTACT, 'Content-Type: application/sdp'], answer),
    );
    await pass(200);
    const ack = alice.requests('ACK').at(-1) as SipRequest;
    expect([ack.cseq().sequence, ack.body]).toEqual([again.cseq().sequence, answer]);
    await pass(40_000);
    // Neither is asked for anything more before half of its interval is over, and then with what is known.
    expect([inDialog(carrier), inDialog(alice)].map(({ length }) => length)).toEqual([1, 1]);
    await pass(6_000);
    expect([inDialog(alice).at(-1)?.body, inDialog(carrier).at(-1)?.body]).toEqual([answer, offer]);
    expect(two.engine.calls.counters.live).toBe(1);
  });

  test('the other of two without UPDATE is asked when the first one has refused', async () => {
    await nodes(CARRIES, timed, undefined, {
      caller: { ...plain, ...sheIsRefreshed },
      callee: { ...plain, ...weRefresh },
    });
    await revived();
    const [refused] = inDialog(alice);
    alice.peer.send(serialize(okTo(refused as SipRequest)).replace('200 OK', '488 Not Acceptable Here'), OTHER);
    await pass(5_000);
    expect(inDialog(carrier).map(({ body }) => body)).toEqual(['']);
  });

  test('the other party refuses what is offered: both go on as they are', async () => {
    await nodes(CARRIES, timed, undefined, { caller: UPDATES, callee: { ...plain, ...weRefresh } });
    await revived();
    toOther(alice, okTo(alice.took('UPDATE'), ALLOWS));
    const again = latest(carrier);
    toOther(carrier, okTo(again, [...GRANTS, CARRIER_CONTACT, 'Content-Type: application/sdp'], SDP));
    await pass(200);
    const offered = alice.requests('INVITE').at(-1) as SipRequest;
    alice.peer.send(serialize(okTo(offered)).replace('200 OK', '488 Not Acceptable Here'), OTHER);
    await pass(500);
    const ack = carrier.requests('ACK').at(-1) as SipRequest;
    expect([ack.cseq().sequence, ack.body]).toEqual([again.cseq().sequence, '']);
    expect([...carrier.requests('BYE'), ...alice.requests('BYE')]).toEqual([]);
    expect(two.engine.calls.counters.live).toBe(1);
    // Neither is left with an offer that nobody answers: the next one passes, and the session is refreshed in its time.
    const hold = SDP.replace('s=-', 's=hold');
    const described = { Contact: `<sip:101@${alice.host}>`, 'Content-Type': 'application/sdp' };
    const held = alice.within(invite, final, 'INVITE', { CSeq: '95 INVITE', ...described });
    held.body = hold;
    toOther(alice, held);
    await pass(100);
    const passed = latest(carrier);
    expect([passed.method, passed.body]).toEqual(['INVITE', hold]);
    toOther(carrier, okTo(passed, [...GRANTS, CARRIER_CONTACT, 'Content-Type: application/sdp'], SDP));
    await pass(100);
    expect(alice.responses(invite.callId()).at(-1)).toMatchObject({ status: 200, body: SDP });
    toOther(alice, alice.within(invite, final, 'ACK', { CSeq: '95 ACK' }));
    await pass(46_000);
    expect(asked(latest(carrier))).toEqual(['INVITE', '90;refresher=uac']);
    expect(latest(carrier).body).toBe(hold);
  });

  test('a party that refuses to be asked goes on as it is; the other one hears nothing of it', async () => {
    await nodes(CARRIES, timed, undefined, { caller: UPDATES, callee: { ...plain, ...weRefresh } });
    await revived();
    carrier.peer.send(serialize(okTo(latest(carrier))).replace('200 OK', '488 Not Acceptable Here'), OTHER);
    await pass(500);
    expect(latest(carrier).method).toBe('ACK');
    expect(alice.requests('INVITE')).toEqual([]);
    expect(two.engine.calls.counters.live).toBe(1);
  });

  test('it ends when it has lasted as long as it may, counted from its answer', async () => {
    await nodes();
    await revived();
    for (const party of [alice, carrier]) toOther(party, okTo(party.took('UPDATE'), ALLOWS));
    await pass(200);
    one.scheduler.advance(14_400_000 - 12_000);
    await pass(12_000);
    for (const party of [alice, carrier]) toOther(party, okTo(party.took('BYE')));
    await pass(500);
    const [record] = two.observed.ended;
    expect(record?.endReason).toBe('session-limit');
    expect((record?.endedAtMs ?? 0) - (record?.answeredAtMs ?? 0)).toBe(14_400_000);
  });
});

describe('the trunk is told the private address in Contact and the public one in Via', () => {
  const told: WorldOptions = {
    trunks: {
      'carrier-a': { options: { sessionTimer: { mode: 'off' }, usePrivateIp: true, rewriteViaHost: true } },
    },
  };
  const PUBLIC = { one: '203.0.113.91', two: '203.0.113.92' };
  const placed = (request: SipRequest) =>
    ['Via', 'Contact'].map((name) =>
      request.headers
        .valueNamed(name)
        ?.replace(/;.*/, '')
        .replace(/.*[ @]/, ''),
    );

  test('also when the call goes on at another node from what its Contact carried', async () => {
    await nodes(CARRIES, told, PUBLIC);
    expect(placed(sent)).toEqual([`${PUBLIC.one}:5060`, `${ENGINE}:5060`]);
    await killBoth();
    toOther(alice, alice.within(invite, final, 'INFO'));
    await pass(1_000);
    for (const request of carrier.requests().filter(({ method }) => method === 'INFO' || method === 'UPDATE'))
      expect(placed(request)[0]).toBe(`${PUBLIC.two}:5060`);
    expect(placed(carrier.took('UPDATE'))[1]).toBe(`${OTHER}:5060`);
  });

  test('also when it goes on from its snapshot', async () => {
    await nodes(CARRIES, told, PUBLIC);
    await kill();
    store.memory.silent.add('one');
    await pass(2_000);
    expect(placed(carrier.took('UPDATE'))).toEqual([`${PUBLIC.two}:5060`, `${OTHER}:5060`]);
  });
});

describe('somebody may have the call', () => {
  beforeEach(() => nodes());

  /** Nothing comes of it but that it ends where it is. */
  async function endsThere(bye: SipRequest, ms: number): Promise<void> {
    toOther(alice, bye);
    await pass(ms);
    carrier.peer.send(serialize(okTo(carrier.took('BYE'))), ENGINE);
    await pass(100);
    expect(answers(alice, bye).at(-1)).toBe(200);
    expect(carrier.requests('BYE').map((request) => request.callId())).toEqual([sent.callId()]);
    expect([one, two].map(({ observed }) => observed.ended.length)).toEqual([1, 0]);
    expect([one, two].map(({ engine }) => engine.calls.counters.live)).toEqual([0, 0]);
    expect(two.engine.contacts.counters).toMatchObject({ elsewhere: 1, rebuilt: 0 });
  }

  test('its node lives, though the store does not: the other one does nothing', async () => {
    store.isLost = true;
    const info = alice.within(invite, final, 'INFO');
    toOther(alice, info);
    await pass(1_000);
    expect(answers(alice, info)).toEqual([481]);
    expect(carrier.requests('INFO')).toEqual([]);
    expect([one, two].map(({ engine }) => engine.calls.counters.live)).toEqual([1, 0]);
  });

  test('its node lives: BYE is passed on to it, as one that carries nothing', async () => {
    store.isLost = true;
    await endsThere(alice.within(invite, final, 'BYE'), 1_000);
  });

  test.each(['silent', 'gone'] as const)('also when it has not been heard of for a while: %s', async (now) => {
    store.isLost = true;
    await pass(600);
    roster = now;
    await pass(600);
    await endsThere(alice.within(invite, final, 'BYE'), 1_500);
  });

  test('BYE is passed on though what it carries cannot be read: by a node that has it off, or another key', async () => {
    const bye = alice.within(invite, final, 'BYE');
    const other = serialize(bye).replace(/;tdm=.{4}/, ';tdm=AAAA');
    expect(other).not.toBe(serialize(bye));
    toOther(alice, parseMessage(other));
    await pass(400);
    carrier.peer.send(serialize(okTo(carrier.took('BYE'))), ENGINE);
    await pass(400);
    expect(answers(alice, bye).at(-1)).toBe(200);
    expect(one.observed.ended).toHaveLength(1);
    expect(two.engine.contacts.counters).toMatchObject({ rebuilt: 0 });
  });

  /** Its node hears only some of the questions about whether it is there, and what it has. */
  function hearOnly(isHeard: (question: string) => boolean): void {
    const sockets = one.engine.endpoint.transport as unknown as SimulatedTransport;
    one.network.attach('udp', ENGINE, 5060, {
      receive: (...message) => {
        const text = String(message[0]);
        if (!text.startsWith('OPTIONS ') || isHeard(text)) sockets.receive(...message);
      },
    });
  }

  test('a node that lives and does not say in time whether it has the call counts as having it', async () => {
    store.isLost = true;
    hearOnly((question) => !question.includes(invite.callId()) && !question.includes(sent.callId()));
    await endsThere(alice.within(invite, final, 'BYE'), 2_500);
  });

  test('one that ends between that it was there and that is asked again, and has nothing', async () => {
    store.isLost = true;
    let heard = 0;
    hearOnly(() => ++heard === 1);
    hangUp();
    await pass(2_500);
    expect(carrier.requests('BYE')).toHaveLength(1);
    expect(two.engine.contacts.counters).toMatchObject({ elsewhere: 0, rebuilt: 1 });
  });

  test('a store that came back empty is told again what is up, also by who has no news of it', async () => {
    store.memory.empty();
    await pass(11_000);
    expect(store.memory.count('one')).toBe(1);
    await kill();
    store.memory.silent.add('one');
    hangUp();
    await pass(2_000);
    toOther(carrier, okTo(carrier.took('BYE')));
    await pass(500);
    expect(two.observed.ended).toHaveLength(1);
    expect(two.observed.ended[0]?.facts.rebuilt).toBeUndefined();
  });

  test('its node has ended and the store has it: the snapshot goes on, not the token', async () => {
    await kill();
    store.memory.silent.add('one');
    const bye = hangUp();
    await pass(2_000);
    expect(answers(alice, bye)).toEqual([200]);
    toOther(carrier, okTo(carrier.took('BYE')));
    await pass(500);
    expect(two.observed.ended[0]?.facts.rebuilt).toBeUndefined();
    expect(two.observed.ended).toHaveLength(1);
  });
});

/** There is room in a Contact for one half of it. */
describe('a call is up between two nodes', () => {
  let bob: Phone;
  let called: SipRequest;
  let answered: SipResponse;
  let asked: SipRequest;
  let last: World;

  beforeEach(async () => {
    await nodes();
    last = await third();
    bob = new Phone(one, '203.0.113.2', '102');
    await registerAtOther(bob);
    await registerAtOther(bob, THIRD);
    const aor = aorKey('102', 'acme.example.com');
    const at = { transport: 'udp' as const, address: '203.0.113.2', port: 5060 };
    const atWallMs = one.scheduler.wallMs();
    const times = { refreshedAtWallMs: atWallMs, expiresAtWallMs: atWallMs + 600_000 };
    const where = { contactUri: `sip:102@${bob.host}`, path: [], source: at, target: at, node: 'two' };
    one.engine.registrations.registrar.applyRemote(aor, [binding(aor, { ...where, ...times })]);
    called = alice.call('102', UPDATES);
    await pass(100);
    asked = bob.took('INVITE');
    const to = `To: ${asked.headers.value(HeaderId.To)};tag=peer-${bob.peer.here.host}`;
    const ok = serialize(okTo(asked, ['Contact: <sip:102@203.0.113.2>', ...ALLOWS])).replace(/^To: .*$/m, to);
    toOther(bob, parseMessage(ok));
    await pass(100);
    answered = alice.final(called) as SipResponse;
    await pass(5_000);
  });

  const killAll = async () => {
    await killBoth();
    await two.engine.endpoint.transport.close();
  };

  test('the callee’s Contact carries nothing, that of the caller’s node least of all: its BYE at a third one is passed on', async () => {
    expect(tokenOf(asked)).toBeUndefined();
    const bye = bob.withinOf(asked, 'BYE');
    bob.peer.send(serialize(bye), THIRD);
    await pass(1_000);
    expect(answers(bob, bye).at(-1)).toBe(200);
    expect(alice.requests('BYE')).toHaveLength(1);
  });

  test('both are lost with the store: the BYE of the caller is answered, with its record; the callee does not hear of it', async () => {
    expect(tokenOf(answered)).toBeDefined();
    await killAll();
    const bye = alice.within(called, answered, 'BYE', { CSeq: `${called.cseq().sequence + 1} BYE` });
    alice.peer.send(serialize(bye), THIRD);
    await pass(40_000);
    expect(answers(alice, bye)).toEqual([200]);
    expect(last.observed.ended).toMatchObject([{ endedBy: 'caller', facts: { called: '102', rebuilt: 'whole' } }]);
    expect(bob.requests('BYE')).toEqual([]);
  });

  test('both are lost with the store: the BYE of the callee is answered 481', async () => {
    await killAll();
    const bye = bob.withinOf(asked, 'BYE');
    bob.peer.send(serialize(bye), THIRD);
    await pass(40_000);
    expect(answers(bob, bye).at(-1)).toBe(481);
    expect(last.observed.ended).toEqual([]);
  });
});

describe('one node, again without what it had', () => {
  const alone = async (callStore: CallStore, secret = SECRET) => {
    const again = await World.start({
      ...OPTIONS,
      after: one,
      settings: { node: 'one', ...CARRIES },
      engine: { callStore, nonceSecret: secret },
    });
    alice.register();
    return again;
  };

  beforeEach(async () => {
    await nodes();
    await kill();
  });

  test.each(['caller', 'callee'] as const)('the %s’s BYE ends the call', async (side) => {
    const again = await alone(new MemoryCalls());
    const [from, to] = side === 'caller' ? [alice, carrier] : [carrier, alice];
    const bye = side === 'caller' ? alice.within(invite, final, 'BYE') : carrier.withinOf(sent, 'BYE');
    from.send(bye);
    await pass(200);
    expect(answers(from, bye)).toEqual([200]);
    to.answer(to.took('BYE'), 200);
    await pass(200);
    expect(again.observed.ended).toMatchObject([{ endedBy: side, endReason: 'bye' }]);
  });

  test('with another key it does not', async () => {
    await alone(new MemoryCalls(), new Uint8Array(32).fill(8));
    const bye = carrier.withinOf(sent, 'BYE');
    carrier.send(bye);
    await pass(200);
    expect(answers(carrier, bye)).toEqual([481]);
  });

  test('a call that it ended itself is not begun again by what comes late', async () => {
    const again = await alone(new MemoryCalls());
    const next = alice.call('18005550123', UPDATES);
    const placed = carrier.requests('INVITE').at(-1) as SipRequest;
    carrier.answer(placed, 200, 'OK', UPDATES, SDP);
    again.run();
    const answered = alice.final(next) as SipResponse;
    const bye = alice.within(next, answered, 'BYE');
    alice.send(bye);
    await pass(200);
    carrier.answer(carrier.requests('BYE').at(-1) as SipRequest, 200);
    await pass(40_000);
    const late = carrier.withinOf(placed, 'BYE');
    carrier.send(late);
    await pass(200);
    expect(answers(carrier, late)).toEqual([481]);
    expect(again.observed.ended).toHaveLength(1);
  });

  test.each(['caller', 'callee'] as const)(
    'a call that ended before it is not begun again by what the %s sends, while its store says what there was',
    async (side) => {
      const kept = new MemoryCalls();
      const first = await alone(kept);
      const next = alice.call('18005550123', UPDATES);
      const placed = carrier.requests('INVITE').at(-1) as SipRequest;
      carrier.answer(placed, 200, 'OK', UPDATES, SDP);
      first.run();
      const answered = alice.final(next) as SipResponse;
      await pass(1_000);
      alice.send(alice.within(next, answered, 'BYE'));
      await pass(200);
      carrier.answer(carrier.requests('BYE').at(-1) as SipRequest, 200);
      await pass(1_000);
      expect(first.observed.ended).toHaveLength(1);
      await first.engine.endpoint.transport.close();
      const again = await alone(kept);
      const late =
        side === 'caller' ? alice.within(next, answered, 'BYE', { CSeq: '90 BYE' }) : carrier.withinOf(placed, 'BYE');
      (side === 'caller' ? alice : carrier).send(late);
      await pass(500);
      expect(answers(side === 'caller' ? alice : carrier, late)).toEqual([481]);
      expect(again.observed.ended).toEqual([]);
      expect(again.engine.contacts.counters).toMatchObject({ opened: 1, over: 1, rebuilt: 0 });
    },
  );

  test('a call that went on from a token and ended is over for the next process too', async () => {
    const kept = new MemoryCalls();
    const again = await alone(kept);
    const bye = alice.within(invite, final, 'BYE');
    alice.send(bye);
    await pass(200);
    carrier.answer(carrier.took('BYE'), 200);
    await pass(1_000);
    expect(again.observed.ended).toHaveLength(1);
    await again.engine.endpoint.transport.close();
    const last = await alone(kept);
    alice.send(alice.within(invite, final, 'BYE', { CSeq: '90 BYE' }));
    await pass(500);
    expect(last.observed.ended).toEqual([]);
    expect(last.engine.contacts.counters).toMatchObject({ over: 1, rebuilt: 0 });
  });
});
