/** Which callers an inbound rule is for: `;` between numbers, ranges and masks in which `*` stands for one digit. */
import { normalizeNumber } from '../tenants/number.ts';

interface MaskEntry {
  matches(digits: string, value: number): boolean;
  /** How many numbers the entry covers: the fewer, the more specific. */
  readonly coverage: number;
}

function stripPrefix(text: string): string {
  return text.replace(/[\s().-]/g, '').replace(/^(\+00|\+|00|0)/, '');
}

function parseMaskEntry(text: string): MaskEntry | undefined {
  const range = /^\s*(\+?[0-9]+)\s*-\s*(\+?[0-9]+)\s*$/.exec(text);
  if (range !== null) {
    const first = normalizeNumber(range[1] ?? '');
    const last = normalizeNumber(range[2] ?? '');
    if (first === undefined || last === undefined) return undefined;
    return { matches: (_digits, value) => value >= first && value <= last, coverage: last - first + 1 };
  }
  const mask = stripPrefix(text);
  if (mask === '') return undefined;
  const stars = mask.split('*').length - 1;
  return {
    matches: (digits) => {
      if (digits.length !== mask.length) return false;
      for (let index = 0; index < mask.length; index++) {
        if (mask[index] !== '*' && mask[index] !== digits[index]) return false;
      }
      return true;
    },
    coverage: 10 ** stars,
  };
}

export class CallerMask {
  readonly #entries: readonly MaskEntry[];

  constructor(text: string) {
    this.#entries = text.split(';').flatMap((part) => parseMaskEntry(part) ?? []);
  }

  /** How many numbers the narrowest matching entry covers; undefined when none matches. */
  coverageFor(callerNumber: string): number | undefined {
    const value = normalizeNumber(callerNumber);
    if (value === undefined) return undefined;
    const digits = String(value);
    let narrowest: number | undefined;
    for (const entry of this.#entries) {
      if (!entry.matches(digits, value)) continue;
      if (narrowest === undefined || entry.coverage < narrowest) narrowest = entry.coverage;
    }
    return narrowest;
  }
}
