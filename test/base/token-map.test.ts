import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomToken } from '../../src/base/ids.ts';
import { TokenMap } from '../../src/base/token-map.ts';

class Entry {
  readonly token: string;
  nextHeld: Entry | undefined = undefined;

  constructor(token: string) {
    this.token = token;
  }
}

/** Every entry of a token, the latest first. */
function held(map: TokenMap<Entry>, token: string): Entry[] {
  const found: Entry[] = [];
  for (let entry = map.first(token); entry !== undefined; entry = map.next(entry)) found.push(entry);
  return found;
}

test('any sequence of additions and removals does what a list would do', () => {
  const token = fc.constantFrom('', 'a', 'b', 'ab', 'xxxxxxxxxxxxab', 'yyyyyyyyyyyyab', 'z9hG4bK0123456789');
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), token), { maxLength: 200 }), (steps) => {
      const map = new TokenMap<Entry>();
      let model: Entry[] = [];
      for (const [adds, name] of steps) {
        if (adds) {
          const entry = new Entry(name);
          map.add(entry);
          model.unshift(entry);
        } else {
          const entry = model.find((each) => each.token === name);
          expect(map.delete(entry ?? new Entry(name))).toBe(entry !== undefined);
          model = model.filter((each) => each !== entry);
        }
        expect(map.size).toBe(model.length);
        expect(held(map, name)).toEqual(model.filter((each) => each.token === name));
      }
      const all: Entry[] = [];
      map.forEach((entry) => {
        all.push(entry);
      });
      expect(new Set(all)).toEqual(new Set(model));
      map.clear();
      expect([map.size, held(map, 'a')]).toEqual([0, []]);
    }),
  );
});

test('ten thousand random tokens are spread well: none has to be looked for among many', () => {
  const map = new TokenMap<Entry>();
  const entries = Array.from({ length: 10_000 }, () => new Entry(randomToken()));
  for (const entry of entries) map.add(entry);
  for (const entry of entries) expect(map.first(entry.token)).toBe(entry);
  const longest = entries.map((entry) => {
    let length = 1;
    for (let each = entry.nextHeld; each !== undefined; each = each.nextHeld) length++;
    return length;
  });
  expect(Math.max(...longest)).toBeLessThan(20);
  for (const entry of entries) expect(map.delete(entry)).toBe(true);
  expect(map.size).toBe(0);
});
