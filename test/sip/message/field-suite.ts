import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';

/** One header field's tests: a table used both ways, values that must be refused, and mutations of the table as fuzz seeds. */
export interface FieldSuite<Value> {
  readonly parse: (text: string) => Value;
  /** Left out for a field that is only read. */
  readonly format?: (value: Value) => string;
  /** Text, what of the parsed value must match, and the canonical text when it is another. */
  readonly table: readonly (readonly [text: string, value: unknown, canonical?: string])[];
  readonly rejects: readonly string[];
}

/** Fragments that, repeated, have cost parsers quadratic time or their stack. */
const FRAGMENTS = [
  '"',
  '\\',
  '\\"',
  ';',
  ',',
  ' ',
  '\t',
  '<',
  '>',
  '(',
  '()',
  '=',
  ':',
  '%',
  '%4',
  ';a',
  ';a=',
  ';a="',
  ', ',
  ' ;',
  '@',
  '[',
  '0',
  'a',
  '\u00ff',
  '.',
  '/',
  '*',
  '?',
];

export function describeField<Value>(title: string, suite: FieldSuite<Value>): void {
  const { format } = suite;
  describe(title, () => {
    test.each(suite.table.map(([text, value, canonical]) => ({ text, value, canonical: canonical ?? text })))(
      format === undefined ? 'reads $text' : 'reads and writes $text',
      ({ text, value, canonical }) => {
        const parsed = suite.parse(text);
        expect(plain(parsed)).toMatchObject(value as object);
        if (format === undefined) return;
        expect(format(parsed)).toBe(canonical);
        expect(format(suite.parse(canonical))).toBe(canonical);
      },
    );

    if (suite.rejects.length > 0) {
      test.each(suite.rejects.map((text) => ({ text })))('refuses $text', ({ text }) => {
        expect(() => suite.parse(text)).toThrow(PeerError);
      });
    }

    test('mutated values are read or refused, never more, and what is read is written the same twice', () => {
      fc.assert(
        fc.property(mutated(suite.table.map(([text]) => text)), (text) => {
          const value = readOrRefuse(suite.parse, text);
          if (value === undefined || format === undefined) return;
          const written = format(value);
          const again = readOrRefuse(suite.parse, written);
          expect(
            again,
            `${JSON.stringify(text)} was read, what was written of it is not: ${JSON.stringify(written)}`,
          ).toBeDefined();
          if (again !== undefined) expect(format(again)).toBe(written);
        }),
        { numRuns: 300, seed: 4475 },
      );
    });

    test('time grows linearly: 64 KB of anything repeated', () => {
      const seeds = suite.table.map(([text]) => text).slice(0, 2);
      for (const seed of ['', ...seeds]) for (const fragment of FRAGMENTS) expectLinear(suite.parse, seed, fragment);
    });
  });
}

/** Shows a Params or Map as an object that a table can name. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return { value };
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'object' ? plain(item) : item));
  if (value instanceof Map) return Object.fromEntries(value);
  if ('entries' in value && typeof value.entries === 'function')
    return Object.fromEntries((value.entries as () => [string, unknown][])());
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, typeof item === 'object' && item !== null ? plain(item) : item]),
  );
}

/** Undefined when refused; anything but a PeerError is a failure. */
export function readOrRefuse<Value>(parse: (text: string) => Value, text: string): Value | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}

/** A value of 64 KB takes about four times as long as one of 16 KB; a quadratic parser takes sixteen times. Below 4 ms nothing is measured. */
export function expectLinear(parse: (text: string) => unknown, seed: string, fragment: string): void {
  const ratios: number[] = [];
  // On a busy machine any one measurement may be of somebody else's work; a quadratic parser is one each time.
  while (ratios.length < 5) {
    const large = bestMs(parse, adversarial(seed, fragment, 65_536));
    if (large < 4) return;
    const ratio = large / bestMs(parse, adversarial(seed, fragment, 16_384));
    if (ratio < 10) return;
    ratios.push(ratio);
  }
  expect.unreachable(
    `64 KB take ${ratios.map(Math.round)} times as long as 16 KB of ${JSON.stringify(fragment)} after ${JSON.stringify(seed)}`,
  );
}

function adversarial(seed: string, fragment: string, octets: number): string {
  return (seed + fragment.repeat(Math.ceil(octets / fragment.length))).slice(0, octets);
}

function bestMs(parse: (text: string) => unknown, text: string): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 6; run++) {
    const start = performance.now();
    readOrRefuse(parse, text);
    best = Math.min(best, performance.now() - start);
    if (best < 4) break;
  }
  return best;
}

/** Seeds with octets removed, inserted, replaced or doubled; never CR, LF or NUL, which the scanner takes out of values. */
function mutated(seeds: readonly string[]): fc.Arbitrary<string> {
  const octet = fc.oneof(
    fc.constantFrom(...' \t";,<>()=:@[]%\\/?*.-_a0'),
    fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  );
  const edit = fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.array(octet, { maxLength: 3 }));
  return fc.tuple(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 4 })).map(([seed, edits]) => {
    let text = seed;
    for (const [place, removed, inserted] of edits) {
      const at = place % (text.length + 1);
      text = text.slice(0, at) + inserted.join('') + text.slice(at + removed);
    }
    return text.replaceAll('\r', '').replaceAll('\n', '').trim();
  });
}
