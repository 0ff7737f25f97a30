import { expect, test } from 'vitest';
import { Endings } from '../../../src/sip/endpoint/endings.ts';

const CALLER = '192.0.2.1';

interface Ending {
  readonly sinceMs: number;
  readonly source: string;
}

function endings(...sinceMs: number[]): Endings<Ending> {
  const all = new Endings<Ending>(1_000);
  for (const since of sinceMs) all.add(CALLER, { sinceMs: since, source: CALLER });
  return all;
}

/** So many of them have their turn while so many others wait, each of which takes as long. */
function servedOf(all: Endings<Ending>, others: number, tookMs = 0.25): number {
  let served = 0;
  for (let left = others; left > 0; ) {
    const isOne = all.hasTurn(true);
    if (isOne) all.take();
    else left--;
    if (isOne) served++;
    all.passed(tookMs, isOne, true);
  }
  return served;
}

test('while time is short, what ends calls waits for 150 ms as long as others wait', () => {
  const all = endings(0, 100);
  all.beat(149, true);
  expect([all.hasTurn(true), all.hasTurn(false), all.size, all.aheadOf(CALLER)]).toEqual([false, true, 2, 2]);
  expect(servedOf(all, 100)).toBe(0);
  all.beat(150, true);
  expect(servedOf(all, 100)).toBe(1);
  expect(all.size).toBe(1);
});

test('then it has two fifths of the time', () => {
  const all = endings(...Array.from({ length: 500 }, () => 0));
  all.beat(150, true);
  const served = servedOf(all, 300);
  expect(served).toBeGreaterThan(190);
  expect(served).toBeLessThan(210);
});

test('the first that came is the first that has its turn', () => {
  const all = endings(0, 10, 200);
  all.beat(170, true);
  expect([all.take()?.sinceMs, all.take()?.sinceMs, all.take()?.sinceMs, all.take()]).toEqual([0, 10, 200, undefined]);
});

test('what makes room comes before all others, at once', () => {
  const all = endings(0, 10, 20);
  all.hasten(({ sinceMs }) => sinceMs < 20);
  expect([all.hasTurn(true), all.size, all.aheadOf(CALLER)]).toEqual([true, 3, 3]);
  expect(servedOf(all, 100)).toBe(2);
  const due = endings(0, 1);
  due.beat(150, true);
  due.hasten(() => true);
  expect(servedOf(due, 100)).toBe(2);
});

/** How long others have their turns before one of them has. */
function waitMs(all: Endings<Ending>, tookMs = 0.25): number {
  let waitedMs = 0;
  for (; !all.hasTurn(true) && waitedMs < 1_000; waitedMs += tookMs) all.passed(tookMs, false, true);
  return waitedMs;
}

test('however much makes room, one that is due has its turn within 5 ms after it', () => {
  const all = endings(...Array.from({ length: 500 }, () => 0), 1);
  all.beat(151, true);
  all.hasten(({ sinceMs }) => sinceMs === 0);
  for (let first = 0; first < 500; first++) {
    expect([all.hasTurn(true), all.take()?.sinceMs]).toEqual([true, 0]);
    all.passed(0.3, true, true);
  }
  expect(waitMs(all)).toBeLessThan(5);
  expect(all.take()?.sinceMs).toBe(1);
});

test('those that are due keep their share while one that makes room comes with each of the others', () => {
  const all = endings(...Array.from({ length: 100 }, () => 0));
  all.beat(150, true);
  let due = 0;
  for (let other = 0; other < 100; other++) {
    all.add('192.0.2.2', { sinceMs: 200, source: '192.0.2.2' });
    all.hasten(({ sinceMs }) => sinceMs === 200);
    while (all.hasTurn(true)) {
      if (all.take()?.sinceMs === 0) due++;
      all.passed(0.25, true, true);
    }
    all.passed(0.25, false, true);
  }
  expect(due).toBeGreaterThan(60);
  expect(due).toBeLessThan(70);
});

test('however many had their turns before others while the node was full, the next one that is due has its within 5 ms', () => {
  const all = endings(...Array.from({ length: 500 }, () => 0));
  all.beat(150, true);
  for (let one = 0; one < 400; one++) {
    expect([all.hasTurn(false), all.take()?.sinceMs]).toEqual([true, 0]);
    all.passed(0.3, true, true);
  }
  expect(waitMs(all)).toBeLessThan(5);
});

test('once time is not short any more, all have their turns', () => {
  const all = endings(0, 10, 20);
  all.beat(30, false);
  expect(servedOf(all, 100)).toBe(3);
});

test('what has no place is not taken; what was taken stays, also once it is due', () => {
  const all = new Endings<Ending>(2);
  const ending = { sinceMs: 0, source: CALLER };
  expect([1, 2, 3].map(() => all.add(CALLER, ending))).toEqual([true, true, false]);
  all.beat(500, true);
  expect([1, 2].map(() => all.add(CALLER, ending))).toEqual([false, false]);
  all.beat(1_000, true);
  expect([all.size, all.aheadOf(CALLER)]).toEqual([2, 2]);
});

test('a source that has fewer than its share has a place though others fill them', () => {
  const all = new Endings<Ending>(4);
  const from = (source: string) => all.add(source, { sinceMs: 0, source });
  for (let index = 0; index < 4; index++) from(CALLER);
  all.beat(500, true);
  expect([from(CALLER), from('192.0.2.2')]).toEqual([false, true]);
});
