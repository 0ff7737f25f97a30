import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { edited, type List, mapped, without } from '../../src/base/chunked-list.ts';
import { allAtOnce } from '../../src/base/steps.ts';

const numbers = (count: number) => Array.from({ length: count }, (_each, at) => at);
const listOf = (count: number): List<number> => allAtOnce(edited<number>([], new Map(), numbers(count)));

test('whatever is edited, the list holds what an array would', () => {
  const edit = fc.record({
    replaced: fc.array(fc.nat(), { maxLength: 6 }),
    added: fc.nat(700),
    gone: fc.array(fc.nat(), { maxLength: 300 }),
  });
  fc.assert(
    fc.property(fc.nat(1_500), fc.array(edit, { maxLength: 5 }), (begun, edits) => {
      let list: List<number> = numbers(begun);
      let model = numbers(begun);
      let next = 10_000;
      for (const { replaced, added, gone } of edits) {
        const places = model.length === 0 ? [] : replaced.map((at) => at % model.length);
        const others = new Map(places.map((at) => [at, next++]));
        const more = Array.from({ length: added }, () => next++);
        const before = [...list];
        const from = list;
        list = allAtOnce(edited(list, others, more));
        expect([...from]).toEqual(before);
        model = [...model.map((item, at) => others.get(at) ?? item), ...more];
        const left = [...new Set(model.length === 0 ? [] : gone.map((at) => at % model.length))].sort((a, b) => a - b);
        list = allAtOnce(without(list, left));
        model = model.filter((_item, at) => !left.includes(at));
        expect([...list]).toEqual(model);
        expect(list.length).toBe(model.length);
        expect([list.at(0), list.at(-1), list.at(model.length)]).toEqual([model.at(0), model.at(-1), undefined]);
      }
    }),
    { numRuns: 60 },
  );
});

describe.each([
  ['of few', 20],
  ['of many', 2_000],
])('a list %s', (_what, count) => {
  const list = listOf(count);
  const halves = mapped(list, (item) => item / 2);

  test('is asked as an array is', () => {
    const array = numbers(count);
    const isOdd = (item: number) => item % 2 === 1;
    expect([...list.entries()]).toEqual([...array.entries()]);
    expect(list.map((item, at) => item + at)).toEqual(array.map((item, at) => item + at));
    expect(list.filter(isOdd)).toEqual(array.filter(isOdd));
    expect([list.find((item) => item > 17), list.find((item) => item < 0)]).toEqual([18, undefined]);
    expect([list.some((item) => item === count - 1), list.some((item) => item === count)]).toEqual([true, false]);
    expect([list.indexOf(count - 1), list.indexOf(count)]).toEqual([count - 1, -1]);
    expect(JSON.stringify(list)).toBe(JSON.stringify(array));
  });

  test('is another one item by item, where that is asked for', () => {
    expect([...halves]).toEqual(numbers(count).map((item) => item / 2));
    expect([halves.length, halves.at(-1), halves.at(count)]).toEqual([count, (count - 1) / 2, undefined]);
  });
});
