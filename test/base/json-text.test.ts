import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonText } from '../../src/base/json-text.ts';
import { allAtOnce } from '../../src/base/steps.ts';

const extensions = Array.from({ length: 1_000 }, (_, index) => ({ number: String(index), forward: { busy: null } }));

test('a document with ten thousand items is written in steps', () => {
  let steps = 0;
  for (const _ of jsonText({ after: { name: 'acme', extensions } })) steps++;
  expect(steps).toBeGreaterThanOrEqual(extensions.length / 50);
});

test('its text is what JSON.stringify gives', () => {
  const document = { gone: undefined, after: { 'a "name"': 'acme', nothing: null, extensions, lists: [[extensions]] } };
  expect(allAtOnce(jsonText(document))).toBe(JSON.stringify(document));
  fc.assert(
    fc.property(
      fc.object({
        maxDepth: 3,
        withNullPrototype: false,
        values: [fc.string(), fc.double(), fc.boolean(), fc.constant(null)],
      }),
      (object) => {
        const large = { object, list: Array.from({ length: 60 }, () => object) };
        expect(allAtOnce(jsonText(large))).toBe(JSON.stringify(large));
      },
    ),
  );
});
