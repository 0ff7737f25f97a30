import { expect, test } from 'vitest';
import { Stalls } from './board/processes/stalls.ts';

function standing() {
  let nowMs = 0;
  const ended: (() => void)[] = [];
  const stalls = new Stalls(
    ['a', 'b'],
    () => nowMs,
    (then) => ended.push(then),
  );
  return {
    stalls,
    pass: (ms: number) => (nowMs += ms),
    endTurn: () => {
      for (const then of ended.splice(0)) then();
    },
  };
}

test('what is read while the process runs counts', () => {
  const { stalls, pass } = standing();
  for (let turn = 0; turn < 100; turn++) {
    pass(10);
    expect(stalls.reads('a')).toBe(false);
  }
  expect(stalls.takeLongestMs()).toBe(0);
});

test('after it stood still, nothing of a socket counts until that is read to its end', () => {
  const { stalls, pass, endTurn } = standing();
  pass(80);
  stalls.turn();
  for (let read = 0; read < 32; read++) expect(stalls.reads('a')).toBe(true);
  expect(stalls.reads('b')).toBe(true);
  endTurn();
  expect([stalls.reads('a'), stalls.reads('b')]).toEqual([true, false]);
  endTurn();
  expect(stalls.reads('a')).toBe(false);
  expect([stalls.takeLongestMs(), stalls.takeLongestMs()]).toEqual([80, 0]);
});

test('a datagram shows a standstill as well as a timer does', () => {
  const { stalls, pass, endTurn } = standing();
  pass(40);
  expect([stalls.reads('b'), stalls.reads('a')]).toEqual([true, true]);
  endTurn();
  expect(stalls.reads('a')).toBe(false);
});
