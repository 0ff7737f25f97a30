import { beforeEach, expect, test } from 'vitest';
import { Valve } from '../../../src/sip/endpoint/valve.ts';

let valve: Valve;
let nowMs: number;
beforeEach(() => {
  valve = new Valve();
  nowMs = 1_000;
  valve.beat(nowMs, true, 0.5);
});

function beatAfter(ms: number, isOver = true, costMs = 0.5): void {
  nowMs += ms;
  valve.beat(nowMs, isOver, costMs);
}

/** Turns of 5 ms for so long, in which all are served that may be: so many were. */
function serveFor(ms: number, turn: () => void = () => {}): number {
  let served = 0;
  for (const endMs = nowMs + ms; nowMs < endMs; ) {
    beatAfter(5);
    for (; valve.isOpen; served++) valve.took();
    turn();
  }
  return served;
}

test('as long as there is time for all, all are served', () => {
  valve.beat(nowMs, false, 0.5);
  for (let call = 0; call < 10_000; call++) valve.took();
  expect(valve.isOpen).toBe(true);
});

test('when there is too much, as many are served as one costs, from then on and evenly', () => {
  expect(valve.isOpen).toBe(false);
  expect([serveFor(5), serveFor(5), serveFor(90)]).toEqual([10, 10, 180]);
});

test('what was not served for a while is not owed: a turn’s worth is', () => {
  beatAfter(1_000);
  expect(serveFor(5)).toBe(40);
});

test('those who had to be served all the same are served in place of others', () => {
  for (let call = 0; call < 30; call++) valve.took();
  expect(serveFor(50)).toBe(70);
});

test('while what goes on waits for long, the rate becomes less, and what a short wait says is nothing', () => {
  serveFor(50, () => valve.waited(15));
  expect(serveFor(50, () => valve.waited(21))).toBeGreaterThanOrEqual(99);
  expect(serveFor(500, () => valve.waited(21))).toBeLessThan(700);
});

test('while there is time left, the rate becomes more, the faster the more of it', () => {
  serveFor(500, () => valve.idled(0.5));
  const little = serveFor(50);
  expect(little).toBeGreaterThan(120);
  serveFor(500, () => valve.idled(2.5));
  expect(serveFor(50) / little).toBeGreaterThan(3);
});

test('time that is left says nothing while what goes on waits', () => {
  serveFor(500, () => {
    valve.idled(5);
    valve.waited(11);
  });
  expect(serveFor(50)).toBe(100);
});

test('once it is over, the next overload begins with what one costs then', () => {
  serveFor(500, () => valve.waited(21));
  beatAfter(5, false);
  expect(valve.isOpen).toBe(true);
  beatAfter(5, true, 0.25);
  beatAfter(5, true, 0.25);
  expect(serveFor(50)).toBe(220);
});

test('what is served all the same bounds how far the rate becomes less', () => {
  for (let turn = 0; turn < 1_000; turn++) {
    beatAfter(5);
    valve.took();
    valve.waited(21);
  }
  expect(serveFor(50)).toBeGreaterThanOrEqual(5);
});

test('of what had to be served all the same no more is owed than was not served may be at once', () => {
  for (let call = 0; call < 10_000; call++) valve.took();
  beatAfter(20);
  expect(serveFor(5)).toBe(10);
});

test('a rate of less than one in a turn lets one through when its time has come', () => {
  beatAfter(5, false);
  beatAfter(5, true, 100);
  expect([serveFor(95), serveFor(10), serveFor(100)]).toEqual([0, 1, 1]);
});

test('time that is left makes the rate no more than twice of what is served', () => {
  for (let turn = 0; turn < 1_000; turn++) {
    beatAfter(5);
    for (let call = 0; call < 10 && valve.isOpen; call++) valve.took();
    valve.idled(5);
  }
  expect(serveFor(5, () => valve.idled(5))).toBeLessThanOrEqual(81);
});
