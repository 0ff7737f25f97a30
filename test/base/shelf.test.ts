import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NONE, Shelf, secretHash } from '../../src/base/shelf.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const STAY_MS = 5000;

function rig(mostOctets = Number.POSITIVE_INFINITY) {
  const scheduler = new VirtualScheduler();
  const gone: [string, number][] = [];
  const shelf = new Shelf(scheduler, STAY_MS, mostOctets, (at) => gone.push([shelf.text(at, 0), scheduler.nowMs()]));
  /** The first text of each record of a name, the latest first. */
  const found = (name: string) => {
    const texts: string[] = [];
    for (let at = shelf.first(name); at !== NONE; at = shelf.next(name, at)) texts.push(shelf.text(at, 0));
    return texts;
  };
  return { scheduler, shelf, gone, found };
}

describe('a record', () => {
  test('is found by its name, with its numbers and texts', () => {
    const { shelf } = rig();
    shelf.add('name', [0, -1, 0x7fffffff], ['', '\u00ff\u0000x', 'third', 'fourth']);
    shelf.add('other');
    const at = shelf.first('name');
    expect([0, 1, 2].map((index) => shelf.number(at, index))).toEqual([0, -1, 0x7fffffff]);
    expect([0, 1, 2, 3].map((index) => shelf.text(at, index))).toEqual(['', '\u00ff\u0000x', 'third', 'fourth']);
    expect(shelf.hasText(at, 2, 'third')).toBe(true);
    expect(shelf.hasText(at, 2, 'thirD')).toBe(false);
    expect(shelf.hasText(at, 2, 'thir')).toBe(false);
    expect(shelf.hasText(at, 0, '')).toBe(true);
    expect(shelf.first('nam')).toBe(NONE);
    expect(shelf.first('names')).toBe(NONE);
    expect(shelf.size).toBe(2);
  });

  test('is told from others of its name by the hash beside it, however many there are', () => {
    const { shelf } = rig();
    const beside = (index: number) => secretHash(`host ${index}`, secretHash('INFO')) ^ index;
    for (let index = 0; index < 1_000; index++) shelf.add('same', [index], [], beside(index));
    shelf.add('same', [-1]);
    const found = Array.from({ length: 1_000 }, (_, index) => shelf.first('same', beside(index)));
    expect(found.map((at) => shelf.number(at, 0))).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    expect(found.every((at) => shelf.next('same', at) === NONE)).toBe(true);
    expect(shelf.number(shelf.first('same'), 0)).toBe(-1);
    expect(shelf.first('same', beside(1_000))).toBe(NONE);
  });

  test.each([262_000, 262_144, 1_000_000])('may be longer than a piece of memory (%i octets)', (length) => {
    const { shelf, scheduler, found } = rig();
    shelf.add('before', [], ['first']);
    shelf.add('long', [7], ['x'.repeat(length), 'end']);
    shelf.add('after', [], ['last']);
    const at = shelf.first('long');
    expect([shelf.text(at, 0).length, shelf.text(at, 1), shelf.number(at, 0)]).toEqual([length, 'end', 7]);
    expect([found('before'), found('after')]).toEqual([['first'], ['last']]);
    scheduler.runUntilIdle();
    expect([shelf.size, shelf.first('long')]).toEqual([0, NONE]);
  });

  test('of one name that was added last is found first', () => {
    const { shelf, found } = rig();
    for (const text of ['a', 'b', 'c']) shelf.add('same', [], [text]);
    expect(found('same')).toEqual(['c', 'b', 'a']);
  });
});

describe('time', () => {
  test('all stay for the same time, none shorter, with one timer for all of them', () => {
    const { scheduler, shelf, gone } = rig();
    shelf.add('a', [], ['a']);
    scheduler.advance(100);
    shelf.add('b', [], ['b']);
    scheduler.advance(1000);
    shelf.add('c', [], ['c']);
    expect(scheduler.armedCount).toBe(1);
    scheduler.runUntilIdle();
    expect(gone).toEqual([
      ['a', 5000],
      ['b', 5250],
      ['c', 6100],
    ]);
    shelf.add('d', [], ['d']);
    scheduler.runUntilIdle();
    expect(gone.at(-1)).toEqual(['d', 11_100]);
  });

  test('cleared, it ends nothing and keeps no timer', () => {
    const { scheduler, shelf, gone, found } = rig();
    shelf.add('a', [], ['a']);
    shelf.clear();
    expect([scheduler.armedCount, shelf.size, found('a')]).toEqual([0, 0, []]);
    shelf.add('b', [], ['b']);
    scheduler.runUntilIdle();
    expect(gone.map(([name]) => name)).toEqual(['b']);
  });
});

test('whatever comes, stays and goes: what a list would find is found', () => {
  const name = fc.constantFrom('a', 'b', 'ab', 'z9hG4bK0123456789', 'z9hG4bK0123456780');
  const step = fc.oneof(
    fc.tuple(fc.constant('add' as const), name, fc.nat(5_000)),
    fc.tuple(fc.constant('wait' as const), name, fc.nat(3_000)),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { scheduler, shelf, found } = rig();
      let model: { name: string; text: string; addedMs: number }[] = [];
      for (const [what, name, amount] of steps) {
        if (what === 'add') {
          const text = `${model.length} ${'x'.repeat(amount)}`;
          shelf.add(name, [], [text]);
          model.push({ name, text, addedMs: scheduler.nowMs() });
        } else {
          scheduler.advance(amount);
          // Those that are due within a quarter of a second go together: who is due may still be there, who is not must be.
          const kept = shelf.size;
          const due = model.filter(({ addedMs }) => addedMs + STAY_MS + 250 <= scheduler.nowMs()).length;
          const staying = model.filter(({ addedMs }) => addedMs + STAY_MS > scheduler.nowMs()).length;
          expect(kept).toBeLessThanOrEqual(model.length - due);
          expect(kept).toBeGreaterThanOrEqual(staying);
          model = model.slice(model.length - kept);
        }
        for (const each of ['a', 'b', 'ab', 'z9hG4bK0123456789', 'z9hG4bK0123456780'])
          expect(found(each)).toEqual(
            model
              .filter((entry) => entry.name === each)
              .map(({ text }) => text)
              .reverse(),
          );
      }
    }),
    { numRuns: 30 },
  );
});

test('below what is sure no record ends before its time, however long they are, nor does their memory grow beyond what is allowed', () => {
  const mostOctets = 8 * 1_024 * 1_024;
  const long = fc.integer({ min: 64_500, max: 66_000 });
  const length = fc.oneof({ arbitrary: fc.nat(2_000), weight: 1 }, { arbitrary: long, weight: 9 });
  fc.assert(
    fc.property(fc.array(fc.tuple(length, fc.nat(40)), { minLength: 300, maxLength: 600 }), (records) => {
      const scheduler = new VirtualScheduler();
      let room = 0;
      const early: number[] = [];
      const shelf: Shelf = new Shelf(scheduler, STAY_MS, mostOctets, (at) => {
        room -= shelf.room(at);
        if (scheduler.nowMs() < shelf.number(at, 0) + STAY_MS) early.push(at);
      });
      for (const [octets, pauseMs] of records) {
        if (room < shelf.sureOctets) room += shelf.add('name', [scheduler.nowMs()], ['x'.repeat(octets)]);
        scheduler.advance(pauseMs);
        expect(shelf.octets).toBeLessThanOrEqual(mostOctets);
      }
      expect(early).toEqual([]);
      scheduler.runUntilIdle();
      expect(room).toBe(0);
    }),
    { numRuns: 20 },
  );
});

test('of hundreds each is found while it stays, and the memory of those that went is used again', () => {
  const { scheduler, shelf } = rig();
  const before = process.memoryUsage().arrayBuffers;
  let added = 0;
  const round = () => {
    for (let count = 0; count < 300; count++) shelf.add(`name ${added++}`, [added], ['x'.repeat(3_000)]);
    scheduler.advance(1_000);
  };
  for (let rounds = 0; rounds < 5; rounds++) round();
  const missing: number[] = [];
  for (let index = added - shelf.size; index < added; index++) {
    const at = shelf.first(`name ${index}`);
    if (at === NONE || shelf.number(at, 0) !== index + 1) missing.push(index);
  }
  expect(missing).toEqual([]);
  // 90 MB are written, of which 6 stay at a time.
  for (let rounds = 0; rounds < 100; rounds++) round();
  expect(shelf.size).toBeLessThanOrEqual(6 * 300);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30_000_000);
  scheduler.runUntilIdle();
  expect(shelf.size).toBe(0);
});

test.each([1, 3, 10])('beyond %d MB, which it may take, the oldest end sooner', (megabytes) => {
  const mostOctets = megabytes * 1_024 * 1_024;
  const { shelf, found } = rig(mostOctets);
  let most = 0;
  for (let index = 0; index < 40_000; index++) {
    shelf.add(`name ${index}`, [], ['x'.repeat(500)]);
    most = Math.max(most, shelf.octets);
  }
  expect(most).toBeLessThanOrEqual(mostOctets);
  // Of 600 octets each, but for the piece that is being written.
  expect(shelf.size).toBeGreaterThan((mostOctets - 262_144) / 650);
  expect(found(`name ${40_000 - shelf.size}`)).toHaveLength(1);
  expect(found(`name ${40_000 - shelf.size - 1}`)).toHaveLength(0);
});

test('beyond 256 MB the oldest end sooner, however long the texts that a peer makes: each that stays is found', () => {
  const scheduler = new VirtualScheduler();
  const gone: number[] = [];
  const shelf = new Shelf(scheduler, STAY_MS, Number.POSITIVE_INFINITY, (at) => gone.push(shelf.number(at, 0)));
  const added = 1_200;
  // One to a piece; each hundredth is longer than a piece.
  const short = 'x'.repeat(131_100);
  const long = 'x'.repeat(300_000);
  let mostOctets = 0;
  for (let index = 0; index < added; index++) {
    shelf.add(`name ${index}`, [index], [index % 100 === 99 ? long : short]);
    mostOctets = Math.max(mostOctets, shelf.octets);
  }
  const { size } = shelf;
  expect(mostOctets).toBeLessThanOrEqual(256 * 1_024 * 1_024);
  expect(size).toBeGreaterThan(1_000);
  expect(gone).toEqual(Array.from({ length: added - size }, (_, n) => n));
  const found = Array.from({ length: added }, (_, index) => shelf.first(`name ${index}`)).filter((at) => at !== NONE);
  expect(found.map((at) => shelf.number(at, 0))).toEqual(Array.from({ length: size }, (_, n) => added - size + n));
  expect(shelf.text(shelf.first('name 1199'), 0) === long).toBe(true);
  scheduler.runUntilIdle();
  expect([shelf.size, gone.length]).toEqual([0, added]);
  // What is kept for what comes next.
  expect(shelf.octets).toBeLessThanOrEqual(4 * 1_024 * 1_024);
  shelf.clear();
  expect(shelf.octets).toBe(0);
});
