import fc from 'fast-check';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { allAtOnce, inSlices, letFirst, type Steps, sorted } from '../../src/base/steps.ts';

function* busy(ms: number): Steps<string> {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) yield;
  return 'done';
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Counts the turns of the event loop in which work was done, and how much of it in each. */
function* counted(steps: number, perTurn: number[]): Steps<void> {
  for (let step = 0; step < steps; step++) {
    const endMs = performance.now() + 0.5;
    while (performance.now() < endMs);
    perTurn[perTurn.length - 1] = (perTurn.at(-1) ?? 0) + 1;
    yield;
  }
}

let nowMs = 0;

/** Time that passes as the clock is looked at, and a millisecond with each turn that is waited for: the loop is busy. */
function ownTime() {
  // Never behind what was seen of it.
  nowMs = Math.max(nowMs, performance.now());
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
    nowMs += 0.01;
    return nowMs;
  });
  onTestFinished(() => clock.mockRestore());
  return async (ms: number) => {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs++) await turn();
  };
}

beforeEach(async () => {
  // What was done before has had its rest.
  await inSlices(busy(0));
  await turn();
  await turn();
});

test('the event loop has its turn between the slices of long work', async () => {
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  // Counted, not timed: a slice has ten of these at most, however long others keep the processor.
  await inSlices(counted(120, [0]));
  isDone = true;
  expect(turns).toBeGreaterThan(10);
});

test('what is done within the first slice waits for nobody', async () => {
  let turns = 0;
  const soon = setImmediate(() => turns++);
  await inSlices(busy(0));
  expect(turns).toBe(0);
  clearImmediate(soon);
});

test('works that are under way together share one slice a turn, and each gets on', async () => {
  const perTurn = [0];
  let isDone = false;
  const next = () => {
    perTurn.push(0);
    if (!isDone) setImmediate(next);
  };
  setImmediate(next);
  const finished: number[] = [];
  const works = [40, 12, 12, 12].map((steps, index) =>
    inSlices(counted(steps, perTurn)).then(() => finished.push(index)),
  );
  await Promise.all(works);
  isDone = true;
  // A slice of 3 ms, and what is done between two looks at the clock; of four works with a slice each it would be 24.
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(16);
  expect(finished.at(-1)).toBe(0);
});

test('a step that takes longer than a slice is one', async () => {
  const perTurn = [0];
  let isDone = false;
  const next = () => {
    perTurn.push(0);
    if (!isDone) setImmediate(next);
  };
  setImmediate(next);
  await inSlices(
    (function* () {
      for (let step = 0; step < 8; step++) {
        allAtOnce(busy(4));
        perTurn[perTurn.length - 1] = (perTurn.at(-1) ?? 0) + 1;
        yield;
      }
    })(),
  );
  isDone = true;
  // The first may be seen together with the second.
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(2);
});

test('the same work at once; what it throws reaches who asked, either way', async () => {
  expect(allAtOnce(busy(1))).toBe('done');
  const failing = function* (): Steps<void> {
    yield;
    throw new Error('broken');
  };
  expect(() => allAtOnce(failing())).toThrow('broken');
  await expect(inSlices(failing())).rejects.toThrow('broken');
});

test('a list sorted in steps is the list sorted at once, with what compares equal as it stood', () => {
  const items = fc.array(fc.record({ key: fc.integer({ min: 0, max: 50 }), tag: fc.nat() }), { maxLength: 1500 });
  fc.assert(
    fc.property(items, (list) => {
      const compare = (a: { key: number }, b: { key: number }) => a.key - b.key;
      expect(allAtOnce(sorted(list, compare))).toEqual(list.toSorted(compare));
    }),
    { numRuns: 30 },
  );
});

test('while others come first work in slices gets a slice every tenth of a second, and goes on once they do not', async () => {
  const pass = ownTime();
  let isWaited = true;
  const end = letFirst(() => isWaited);
  const perTurn = [0];
  const work = inSlices(counted(40, perTurn));
  await pass(250);
  const steps = perTurn[0] ?? 0;
  // Slices of 3 ms: at the beginning, and at most one each 100 ms.
  expect(steps).toBeGreaterThan(0);
  expect(steps).toBeLessThan(32);
  isWaited = false;
  await work;
  expect(perTurn[0]).toBe(40);
  end();
  isWaited = true;
  await inSlices(busy(20));
});

test('work with patience waits so long for those who come first, and then goes on beside them; others wait on', async () => {
  const pass = ownTime();
  const end = letFirst(() => true);
  onTestFinished(() => void end());
  const [patient, other] = [[0], [0]];
  const waits = inSlices(counted(100, other));
  let isDone = false;
  const done = inSlices(counted(100, patient), 300).then(() => {
    isDone = true;
  });
  await pass(250);
  expect(patient[0]).toBeLessThan(32);
  // 50 ms of work, at a third of the time.
  await pass(350);
  expect(isDone).toBe(true);
  await done;
  expect(other[0]).toBeLessThan(60);
  end();
  await waits;
});
