import { beforeEach, describe, expect, test } from 'vitest';
import { StoreAwayError } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { KeptCall, SharedCalls } from '../../../src/call/index.ts';
import { CallSuccession } from '../../../src/engine/continuity/call-succession.ts';
import { KnownNodes } from '../../../src/engine/continuity/known-nodes.ts';
import { NO_PEERS, type PeerNodes } from '../../../src/engine/peer-nodes.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

/** Nodes tell of themselves so often. */
const TELL_MS = 500;
const SILENT_MS = 1_300;

let scheduler: VirtualScheduler;
/** When the other node last told of itself, and until when it does. */
let toldAtMs: number;
let diesAtMs: number;
/** What this one has read of that, which it does so often too. */
let readToldAtMs: number;
let answersUntilMs: number;
let asked: { readonly atMs: number; readonly withinMs: number }[];
let takenAtMs: number | undefined;
let left: KeptCall[];
let happened: string[];
let takenFrom: string[];
/** How long the other had been silent, as whoever goes on with its calls is told. */
let silentForMs: number | undefined;
/** It has told so long nothing that it is in no roster any more. */
let isForgotten: boolean;
/** What the store takes to say who holds calls, and to give some away; so many at a time. */
let storeMs: number;
let takeMs: number;
let takenAtOnce: number;
/** What is wrong with the store, and with calls that come. */
let failure: Error | undefined;
/** Answers with calls in them that do not come, and what has moved here all the same. */
let answersLost: number;
let missed: KeptCall[];
let mayHaveMissed: boolean;
let comesWrong: Error | undefined;
let logged: string[];
/** The worker of this machine that has the other's number. */
let counterpart: string | undefined;
/** Whether a worker beside the other one answers; undefined: there is none. */
let besideAnswers: boolean | undefined;
/** It has left its calls, and has not ended yet. */
let hasLeft: boolean;
let takenBy: string[];

beforeEach(begin);

function begin(): void {
  scheduler = new VirtualScheduler();
  [toldAtMs, readToldAtMs, diesAtMs, answersUntilMs] = [0, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  [asked, happened, takenFrom] = [[], [], []];
  [takenAtMs, silentForMs, isForgotten] = [undefined, undefined, false];
  left = [{ id: 'call', document: '{}' }];
  [storeMs, takeMs, takenAtOnce] = [0, 0, 10];
  [failure, comesWrong, logged] = [undefined, undefined, []];
  [answersLost, missed, mayHaveMissed] = [0, [], false];
  [counterpart, besideAnswers, hasLeft, takenBy] = [undefined, undefined, false, []];
}

const silentMs = () => (hasLeft ? Number.POSITIVE_INFINITY : scheduler.nowMs() - toldAtMs);
const passed = (ms: number) => new Promise<void>((resolve) => scheduler.schedule(ms, { onTimer: () => resolve() }, 0));

/** Both nodes live, and this one reads the store so long after the other has told it something. */
function succession(readLateMs: number, self = 'own'): CallSuccession {
  const store: Partial<SharedCalls> = {
    holders: async () => {
      if (failure !== undefined) throw failure;
      const found = left.length > 0 ? [{ name: 'other', silentMs: silentMs() }] : [];
      // Its node is busy, and hears of it late.
      await passed(self === counterpart ? 100 : storeMs);
      return mayHaveMissed ? [{ name: 'own', silentMs: Number.POSITIVE_INFINITY }, ...found] : found;
    },
    take: async (node) => {
      if (node !== 'own' && silentMs() < SILENT_MS) return 'alive';
      takenAtMs ??= scheduler.nowMs();
      if (node === 'own') mayHaveMissed = false;
      const taken = node === 'own' ? missed : left.splice(0, takenAtOnce);
      if (takeMs > 0) await passed(takeMs);
      if (answersLost-- > 0) {
        [mayHaveMissed, missed] = [true, taken];
        throw new StoreAwayError('command timed out');
      }
      if (node === 'own') missed = [];
      return taken;
    },
  };
  const peers: PeerNodes = {
    ...NO_PEERS,
    names: () => (isForgotten ? [] : ['other']),
    addressOf: () => ({ transport: 'udp', address: '192.0.2.1', port: 5060 }),
    quietMs: (name) => (isForgotten || name === 'own' ? undefined : scheduler.nowMs() - readToldAtMs),
    hasCounterpart: () => counterpart !== undefined && self !== counterpart,
    workersBeside: () => (besideAnswers === undefined ? [] : ['beside']),
    followed: (name) => happened.push(`${name} followed`),
  };
  every(TELL_MS, 0, () => {
    if (scheduler.nowMs() <= diesAtMs) toldAtMs = scheduler.nowMs();
  });
  every(TELL_MS, readLateMs, () => {
    readToldAtMs = toldAtMs;
  });
  return new CallSuccession({
    node: self,
    store: store as SharedCalls,
    peers,
    known: new KnownNodes(peers, { isOwnHost: () => false }),
    scheduler,
    log: { ...silentLog, error: (event) => logged.push(event) },
    questions: {
      lives: ({ name }, withinMs) => {
        const atMs = scheduler.nowMs();
        if (name !== 'beside') asked.push({ atMs, withinMs });
        if (name === 'beside' ? besideAnswers === true : atMs < answersUntilMs) return Promise.resolve(true);
        return new Promise((resolve) => scheduler.schedule(withinMs, { onTimer: () => resolve(false) }, 0));
      },
    },
    takeOver: (nodes, _calls, ms) => {
      silentForMs = ms;
      takenBy.push(self);
      happened.push('taken over');
      takenFrom.push(...nodes);
      if (comesWrong !== undefined) throw comesWrong;
    },
  });
}

function every(ms: number, lateMs: number, act: () => void): void {
  const again = () => {
    act();
    scheduler.schedule(ms, { onTimer: again }, 0);
  };
  scheduler.schedule(ms + lateMs, { onTimer: again }, 0);
}

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    scheduler.advance(10);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

function started(): CallSuccession {
  const one = succession(0);
  one.start();
  return one;
}

async function startedFor(ms: number): Promise<CallSuccession> {
  const one = started();
  await pass(ms);
  return one;
}

/** The other node: it tells and answers nothing any more. */
function dies(): void {
  [diesAtMs, answersUntilMs] = [scheduler.nowMs(), scheduler.nowMs()];
}

test.each([0, 100, 250, 400, 490])(
  'calls of a node that dies are taken as soon as the store gives them away, having asked it for 0.6 s; what others tell is read %i ms late',
  async (readLateMs) => {
    const one = succession(readLateMs);
    one.start();
    await pass(5_000);
    expect(takenAtMs).toBeUndefined();
    [diesAtMs, answersUntilMs] = [scheduler.nowMs() + 200, scheduler.nowMs() + 200];
    await pass(2_000);
    expect((takenAtMs ?? Number.NaN) - toldAtMs).toBeGreaterThanOrEqual(SILENT_MS);
    expect((takenAtMs ?? Number.NaN) - toldAtMs).toBeLessThanOrEqual(SILENT_MS + 60);
    const { atMs = Number.NaN } = asked.at(-1) ?? {};
    expect((takenAtMs ?? Number.NaN) - atMs).toBeGreaterThanOrEqual(600);
    // With the time that it had to answer.
    expect(Math.abs((silentForMs ?? Number.NaN) - ((takenAtMs ?? Number.NaN) - toldAtMs))).toBeLessThanOrEqual(60);
    one.stop();
  },
);

test('a node that has lost the store alone is given 1.2 s to answer, and its calls are taken within 2 s of its end', async () => {
  const one = succession(250);
  one.start();
  await pass(5_000);
  // It tells nothing more, and answers.
  diesAtMs = scheduler.nowMs();
  await pass(6_000);
  // A machine that is busy for a moment.
  const silentAtMs = scheduler.nowMs();
  answersUntilMs = silentAtMs;
  await pass(1_100);
  expect(takenAtMs).toBeUndefined();
  await pass(900);
  expect((takenAtMs ?? Number.NaN) - silentAtMs).toBeLessThan(2_000);
  expect(asked.at(-1)?.withinMs).toBe(1_200);
  one.stop();
});

test('what a node counted is its no more before its calls are counted here; of one that lives it stays so', async () => {
  const one = await startedFor(5_000);
  expect(happened).toEqual([]);
  dies();
  await pass(3_000);
  expect(happened).toEqual(['other followed', 'taken over']);
  one.stop();
});

test('of a worker of another machine the one of its number has a second to take the calls, and then this one does', async () => {
  counterpart = 'own-w1';
  const one = await startedFor(5_000);
  dies();
  await pass(SILENT_MS + 800);
  expect(takenAtMs).toBeUndefined();
  await pass(700);
  expect(happened).toEqual(['other followed', 'taken over']);
  one.stop();
});

test('it is waited for no longer once it has ended itself, and anew with each end', async () => {
  counterpart = 'own-w1';
  const one = await startedFor(5_000);
  dies();
  await pass(SILENT_MS + 300);
  expect(takenAtMs).toBeUndefined();
  counterpart = undefined;
  await pass(400);
  expect(happened).toEqual(['other followed', 'taken over']);
  // It is back, with a call, and ends once more.
  [diesAtMs, answersUntilMs, takenAtMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, undefined];
  await pass(2_000);
  counterpart = 'own-w1';
  left = [{ id: 'next', document: '{}' }];
  dies();
  await pass(SILENT_MS + 800);
  expect(takenAtMs).toBeUndefined();
  await pass(700);
  expect(takenAtMs).toBeDefined();
  one.stop();
});

test('and anew when it was silent for a while and has come back, with calls all the time', async () => {
  counterpart = 'own-w1';
  const one = await startedFor(5_000);
  dies();
  await pass(SILENT_MS + 600);
  [diesAtMs, answersUntilMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  await pass(60_100);
  dies();
  await pass(SILENT_MS + 800);
  expect(takenAtMs).toBeUndefined();
  await pass(700);
  expect(takenAtMs).toBeDefined();
  one.stop();
});

describe('of a worker of another machine that has ended', () => {
  /** How long after its end its calls were taken here. */
  async function takenAfterMs(phaseMs: number, answers: boolean | undefined): Promise<number> {
    begin();
    besideAnswers = answers;
    const one = started();
    await pass(5_000 + phaseMs);
    dies();
    await pass(4_000);
    one.stop();
    return (takenAtMs ?? Number.NaN) - diesAtMs;
  }
  const PHASES = [0, 130, 260, 390];

  test('alone, those beside it have a second to take the calls, and then this one does', async () => {
    for (const phaseMs of PHASES) {
      const alone = await takenAfterMs(phaseMs, undefined);
      const waitedMs = (await takenAfterMs(phaseMs, true)) - alone;
      expect(waitedMs).toBeGreaterThanOrEqual(1_000);
      expect(waitedMs).toBeLessThan(1_700);
    }
  });

  test('with all of them, nobody is waited for', async () => {
    for (const phaseMs of PHASES) {
      const alone = await takenAfterMs(phaseMs, undefined);
      expect(await takenAfterMs(phaseMs, false)).toBe(alone);
    }
  });

  test('in good order and alone, the same', async () => {
    besideAnswers = true;
    const one = await startedFor(5_000);
    const leftAtMs = scheduler.nowMs();
    hasLeft = true;
    await pass(4_000);
    one.stop();
    const tookMs = (takenAtMs ?? Number.NaN) - leftAtMs;
    expect(tookMs).toBeGreaterThanOrEqual(1_250);
    expect(tookMs).toBeLessThan(3_000);
  });
});

test('what a node has left in good order is taken at the next look, though it tells of itself and answers until it ends', async () => {
  const one = await startedFor(5_000);
  const leftAtMs = scheduler.nowMs();
  hasLeft = true;
  await pass(2_000);
  expect((takenAtMs ?? Number.NaN) - leftAtMs).toBeLessThan(1_000);
  expect(asked).toEqual([]);
  expect(silentForMs).toBe(Number.POSITIVE_INFINITY);
  one.stop();
});

test('once it is gone from the roster it is looked for at once', async () => {
  for (let afterMs = 0; afterMs <= 1_050; afterMs += 50) {
    begin();
    const one = started();
    await pass(3_000 + afterMs);
    const leftAtMs = scheduler.nowMs();
    [hasLeft, isForgotten] = [true, true];
    await pass(100);
    expect((takenAtMs ?? Number.NaN) - leftAtMs).toBeLessThanOrEqual(60);
    one.stop();
  }
});

test('what a worker of another machine has left the one of its number takes, whenever that looks next, also where a request waits here', async () => {
  for (const isGone of [false, true]) {
    const letGoAfterMs: number[] = [];
    for (let afterMs = 0; afterMs <= 1_050; afterMs += 10) {
      begin();
      counterpart = 'own-w1';
      const other = succession(0, counterpart);
      other.start();
      await pass(afterMs);
      const one = await startedFor(3_000);
      const cameAtMs = scheduler.nowMs();
      [hasLeft, isForgotten] = [true, isGone];
      one.mayCome(() => letGoAfterMs.push(scheduler.nowMs() - cameAtMs));
      await pass(2_500);
      expect([afterMs, ...takenBy]).toEqual([afterMs, 'own-w1']);
      one.stop();
      other.stop();
    }
    expect(letGoAfterMs).toHaveLength(106);
    expect(Math.max(...letGoAfterMs)).toBeLessThan(isGone ? 500 : 1_400);
  }
});

test('how long one that nobody knows any more was silent is what the store says', async () => {
  const one = succession(250);
  await pass(1_000);
  dies();
  await pass(30_000);
  isForgotten = true;
  one.start();
  await pass(3_000);
  expect(silentForMs).toBeGreaterThan(30_000);
  expect(silentForMs).toBeLessThanOrEqual((takenAtMs ?? 0) - toldAtMs);
  one.stop();
});

test('a node that lives is not asked because what it tells is read late', async () => {
  const one = succession(490);
  one.start();
  await pass(10_000);
  expect(asked).toEqual([]);
  one.stop();
});

test('one that tells the store nothing, and answers, keeps its calls, and is asked a few times a second', async () => {
  diesAtMs = 2_000;
  const one = succession(100);
  one.start();
  await pass(10_000);
  expect(takenAtMs).toBeUndefined();
  expect(asked.length).toBeGreaterThan(10);
  expect(asked.length).toBeLessThan(40);
  answersUntilMs = scheduler.nowMs();
  await pass(1_500);
  expect(takenAtMs).toBeDefined();
  one.stop();
});

test('a request that comes while the store is being asked is not let go by what was asked before it', async () => {
  const letGo: [afterMs: number, takenAtMs: number | undefined][] = [];
  // Between two looks at the store, and as long as one takes.
  for (let afterMs = 0; afterMs <= 1_050; afterMs += 10) {
    begin();
    storeMs = 30;
    const one = succession(100);
    one.start();
    await pass(3_000 + afterMs);
    dies();
    one.mayCome(() => letGo.push([afterMs, takenAtMs]));
    await pass(2_500);
    one.stop();
  }
  expect(letGo).toHaveLength(106);
  expect(letGo.filter(([, takenAtMs]) => takenAtMs === undefined)).toEqual([]);
});

test('one that waits for nobody is let go as soon as it was asked for', async () => {
  storeMs = 30;
  const one = succession(100);
  one.start();
  await pass(5_010);
  let letGoAtMs = Number.NaN;
  one.mayCome(() => {
    letGoAtMs = scheduler.nowMs();
  });
  const cameAtMs = scheduler.nowMs();
  await pass(1_000);
  expect(letGoAtMs - cameAtMs).toBeLessThanOrEqual(2 * storeMs + 20);
  one.stop();
});

test('what goes wrong with looking is said once until it goes well; of a store that is away nothing', async () => {
  const one = started();
  failure = new StoreAwayError('away');
  await pass(5_000);
  expect(logged).toEqual([]);
  failure = new TypeError('a fault');
  await pass(5_000);
  expect(logged).toEqual(['call-look-failed']);
  failure = undefined;
  await pass(2_000);
  failure = new TypeError('a fault');
  await pass(5_000);
  expect(logged).toEqual(['call-look-failed', 'call-look-failed']);
  one.stop();
});

test('calls that cannot be gone on with are named, and those that come after them go on', async () => {
  left = [1, 2, 3].map((number) => ({ id: `call-${number}`, document: '{}' }));
  takenAtOnce = 1;
  comesWrong = new TypeError('a fault');
  const one = started();
  [diesAtMs, answersUntilMs] = [0, 0];
  await pass(4_000);
  expect(happened).toEqual(['other followed', 'taken over', 'taken over', 'taken over']);
  expect(logged).toEqual(['calls-not-taken-over', 'calls-not-taken-over', 'calls-not-taken-over']);
  one.stop();
});

test('who stops while calls are on their way has settled when they have come', async () => {
  takeMs = 100;
  const one = started();
  [diesAtMs, answersUntilMs] = [0, 0];
  for (let ms = 0; takenAtMs === undefined && ms < 5_000; ms += 10) await pass(10);
  one.stop();
  void one.settled().then(() => happened.push('settled'));
  await pass(1_000);
  expect(happened).toEqual(['other followed', 'taken over', 'settled']);
});

test('who stops when none is has settled at once', async () => {
  const one = await startedFor(1_000);
  one.stop();
  await one.settled();
});

test('from when the store is asked for the calls of a node until it has given all of them, they may be about to come', async () => {
  const one = await startedFor(1_000);
  [diesAtMs, answersUntilMs, takeMs] = [scheduler.nowMs(), scheduler.nowMs(), 100];
  const seen: string[] = [];
  for (let passed = 0; passed < 3_000; passed += 10) {
    await pass(10);
    seen.push(
      `${one.isTaking('other') ? 'taking' : 'idle'}, ${happened.filter((what) => what === 'taken over').length}`,
    );
  }
  expect([...new Set(seen)]).toEqual(['idle, 0', 'taking, 0', 'taking, 1', 'idle, 1']);
  expect(one.isTaking('another')).toBe(false);
});

test.each([0, 1, 2])(
  'when the answer with the calls of a node is lost, and %i of those to what has come here, they may be about to come until one says so, and are its calls',
  async (more) => {
    const one = await startedFor(1_000);
    [diesAtMs, answersUntilMs, answersLost] = [scheduler.nowMs(), scheduler.nowMs(), 1 + more];
    const seen: string[] = [];
    for (let passed = 0; passed < 6_000; passed += 10) {
      await pass(10);
      seen.push(`${one.isTaking('other') ? 'taking' : 'idle'}, ${missed.length} missed, ${takenFrom.join()}`);
    }
    expect([...new Set(seen)]).toEqual(['idle, 0 missed, ', 'taking, 1 missed, ', 'idle, 0 missed, other']);
    expect(one.isTaking('own')).toBe(false);
    // It has been silent since it ended, not for ever: what rings may go on.
    expect(silentForMs).toBeGreaterThan(SILENT_MS);
    expect(silentForMs).toBeLessThan(6_000);
    one.stop();
  },
);

test('calls of a node that were asked for in vain are not about to come once the store says that it has given none that is missing', async () => {
  left = [];
  const one = await startedFor(1_000);
  left = [{ id: 'call', document: '{}' }];
  [diesAtMs, answersUntilMs, answersLost] = [scheduler.nowMs(), scheduler.nowMs(), 1];
  await pass(1_600);
  expect(one.isTaking('other')).toBe(true);
  [missed, mayHaveMissed] = [[], false];
  await pass(2_000);
  expect(one.isTaking('other')).toBe(false);
  expect(takenFrom).toEqual([]);
  one.stop();
});
