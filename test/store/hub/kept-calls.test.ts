import { expect, test } from 'vitest';
import { callsOf, keptAs } from '../../../src/store/hub/kept-calls.ts';

const all = (...ids: string[]) => ({ calls: ids.map((id) => ({ id, document: `of ${id}` })), aliveAtMs: 7 });

test('each worker has its own calls by their own ids', () => {
  const { kept, moved } = callsOf(1, all('0/a', '1/b', '1/c'), 2);
  expect(kept.calls.map(({ id }) => id)).toEqual(['b', 'c']);
  expect(moved).toBeUndefined();
  expect(keptAs(1, { put: [{ id: 'd', document: '{}' }], remove: ['b'], aliveAtMs: 9 })).toEqual({
    put: [{ id: '1/d', document: '{}' }],
    remove: ['1/b'],
    aliveAtMs: 9,
  });
});

test('the first worker takes over what a node without workers, or with more of them, has left', () => {
  const { kept, moved } = callsOf(0, all('a', '0/b', '3/c', '1/d'), 2);
  expect(kept.calls.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(moved).toEqual({
    put: [
      { id: '0/a', document: 'of a' },
      { id: '0/c', document: 'of 3/c' },
    ],
    remove: ['a', '3/c'],
    aliveAtMs: 7,
  });
});

test('a node without workers takes over what workers have left', () => {
  const { kept, moved } = callsOf(0, all('a', '0/b', '1/c'), 1);
  expect(kept.calls.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(moved?.put.map(({ id }) => id)).toEqual(['b', 'c']);
  expect(moved?.remove).toEqual(['0/b', '1/c']);
});
