import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextMap } from '../../src/base/text-map.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';
import { uniqueStringsAfter } from '../kit/unique-strings.ts';

const key = fc.oneof(fc.integer({ min: 0, max: 60 }).map(String), fc.string({ maxLength: 3 }));
const edits = fc.array(fc.tuple(key, fc.option(fc.integer(), { nil: undefined })), { maxLength: 300 });

test('after whatever was set and deleted it holds what a Map does, in the same order', () => {
  fc.assert(
    fc.property(edits, (rounds) => {
      const [map, model] = [new TextMap<number>(), new Map<string, number>()];
      for (const [name, value] of rounds) {
        if (value === undefined) expect(map.delete(name)).toBe(model.delete(name));
        else map.set(name, value).set(name, model.set(name, value).get(name) as number);
        expect(map.get(name)).toBe(model.get(name));
        expect(map.has(name)).toBe(model.has(name));
        expect(map.size).toBe(model.size);
      }
      expect([...map]).toEqual([...model]);
      expect([...map.keys()]).toEqual([...model.keys()]);
      expect([...map.values()]).toEqual([...model.values()]);
      for (const name of model.keys()) expect(map.get(name)).toBe(model.get(name));
    }),
    { numRuns: 200 },
  );
});

test.each([5, 1_000])('a copy of %s has the same, and neither sees what is done to the other', (size) => {
  const entries = Array.from({ length: size }, (_each, at): [string, number] => [`key ${at}`, at]);
  const map = new TextMap(entries);
  const copy = map.copy();
  expect([...copy]).toEqual(entries);
  copy.set('more', 1).delete('key 1');
  map.delete('key 2');
  expect([map.size, copy.size]).toEqual([size - 1, size]);
  expect([map.get('key 1'), map.get('more'), copy.get('key 2'), copy.get('more')]).toEqual([1, undefined, 2, 1]);
});

test('one that keeps few, of many that come and go, stays small', () => {
  const map = new TextMap<number>();
  for (let at = 0; at < 100_000; at++) {
    map.set(`key ${at}`, at);
    map.delete(`key ${at - 20}`);
  }
  expect(map.size).toBe(20);
  expect([...map.values()]).toEqual(Array.from({ length: 20 }, (_each, at) => 99_980 + at));
});

test('gone through while it is changed it goes on as a Map does, or throws', () => {
  const visited = (map: Map<string, number> | TextMap<number>, changes: readonly (readonly [string, boolean])[]) => {
    const seen: string[] = [];
    for (const name of map.keys()) {
      const [changed, isGone] = changes[seen.push(name) - 1] ?? [];
      if (changed !== undefined) isGone ? map.delete(changed) : map.set(changed, 1);
    }
    return seen;
  };
  const entries = Array.from({ length: 15 }, (_each, at): [string, number] => [`${at}`, at]);
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.boolean()), { maxLength: 40 }), (changes) => {
      const expected = visited(new Map(entries), changes);
      try {
        expect(visited(new TextMap(entries), changes)).toEqual(expected);
      } catch (error) {
        expect(error).toMatchObject({ message: 'a TextMap was changed while it was gone through' });
      }
    }),
  );
  const some = new TextMap(entries).set('15', 15);
  expect(visited(some, [['9', true]])).toHaveLength(15);
  expect(() => visited(some, [['16', false]])).toThrow('was changed while it was gone through');
});

/** As FNV-1a: the difference of two of these that begin at one number depends on the last 7 bits of that alone. */
function fnv(text: string, from: number): number {
  let hash = from;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** Two texts of 5 letters and digits that lead from numbers with these last 7 bits to one number. */
function collidingPair(from: number): [string, string] {
  const met = new Map<number, string>();
  for (let serial = 0; ; serial++) {
    const text = (serial * 7919 + 36 ** 3).toString(36).slice(-4);
    const hash = fnv(text, from);
    const other = met.get(hash >>> 7);
    met.set(hash >>> 7, text);
    if (other === undefined || other === text) continue;
    // They differ in the last 7 bits, which one more character makes the same.
    const difference = (hash ^ fnv(other, from)) & 127;
    for (const last of 'abcdefghijklmnopqrstuvwxyz0123456789') {
      const otherLast = String.fromCharCode(last.charCodeAt(0) ^ difference);
      if (/[a-z0-9]/.test(otherLast)) return [text + last, other + otherLast];
    }
  }
}

test('names that were made to collide under FNV-1a, for whatever seed, are set as fast as others', () => {
  const pairs = Array.from({ length: 128 }, (_each, from) => collidingPair(from));
  for (let seed = 0; seed < 128; seed++) {
    const blocks: [string, string][] = [];
    for (let hash = seed; blocks.length < 12; hash = fnv((blocks.at(-1) as [string, string])[0], hash))
      blocks.push(pairs[hash & 127] as [string, string]);
    const names = Array.from({ length: 4_096 }, (_each, at) =>
      blocks.map((pair, bit) => pair[(at >> bit) & 1]).join(''),
    );
    expect(new Set(names.map((name) => fnv(name, seed + 128 * 77_777)))).toHaveProperty('size', 1);
    expect(leastCpuMs(30, () => new TextMap(names.map((name) => [name, 1])))).toBeLessThan(30);
  }
});

test('no key is one of the unique strings that V8 goes through at the end of each collection; those of a Map are', () => {
  const script = `
    const { TextMap } = await import('../../src/base/text-map.ts');
    const texts = (kind) => Array.from({ length: 500 }, (_each, at) => ['key', 'of', kind, at].join(' '));
    const own = new TextMap(texts('ours').map((text) => [text, 1])).copy();
    for (const text of texts('ours')) if (own.get(text) !== 1) throw new Error(text);
    globalThis.kept = [own, new Map(texts('another').map((text) => [text, 1]))];
  `;
  const found = uniqueStringsAfter(script, 'key of ');
  expect(found).toHaveLength(500);
  expect(found.filter((text) => text.startsWith('key of ours'))).toEqual([]);
});
