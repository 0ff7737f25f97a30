import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LayeredMap } from '../../src/base/layered-map.ts';

const edits = fc.array(
  fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.option(fc.integer(), { nil: undefined })), { maxLength: 120 }),
  { maxLength: 8 },
);

test('each edited copy answers as a map with the same edits, and leaves those before it as they were', () => {
  fc.assert(
    fc.property(edits, (rounds) => {
      const versions: { readonly map: LayeredMap<number, number>; readonly model: ReadonlyMap<number, number> }[] = [];
      let map = new LayeredMap<number, number>();
      let model = new Map<number, number>();
      for (const round of rounds) {
        map = map.edited(new Map(round));
        model = new Map(model);
        for (const [key, value] of new Map(round)) {
          if (value === undefined) model.delete(key);
          else model.set(key, value);
        }
        versions.push({ map, model });
      }
      for (const { map, model } of versions)
        for (let key = 0; key <= 300; key++) expect(map.get(key)).toBe(model.get(key));
    }),
    { numRuns: 60 },
  );
});

test('a copy without edits is the map itself', () => {
  const map = new LayeredMap(new Map([['a', 1]]));
  expect(map.edited(new Map())).toBe(map);
});
