import { describe, expect, test } from 'vitest';
import { isChain, Lineage, NOTHING, restoredOf, type StoredChange } from '../../../src/store/redis/lineage.ts';

const change = (
  version: number,
  token: string,
  tenants: readonly string[],
  parts: Partial<StoredChange> = {},
): StoredChange => ({
  version,
  from: version - 1,
  token,
  names: { ...NOTHING, putTenants: tenants },
  restored: [],
  ...parts,
});

const begun = Lineage.at({ version: 4, token: 'a4' });
const lines = (...all: StoredChange[]) => ({ events: [change(4, 'a4', ['base']), ...all] });
const forkOf = (own: readonly StoredChange[], theirs: readonly StoredChange[], lineage = begun) => {
  const last = theirs.at(-1) ?? { version: 4, token: 'a4' };
  const fork = lineage.with(own).forkOf(lines(...theirs).events, { version: last.version, token: last.token });
  const { version, lost, toPutBack, overtaken, strangers, isLoss } = fork;
  return {
    version,
    lost: lost.map(({ token }) => token),
    back: [...toPutBack.tenants],
    overtaken: [...overtaken.tenants],
    restored: restoredOf(lost, overtaken),
    strangers: [...strangers],
    isLoss,
  };
};

describe('where a store has left the line of a copy', () => {
  test('it has lost the last changes: all that they touched is to be put back', () => {
    expect(forkOf([change(5, 'a5', ['x']), change(6, 'a6', ['x', 'y'])], [])).toEqual({
      ...{
        version: 4,
        lost: ['a5', 'a6'],
        back: ['x', 'y'],
        overtaken: [],
        restored: ['a5', 'a6'],
        strangers: [],
        isLoss: false,
      },
    });
  });

  test('it has others under the same numbers: what they touched stays', () => {
    const own = [change(5, 'a5', ['x']), change(6, 'a6', ['y'])];
    expect(forkOf(own, [change(5, 'b5', ['y', 'z'])])).toEqual({
      ...{
        version: 4,
        lost: ['a5', 'a6'],
        back: ['x'],
        overtaken: ['y'],
        restored: ['a5'],
        strangers: ['y'],
        isLoss: false,
      },
    });
  });

  test('another node has put back what it knew: what only this one knows is put back as well, in the same places too', () => {
    const own = [change(5, 'a5', ['x']), change(6, 'a6', ['x'])];
    const back = change(6, 'b6', ['x'], { from: 4, restored: ['a5'] });
    expect(forkOf(own, [back])).toMatchObject({ version: 4, lost: ['a6'], back: ['x'], restored: ['a6'] });
  });

  test('all is put back: nothing is left to do', () => {
    const back = change(7, 'b7', ['x'], { from: 4, restored: ['a5'] });
    expect(forkOf([change(5, 'a5', ['x'])], [back])).toMatchObject({ lost: [], back: [], overtaken: [] });
  });

  test('what had put something back is lost itself: both are put back', () => {
    const own = [change(7, 'a7', ['x'], { from: 4, restored: ['a5'] })];
    expect(forkOf(own, [])).toMatchObject({ lost: ['a7'], back: ['x'], restored: ['a7', 'a5'] });
  });

  test('a change of the store is missing, or none is common: it cannot be told', () => {
    const own = [change(5, 'a5', ['x'])];
    expect(forkOf(own, [change(6, 'b6', ['y'])])).toMatchObject({ version: undefined, back: [] });
    const other = Lineage.at({ version: 4, token: 'other' });
    expect(forkOf(own, [change(5, 'b5', ['y'])], other)).toMatchObject({ version: undefined, lost: [], back: [] });
  });
});

describe('a copy’s line', () => {
  test('is where the store is by version and token; where none is said of the store the version has to do', () => {
    const line = begun.with([change(5, 'a5', ['x'])]);
    const places = [
      { version: 5, token: 'a5' },
      { version: 5, token: undefined },
      { version: 5, token: 'b5' },
      { version: 6, token: 'a5' },
    ];
    expect(places.map((place) => line.isAt(place))).toEqual([true, true, false, false]);
    const unsaid = Lineage.at({ version: 5, token: undefined });
    expect([unsaid.isAt({ version: 5, token: 'b5' }), unsaid.isAt({ version: 5, token: undefined })]).toEqual([
      ...[false, true],
    ]);
    expect(Lineage.UNKNOWN.isAt({ version: 0, token: undefined })).toBe(false);
  });

  test('read anew as a whole it goes on from what both have had, and from nothing when that cannot be told', () => {
    const line = begun.with([change(5, 'a5', ['x'])]);
    const { events } = lines(change(5, 'b5', ['y']));
    const place = { version: 5, token: 'b5' };
    const joined = line.joined(line.forkOf(events, place), events, place);
    expect([joined.first, joined.token, joined.isAt(place)]).toEqual([4, 'b5', true]);
    const anew = line.joined(line.forkOf([], { version: 9, token: 'c9' }), [], { version: 9, token: 'c9' });
    expect([anew.first, anew.token]).toEqual([9, 'c9']);
  });

  test('is bounded in changes and in names, and keeps the last one', () => {
    const many = Array.from({ length: 1500 }, (_, index) => change(5 + index, `a${index}`, ['x']));
    expect(begun.with(many).first).toBe(505);
    const names = Array.from({ length: 150_000 }, (_, index) => `t${index}`);
    const large = begun.with([change(5, 'a5', names), change(6, 'a6', names)]);
    expect([large.first, large.token]).toEqual([6, 'a6']);
  });

  test('leads without a gap from one version to another', () => {
    const leap = change(9, 'a9', [], { from: 5 });
    expect(isChain([change(5, 'a5', []), leap], 4, 9)).toBe(true);
    expect([isChain([leap], 4, 9), isChain([change(5, 'a5', [])], 4, 6), isChain([], 4, 4)]).toEqual([
      false,
      false,
      true,
    ]);
  });
});
