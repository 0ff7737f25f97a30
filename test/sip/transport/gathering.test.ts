import { describe, expect, test } from 'vitest';
import { Gathering } from '../../../src/sip/transport/gathering.ts';

/** Turns that follow each other at a rate of messages, each taking so much of its time by itself, with so many more datagrams that are not let in. */
function restsAt(messagesPerMs: number, gatherMs: number, workMs = 0, notLetInPerMs = 0): number {
  const gathering = new Gathering(gatherMs);
  let nowMs = 1_000;
  let restMs = 0;
  for (let turn = 0; turn < 200; turn++) {
    gathering.begin(nowMs);
    nowMs += Math.max(workMs, 1);
    const sinceMs = Math.max(workMs, 1) + restMs;
    gathering.handled(sinceMs * messagesPerMs, sinceMs * (messagesPerMs + notLetInPerMs));
    restMs = gathering.end(nowMs);
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
    expect(restsAt(14, 8)).toBe(4);
  });

  test('what is read and not let in is nothing to wait for', () => {
    expect(restsAt(0.1, 8, 0, 5)).toBe(1);
    expect(restsAt(2, 8, 0, 5)).toBe(8);
  });

  test('nor is a rest so long that more than 64 datagrams wait in the kernel meanwhile, let in or not', () => {
    expect(restsAt(2, 8, 0, 8)).toBeCloseTo(6.4);
    expect(restsAt(2, 8, 0, 30)).toBeCloseTo(2);
    expect(restsAt(32, 8)).toBeCloseTo(2);
    expect(restsAt(2, 8, 0, 98)).toBe(1);
  });

  test('nothing is waited for where no message is to be expected in that time', () => {
    expect(restsAt(0.2, 8)).toBe(8);
    expect(restsAt(0.1, 8)).toBe(1);
  });

  /** A turn of one ms that handles so much; returns the rest. */
  function turn(gathering: Gathering, nowMs: number, messages: number): number {
    gathering.begin(nowMs);
    gathering.handled(messages, messages);
    return gathering.end(nowMs + 1);
  }

  test.each([0, 1_000])('nobody rests within the first 50 ms of a process, whose clock says %s', (startMs) => {
    const gathering = new Gathering(8);
    const rests = Array.from({ length: 6 }, (_, at) => turn(gathering, startMs + at * 9, 20));
    expect(rests).toEqual([0, 0, 0, 0, 0, 0]);
    expect(turn(gathering, startMs + 54, 20)).toBe(7);
  });

  test('nor for the first message after a silence', () => {
    const gathering = new Gathering(8);
    for (let at = 0; at < 20; at++) turn(gathering, at * 9, 20);
    expect(turn(gathering, 1_180, 1)).toBe(0);
  });

  test('of several sockets that have a turn at once the last one rests, by the messages of all, counted from the first one', () => {
    const gathering = new Gathering(8);
    const rests: number[] = [];
    for (let nowMs = 0; nowMs < 800; nowMs += 8) {
      for (let socket = 0; socket < 3; socket++) gathering.begin(nowMs + socket / 4);
      for (let socket = 0; socket < 3; socket++) {
        gathering.handled(0.5, 0.5);
        rests.push(gathering.end(nowMs + socket + 1));
      }
    }
    expect(rests.slice(-3)).toEqual([0, 0, 5]);
  });

  test('what another socket has to send for what was handled leaves first; who only sends does not rest', () => {
    const gathering = new Gathering(8);
    for (let at = 0; at < 20; at++) turn(gathering, at * 9, 20);
    gathering.begin(180);
    gathering.handled(20, 20);
    gathering.begin(181);
    expect(gathering.end(182)).toBe(0);
    expect(gathering.end(183)).toBe(5);
    gathering.begin(190);
    expect(gathering.end(191)).toBe(0);
  });
});
