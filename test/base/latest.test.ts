import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Latest } from '../../src/base/latest.ts';
import { grownOldBy } from '../kit/grown-old.ts';

function latestOf(most: number, ...keys: string[]): Latest<string, number> {
  const latest = new Latest<string, number>(most);
  for (const [index, key] of keys.entries()) latest.set(key, index);
  return latest;
}

test('of too many the oldest is forgotten', () => {
  const latest = latestOf(3, 'a', 'b', 'c', 'd');
  expect([...latest]).toEqual([
    ['b', 1],
    ['c', 2],
    ['d', 3],
  ]);
  expect([latest.size, latest.has('a'), latest.get('a'), latest.get('b')]).toEqual([3, false, undefined, 1]);
});

test('one that is set again is the latest, and makes no room', () => {
  const latest = latestOf(3, 'a', 'b', 'c', 'a');
  expect([...latest.keys()]).toEqual(['b', 'c', 'a']);
  expect([...latest.values()]).toEqual([1, 2, 3]);
  latest.set('d', 4);
  expect([...latest.keys()]).toEqual(['c', 'a', 'd']);
});

test('one that was taken out leaves room for another', () => {
  const latest = latestOf(2, 'a', 'b');
  expect([latest.delete('b'), latest.delete('b')]).toEqual([true, false]);
  latest.set('c', 2);
  expect([...latest.keys()]).toEqual(['a', 'c']);
});

test('whoever goes through them may delete what is reached', () => {
  const latest = latestOf(4, 'a', 'b', 'c', 'd');
  for (const key of latest.keys()) if (key !== 'c') latest.delete(key);
  expect([...latest]).toEqual([['c', 2]]);
});

test('whoever goes through them meets what a Map gives: nothing that is gone, and what is set meanwhile', () => {
  const change = fc.record({ key: fc.integer({ min: 0, max: 6 }), isDelete: fc.boolean() });
  const changes = fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 });
  type Both = Pick<Map<number, number>, 'set' | 'delete' | 'keys'>;
  /** Keys as they are reached, with some changes after each of them. */
  const walk = (
    entries: Both | Latest<number, number>,
    made: readonly (readonly { key: number; isDelete: boolean }[])[],
  ) => {
    for (let key = 0; key < 5; key++) entries.set(key, key);
    const reached: number[] = [];
    for (const key of entries.keys()) {
      for (const { key: other, isDelete } of made[reached.length] ?? []) {
        // One that a Map has stays where it is when it is set again.
        if (isDelete || entries instanceof Map) entries.delete(other);
        if (!isDelete) entries.set(other, other);
      }
      reached.push(key);
    }
    return reached;
  };
  fc.assert(
    fc.property(changes, (made) => {
      expect(walk(new Latest<number, number>(9), made)).toEqual(walk(new Map<number, number>(), made));
    }),
  );
});

test('it holds what a list of the latest would, whatever is set and deleted', () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 9 }), isDelete: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60 }), (most, steps) => {
      const latest = new Latest<number, number>(most);
      let list: [number, number][] = [];
      for (const [value, { key, isDelete }] of steps.entries()) {
        if (isDelete) latest.delete(key);
        else latest.set(key, value);
        list = list.filter(([other]) => other !== key);
        if (!isDelete) list = [...list, [key, value] as [number, number]].slice(-most);
        expect([...latest]).toEqual(list);
        expect(latest.size).toBe(list.length);
      }
    }),
  );
});

test('what is gone grows old with nobody: neither what it held nor what came after it', () => {
  const script = `
    const { Latest } = await import('../../src/base/latest.ts');
    const latest = new Latest(1000);
    latest.set(-1, []);
    // The young generation is collected some times: that one grows old, and is to keep none that comes after it.
    for (let at = 0; at < 10_000; at++) globalThis.last = new Array(125).fill(at);
    latest.delete(-1);
    globalThis.work = () => {
      for (let at = 0; at < 50_000; at++) {
        latest.set(at, new Array(125).fill(at));
        latest.delete(at - 15);
      }
    };
  `;
  // All are 54 MB.
  expect(grownOldBy(script)).toBeLessThan(10_000_000);
});

test('one that is set again takes no more than it had', () => {
  const script = `
    const { Latest } = await import('../../src/base/latest.ts');
    const latest = new Latest(50_000);
    for (let at = 0; at < 50_000; at++) latest.set(at, true);
    globalThis.work = () => {
      for (let at = 0; at < 500_000; at++) latest.set(at % 50_000, true);
    };
  `;
  // As many new ones would be 28 MB.
  expect(grownOldBy(script)).toBeLessThan(1_000_000);
});
