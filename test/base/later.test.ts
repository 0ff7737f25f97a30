import { expect, test } from 'vitest';
import { Later } from '../../src/base/later.ts';

test('a part that was forgotten is an error at its first use, by its name', () => {
  const later = new Later<{ readonly most: number }>('the limit');
  expect(() => later.part).toThrow('the limit was never given');
  later.give({ most: 1 });
  expect(later.part.most).toBe(1);
});

test('it is given once', () => {
  const later = new Later<object>('the limit');
  later.give({});
  expect(() => later.give({})).toThrow('the limit is given a second time');
});
