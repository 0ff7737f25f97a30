import { describe, expect, test } from 'vitest';
import { pageFrom } from '../../src/api/paging.ts';

const named = (...names: string[]) => names.map((name) => ({ name }));
const listing = (all: Iterable<{ name: string }>, matches?: (item: { name: string }) => boolean) => ({
  all: () => all,
  matches,
  view: ({ name }: { name: string }) => name,
  keyOf: ({ name }: { name: string }) => name,
});
const letters = named(...'abcdefghij');
const isVowel = ({ name }: { name: string }) => 'aeiou'.includes(name);

async function everyPage(
  all: Iterable<{ name: string }>,
  limit: number,
  matches?: (item: { name: string }) => boolean,
) {
  const pages: (readonly string[])[] = [];
  let cursor: string | undefined;
  do {
    const page = await pageFrom(listing(all, matches), { limit, offset: 0, cursor });
    pages.push(page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages;
}

describe('pages by cursor', () => {
  test('follow one another to the end, with all or with what matches, of a list or of what is made as it is read', async () => {
    const made = {
      *[Symbol.iterator]() {
        yield* letters;
      },
    };
    for (const all of [letters, made]) {
      expect(await everyPage(all, 4)).toEqual([[...'abcd'], [...'efgh'], [...'ij']]);
      expect(await everyPage(all, 5)).toEqual([[...'abcde'], [...'fghij']]);
      expect(await everyPage(all, 2, isVowel)).toEqual([['a', 'e'], ['i']]);
    }
    expect(await everyPage([], 4)).toEqual([[]]);
  });

  test('tell the total of the first page and their own place; an offset is a place too, from which cursors go on', async () => {
    const first = await pageFrom(listing(letters, isVowel), { limit: 1, offset: 1 });
    expect(first).toMatchObject({ items: ['e'], total: 3, offset: 1 });
    const next = await pageFrom(listing(letters, isVowel), { limit: 1, offset: 0, cursor: first.nextCursor });
    expect(next).toEqual({ items: ['i'], total: 3, offset: 2, limit: 1 });
  });

  test('miss nothing and repeat nothing while items come and go before and behind', async () => {
    const { nextCursor: cursor } = await pageFrom(listing(letters), { limit: 3, offset: 0 });
    const from = async (all: readonly { name: string }[]) =>
      (await pageFrom(listing(all), { limit: 2, offset: 0, cursor })).items;
    expect(await from(letters)).toEqual(['d', 'e']);
    expect(await from(named('z', 'y', ...letters.map(({ name }) => name)))).toEqual(['d', 'e']);
    expect(await from(letters.slice(2))).toEqual(['d', 'e']);
    // The next one is gone, or the next one and the last one.
    expect(await from(letters.filter(({ name }) => name !== 'd'))).toEqual(['e', 'f']);
    expect(await from(letters.filter(({ name }) => name !== 'd' && name !== 'a'))).toEqual(['e', 'f']);
    expect(await from([])).toEqual([]);
  });

  test('a listing that can be read once at a time is read anew for each look at it', async () => {
    function* once() {
      yield* letters;
    }
    const asked = { ...listing(letters), all: once };
    const first = await pageFrom(asked, { limit: 4, offset: 0 });
    const next = await pageFrom(asked, { limit: 4, offset: 0, cursor: first.nextCursor });
    expect([first.items, next.items]).toEqual([[...'abcd'], [...'efgh']]);
  });

  test('look at as many items as the page has, not at all of them', async () => {
    const many = Array.from({ length: 100_000 }, (_, index) => ({ name: String(index) }));
    let looked = 0;
    const counting = (item: { name: string }) => ++looked > 0 && item.name.endsWith('7');
    const first = await pageFrom(listing(many, counting), { limit: 10, offset: 0 });
    expect([first.total, looked]).toEqual([10_000, 100_000]);
    looked = 0;
    const next = await pageFrom(listing(many, counting), { limit: 10, offset: 0, cursor: first.nextCursor });
    expect(next.items[0]).toBe('107');
    expect([next.total, looked <= 200]).toEqual([10_000, true]);
    // All of a list whose length is known: those of the page alone are read.
    const { items, total } = await pageFrom(listing(many), { limit: 2, offset: 99_999 });
    expect([items, total]).toEqual([['99999'], 100_000]);
    expect(await pageFrom(listing(many), { limit: 2, offset: 100_001 })).toMatchObject({ items: [], total: 100_000 });
  });

  test.each([
    'nonsense',
    Buffer.from('[1]').toString('base64url'),
    Buffer.from('[-1,0,0,0,0,["a"],["b"]]').toString('base64url'),
    Buffer.from('[1,1,2,1,2,["a"],["b"]]').toString('base64url'),
    Buffer.from('[0,1,2,1,2,[],["b"]]').toString('base64url'),
  ])('a cursor that is none is refused: %s', async (cursor) => {
    await expect(pageFrom(listing(letters), { limit: 1, offset: 0, cursor })).rejects.toMatchObject({
      status: 422,
      code: 'validation-failed',
    });
  });
});
