/**
 * How a carrier writes numbers. Pools are written in E.164 form without `+`; a carrier that writes the numbers of its own country
 * nationally (`030 123456` for +49 30 123456) is compared with the same pool when its trunk says so.
 */
import { normalizeNumber, withAsciiDigits } from './number.ts';

/** `e164`, or `national` and the country code: `national 49`. */
export type NumberFormat = 'e164' | `national ${string}`;

export const NUMBER_FORMAT = /^(?:e164|national [1-9][0-9]{0,2})$/;

const NATIONAL = 'national ';
const MAX_DIGITS = 15;
/** Shortest number that is taken for a subscriber's: shorter ones are service numbers, which have no country. */
const SHORTEST_SUBSCRIBER = 7;
/** Countries whose national numbers may begin with a 0 that belongs to the number (E.164 numbering plans without a trunk prefix). */
const KEEPS_ZERO: ReadonlySet<string> = new Set(['39', '225', '241', '242', '378']);

/**
 * The numbers that a text may stand for on a trunk of this format, likeliest first; empty when it is no telephone number. National:
 * with `+` or the country's international prefix a number is international, with 0 in front national; bare digits are national, or
 * else E.164 without its `+`.
 */
export function numbersMeant(text: string, format: NumberFormat): readonly number[] {
  const asWritten = normalizeNumber(text);
  if (format === 'e164' || asWritten === undefined) return asWritten === undefined ? [] : [asWritten];
  const national = nationalNumber(text, format.slice(NATIONAL.length));
  if (national === undefined) return [asWritten];
  return national.isBare ? [national.number, asWritten] : [national.number];
}

/** Says whether one of the numbers that a text may stand for passes. */
export function someNumberMeant(text: string, format: NumberFormat, passes: (number: number) => boolean): boolean {
  if (format !== 'e164') return numbersMeant(text, format).some(passes);
  const number = normalizeNumber(text);
  return number !== undefined && passes(number);
}

/** A caller's number as everybody reads it: in `+` form when the trunk writes nationally; service numbers and other texts as they are. */
export function inE164(text: string, format: NumberFormat): string {
  if (format === 'e164') return text;
  const number = numbersMeant(text, format)[0];
  const digits = withAsciiDigits(text).replace(/[^0-9]/g, '');
  return number === undefined || digits.length < SHORTEST_SUBSCRIBER ? text : `+${number}`;
}

/** Undefined for a number that is international as it stands, or too long for one of the country. */
function nationalNumber(
  text: string,
  countryCode: string,
): { readonly number: number; readonly isBare: boolean } | undefined {
  const digits = withAsciiDigits(text).replace(/[^0-9+]/g, '');
  // North America dials 011 where others dial 00.
  const international = countryCode === '1' ? '011' : '00';
  if (digits.startsWith('+')) return undefined;
  if (digits.startsWith(international)) {
    const rest = digits.slice(international.length);
    return rest === '' || rest.length > MAX_DIGITS ? undefined : { number: Number(rest), isBare: false };
  }
  const isBare = !digits.startsWith('0');
  const rest = isBare || KEEPS_ZERO.has(countryCode) ? digits : digits.slice(1);
  const whole = countryCode + rest;
  return rest === '' || whole.length > MAX_DIGITS ? undefined : { number: Number(whole), isBare };
}
