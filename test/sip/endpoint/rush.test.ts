import { expect, test } from 'vitest';
import { Rush } from '../../../src/sip/endpoint/rush.ts';

/** What there is time for in a window. */
const COST_MS = 0.5;
const WINDOW_MS = 20;

interface Window {
  readonly came: number;
  readonly took?: number;
  /** Of those that came; the rest waits. */
  readonly refused?: number;
  readonly ms?: number;
  readonly isMuch?: boolean;
}

/** Whether it is one after these windows, each told in two beats. */
function isRushAfter(...windows: readonly Window[]): boolean {
  const rush = new Rush();
  let waiting = 0;
  for (const { came, took = 0, refused = 0, ms = WINDOW_MS, isMuch = true } of windows) {
    for (let count = 0; count < took; count++) rush.took();
    for (let count = 0; count < refused; count++) rush.refused();
    rush.beat(ms / 2, waiting, COST_MS, isMuch);
    waiting += came - took - refused;
    rush.beat(ms / 2, waiting, COST_MS, isMuch);
  }
  return rush.isOne;
}

test('more than two and a quarter times what there is time for, in two windows in a row', () => {
  expect(isRushAfter({ came: 120 })).toBe(false);
  expect(isRushAfter({ came: 120 }, { came: 120 })).toBe(true);
  expect(isRushAfter({ came: 91 }, { came: 91 })).toBe(true);
  expect(isRushAfter({ came: 90 }, { came: 90 })).toBe(false);
});

test('those taken and refused have come as well', () => {
  expect(isRushAfter({ came: 120, took: 40 }, { came: 120, took: 40 })).toBe(true);
  expect(isRushAfter({ came: 120, took: 20, refused: 100 }, { came: 120, took: 20, refused: 100 })).toBe(true);
});

test('however much comes at once, it is no rush unless more follows', () => {
  expect(isRushAfter({ came: 400 }, { came: 30, took: 40 })).toBe(false);
  expect(isRushAfter({ came: 120 }, { came: 30, took: 40 }, { came: 120 })).toBe(false);
});

test('what comes as ever while the thread is away is none: it is counted over that time', () => {
  expect(isRushAfter({ came: 200, took: 20, ms: 100 }, { came: 200, took: 20, ms: 100 })).toBe(false);
});

test('nor is it while few wait, or as many are taken as come', () => {
  expect(isRushAfter({ came: 120, isMuch: false }, { came: 120, isMuch: false })).toBe(false);
  expect(isRushAfter({ came: 120, took: 120 }, { came: 120, took: 120 })).toBe(false);
});

test('it is over with the first window in which no more comes than that', () => {
  expect(isRushAfter({ came: 120 }, { came: 120 }, { came: 40, took: 20 })).toBe(false);
});
