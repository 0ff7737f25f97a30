import { describe, expect, test } from 'vitest';
import { Backlog, threadComputedMs } from '../../../src/sip/endpoint/backlog.ts';
import { BusyEngine } from './busy-engine.ts';

const LIMIT_MS = 50;
/** Requests after which a node is no longer young. */
const YOUNG = 2_000;

function grown(): Backlog {
  const backlog = new Backlog(LIMIT_MS);
  for (let served = 0; served < YOUNG; served++) backlog.grows();
  return backlog;
}

test('a handful waits whatever it costs', () => {
  const backlog = grown();
  for (let beat = 0; beat < 100; beat++) backlog.beat(beat * 100, beat * 1000, 20);
  expect(backlog.admits(31, 0)).toBe(true);
  expect(backlog.admits(32, 0)).toBe(false);
});

test('two and a half backlogs wait in a burst, half of one when it has lasted', () => {
  const backlog = grown();
  expect([backlog.admits(249, 0), backlog.admits(250, 0)]).toEqual([true, false]);
  expect(backlog.owedAfterMs).toBe(Number.POSITIVE_INFINITY);
  for (let ms = 0; ms <= 200; ms++) {
    backlog.beat(ms, ms, 20);
    backlog.took();
    backlog.took();
  }
  expect([backlog.admits(47, 0), backlog.admits(55, 0)]).toEqual([true, false]);
});

test('once it has lasted, whom a refusal would reach late is let in, unless its turn would come after three backlogs', () => {
  const backlog = grown();
  for (let ms = 0; ms <= 200; ms++) {
    backlog.beat(ms, ms, 20);
    backlog.took();
    backlog.took();
  }
  expect(backlog.owedAfterMs).toBe(0.8 * LIMIT_MS);
  expect([backlog.admits(100, 39), backlog.admits(100, 41)]).toEqual([false, true]);
  expect([backlog.admits(200, 41), backlog.admits(230, 41)]).toEqual([true, false]);
});

test('once it has lasted the clock decides: who waits, waits by that one', () => {
  const backlog = grown();
  for (let ms = 0; ms <= 1_000; ms++) {
    backlog.beat(ms, ms * 2, 20);
    for (let taken = 0; taken < 4; taken++) backlog.took();
  }
  expect([backlog.admits(47, 0), backlog.admits(55, 0)]).toEqual([true, false]);
});

describe('where far more comes than there is time for', () => {
  /** Ms by the clock of four times as much as is served. */
  const rushed = (ms: number, backlog = grown()) => {
    for (let nowMs = 0; nowMs <= ms; nowMs++) {
      backlog.beat(nowMs, nowMs, 20 + 6 * nowMs);
      backlog.took();
      backlog.took();
    }
    return backlog;
  };

  test('it is an overload after two windows of 20 ms, not once it has lasted', () => {
    expect([rushed(39), rushed(40)].map(({ owedAfterMs }) => owedAfterMs)).toEqual([
      Number.POSITIVE_INFINITY,
      0.8 * LIMIT_MS,
    ]);
  });

  test('a call costs a quarter of a millisecond of a core at least, however little of it was seen', () => {
    const isOne = (share: number) => {
      const backlog = grown();
      for (let nowMs = 0; nowMs <= 80; nowMs++) {
        backlog.beat(nowMs, nowMs, 20 + nowMs, share);
        for (let taken = 0; taken < 5; taken++) backlog.took();
      }
      return Number.isFinite(backlog.owedAfterMs);
    };
    // Six come each millisecond: with a whole core there may be time for nearly half of them.
    expect([1, 0.5].map(isOne)).toEqual([false, true]);
  });

  test('who was let in for a burst is judged anew, once', () => {
    const backlog = rushed(39);
    expect(backlog.takeEndOfBurst()).toBe(false);
    const over = rushed(80);
    expect([over.takeEndOfBurst(), over.takeEndOfBurst()]).toEqual([true, false]);
  });

  test('a node whose first requests these are waits until it has lasted: they cost more than later ones', () => {
    expect(rushed(80, new Backlog(LIMIT_MS)).owedAfterMs).toBe(Number.POSITIVE_INFINITY);
  });
});

test('an overload is over a second after the last sign of it, and what was dear then is not held against the next burst', () => {
  const backlog = grown();
  for (let ms = 0; ms <= 1_000; ms += 10) backlog.beat(ms, ms, 20);
  backlog.beat(1_001, 1_001, 0);
  backlog.beat(1_002, 1_900, 0);
  expect(backlog.admits(40, 0)).toBe(false);
  backlog.beat(1_003, 2_001, 0);
  backlog.beat(1_004, 2_002, 20);
  expect(backlog.admits(249, 0)).toBe(true);
});

test('an overload is not over while more than a twentieth of what comes is refused, however short the queue is', () => {
  const lasts = (takenPerRefused: number) => {
    const backlog = grown();
    let nowMs = 0;
    for (; nowMs <= 1_000; nowMs += 10) backlog.beat(nowMs, nowMs, 20);
    for (; nowMs <= 4_000; nowMs++) {
      backlog.beat(nowMs, nowMs, 5);
      backlog.refused();
      for (let taken = 0; taken < takenPerRefused; taken++) backlog.took();
    }
    return Number.isFinite(backlog.owedAfterMs);
  };
  expect(lasts(10)).toBe(true);
  expect(lasts(30)).toBe(false);
});

test('a few that are refused are no sign of one', () => {
  const backlog = grown();
  let nowMs = 0;
  for (; nowMs <= 1_000; nowMs += 10) backlog.beat(nowMs, nowMs, 20);
  for (; nowMs <= 4_000; nowMs++) {
    backlog.beat(nowMs, nowMs, 5);
    if (nowMs % 50 === 0) backlog.refused();
  }
  expect(backlog.owedAfterMs).toBe(Number.POSITIVE_INFINITY);
});

test('after four backlogs by the clock one is given up', () => {
  const backlog = grown();
  expect([199, 201].map((waitedMs) => backlog.isGivenUp(waitedMs))).toEqual([false, true]);
});

test('four backlogs of computing are late, whatever the clock says', () => {
  const backlog = grown();
  backlog.beat(150, 9_000, 20);
  expect([backlog.isLate(-50), backlog.isLate(-51)]).toEqual([false, true]);
});

describe('what other threads of the process take of its quota', () => {
  test('waits in addition, and lasts eight times as long, once it is more than usual', () => {
    const backlog = grown();
    backlog.beat(0, 0, 0);
    backlog.lent(0.2, 400);
    expect(backlog.admits(250, 0)).toBe(false);
    backlog.lent(0.7, 200);
    expect([backlog.admits(449, 0), backlog.admits(450, 0)]).toEqual([true, false]);
    for (let ms = 1; ms < 900; ms++) backlog.beat(ms, ms, 20);
    expect(backlog.owedAfterMs).toBe(Number.POSITIVE_INFINITY);
    for (let ms = 900; ms < 1_000; ms++) backlog.beat(ms, ms, 20);
    expect(backlog.owedAfterMs).toBe(0.8 * LIMIT_MS);
  });

  test('is forgotten half a second later', () => {
    const backlog = grown();
    backlog.lent(0.7, 200);
    backlog.lent(0, 500);
    for (const waiting of [0, 20]) backlog.beat(1, 1, waiting);
    expect(backlog.admits(250, 0)).toBe(false);
  });

  test('counts for its last half second, however long nothing has waited', () => {
    const admittedAfter = (passedMs: number) => {
      const backlog = grown();
      backlog.lent(0.25, passedMs);
      for (const waiting of [0, 20]) backlog.beat(1, 1, waiting);
      let ahead = 0;
      while (backlog.admits(ahead, 0)) ahead++;
      return ahead;
    };
    expect(admittedAfter(500)).toBe(300);
    expect(admittedAfter(60_000)).toBe(300);
  });

  test('is time that who is owed a turn does not have', () => {
    const backlog = grown();
    for (let ms = 0; ms <= 200; ms++) {
      backlog.beat(ms, ms, 20);
      backlog.took();
      backlog.took();
    }
    expect(backlog.admits(150, 41)).toBe(true);
    backlog.lent(0.7, 50);
    expect([backlog.admits(100, 41), backlog.admits(150, 41)]).toEqual([true, false]);
  });
});

describe('time is short for a second', () => {
  const isShortAfter = (shares: readonly number[], stepMs = 10) => {
    const backlog = grown();
    shares.forEach((share, index) => {
      backlog.beat(index * stepMs, index * stepMs, 0);
      backlog.lent(share, stepMs);
    });
    return backlog.isShort;
  };

  test('once other threads of the process have had 15 ms beyond the usual', () => {
    expect(isShortAfter([1])).toBe(false);
    expect(isShortAfter([1, 1.5])).toBe(true);
    const backlog = grown();
    backlog.beat(0, 5_000, 0);
    backlog.lent(1.5, 20);
    for (const [nowMs, isShort] of [
      [5_999, true],
      [6_000, false],
    ] as const) {
      backlog.beat(0, nowMs, 0);
      expect(backlog.isShort).toBe(isShort);
    }
  });

  test('not for what they have now and then, which is the usual on the whole', () => {
    expect(isShortAfter(Array.from({ length: 400 }, (_, index) => (index % 4 === 0 ? 0.8 : 0)))).toBe(false);
  });
});

test('a few that wait all the time are no overload', () => {
  const backlog = grown();
  for (let ms = 0; ms <= 10_000; ms += 10) backlog.beat(ms, ms, 15);
  expect(backlog.admits(249, 0)).toBe(true);
});

test('no limit: nothing is refused and nothing late', () => {
  const backlog = new Backlog(Number.POSITIVE_INFINITY);
  for (let ms = 0; ms <= 10_000; ms += 10) backlog.beat(ms, ms, 1_000);
  expect(backlog.admits(1e6, 0)).toBe(true);
  expect(backlog.isLate(0)).toBe(false);
});

describe('a node that has just started', () => {
  test('waits four times as long in a burst, and less with each request that it serves', () => {
    const backlog = new Backlog(LIMIT_MS);
    expect([backlog.admits(999, 0), backlog.admits(1_000, 0)]).toEqual([true, false]);
    for (let served = 0; served < YOUNG / 2; served++) backlog.grows();
    expect([backlog.admits(624, 0), backlog.admits(625, 0)]).toEqual([true, false]);
    for (let served = 0; served < YOUNG / 2 - 1; served++) backlog.took();
    expect(backlog.isGrown).toBe(false);
    backlog.took();
    expect(backlog.isGrown).toBe(true);
    expect(backlog.admits(250, 0)).toBe(false);
  });

  test('takes what waits for lasting later, and for late what has waited through more than such a burst', () => {
    const backlog = new Backlog(LIMIT_MS);
    for (let ms = 0; ms <= 450; ms++) {
      backlog.beat(ms, 2 * ms, 20);
      if (ms % 2 === 0) backlog.took();
    }
    // By the clock 100 wait 0.4 s.
    expect(backlog.admits(100, 0)).toBe(true);
    backlog.beat(1_000, 4_000, 0);
    expect([backlog.isLate(545), backlog.isLate(540)]).toEqual([false, true]);
  });
});

test('the computing of this thread grows while it computes', () => {
  const before = threadComputedMs();
  // However little of a busy machine it gets.
  for (const end = performance.now() + 20_000; performance.now() < end && threadComputedMs() === before; );
  expect(threadComputedMs()).toBeGreaterThan(before);
});

/** Calls a second that the model has time for. */
const CAPACITY = 2_100;

describe.each([
  { core: 'a core', quota: { runMs: 1, periodMs: 1 }, share: 1, stallMs: 0 },
  { core: 'half a core, 10 ms of each 20', quota: { runMs: 10, periodMs: 20 }, share: 0.5, stallMs: 5 },
  // Whoever comes while the kernel does not let the process run waits for that alone: as long as a rest, not as the half of a period.
  { core: 'half a core, 50 ms of each 100', quota: { runMs: 50, periodMs: 100 }, share: 0.5, stallMs: 5 },
])('offered more calls than there is time for, on $core (model)', ({ quota, share, stallMs }) => {
  test.each([
    [2, 0.96],
    [4, 0.89],
  ])('%s times', (times, least) => {
    const engine = new BusyEngine({ quota, knowsQuota: share < 1 });
    const seen = engine.load(times * CAPACITY * share, 2);
    expect(seen.setupP99).toBeLessThan(250);
    expect(seen.refusalP99).toBeLessThan(50 + stallMs);
    expect(seen.byesAnswered).toBe(1);
    expect(seen.completed + seen.refused).toBe(seen.offered);
    // What the model refuses takes time that no call has: 0.016 ms each.
    expect(seen.completed / (2 * CAPACITY * share)).toBeGreaterThan(least);
    const after = engine.load(0.95 * CAPACITY * share, 2);
    expect(after.completed / after.offered).toBeGreaterThan(0.99);
    expect(after.setupP99).toBeLessThan(100);
  });
});

test.each([
  ['a core', { quota: { runMs: 1, periodMs: 1 } }, 1],
  ['half a core', { quota: { runMs: 50, periodMs: 100 }, knowsQuota: true }, 0.5],
] as const)('the first of four times as many calls, on %s, are set up in 200 ms (model)', (_, options, share) => {
  const engine = new BusyEngine(options);
  engine.load(0.9 * CAPACITY * share, 1);
  const seen = engine.load(4 * CAPACITY * share, 0.3);
  expect(seen.setupP99).toBeLessThan(200);
  expect(seen.refusalP99).toBeLessThan(50);
  expect(seen.completed + seen.refused).toBe(seen.offered);
});

// What comes in 60 ms of each 2 s waits for that alone: three in a hundred.
test.each([2, 4])(
  'offered %s times as much, by a thread that is away for 60 ms now and then, a refusal is not late (model)',
  (times) => {
    const engine = new BusyEngine({ standstill: { everyMs: 1_940, forMs: 60 } });
    const seen = engine.load(times * CAPACITY, 6);
    expect(seen.refusalP99).toBeLessThan(50);
    expect(seen.setupP99).toBeLessThan(250);
    expect(seen.completed + seen.refused).toBe(seen.offered);
  },
);

// As measured of a node that serves 4,000 calls a second beside a carrier with half of what that one needs, for a moment each.
test('offered four times as much while the carrier answers late, and all at once: no wave of calls waits for those before it (model)', () => {
  const engine = new BusyEngine({ speed: 2.3, carrierStands: { everyMs: 937, forMs: 150 } });
  const seen = engine.load(13_200, 3);
  expect(seen.setupP99).toBeLessThan(250);
  expect(seen.refusalP99).toBeLessThan(50);
  expect(seen.completed + seen.refused).toBe(seen.offered);
  expect(seen.completed / 3).toBeGreaterThan(4_000);
});

// As measured: V8 marks 85 MB that are alive, on two threads of its own, which take all of half a core for 0.3 to 0.4 s.
describe('half a core of which V8 takes all now and then, to mark the heap (model)', () => {
  const engine = () =>
    new BusyEngine({
      quota: { runMs: 50, periodMs: 100 },
      knowsQuota: true,
      marking: { everyMs: 5_000, costMs: 150, threads: 2 },
    });

  test('while there is time for all calls, hardly any is refused for it', () => {
    const seen = engine().load(0.8 * 0.5 * CAPACITY, 8);
    expect(seen.completed / seen.offered).toBeGreaterThan(0.99);
    expect(seen.byesAnswered).toBe(1);
  });

  // As measured of 65 MB that are alive, on the one thread that marks them under a quota.
  test('at nine tenths of what there is time for, calls are served and set up in time, since what ends others waits', () => {
    const busy = new BusyEngine({
      quota: { runMs: 50, periodMs: 100 },
      knowsQuota: true,
      marking: { everyMs: 7_037, costMs: 85, threads: 1 },
    });
    const seen = busy.load(0.9 * 0.5 * CAPACITY, 28);
    expect(seen.completed / seen.offered).toBeGreaterThan(0.99);
    expect(seen.setupP99).toBeLessThan(250);
    expect(seen.byesAnswered).toBe(1);
  });

  test.each([2, 4])(
    'offered %s times as much, calls are set up in time and no refusal is later than a standstill is long',
    (times) => {
      const busy = engine();
      const seen = busy.load(times * 0.5 * CAPACITY, 8);
      expect(seen.setupP99).toBeLessThan(250);
      expect(seen.refusalP99).toBeLessThan(75);
      expect(seen.byesAnswered).toBe(1);
      expect(seen.completed + seen.refused).toBe(seen.offered);
      const after = busy.load(0.8 * 0.5 * CAPACITY, 8);
      expect(after.completed / after.offered).toBeGreaterThan(0.98);
    },
  );
});

describe('a machine that is slow, or busy with others, refuses nobody (model)', () => {
  test.each([
    ['a twentieth of a core in turns of 20 ms, 20 calls/s', { quota: { runMs: 20, periodMs: 400 } }, 20],
    [
      'a sixteenth, and code that is not compiled yet, 20 calls/s',
      { quota: { runMs: 25, periodMs: 400 }, speed: 0.2 },
      20,
    ],
    ['turns of 60 ms with 1.2 s between them, 20 calls/s', { quota: { runMs: 60, periodMs: 1_260 } }, 20],
    ['a third of a core in turns of 100 ms, 200 calls/s', { quota: { runMs: 100, periodMs: 300 } }, 200],
  ] as const)('%s', (_case, options, callsPerSecond) => {
    const seen = new BusyEngine(options).load(callsPerSecond, 5);
    expect(seen.refused).toBe(0);
    expect(seen.completed).toBe(seen.offered);
  });

  test('the first calls after a start, at nearly half of what it has time for later: they cost three times as much', () => {
    const seen = new BusyEngine({ isCold: true }).load(1_000, 3);
    expect([seen.completed, seen.refused]).toEqual([seen.offered, 0]);
  });

  test('a hundred calls at once', () => {
    const seen = new BusyEngine({ speed: 0.5 }).load(20_000, 0.01);
    expect([seen.offered, seen.refused]).toEqual([100, 0]);
  });
});
