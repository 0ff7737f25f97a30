import { expect, test } from 'vitest';
import { OwnersInTurn } from '../../src/base/owners-in-turn.ts';

/** Those given, e.g. `a1`, each its owner's by its first letter; a capital letter is urgent. */
function waitingFor(...items: readonly string[]) {
  const waiting = new OwnersInTurn<string>();
  for (const item of items) waiting.add(ownerOf(item), item, item !== item.toLowerCase());
  return waiting;
}

const ownerOf = (item: string) => item.slice(0, 1).toLowerCase();

function takeAll(waiting: OwnersInTurn<string>): string[] {
  const taken: string[] = [];
  for (let item = waiting.take(); item !== undefined; item = waiting.take()) taken.push(item);
  return taken;
}

test('owners come in turn, of one owner what came first', () => {
  const waiting = waitingFor('a1', 'a2', 'a3', 'b1', 'c1', 'c2');
  expect(takeAll(waiting)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  expect(waiting.isEmpty).toBe(true);
});

test('who has had its turn and asks again is behind all others', () => {
  const waiting = waitingFor('a1', 'b1', 'c1');
  expect(waiting.take()).toBe('a1');
  waiting.add('a', 'a2');
  expect(takeAll(waiting)).toEqual(['b1', 'c1', 'a2']);
});

test("what is urgent goes before the rest of its owner's alone", () => {
  expect(takeAll(waitingFor('a1', 'A2', 'A3', 'b1', 'b2'))).toEqual(['A2', 'b1', 'A3', 'b2', 'a1']);
});

test('what waits already keeps its place, unless it became urgent or ceased to be', () => {
  const waiting = waitingFor('A1', 'A2', 'a3', 'a4');
  waiting.add('a', 'A1', true);
  waiting.add('a', 'a3');
  expect(waiting.countOf('a')).toBe(4);
  waiting.add('a', 'A1');
  waiting.add('a', 'a4', true);
  expect(takeAll(waiting)).toEqual(['A2', 'a4', 'a3', 'A1']);
});

test('an owner that may have no turn is passed over, and keeps its place', () => {
  const waiting = waitingFor('a1', 'b1', 'b2', 'c1');
  expect(waiting.take((owner) => owner !== 'a')).toBe('b1');
  expect(waiting.take(() => false)).toBeUndefined();
  expect(takeAll(waiting)).toEqual(['a1', 'c1', 'b2']);
});

test('what is taken away has no turn, and an owner with nothing else is forgotten', () => {
  const waiting = waitingFor('a1', 'A2', 'b1');
  waiting.delete('a', 'a1');
  waiting.delete('b', 'b1');
  waiting.delete('c', 'c1');
  expect(waiting.countOf('b')).toBe(0);
  expect(takeAll(waiting)).toEqual(['A2']);
  expect(waiting.isEmpty).toBe(true);
});
