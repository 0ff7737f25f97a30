import { beforeEach, describe, expect, test } from 'vitest';
import type { HeardOf } from '../../../src/call/index.ts';
import { CallFence } from '../../../src/engine/continuity/call-fence.ts';
import type { LostCallsQuestion, Said } from '../../../src/engine/continuity/lost-calls.ts';
import type { Flow } from '../../../src/sip/transport/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { RecordingLog } from '../../sip/transport/recorder.ts';

/** Virtual time, with what is due held as the wheel does it. */
class Time extends VirtualScheduler {
  isHeld: () => boolean = () => false;
  fired = 0;

  holdWhile(isHeld: () => boolean): () => void {
    this.isHeld = isHeld;
    return () => this.due();
  }

  due(): void {
    if (!this.isHeld()) this.fired++;
  }
}

let time: Time;
let log: RecordingLog;
let heard: HeardOf;
let keepsCalls: boolean;
/** Questions to the store, with what answers them. */
let asked: ((isAnswered: boolean) => void)[];
/** Whether the store answers in the end. */
let comesBack: boolean;
/** Questions to the other nodes, with what answers them; none where there are no others. */
let nodesAsked: (LostCallsQuestion & { answer(said: Said): void })[];
let hasOthers: boolean;
/** They cannot be asked. */
let fails: boolean;
let fence: CallFence;
let served: string[];
/** Defects, as they are counted. */
let faults: unknown[];

beforeEach(() => {
  time = new Time();
  log = new RecordingLog();
  heard = { atMs: 0, isInDoubt: false, missedAtMs: Number.NEGATIVE_INFINITY, contact: 'silent' };
  keepsCalls = true;
  asked = [];
  comesBack = false;
  nodesAsked = [];
  hasOthers = false;
  fails = false;
  served = [];
  faults = [];
  fence = new CallFence({
    store: { heard: () => heard, answers: async () => comesBack },
    writer: {
      get keepsCalls() {
        return keepsCalls;
      },
      confirm: () => new Promise((resolve) => asked.push(resolve)),
    },
    nodes: {
      get hasOthers() {
        return hasOthers;
      },
      ask: async (question) => {
        if (fails) throw new Error('a defect');
        if (!hasOthers) return 'unsure';
        return new Promise((resolve) => nodesAsked.push({ ...question, answer: resolve }));
      },
    },
    scheduler: time,
    log,
    endpoint: { onFault: (error, fields) => faults.push([String(error), fields]) },
    sources: { knows: (address) => address === '192.0.2.10' },
  });
});

const udp = { reliable: false, remoteAddress: '192.0.2.10' } as Flow;
const stranger = { reliable: false, remoteAddress: '203.0.113.66' } as Flow;

/** A message comes; true: it is served at once. */
function receive(text: string, flow = udp): boolean {
  const before = served.length;
  const server = { onMessage: (again: string, from: Flow) => void receive(again, from) };
  if (!fence.takes(text, flow, server)) served.push(text);
  return served.length > before;
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const answer = async (isAnswered: boolean) => {
  asked.shift()?.(isAnswered);
  await settle();
};

/** The store hears of the node twice a second. */
function live(ms: number): void {
  for (let passed = 0; passed < ms; passed += 500) {
    time.advance(500);
    heard = { ...heard, atMs: time.nowMs() };
  }
}

/** The node lives, and finds the store away twice a second. */
function miss(ms: number): void {
  for (let passed = 0; passed < ms; passed += 100) {
    time.advance(100);
    if (passed % 500 === 0) heard = { ...heard, missedAtMs: time.nowMs() };
    time.due();
  }
}

test('of a node that tells the store of itself nothing waits', () => {
  for (let second = 0; second < 20; second++) {
    live(1_000);
    time.advance(400);
    expect(receive('BYE')).toBe(true);
    time.due();
  }
  expect(asked).toEqual([]);
  expect(time.fired).toBe(20);
});

test('after a standstill messages and timers wait for one answer of the store, and go on in their order, messages first', async () => {
  live(1_000);
  time.advance(1_300);
  expect([receive('BYE 1'), receive('200 OK')]).toEqual([false, false]);
  expect(fence.takesEnd(() => served.push('connection ended'))).toBe(true);
  const firedBefore = time.fired;
  time.due();
  expect([served, time.fired - firedBefore, asked.length]).toEqual([[], 0, 1]);
  heard = { ...heard, atMs: time.nowMs() };
  await answer(true);
  expect(served).toEqual(['BYE 1', '200 OK', 'connection ended']);
  expect(time.fired - firedBefore).toBe(1);
  expect(log.lines.filter(({ event }) => event === 'calls-in-doubt')).toMatchObject([
    { fields: { sinceMs: 1_300, messages: 3, storeAnswered: true } },
  ]);
  expect(receive('ACK')).toBe(true);
});

test('one that stood still for less than lets others take its calls serves at once', () => {
  live(1_000);
  time.advance(1_199);
  expect(receive('BYE')).toBe(true);
  expect(asked).toEqual([]);
});

test('without calls in the store nothing waits, however long it stood still', () => {
  keepsCalls = false;
  time.advance(60_000);
  expect(receive('INVITE')).toBe(true);
  expect(asked).toEqual([]);
});

test('OPTIONS are answered meanwhile: the node lives', () => {
  time.advance(5_000);
  expect(receive('BYE')).toBe(false);
  expect(receive('OPTIONS sip:198.51.100.1 SIP/2.0')).toBe(true);
});

test('a store that answers at the second try, after the connection to it was made anew, says whose the calls are', async () => {
  live(1_000);
  time.advance(6_000);
  comesBack = true;
  receive('BYE');
  await answer(false);
  expect([served, asked.length]).toEqual([[], 1]);
  heard = { ...heard, atMs: time.nowMs() };
  await answer(true);
  expect(served).toEqual(['BYE']);
});

test('with the store away for good it goes on with its calls, and holds nothing more', async () => {
  live(1_000);
  time.advance(6_000);
  receive('BYE');
  await answer(false);
  expect(served).toEqual(['BYE']);
  expect(log.lines.at(-1)).toMatchObject({ event: 'calls-in-doubt', fields: { storeAnswered: false } });
  for (let second = 0; second < 10; second++) {
    miss(1_000);
    expect(receive('INFO')).toBe(true);
  }
  expect(asked).toEqual([]);
});

test('a store that is lost while the node lives costs no message anything, as long as messages come', () => {
  live(1_000);
  for (let tenth = 0; tenth < 100; tenth++) {
    miss(100);
    expect(receive('INFO')).toBe(true);
  }
  expect(asked).toEqual([]);
});

test('one that was cut off from everybody asks before it serves what comes first, and once only', async () => {
  live(1_000);
  miss(6_000);
  expect(receive('487 Request Terminated')).toBe(false);
  await settle();
  expect(served).toEqual(['487 Request Terminated']);
  miss(6_000);
  expect(receive('BYE')).toBe(true);
  // The store is back, and is lost again.
  live(1_000);
  miss(6_000);
  comesBack = true;
  expect(receive('BYE')).toBe(false);
  await settle();
  await answer(true);
  expect(served.at(-1)).toBe('BYE');
});

test('one that the store has heard of again before a message came waits for its answer all the same, until it has said whose the calls are', async () => {
  live(1_000);
  miss(6_000);
  live(500);
  heard = { ...heard, isInDoubt: true };
  const firedBefore = time.fired;
  expect(receive('BYE')).toBe(false);
  time.due();
  expect([served, time.fired - firedBefore, asked.length]).toEqual([[], 0, 1]);
  heard = { ...heard, isInDoubt: false };
  await answer(true);
  expect([served, time.fired - firedBefore]).toEqual([['BYE'], 1]);
  live(1_000);
  expect(receive('ACK')).toBe(true);
});

test('doubt that comes up while all seems well is heeded within 100 ms', () => {
  live(1_000);
  expect(receive('INFO')).toBe(true);
  heard = { ...heard, isInDoubt: true };
  time.advance(101);
  expect(receive('BYE')).toBe(false);
});

test('a store that was given up and is back is asked before the next message is served; one that gives no answer holds nothing up', async () => {
  live(1_000);
  time.advance(6_000);
  receive('BYE');
  await answer(false);
  expect(served).toEqual(['BYE']);
  heard = { ...heard, isInDoubt: true };
  live(500);
  comesBack = true;
  expect(receive('INFO')).toBe(false);
  await answer(false);
  expect(served).toEqual(['BYE']);
  await answer(false);
  expect(served).toEqual(['BYE', 'INFO']);
  time.advance(200);
  expect(receive('INFO 2')).toBe(true);
  live(500);
  expect(receive('INFO 3')).toBe(false);
  heard = { ...heard, isInDoubt: false };
  await answer(true);
  expect(served.at(-1)).toBe('INFO 3');
});

test('a store whose machine refuses connections is away for all: messages after a silence are served at once', () => {
  heard = { ...heard, contact: 'refused' };
  live(1_000);
  miss(6_000);
  expect(receive('BYE')).toBe(true);
});

describe('the way to the store is there again, and it has not heard of the node yet', () => {
  beforeEach(() => {
    hasOthers = true;
    live(1_000);
    miss(1_300);
    nodesAsked.shift()?.answer('unsure');
  });

  const storeIsThere = () => {
    heard = { ...heard, contact: 'reached' };
  };

  test('messages and timers wait for its word, and nobody else is asked', async () => {
    miss(2_000);
    await settle();
    nodesAsked = [];
    storeIsThere();
    const firedBefore = time.fired;
    time.due();
    expect(receive('BYE')).toBe(false);
    expect([served, time.fired - firedBefore, asked.length, nodesAsked.length]).toEqual([[], 0, 1, 0]);
    heard = { ...heard, atMs: time.nowMs() };
    await answer(true);
    expect([served, time.fired - firedBefore]).toEqual([['BYE'], 1]);
    expect(log.lines.at(-1)).toMatchObject({ event: 'calls-in-doubt', fields: { storeAnswered: true } });
  });

  test('where it does not answer, the nodes are asked for as long as a link that is just back may need', async () => {
    storeIsThere();
    expect(receive('BYE')).toBe(false);
    await answer(false);
    expect([served, nodesAsked.at(-1)]).toMatchObject([[], { withinMs: 1_200 }]);
  });

  test('what waited for it and for the nodes in vain, while there was no way to it, waits for its word', async () => {
    await settle();
    nodesAsked = [];
    expect(receive('BYE')).toBe(false);
    await settle();
    storeIsThere();
    nodesAsked[0]?.answer('unsure');
    await settle();
    expect([served, asked.length]).toEqual([[], 1]);
    heard = { ...heard, atMs: time.nowMs() };
    await answer(true);
    expect(served).toEqual(['BYE']);
  });

  test('one that answers and does not say whose the calls are is asked twice a second, and holds nothing longer', async () => {
    hasOthers = false;
    comesBack = true;
    storeIsThere();
    expect(receive('BYE')).toBe(false);
    await answer(false);
    expect([served, asked.length]).toEqual([[], 1]);
    await answer(false);
    expect(served).toEqual(['BYE']);
    time.advance(500);
    heard = { ...heard, missedAtMs: time.nowMs() };
    expect([receive('INFO 1'), asked.length]).toEqual([true, 0]);
    time.advance(1);
    expect([receive('INFO 2'), asked.length]).toEqual([false, 1]);
  });

  test('so is one that refuses what it is told, whatever else it answers', async () => {
    hasOthers = false;
    comesBack = true;
    storeIsThere();
    expect(receive('BYE')).toBe(false);
    heard = { ...heard, contact: 'refused' };
    await answer(false);
    await answer(false);
    expect(served).toEqual(['BYE']);
    storeIsThere();
    time.advance(500);
    heard = { ...heard, missedAtMs: time.nowMs() };
    expect([receive('INFO 1'), asked.length]).toEqual([true, 0]);
    time.advance(1);
    expect([receive('INFO 2'), asked.length]).toEqual([false, 1]);
  });

  describe('it answers reads and leaves writes waiting', () => {
    /** Some read is answered. */
    const reads = storeIsThere;
    /** What was asked is not answered in time. */
    const isSilent = async () => {
      heard = { ...heard, contact: 'silent' };
      await answer(false);
    };

    test.each([
      ['other reads are answered over the same connection', true],
      ['its connection answers nothing more after a write', false],
    ])('messages and timers wait for it once until it hears of this node: %s', async (_, answersMore) => {
      hasOthers = false;
      comesBack = answersMore;
      reads();
      expect(receive('BYE')).toBe(false);
      await isSilent();
      if (answersMore) await isSilent();
      expect(served).toEqual(['BYE']);
      for (let half = 0; half < 20; half++) {
        miss(250);
        reads();
        const firedBefore = time.fired;
        expect(receive('INFO')).toBe(true);
        time.due();
        expect(time.fired - firedBefore).toBe(1);
        miss(250);
        heard = { ...heard, contact: 'silent' };
        expect(receive('INFO')).toBe(true);
      }
      expect(asked).toEqual([]);
      // Writes are done again.
      heard = { atMs: time.nowMs(), isInDoubt: true, missedAtMs: time.nowMs(), contact: 'reached' };
      time.advance(501);
      expect([receive('INFO'), asked.length]).toEqual([false, 1]);
      await answer(true);
      expect(served.at(-1)).toBe('INFO');
      // And no more: that is another time.
      heard = { ...heard, isInDoubt: false };
      live(1_000);
      miss(1_300);
      reads();
      expect([receive('BYE'), asked.length]).toEqual([false, 1]);
    });

    test('the nodes are asked instead, for as long as a link may need that is just back where nothing came for a while', async () => {
      nodesAsked = [];
      reads();
      expect(receive('BYE')).toBe(false);
      await isSilent();
      nodesAsked.shift()?.answer('sure');
      await settle();
      expect(served).toEqual(['BYE']);
      for (let half = 0; half < 4; half++) {
        time.advance(501);
        heard = { ...heard, missedAtMs: time.nowMs() };
        reads();
        expect([receive('INFO'), asked.length]).toEqual([false, 0]);
        expect(nodesAsked).toMatchObject([{ withinMs: 1_200 }]);
        nodesAsked.shift()?.answer('sure');
        await settle();
        expect(served).toHaveLength(2 + half);
      }
    });
  });

  test('one that has heard of it meanwhile, and was given up, is asked whose the calls are before the next message is served', async () => {
    await settle();
    expect(receive('BYE')).toBe(false);
    nodesAsked.at(-1)?.answer('unsure');
    await settle();
    expect(served).toEqual(['BYE']);
    heard = { ...heard, atMs: time.nowMs() - 100, isInDoubt: true };
    expect(receive('INFO 1')).toBe(true);
    time.advance(101);
    storeIsThere();
    expect([receive('INFO 2'), asked.length]).toEqual([false, 1]);
  });
});

test('more than a socket holds does not wait', async () => {
  time.advance(5_000);
  for (let message = 0; message < 20_001; message++) receive('BYE');
  heard = { ...heard, atMs: time.nowMs() };
  await answer(true);
  expect(served).toHaveLength(20_000);
  expect(log.lines.at(-1)).toMatchObject({ fields: { dropped: 1 } });
});

test('strangers, who send as much as they like, take no place of known peers; how long the messages are counts too', async () => {
  time.advance(5_000);
  for (let message = 0; message < 1_001; message++) receive('BYE', stranger);
  receive('200 OK');
  heard = { ...heard, atMs: time.nowMs() };
  await answer(true);
  expect(served).toHaveLength(1_001);
  expect(served.at(-1)).toBe('200 OK');
  time.advance(5_000);
  const large = 'x'.repeat(60_000);
  for (let message = 0; message < 1_000; message++) {
    receive(large, stranger);
    receive(large);
  }
  served = [];
  heard = { ...heard, atMs: time.nowMs() };
  await answer(true);
  const octets = served.length * large.length;
  expect(octets).toBeGreaterThan(15_000_000);
  expect(octets).toBeLessThanOrEqual(16 * 1024 * 1024);
  expect(log.lines.at(-1)).toMatchObject({ fields: { dropped: 2_000 - served.length } });
});

test('the end of a connection always has a place, and is told after what came before it', async () => {
  time.advance(5_000);
  for (let message = 0; message < 20_001; message++) receive('BYE');
  expect(fence.takesEnd(() => served.push('connection ended'))).toBe(true);
  heard = { ...heard, atMs: time.nowMs() };
  await answer(true);
  expect(served.at(-1)).toBe('connection ended');
});

test('a fault in what was due is told, and what comes is served', async () => {
  time.due = () => {
    throw new Error('a defect');
  };
  time.advance(5_000);
  expect(receive('BYE')).toBe(false);
  heard = { ...heard, atMs: time.nowMs() };
  await answer(true);
  expect(served).toEqual(['BYE']);
  expect(faults).toEqual([['Error: a defect', { met: 'call-fence' }]]);
  expect(receive('ACK')).toBe(true);
});

test('a fault in serving one message costs neither the others nor the timers anything', async () => {
  time.advance(5_000);
  const firedBefore = time.fired;
  const server = {
    onMessage: () => {
      throw new Error('a defect');
    },
  };
  expect(fence.takes('BYE', udp, server)).toBe(true);
  receive('200 OK');
  time.due();
  heard = { ...heard, atMs: time.nowMs() };
  await answer(true);
  expect([served, time.fired - firedBefore]).toEqual([['200 OK'], 1]);
  expect(faults).toEqual([['Error: a defect', { met: 'call-fence' }]]);
});

const request = (method: string, to: string) => `${method} sip:x@y SIP/2.0\r\nTo: <sip:x@y>${to}\r\n\r\n`;

test('after a long standstill requests over UDP that begin something are left to be sent again; what goes on is served', async () => {
  live(1_000);
  time.advance(5_000);
  const invite = request('INVITE', '');
  const others = [
    request('BYE', ';tag=1'),
    request('CANCEL', ''),
    request('ACK', ''),
    'SIP/2.0 200 OK\r\nTo: <sip:x@y>\r\n\r\n',
  ];
  for (const text of [invite, request('REGISTER', ''), ...others]) expect(receive(text)).toBe(false);
  expect(receive(invite, { reliable: true } as Flow)).toBe(false);
  heard = { ...heard, atMs: time.nowMs() };
  await answer(true);
  expect(served).toEqual([...others, invite]);
  // Read from the socket after the store had answered.
  expect(receive(request('MESSAGE', ''))).toBe(false);
  expect(receive(others[0] as string)).toBe(true);
  live(500);
  expect(receive(invite)).toBe(true);
});

test('after a short one they are served too: they are as old as their sender still waits', async () => {
  live(1_000);
  time.advance(2_000);
  expect(receive(request('INVITE', ''))).toBe(false);
  heard = { ...heard, atMs: time.nowMs() };
  await answer(true);
  expect(served).toHaveLength(1);
});

describe('while the store does not answer, the other nodes are asked which calls they have gone on with', () => {
  beforeEach(() => {
    hasOthers = true;
  });

  const nodesSay = async (said: Said) => {
    nodesAsked.shift()?.answer(said);
    await settle();
  };

  test('messages and timers wait for their word, and not for the store once they have said it', async () => {
    heard = { ...heard, contact: 'refused' };
    live(1_000);
    miss(1_000);
    receive('INFO');
    served = [];
    time.advance(300);
    const firedBefore = time.fired;
    expect(receive('BYE')).toBe(false);
    time.due();
    await settle();
    expect([served, time.fired - firedBefore, asked.length]).toEqual([[], 0, 0]);
    expect(nodesAsked).toMatchObject([{ heardAtMs: time.nowMs() - 1_300, withinMs: 500 }]);
    await nodesSay('sure');
    expect([served, time.fired - firedBefore]).toEqual([['BYE'], 1]);
    expect(log.lines).toEqual([]);
  });

  test('a message that comes after a silence waits for whoever says it first', async () => {
    live(1_000);
    miss(1_300);
    miss(500);
    await nodesSay('unsure');
    comesBack = true;
    expect(receive('BYE')).toBe(false);
    await settle();
    expect([served, asked.length, nodesAsked.length]).toEqual([[], 1, 1]);
    // What this node sends over a link that is just back may be lost for a second.
    expect(nodesAsked).toMatchObject([{ withinMs: 1_200 }]);
    await answer(true);
    expect(served).toEqual(['BYE']);
  });

  test('their word holds for half a second', async () => {
    live(1_000);
    miss(1_300);
    await nodesSay('sure');
    time.advance(500);
    expect(receive('INFO 1')).toBe(true);
    time.advance(1);
    expect(receive('INFO 2')).toBe(false);
    await nodesSay('sure');
    expect(served).toEqual(['INFO 1', 'INFO 2']);
  });

  test('their answers and their own questions never wait', async () => {
    live(1_000);
    miss(1_300);
    expect(nodesAsked).toHaveLength(1);
    expect(receive('SIP/2.0 200 OK\r\nX-Tandem-Answer: none;mac=1\r\n\r\n')).toBe(true);
    expect(receive('OPTIONS sip:198.51.100.1 SIP/2.0')).toBe(true);
    expect(receive('SIP/2.0 200 OK\r\nTo: <sip:x@y>;tag=1\r\n\r\n')).toBe(false);
    await nodesSay('sure');
    expect(served).toHaveLength(3);
  });

  test('with nobody to be heard timers wait once, and are due; the first message after that has them asked again', async () => {
    live(1_000);
    miss(1_300);
    const firedBefore = time.fired;
    miss(500);
    await nodesSay('unsure');
    expect(time.fired - firedBefore).toBe(1);
    miss(1_000);
    expect(time.fired - firedBefore).toBe(11);
    // They are asked on, and nothing waits for that.
    expect(nodesAsked.map(({ isReached }) => isReached(false))).toEqual([false]);
    expect(receive('BYE')).toBe(false);
    expect(nodesAsked.map(({ isReached }) => [isReached(false), isReached(true)])).toEqual([
      [false, false],
      [false, true],
    ]);
  });

  test('a message that comes at the end of a question which nobody has answered has them asked again, and is served after that', async () => {
    live(1_000);
    miss(1_300);
    miss(300);
    await nodesSay('unsure');
    expect(receive('BYE')).toBe(false);
    await nodesSay('unsure');
    expect(served).toEqual(['BYE']);
    expect(receive('INFO')).toBe(true);
  });

  test('one that comes after a silence, while they are asked for a timer, waits for the store when they do not answer', async () => {
    live(1_000);
    miss(1_300);
    await nodesSay('sure');
    comesBack = true;
    miss(600);
    expect([nodesAsked.length, receive('BYE')]).toEqual([1, false]);
    expect(nodesAsked.map(({ isReached }) => isReached(false))).toEqual([false]);
    await nodesSay('unsure');
    expect([served, asked.length]).toEqual([[], 1]);
    // So are they, as long as the store is: one that did not answer while the network was away need not have ended.
    expect(nodesAsked).toMatchObject([{ withinMs: 1_200 }]);
    expect(nodesAsked.map(({ isReached }) => isReached(true))).toEqual([true]);
    await answer(true);
    expect(served).toEqual(['BYE']);
  });

  test('where nobody at all answers, the store included, both are asked once more: this node may not be heard yet', async () => {
    live(1_000);
    miss(1_300);
    miss(500);
    await nodesSay('unheard');
    expect(receive('BYE')).toBe(false);
    await settle();
    comesBack = true;
    await nodesSay('unheard');
    expect([served, asked.length, nodesAsked.length]).toEqual([[], 1, 1]);
    // From now on who is silent has ended.
    expect(nodesAsked.map(({ isReached }) => isReached(false))).toEqual([true]);
    await answer(false);
    await nodesSay('unheard');
    expect(served).toEqual(['BYE']);
    expect(receive('INFO')).toBe(true);
  });

  test('and once where messages come as ever', async () => {
    live(1_000);
    miss(1_100);
    expect(receive('INFO')).toBe(true);
    time.advance(101);
    expect(receive('BYE')).toBe(false);
    expect(nodesAsked).toMatchObject([{ withinMs: 1_200 }]);
    await nodesSay('unheard');
    expect(served).toEqual(['INFO', 'BYE']);
  });

  test('once is enough where the store’s machine says that it is away: the network is well', async () => {
    heard = { ...heard, contact: 'refused' };
    live(1_000);
    miss(1_300);
    await nodesSay('sure');
    time.advance(501);
    expect(receive('BYE')).toBe(false);
    await nodesSay('unheard');
    expect(served).toEqual(['BYE']);
  });

  test('after a silence they are waited for as long where the store’s machine says that it is away', async () => {
    heard = { ...heard, contact: 'refused' };
    live(1_000);
    miss(1_300);
    await nodesSay('sure');
    time.advance(501);
    expect(receive('BYE')).toBe(false);
    expect(nodesAsked).toMatchObject([{ withinMs: 1_200 }]);
    await nodesSay('unsure');
    expect([served, asked.length]).toEqual([['BYE'], 0]);
  });

  test('one that came shortly before the store was found to be away is no silence', async () => {
    heard = { ...heard, contact: 'refused' };
    live(1_000);
    miss(1_100);
    expect(receive('INFO')).toBe(true);
    time.advance(101);
    expect(receive('BYE')).toBe(false);
    expect(nodesAsked).toMatchObject([{ withinMs: 500 }]);
  });

  test('a fault of a question that nobody waits for is told', async () => {
    live(1_000);
    miss(1_300);
    await nodesSay('unsure');
    fails = true;
    miss(600);
    await settle();
    expect(faults).toEqual([['Error: a defect', { met: 'call-fence' }]]);
  });

  test('after a standstill they are asked when the store has not answered', async () => {
    live(1_000);
    time.advance(2_000);
    expect(receive('BYE')).toBe(false);
    expect([asked.length, nodesAsked.length]).toEqual([1, 0]);
    await answer(false);
    expect([served, nodesAsked.length]).toEqual([[], 1]);
    await nodesSay('sure');
    expect(served).toEqual(['BYE']);
    expect(log.lines.at(-1)).toMatchObject({ fields: { storeAnswered: false, nodesAnswered: true } });
  });

  test('they are not while the store answers', async () => {
    live(10_000);
    expect(receive('BYE')).toBe(true);
    heard = { ...heard, isInDoubt: true };
    time.advance(101);
    expect(receive('BYE')).toBe(false);
    await answer(true);
    expect(nodesAsked).toEqual([]);
  });
});
