import { describe, expect, test } from 'vitest';
import { FIRST, neighbours, type ShownPage } from '../../src/console/ui/paging.ts';

const fifty = Array.from({ length: 50 }, (_, row) => row);
const page = (changes: Partial<ShownPage> = {}): ShownPage => ({
  items: fifty,
  total: 120,
  offset: 0,
  asked: '{}',
  starts: FIRST,
  ...changes,
});
const second = [...FIRST, { cursor: 'b' }];

describe('the pages beside the one that is shown', () => {
  test('are counted from it, not from the one that is asked for: next twice leads to the same page', () => {
    const shown = page({ nextCursor: 'b' });
    const once = neighbours(shown, '{}');
    expect(once).toEqual({ before: 0, total: 120, previous: undefined, next: second });
    // The next one is on its way; the one before is shown yet.
    expect(neighbours(shown, '{}').next).toEqual(once.next);
  });

  test.each([
    ['counts what comes before it', { total: 120, offset: 50 }],
    ['does not count it', { total: 70, offset: 0 }],
  ])('a page that a cursor led to, of a listing that %s', (_name, counted) => {
    expect(neighbours(page({ ...counted, starts: second, nextCursor: 'c' }), '{}')).toEqual({
      before: 50,
      total: 120,
      previous: FIRST,
      next: [...second, { cursor: 'c' }],
    });
  });

  test('without cursors they go by number; after the last there is none', () => {
    const { next } = neighbours(page(), '{}');
    expect(next).toEqual([...FIRST, { offset: 50 }]);
    const last = page({ items: fifty.slice(0, 20), offset: 100, starts: [...FIRST, { offset: 50 }, { offset: 100 }] });
    expect(neighbours(last, '{}')).toMatchObject({ before: 100, total: 120, next: undefined });
  });

  test('there are none while the page answers another question', () => {
    expect(neighbours(page({ nextCursor: 'b', starts: second }), '{"q":"x"}')).toMatchObject({
      previous: undefined,
      next: undefined,
    });
  });
});
