import { describe, expect, test } from 'vitest';
import { holdsMoreValues } from '../../src/api/json-values.ts';

const octets = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('how many values a JSON text holds', () => {
  test.each([
    ['a list', Array.from({ length: 101 }, () => 0)],
    ['lists in lists', Array.from({ length: 34 }, () => [[1]])],
    ['fields', Object.fromEntries(Array.from({ length: 101 }, (_each, at) => [`f${at}`, at]))],
    ['empty objects', Array.from({ length: 60 }, () => ({}))],
  ])('%s of more than a hundred', (_what, value) => {
    expect(holdsMoreValues(octets(value), 100)).toBe(true);
  });

  test.each([
    ['a hundred numbers', Array.from({ length: 99 }, () => 0)],
    ['one text, whatever is in it', `${'1,2;[{'.repeat(1_000)}"\\"${',"\\'.repeat(1_000)}`],
    ['a text as the name of a field', { [`${','.repeat(500)}"`]: 1 }],
  ])('not more: %s', (_what, value) => {
    expect(holdsMoreValues(octets(value), 100)).toBe(false);
  });
});
