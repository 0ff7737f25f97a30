/**
 * Masks of caller numbers in inbound rules: `;` between entries; an entry is a number, a range `a-b`, or a pattern in which `*` is
 * one digit (behaviour 21). Numbers compare as in a pool; patterns compare digit by digit after the prefix is dropped.
 */
import { type DidRange, parseEntry } from './did-pool.ts';
import { normalizeNumber } from './number.ts';

interface MaskEntry {
  /** How many numbers it stands for: the fewer, the more specific. */
  readonly size: number;
  readonly range: DidRange | undefined;
  readonly pattern: string | undefined;
}

const PATTERN = /^[0-9*]{1,15}$/;

export class CallerMask {
  readonly #entries: readonly MaskEntry[];

  private constructor(entries: readonly MaskEntry[]) {
    this.#entries = entries;
  }

  /** Reads a mask; throws `DidPoolError` naming the entry at fault. */
  static parse(text: string): CallerMask {
    return new CallerMask(text.split(';').map((entry) => parseMaskEntry(entry.trim())));
  }

  /**
   * How many numbers the most specific entry that matches stands for, or undefined when none matches. Of several rules the one
   * with the smallest answer wins.
   */
  match(caller: string): number | undefined {
    const number = normalizeNumber(caller);
    if (number === undefined) return undefined;
    const digits = String(number);
    let best: number | undefined;
    for (const entry of this.#entries) {
      if (matches(entry, number, digits) && (best === undefined || entry.size < best)) best = entry.size;
    }
    return best;
  }
}

/** Callers are often written as they are shown, with + or 00: the prefix says nothing here and is dropped. */
const PREFIX = /^(?:\+00|\+|00|0)/;

function parseMaskEntry(written: string): MaskEntry {
  const text = written
    .replace(/[\s().]/g, '')
    .replace(PREFIX, '')
    .replace(/-(?:\+00|\+|00|0)/, '-');
  if (text.includes('*') && PATTERN.test(text)) {
    const stars = text.split('*').length - 1;
    return { size: 10 ** stars, range: undefined, pattern: text };
  }
  const range = parseEntry(text);
  return { size: range.last - range.first + 1, range, pattern: undefined };
}

function matches(entry: MaskEntry, number: number, digits: string): boolean {
  if (entry.range !== undefined) return number >= entry.range.first && number <= entry.range.last;
  const pattern = entry.pattern ?? '';
  if (pattern.length !== digits.length) return false;
  for (let index = 0; index < pattern.length; index += 1) {
    if (pattern[index] !== '*' && pattern[index] !== digits[index]) return false;
  }
  return true;
}
