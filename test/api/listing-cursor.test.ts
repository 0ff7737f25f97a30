import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pageFrom } from '../../src/api/paging.ts';

/** What happens to the rows between two pages. */
const change = fc.record({
  kind: fc.constantFrom('delete', 'append', 'insert', 'again'),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

const query = (limit: number, cursor: string | undefined) => ({ limit, offset: 0, cursor });

/** Reads a listing to its end while it changes after each page; rows that match are the even ones or all. */
async function readWhile(
  rows: number[],
  limit: number,
  isFiltered: boolean,
  changes: readonly { kind: string; at: number }[][],
) {
  const kept = new Set(rows);
  const shown: number[] = [];
  let cursor: string | undefined;
  let added = 1_000;
  const matches = (row: number) => row % 2 === 0;
  for (let pages = 0; ; pages++) {
    const read = await pageFrom(
      {
        all: () => rows.values(),
        size: rows.length,
        matches: isFiltered ? matches : undefined,
        view: (row) => row,
        keyOf: String,
      },
      query(limit, cursor),
    );
    shown.push(...read.items);
    cursor = read.nextCursor;
    if (cursor === undefined) break;
    for (const { kind, at } of changes[pages] ?? []) {
      const index = Math.floor(at * rows.length);
      const row = rows[index];
      if (kind === 'append') rows.push(added++);
      else if (kind === 'insert') rows.splice(index, 0, added++);
      else if (row !== undefined) {
        rows.splice(index, 1);
        kept.delete(row);
        if (kind === 'again') rows.push(row);
      }
    }
  }
  return { shown, kept: [...kept].filter((row) => !isFiltered || matches(row)) };
}

describe('a cursor finds its place again', () => {
  test('no row that was there all the time is missing or twice, whatever comes, goes and comes back between pages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        fc.array(fc.array(change, { maxLength: 5 }), { maxLength: 20 }),
        async (count, limit, isFiltered, changes) => {
          const rows = Array.from({ length: count }, (_, index) => index);
          const { shown, kept } = await readWhile(rows, limit, isFiltered, changes);
          const times = kept.map((row) => shown.filter((one) => one === row).length);
          expect(times).toEqual(kept.map(() => 1));
        },
      ),
      { numRuns: 100 },
    );
  });

  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  const listing = (all: readonly string[]) => ({
    all: () => all,
    view: (row: string) => row,
    keyOf: (row: string) => row,
  });
  const resumed = async (all: readonly string[], limit: number) => {
    const { nextCursor } = await pageFrom(listing(letters), query(limit, undefined));
    return (await pageFrom(listing(all), query(2, nextCursor))).items;
  };
  const without = (...gone: readonly string[]) => letters.filter((row) => !gone.includes(row));

  test('where the next row, the last one and an earlier one are gone', async () => {
    expect(await resumed(without('a', 'd', 'e'), 4)).toEqual(['f', 'g']);
  });

  test('where the next row, or the last one, or both were added again at the end', async () => {
    expect(await resumed([...without('e'), 'e'], 4)).toEqual(['f', 'g']);
    expect(await resumed([...without('d'), 'd'], 4)).toEqual(['e', 'f']);
    expect(await resumed([...without('d', 'e'), 'd', 'e'], 4)).toEqual(['f', 'g']);
  });

  test('where the last row and the next one are where they were by chance, and one that comes behind them is not', async () => {
    const { nextCursor } = await pageFrom(listing([...'abcd']), query(2, undefined));
    // The first is gone, and those two were added again.
    expect((await pageFrom(listing([...'dbc']), query(2, nextCursor))).items).toEqual(['d', 'b']);
  });

  test.each([
    ['gone', false],
    ['gone', true],
    ['added', false],
    ['added', true],
  ])(
    'in the middle of many, where one of the next rows is %s: none before or behind them is looked at; filtered: %s',
    async (what, isFiltered) => {
      let looks = 0;
      const all = Array.from({ length: 10_000 }, (_, row) => row);
      const rows = {
        all: () => all,
        matches: isFiltered ? (row: number) => row % 2 === 0 : undefined,
        view: (row: number) => row,
        keyOf: (row: number) => {
          looks++;
          return `${row}`;
        },
      };
      const served = isFiltered ? 500 : 1000;
      let { nextCursor } = await pageFrom(rows, query(served, undefined));
      for (let pages = 1; pages < 5; pages++) nextCursor = (await pageFrom(rows, query(served, nextCursor))).nextCursor;
      all.splice(5004, what === 'gone' ? 1 : 0, ...(what === 'gone' ? [] : [10_000]));
      looks = 0;
      expect((await pageFrom(rows, query(2, nextCursor))).items).toEqual(isFiltered ? [5000, 5002] : [5000, 5001]);
      expect(looks).toBeLessThan(100);
    },
  );

  test('where none of the rows is left that it names: as many before it as were, less those that are gone', async () => {
    const gone = letters.slice(0, 10);
    expect(await resumed(without(...gone), 2)).toEqual(['k', 'l']);
    // All of those that come next are at the end now: none is passed over.
    expect(await resumed([...letters.slice(10), ...gone.slice(2)], 2)).toEqual(['k', 'l']);
  });
});
