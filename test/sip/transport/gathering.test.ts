import { describe, expect, test } from 'vitest';
import { Gathering } from '../../../src/sip/transport/gathering.ts';

/** Rests of turns that follow each other at a rate of messages, each turn taking so much of its time by itself. */
function restsAt(messagesPerMs: number, gatherMs: number, workMs = 0): number {
  const gathering = new Gathering(gatherMs);
  let nowMs = 1_000;
  let restMs = 0;
  for (let turn = 0; turn < 200; turn++) {
    const beganMs = nowMs;
    nowMs += Math.max(workMs, 1);
    restMs = gathering.restMs((Math.max(workMs, 1) + restMs) * messagesPerMs, beganMs, nowMs);
    nowMs += restMs;
  }
  return restMs + Math.max(workMs, 1);
}

describe('gathering', () => {
  test('a turn lasts as long at least, and none that takes its time by itself lasts longer for it', () => {
    expect(restsAt(1, 8)).toBe(8);
    expect(restsAt(1, 8, 5)).toBe(8);
    expect(restsAt(1, 8, 9)).toBe(9);
    expect(restsAt(1, 0)).toBe(1);
  });

  test('where many messages come, a turn waits for enough of them, half of its time at least', () => {
    expect(restsAt(3.5, 8)).toBe(8);
    expect(restsAt(5.6, 8)).toBeCloseTo(5);
    expect(restsAt(7, 8)).toBeCloseTo(4);
    expect(restsAt(20, 8)).toBe(4);
  });

  test('nothing is waited for where no message is to be expected in that time', () => {
    expect(restsAt(0.2, 8)).toBe(8);
    expect(restsAt(0.1, 8)).toBe(1);
  });
});
