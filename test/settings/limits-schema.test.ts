import { expect, test } from 'vitest';
import { nodeLimitsSchema, timersSchema } from '../../src/settings/limits-schema.ts';

test('every limit and every timer has a default within its own bounds', () => {
  for (const schema of [nodeLimitsSchema, timersSchema]) {
    const defaults = schema.parse({});
    expect(Object.keys(defaults)).toEqual(Object.keys(schema.shape));
    expect(schema.parse(defaults)).toEqual(defaults);
  }
});

test('no limit takes a negative number, a fraction or an unknown name', () => {
  for (const schema of [nodeLimitsSchema, timersSchema]) {
    for (const name of Object.keys(schema.shape)) {
      const paths = [-1, 1.5, '10'].map((value) => schema.safeParse({ [name]: value }).error?.issues[0]?.path);
      expect(paths, name).toEqual([[name], [name], [name]]);
    }
    expect(schema.safeParse({ nothing: 1 }).success).toBe(false);
  }
});
