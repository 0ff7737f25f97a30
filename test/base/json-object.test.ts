import { expect, test } from 'vitest';
import { isObject } from '../../src/base/json-object.ts';

test('a list, null and what has no fields are no objects', () => {
  const values = JSON.parse('[{}, {"a": 1}, [], [{}], null, "text", 1, true]') as unknown[];
  expect([...values, undefined].map(isObject)).toEqual([true, true, false, false, false, false, false, false, false]);
});
