import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextMap } from '../../src/base/text-map.ts';
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
