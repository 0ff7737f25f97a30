import { expect, test } from 'vitest';
import { GenerationCache } from '../../../src/sip/transport/generation-cache.ts';

test('it never holds more than its maximum', () => {
  const cache = new GenerationCache<number>(10);
  for (let index = 0; index < 1_000; index++) {
    cache.set(`key ${index}`, index);
    expect(cache.size).toBeLessThanOrEqual(10);
  }
});

test('what is used stays, what is not is forgotten', () => {
  const cache = new GenerationCache<number>(10);
  cache.set('used', 1);
  cache.set('unused', 2);
  for (let index = 0; index < 100; index++) {
    cache.set(`key ${index}`, index);
    expect(cache.get('used')).toBe(1);
  }
  expect(cache.get('unused')).toBe(undefined);
});

test('clear forgets both generations', () => {
  const cache = new GenerationCache<number>(4);
  for (let index = 0; index < 4; index++) cache.set(`key ${index}`, index);
  cache.clear();
  expect([cache.size, cache.get('key 0'), cache.get('key 3')]).toEqual([0, undefined, undefined]);
});
