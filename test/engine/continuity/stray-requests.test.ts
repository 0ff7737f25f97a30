import { beforeEach, describe, expect, test, vi } from 'vitest';
import { KnownNodes } from '../../../src/engine/continuity/known-nodes.ts';
import { NodeMark } from '../../../src/engine/continuity/node-mark.ts';
import { StrayRequests, type StrayRequestsOptions } from '../../../src/engine/continuity/stray-requests.ts';
import { NO_PEERS, type PeerNodes } from '../../../src/engine/peer-nodes.ts';
import type { ServerTransaction } from '../../../src/sip/endpoint/index.ts';
import {
  createResponse,
  HeaderId,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../../src/sip/message/index.ts';
import type { Flow, Target } from '../../../src/sip/transport/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const PHONE = '203.0.113.1';
const NODES: Record<string, string> = { two: '192.0.2.2', three: '192.0.2.3' };
const BYE = [
  'BYE sip:102@192.0.2.1 SIP/2.0',
  `Via: SIP/2.0/UDP ${PHONE};branch=z9hG4bK1`,
  'From: <sip:101@a>;tag=1',
  'To: <sip:102@a>;tag=2',
  'Call-ID: 1',
  'CSeq: 2 BYE',
  'Max-Forwards: 70',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

const mark = new NodeMark(new Uint8Array(32).fill(7));

let time: VirtualScheduler;
let names: string[];
let asked: string[];
/** Nodes that have been found silent, as by a call: it is not said where they are until they are heard of again. */
let marked: string[];
/** When the roster was last read; all the time, where that is not set. */
let readAtMs: number | undefined;
/** What it was asked last. */
let copy: SipRequest;
/** What a node answers. */
let answers: (address: string) => number;
let replies: number[];
let known: KnownNodes;
let strayRequests: StrayRequests;

beforeEach(() => {
  time = new VirtualScheduler();
  [names, asked, replies, marked, readAtMs] = [['two', 'three'], [], [], [], undefined];
  answers = () => 481;
  const sendRequest = (request: SipRequest, to: Target, user: { onResponse(response: SipResponse): void }) => {
    asked.push(to.address);
    copy = request;
    const status = answers(to.address);
    if (status > 0) user.onResponse(createResponse(request, status, undefined, { toTag: `of-${to.address}` }));
  };
  const peers: PeerNodes = {
    ...NO_PEERS,
    names: () => names,
    addressOf: (name) =>
      marked.includes(name) || !names.includes(name)
        ? undefined
        : { transport: 'udp', address: NODES[name] ?? '', port: 5060 },
    isPeerAddress: (address) => names.some((name) => NODES[name] === address),
  };
  known = new KnownNodes(peers, { isOwnHost: () => false });
  strayRequests = new StrayRequests({
    endpoint: { sendRequest } as unknown as StrayRequestsOptions['endpoint'],
    peers,
    known,
    mark,
    scheduler: time,
    readAtMs: () => readAtMs ?? time.nowMs(),
    sources: { senderOf: (_request, { remoteAddress }) => remoteAddress },
  });
});

const byeFrom = (remoteAddress: string) =>
  ({
    request: parseMessage(BYE),
    flow: { remoteAddress },
    reply: (status: number) => replies.push(status),
  }) as unknown as ServerTransaction;

const flow = { remoteAddress: PHONE } as Flow;

/** The call has not come to this node. */
const nowhere = () => false;

const concerns = ({ request, flow }: ServerTransaction) => strayRequests.concerns(request, flow);

/** Time passes in steps in which promises settle. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    time.advance(50);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('the other nodes are asked, and one of them has the call', async () => {
  answers = (address) => (address === NODES['three'] ? 200 : 481);
  const bye = byeFrom(PHONE);
  expect(concerns(bye)).toBe(true);
  expect(await strayRequests.passOn(bye, nowhere)).toBe('taken');
  expect([asked, replies]).toEqual([['192.0.2.2', '192.0.2.3'], [200]]);
});

test.each([
  ['a line that is no field', 'rest of a value'],
  ['a name with a space in it', 'X Name: y'],
  ['a bare LF in a field', 'User-Agent: a\nb'],
  ['a field of 17 KB', `X: ${'y'.repeat(17_000)}`],
])('with %s left out it is passed on all the same', async (_what, line) => {
  answers = (address) => (address === NODES['three'] ? 200 : 481);
  const received = (text: string) =>
    parseMessage(text.replace('Max-Forwards', `${line}\r\nMax-Forwards`)) as SipRequest;
  expect(await strayRequests.passOn({ ...byeFrom(PHONE), request: received(BYE) } as ServerTransaction, nowhere)).toBe(
    'taken',
  );
  expect([copy.callId(), copy.headers.has(HeaderId.UserAgent)]).toEqual(['1', false]);
  const cancel = received(BYE.replaceAll('BYE', 'CANCEL').replace(';tag=2', ''));
  expect(await strayRequests.passOnCancel(cancel, flow, nowhere)).toBe('of-192.0.2.3');
  expect(copy.method).toBe('CANCEL');
});

test('none has it: each is asked once', async () => {
  expect(await strayRequests.passOn(byeFrom(PHONE), nowhere)).toBe('refused');
  expect([asked.length, replies]).toEqual([2, []]);
});

test('what another node has passed on is not passed on, nor anything where there is none', () => {
  expect(concerns(byeFrom('192.0.2.2'))).toBe(false);
  names = [];
  expect(concerns(byeFrom(PHONE))).toBe(false);
});

test('a node that is in no roster any more, as one that has lost the store, is asked where it was: it may have the call', async () => {
  known.note();
  names = ['two'];
  answers = (address) => (address === NODES['three'] ? 200 : 481);
  expect(await strayRequests.passOn(byeFrom(PHONE), nowhere)).toBe('taken');
  expect(new Set(asked)).toEqual(new Set(['192.0.2.2', '192.0.2.3']));
  names = [];
  expect(concerns(byeFrom(PHONE))).toBe(true);
  expect(await strayRequests.passOn(byeFrom(PHONE), nowhere)).toBe('taken');
  expect(replies).toEqual([200, 200]);
});

test('what such a one has passed on is not passed on', () => {
  known.note();
  names = ['two'];
  expect(concerns(byeFrom('192.0.2.3'))).toBe(false);
});

test('who has the call is not kept waiting for one that does not answer', async () => {
  answers = (address) => (address === NODES['three'] ? 200 : 0);
  expect(await strayRequests.passOn(byeFrom(PHONE), nowhere)).toBe('taken');
  expect(replies).toEqual([200]);
});

test('a node that has the call is heard though four packets in a row are lost; one that has said that it has none is not asked again', async () => {
  answers = (address) => {
    if (address === NODES['two']) return 481;
    return asked.filter((each) => each === address).length < 5 ? 0 : 200;
  };
  const passing = strayRequests.passOn(byeFrom(PHONE), nowhere);
  await pass(450);
  expect(await passing).toBe('taken');
  expect([asked.filter((each) => each === NODES['two']).length, replies]).toEqual([1, [200]]);
  await pass(500);
  expect(asked).toHaveLength(6);
});

test('one that never answers is sent five packets within half a second, and one for a sender that nobody knows', async () => {
  answers = () => 0;
  const passing = strayRequests.passOn(byeFrom(PHONE), nowhere);
  await pass(550);
  expect([await passing, asked.length]).toEqual(['silent', 10]);
  strayRequests.start();
  asked = [];
  expect(strayRequests.takesStranger(byeFrom(PHONE), () => {})).toBeDefined();
  await pass(400);
  expect(asked).toHaveLength(2);
});

test('of nodes that have left the latest ten are asked, and one that has another’s address once with it', async () => {
  for (let gone = 0; gone < 20; gone++) {
    const name = `gone-${gone}`;
    NODES[name] = `198.51.100.${gone}`;
    names = [name];
    known.note();
  }
  NODES['again'] = '198.51.100.19';
  names = ['again', 'two'];
  answers = () => 481;
  expect(await strayRequests.passOn(byeFrom(PHONE), nowhere)).toBe('refused');
  const gone = Array.from({ length: 10 }, (_, index) => `198.51.100.${index + 10}`);
  expect(asked.toSorted()).toEqual([...gone, '192.0.2.2'].toSorted());
});

test('a node that has just started knows nobody: the BYE waits until it has heard of the others', async () => {
  names = [];
  strayRequests.start();
  const bye = byeFrom(PHONE);
  expect(concerns(bye)).toBe(true);
  const passing = strayRequests.passOn(bye, nowhere);
  await pass(200);
  names = ['two'];
  answers = () => 200;
  await pass(100);
  expect(await passing).toBe('taken');
  expect([asked, replies]).toEqual([['192.0.2.2'], [200]]);
});

test('nor do the others know it, and refuse what it passes on: they are asked again until it has told of itself', async () => {
  strayRequests.start();
  const passing = strayRequests.passOn(byeFrom(PHONE), nowhere);
  await pass(400);
  expect(replies).toEqual([]);
  answers = () => 200;
  await pass(200);
  expect(await passing).toBe('taken');
  expect(replies).toEqual([200]);
});

describe('one that stood still, and has not read of the others since', () => {
  beforeEach(() => {
    known.note();
    readAtMs = time.nowMs();
    time.advance(5_000);
  });

  test('does not know which there are by now: the BYE is passed on again until it has heard of them', async () => {
    const passing = strayRequests.passOn(byeFrom(PHONE), nowhere);
    await pass(300);
    expect(replies).toEqual([]);
    NODES['new'] = '192.0.2.9';
    names = ['two', 'new'];
    answers = (address) => (address === NODES['new'] ? 200 : 481);
    await pass(300);
    expect([await passing, replies]).toEqual(['taken', [200]]);
  });

  test('waits for that once, for 1.5 s, until it has read of them and has been without again', async () => {
    const first = strayRequests.passOn(byeFrom(PHONE), nowhere);
    expect(await Promise.race([first, pass(1_400)])).toBeUndefined();
    await pass(900);
    expect([await first, strayRequests.isUnknown]).toEqual(['refused', false]);
    await pass(10_000);
    asked = [];
    expect([await strayRequests.passOn(byeFrom(PHONE), nowhere), asked.length]).toEqual(['refused', 2]);
    readAtMs = time.nowMs();
    await pass(2_000);
    const again = strayRequests.passOn(byeFrom(PHONE), nowhere);
    expect(strayRequests.isUnknown).toBe(true);
    await pass(2_300);
    expect(await again).toBe('refused');
  });
});

describe('all nodes have been found silent by calls', () => {
  beforeEach(() => {
    known.note();
    marked = ['two', 'three'];
  });

  test('and answer: a call that none of them has is none at once, and strangers are none the less strangers', async () => {
    expect(await strayRequests.passOn(byeFrom(PHONE), nowhere)).toBe('refused');
    expect([asked.length, strayRequests.isUnknown]).toEqual([2, false]);
    expect(strayRequests.takesStranger(byeFrom(PHONE), () => {})).toBeUndefined();
  });

  test.each([
    [481, 'refused'],
    [0, 'silent'],
  ])('and answer %i, while the store is away: it is known within 2.3 s that the BYE is %s', async (status, said) => {
    readAtMs = time.nowMs();
    await pass(3_000);
    answers = () => status;
    const passing = strayRequests.passOn(byeFrom(PHONE), nowhere);
    await pass(2_250);
    expect(await Promise.race([passing, pass(50)])).toBe(said);
    // Five packets to each at first, one each time after that.
    expect(asked.length).toBeLessThanOrEqual(status === 0 ? 2 * (5 + 3) : 2 * 8);
  });

  test('and the store comes and goes: that is known as soon', async () => {
    strayRequests.start();
    const passing = strayRequests.passOn(byeFrom(PHONE), nowhere);
    for (let times = 0; times < 9; times++) {
      await pass(250);
      strayRequests.start();
    }
    expect(await Promise.race([passing, pass(50)])).toBe('refused');
  });
});

test('nor is it asked any longer once the call has come here', async () => {
  strayRequests.start();
  let isHere = false;
  const passing = strayRequests.passOn(byeFrom(PHONE), () => isHere);
  await pass(200);
  isHere = true;
  await pass(150);
  expect([await Promise.race([passing, pass(50)]), asked.length]).toEqual(['refused', 2]);
});

test('a call that no node has is none 1.5 s after the start either', async () => {
  strayRequests.start();
  const passing = strayRequests.passOn(byeFrom(PHONE), nowhere);
  await pass(2_000);
  expect(await passing).toBe('refused');
  expect(replies).toEqual([]);
  expect(concerns(byeFrom(PHONE))).toBe(true);
  asked = [];
  expect(await strayRequests.passOn(byeFrom(PHONE), nowhere)).toBe('refused');
  expect(asked).toHaveLength(2);
});

test('a sender that nobody knows is passed on as the node begins, and refused at once later', async () => {
  const refused: string[] = [];
  expect(strayRequests.takesStranger(byeFrom(PHONE), () => refused.push('later'))).toBeUndefined();
  strayRequests.start();
  answers = () => 200;
  expect(strayRequests.takesStranger(byeFrom(PHONE), () => refused.push('taken'))).toBeDefined();
  await pass(50);
  expect([replies, refused]).toEqual([[200], []]);
  answers = () => 481;
  expect(strayRequests.takesStranger(byeFrom(PHONE), () => refused.push('nobody'))).toBeDefined();
  await pass(2_000);
  expect([replies, refused]).toEqual([[200], ['nobody']]);
  expect(strayRequests.takesStranger(byeFrom(PHONE), () => refused.push('later'))).toBeUndefined();
});

test('of such senders 200 wait at one time, the others are refused at once', async () => {
  strayRequests.start();
  const taken = Array.from({ length: 201 }, () => strayRequests.takesStranger(byeFrom(PHONE), () => {}));
  expect([taken.filter(Boolean).length, taken.at(-1)]).toEqual([200, undefined]);
  await pass(2_000);
});

test('a defect in asking for one of them is told to whoever waits, and takes no place', async () => {
  strayRequests.start();
  const asking = vi.spyOn(known, 'latestNames').mockImplementation(() => {
    throw new Error('a defect');
  });
  for (let each = 0; each < 201; each++)
    await expect(strayRequests.takesStranger(byeFrom(PHONE), () => {})).rejects.toThrow('a defect');
  asking.mockRestore();
});

describe('while a node is silent that is heard of', () => {
  const waits = (isHere = nowhere) => strayRequests.waitForSilent(byeFrom(PHONE), isHere);

  beforeEach(() => {
    answers = (address) => (address === NODES['two'] ? 0 : 481);
  });

  test('the request is passed on to all, once a second in the end, until one of them has the call', async () => {
    const waiting = waits();
    await pass(10_000);
    expect(replies).toEqual([]);
    const twos = asked.filter((each) => each === NODES['two']).length;
    expect([twos > 5, twos <= 9]).toEqual([true, true]);
    // It went on at the other one meanwhile.
    answers = (address) => (address === NODES['two'] ? 0 : 200);
    await pass(1_600);
    expect([await waiting, replies]).toEqual([true, [200]]);
  });

  test('until it says that it has none, as one that is too busy to look does not', async () => {
    const waiting = waits();
    answers = () => 503;
    await pass(3_000);
    answers = () => 481;
    await pass(1_600);
    expect([await waiting, replies]).toEqual([false, []]);
  });

  test('until nobody hears of it any more', async () => {
    const waiting = waits();
    await pass(2_000);
    names = ['three'];
    await pass(1_600);
    expect(await waiting).toBe(false);
    // One that nobody hears of is asked, and not waited for.
    expect(await Promise.race([strayRequests.passOn(byeFrom(PHONE), nowhere), pass(600)])).toBe('refused');
  });

  test('until the call has come here', async () => {
    let isHere = false;
    const waiting = waits(() => isHere);
    await pass(1_000);
    isHere = true;
    await pass(1_600);
    expect(await waiting).toBe(false);
  });

  test('for 25 s at the most', async () => {
    const waiting = waits();
    await pass(24_000);
    asked = [];
    await pass(3_000);
    expect(await waiting).toBe(false);
    await pass(3_000);
    expect(asked.filter((each) => each === NODES['two']).length).toBeLessThanOrEqual(2);
  });

  test('and has ended with the store away: until others may have gone on with its calls, when the store is back', async () => {
    readAtMs = time.nowMs();
    const waiting = waits();
    await pass(10_000);
    expect(replies).toEqual([]);
    // The first roster that is read has it no more; its calls go on a moment later.
    [readAtMs, names] = [undefined, ['three']];
    await pass(3_000);
    answers = (address) => (address === NODES['three'] ? 200 : 0);
    await pass(1_600);
    expect([await waiting, replies]).toEqual([true, [200]]);
  });

  test('and not longer than that', async () => {
    readAtMs = time.nowMs();
    const waiting = waits();
    await pass(10_000);
    [readAtMs, names] = [undefined, ['three']];
    await pass(4_500);
    expect(await Promise.race([waiting, pass(50)])).toBeUndefined();
    await pass(3_500);
    expect(await Promise.race([waiting, pass(50)])).toBe(false);
  });

  describe('so many wait at one time that', () => {
    const waitAll = (count: number, of: string) => {
      const last = Array.from({ length: count }, () => strayRequests.waitForSilent(byeFrom(of), () => true)).at(-1);
      return { isLastToldAtOnce: async () => (await Promise.race([last, pass(50)])) === false };
    };

    test('one sender has 1,500 at most, and there is a place for others', async () => {
      expect(await waitAll(1_500, PHONE).isLastToldAtOnce()).toBe(false);
      expect(await waitAll(1, PHONE).isLastToldAtOnce()).toBe(true);
      expect(await waitAll(375, '203.0.113.2').isLastToldAtOnce()).toBe(false);
      expect(asked).toEqual([]);
      await pass(300);
    });

    test('of 2,000 senders and more those above are told at once', async () => {
      for (let index = 0; index < 2_000; index++) waitAll(1, `10.0.${index >> 8}.${index & 255}`);
      expect(await waitAll(1, PHONE).isLastToldAtOnce()).toBe(true);
      await pass(300);
      expect(await waitAll(1, PHONE).isLastToldAtOnce()).toBe(false);
    });

    test('as a node begins, and no more of one sender than that ask again', async () => {
      strayRequests.start();
      answers = () => 481;
      const passing = Array.from({ length: 1_501 }, () => strayRequests.passOn(byeFrom(PHONE), nowhere));
      expect(await Promise.race([passing[1_500], pass(50)])).toBe('refused');
      expect(await Promise.race([passing[1_499], pass(50)])).toBeUndefined();
      await pass(2_300);
      expect(await passing[1_499]).toBe('refused');
    });
  });

  test('a CANCEL waits as well', async () => {
    const cancel = parseMessage(BYE.replaceAll('BYE', 'CANCEL').replace(';tag=2', '')) as SipRequest;
    const passing = strayRequests.passOnCancel(cancel, flow, nowhere);
    await pass(2_000);
    answers = (address) => (address === NODES['two'] ? 200 : 481);
    await pass(1_600);
    expect(await passing).toBe('of-192.0.2.2');
  });
});

test('what is passed on is marked, and what bears the mark of a node is not passed on, from wherever it comes', async () => {
  await strayRequests.passOn(byeFrom(PHONE), nowhere);
  copy.headers.prepend(HeaderId.Via, 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKown');
  const passed = parseMessage(serialize(copy)) as SipRequest;
  expect([mark.isOn(passed), strayRequests.concerns(passed, { remoteAddress: PHONE })]).toEqual([true, false]);
});

describe('a CANCEL', () => {
  const CANCEL = BYE.replaceAll('BYE', 'CANCEL')
    .replace(';tag=2', '')
    .replace('branch=', 'received=203.0.113.9;branch=');
  const cancel = () => parseMessage(CANCEL) as SipRequest;

  test('is passed on with the Via by which its INVITE is found; the tag is that of who has it', async () => {
    answers = (address) => (address === NODES['three'] ? 200 : 481);
    expect(strayRequests.concerns(cancel(), { remoteAddress: PHONE })).toBe(true);
    expect(await strayRequests.passOnCancel(cancel(), flow, nowhere)).toBe('of-192.0.2.3');
    copy.headers.prepend(HeaderId.Via, 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKown');
    const passed = strayRequests.passedOn(parseMessage(serialize(copy)) as SipRequest, { remoteAddress: '192.0.2.2' });
    expect([passed?.from, passed?.cancel.topVia().branch]).toEqual(['203.0.113.9', 'z9hG4bK1']);
  });

  test('is passed on with its sender’s own Via, whatever he says that it is', async () => {
    const forged = cancel();
    forged.headers.addNamed('X-Tandem-Via', 'SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKtheirs;received=198.51.100.9');
    await strayRequests.passOnCancel(forged, flow, nowhere);
    expect(copy.headers.fieldValuesNamed('X-Tandem-Via')).toEqual([cancel().headers.value(HeaderId.Via)]);
    expect(forged.headers.fieldValuesNamed('X-Tandem-Via')).toHaveLength(1);
  });

  test('is passed on with the whole of it where a comment with a comma is in it, and with no other', async () => {
    const via = 'SIP/2.0/UDP 203.0.113.1;received=203.0.113.9;branch=z9hG4bK1 (Acme, Inc.)';
    const commented = CANCEL.replace(/^Via: .*$/m, `Via: ${via}, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2`);
    await strayRequests.passOnCancel(parseMessage(commented) as SipRequest, flow, nowhere);
    expect(copy.headers.valueNamed('X-Tandem-Via')).toBe(via);
    copy.headers.prepend(HeaderId.Via, 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKown');
    const passed = strayRequests.passedOn(parseMessage(serialize(copy)) as SipRequest, { remoteAddress: '192.0.2.2' });
    expect([passed?.from, passed?.cancel.topVia().branch]).toEqual(['203.0.113.9', 'z9hG4bK1']);
  });

  test('that says it twice is passed on by nobody', () => {
    const twice = cancel();
    for (const host of ['192.0.2.8', '192.0.2.9'])
      twice.headers.addNamed('X-Tandem-Via', `SIP/2.0/UDP ${host};branch=z9hG4bK1`);
    expect(strayRequests.passedOn(twice, { remoteAddress: '192.0.2.2' })).toBeUndefined();
  });

  test('of a call that no node has is none', async () => {
    expect(await strayRequests.passOnCancel(cancel(), flow, nowhere)).toBeUndefined();
    expect(asked).toHaveLength(2);
  });

  test('of a node itself, and one that a stranger says he has passed on, is as it came', () => {
    const twice = cancel();
    twice.headers.addNamed('X-Tandem-Via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKown');
    expect(strayRequests.passedOn(cancel(), { remoteAddress: '192.0.2.2' })).toBeUndefined();
    expect(strayRequests.passedOn(twice, { remoteAddress: PHONE })).toBeUndefined();
    expect(strayRequests.concerns(twice, { remoteAddress: '192.0.2.2' })).toBe(false);
  });
});
