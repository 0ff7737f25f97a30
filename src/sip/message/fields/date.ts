import { decimalAt } from '../characters.ts';
import { malformed } from './token-params.ts';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Reads a SIP-date such as `Sat, 13 Nov 2010 23:29:00 GMT` → milliseconds since the epoch. Always GMT (RFC 3261 §20.17). */
export function parseDate(text: string): number {
  const month = MONTHS.indexOf(text.slice(8, 11));
  const [day, year] = [decimalAt(text, 5, 7), decimalAt(text, 12, 16)];
  const [hour, minute, second] = [decimalAt(text, 17, 19), decimalAt(text, 20, 22), decimalAt(text, 23, 25)];
  const numbers = [month, day, year, hour, minute, second];
  if (text.length !== 29 || numbers.some((number) => number < 0)) throw malformed('Date', text);
  const wallMs = Date.UTC(year, month, day, hour, minute, second);
  // Writing it back proves separators, weekday and ranges at once.
  if (Number.isNaN(wallMs) || formatDate(wallMs) !== text) throw malformed('Date', text);
  return wallMs;
}

export function formatDate(wallMs: number): string {
  const date = new Date(wallMs);
  const two = (number: number): string => String(number).padStart(2, '0');
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const year = String(date.getUTCFullYear()).padStart(4, '0');
  return `${DAYS[date.getUTCDay()]}, ${two(date.getUTCDate())} ${MONTHS[date.getUTCMonth()]} ${year} ${time} GMT`;
}
