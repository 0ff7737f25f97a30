import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LayeredMap } from '../../src/base/layered-map.ts';
import { TextMap } from '../../src/base/text-map.ts';

const edits = fc.array(
  fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }).map(String), fc.option(fc.integer(), { nil: undefined })), {
    maxLength: 120,
  }),
  { maxLength: 8 },
);

test('each edited copy answers as a map with the same edits, and leaves those before it as they were', () => {
  fc.assert(
    fc.property(edits, (rounds) => {
      const versions: { readonly map: LayeredMap<number>; readonly model: ReadonlyMap<string, number> }[] = [];
      let map = new LayeredMap<number>();
      let model = new Map<string, number>();
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
        for (let key = 0; key <= 300; key++) expect(map.get(String(key))).toBe(model.get(String(key)));
    }),
    { numRuns: 60 },
  );
});

test('a copy without edits is the map itself', () => {
  const map = new LayeredMap(new TextMap([['a', 1]]));
  expect(map.edited(new Map())).toBe(map);
});
