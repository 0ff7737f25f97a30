import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { TextRing } from '../../src/base/text-ring.ts';
import { anyCharacter } from '../kit/any-character.ts';

const keptIn = (ring: TextRing) => {
  const texts: (string | undefined)[] = [];
  for (let number = ring.first; number < ring.next; number++) texts.push(ring.text(number));
  return texts;
};

class NoMemory {
  constructor() {
    throw new RangeError('Array buffer allocation failed');
  }
}

describe('the latest texts', () => {
  test('are read by their numbers, which go on from one to the next', () => {
    const ring = new TextRing(10, 1e6);
    expect([ring.first, ring.next, ring.text(0)]).toEqual([0, 0, undefined]);
    expect([ring.add('a'), ring.add(''), ring.add('Zoë \u0000 🎺 \u00ff')]).toEqual([0, 1, 2]);
    expect(keptIn(ring)).toEqual(['a', '', 'Zoë \u0000 🎺 \u00ff']);
    expect([ring.text(-1), ring.text(3)]).toEqual([undefined, undefined]);
    expect([-1, 0, 1, 2, 3].map((number) => ring.octets(number))).toEqual([0, 1, 0, 14, 0]);
  });

  test('of more than so many the oldest go, and only those', () => {
    const ring = new TextRing(3, 1e6);
    for (const text of ['a', 'b', 'c', 'd', 'e']) ring.add(text);
    expect([ring.first, ring.next, ring.text(1)]).toEqual([2, 5, undefined]);
    expect(keptIn(ring)).toEqual(['c', 'd', 'e']);
  });

  test.each([
    ['a text', () => vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation(() => new NoMemory() as never)],
    ['its place', () => vi.stubGlobal('Uint32Array', NoMemory)],
  ])('one that finds no memory for %s has no number, and takes no room from the others', (_, endMemory) => {
    const ring = new TextRing(1000, 100_000);
    const text = '.'.repeat(100);
    for (let index = 0; index < 64; index++) ring.add(`${index} ${text}`);
    const before = keptIn(ring);
    endMemory();
    try {
      for (let tries = 0; tries < 50; tries++) expect(() => ring.add('x'.repeat(20_000))).toThrow(RangeError);
    } finally {
      vi.restoreAllMocks();
      vi.unstubAllGlobals();
    }
    expect(keptIn(ring)).toEqual(before);
    expect(ring.add('y')).toBe(64);
    expect(keptIn(ring)).toEqual([...before, 'y']);
  });

  test('go when they are not needed any more', () => {
    const ring = new TextRing(1000, 1e6);
    for (const text of ['a', 'b', 'c']) ring.add(text);
    ring.endBefore(2);
    expect(keptIn(ring)).toEqual(['c']);
    ring.endBefore(100);
    expect([ring.first, ring.next]).toEqual([3, 3]);
    ring.add('d');
    expect(keptIn(ring)).toEqual(['d']);
  });

  test.each([
    [1_000, 5_000],
    [30_000, 500],
    [300_000, 50],
  ])('take no more octets than allowed (texts of %i): the oldest go', (length, count) => {
    const ring = new TextRing(1_000_000, 1_000_000);
    for (let index = 0; index < count; index++) {
      ring.add(String(index).padEnd(length, '.'));
      expect((ring.next - ring.first) * length).toBeLessThanOrEqual(1_000_000);
    }
    const kept = keptIn(ring);
    expect(kept.length * length).toBeGreaterThan(500_000);
    expect(kept.map((text) => [Number.parseInt(text ?? '', 10), text?.length])).toEqual(
      kept.map((_, index) => [count - kept.length + index, length]),
    );
  });

  test.each([
    [160_000, 1_600],
    [320_000, 1_600],
    [500_000, 30_000],
    [1_000_000, 100_000],
  ])('of few octets (%i) those of the last half are kept, whatever comes (texts of %i)', (mostOctets, length) => {
    const ring = new TextRing(1_000_000, mostOctets);
    const fewest = Math.floor(mostOctets / 2 / length);
    for (let index = 0; index < 2_000; index++) {
      ring.add('x'.repeat(length));
      if (index >= fewest) expect(ring.next - ring.first).toBeGreaterThanOrEqual(fewest);
    }
  });

  test('one that is longer than all that is allowed is kept until the next comes', () => {
    const ring = new TextRing(10, 300_000);
    ring.add('before');
    const long = 'x'.repeat(1_000_000);
    ring.add(long);
    expect(keptIn(ring)).toEqual([long]);
    ring.add('after');
    expect(keptIn(ring)).toEqual(['after']);
  });

  test('so it is also where memory was free for the next', () => {
    const ring = new TextRing(1000, 4_000_000);
    for (let index = 0; index < 1000; index++) ring.add('x'.repeat(3_000));
    ring.endBefore(ring.next - 100);
    const long = 'x'.repeat(5_000_000);
    ring.add(long);
    ring.add('after');
    expect(keptIn(ring)).toEqual(['after']);
  });

  test('memory is used again: what has gone leaves nothing to collect', () => {
    const ring = new TextRing(100, Number.MAX_SAFE_INTEGER);
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 100_000; index++) ring.add(`${index}`.padEnd(1000));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(3_000_000);
    expect(ring.text(99_950)?.trim()).toBe('99950');
  });

  test('are what a list would have, whatever comes and goes', () => {
    const step = fc.oneof(
      { weight: 10, arbitrary: fc.string({ maxLength: 40, unit: anyCharacter }) },
      { weight: 1, arbitrary: fc.constantFrom(2_000, 90_000, 140_000).map((length) => 'é'.repeat(length)) },
      { weight: 1, arbitrary: fc.nat({ max: 5 }) },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.array(step, { maxLength: 120 }), (most, steps) => {
        const ring = new TextRing(most, Number.MAX_SAFE_INTEGER);
        let texts: string[] = [];
        for (const each of steps) {
          if (typeof each === 'number') {
            ring.endBefore(ring.first + each);
            texts = texts.slice(each);
          } else {
            ring.add(each);
            texts = [...texts, each].slice(-most);
          }
          const kept = keptIn(ring);
          if (!isDeepStrictEqual(kept, texts)) expect(kept).toEqual(texts);
        }
      }),
      { numRuns: 30 },
    );
  });
});
