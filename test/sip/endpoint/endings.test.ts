import { expect, test } from 'vitest';
import { Endings } from '../../../src/sip/endpoint/endings.ts';

const CALLER = '192.0.2.1';

interface Ending {
  readonly sinceMs: number;
  readonly flow: { readonly remoteAddress: string };
}

function endings(...sinceMs: number[]): Endings<Ending> {
  const all = new Endings<Ending>(1_000);
  for (const since of sinceMs) all.add(CALLER, { sinceMs: since, flow: { remoteAddress: CALLER } });
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
  expect([all.hasTurn(true), all.hasTurn(false), all.size, all.waitingOf(CALLER)]).toEqual([false, true, 2, 2]);
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
  expect([all.hasTurn(true), all.size, all.waitingOf(CALLER)]).toEqual([true, 3, 3]);
  expect(servedOf(all, 100)).toBe(2);
  const due = endings(0, 1);
  due.beat(150, true);
  due.hasten(() => true);
  expect(servedOf(due, 100)).toBe(2);
});

test('once time is not short any more, all have their turns', () => {
  const all = endings(0, 10, 20);
  all.beat(30, false);
  expect(servedOf(all, 100)).toBe(3);
});

test('what has no place is not taken; what was taken stays, also once it is due', () => {
  const all = new Endings<Ending>(2);
  const ending = { sinceMs: 0, flow: { remoteAddress: CALLER } };
  expect([1, 2, 3].map(() => all.add(CALLER, ending))).toEqual([true, true, false]);
  all.beat(500, true);
  expect([1, 2].map(() => all.add(CALLER, ending))).toEqual([false, false]);
  all.beat(1_000, true);
  expect([all.size, all.waitingOf(CALLER)]).toEqual([2, 2]);
});

test('a source that has fewer than its share has a place though others fill them', () => {
  const all = new Endings<Ending>(4);
  const from = (remoteAddress: string) => all.add(remoteAddress, { sinceMs: 0, flow: { remoteAddress } });
  for (let index = 0; index < 4; index++) from(CALLER);
  all.beat(500, true);
  expect([from(CALLER), from('192.0.2.2')]).toEqual([false, true]);
});
