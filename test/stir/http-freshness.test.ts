import { expect, test } from 'vitest';
import { freshnessOf } from '../../src/stir/http-freshness.ts';

const HOUR_MS = 3_600_000;

test.each<[string, Record<string, string>, number, boolean]>([
  ['nothing: a day', {}, 24 * HOUR_MS, true],
  ['max-age', { 'cache-control': 'public, max-age=3600' }, HOUR_MS, true],
  ['quoted, in capitals', { 'cache-control': 'MAX-AGE="3600"' }, HOUR_MS, true],
  ['Age has passed already (RFC 9111 §4.2)', { 'cache-control': 'max-age=3600', age: '600' }, HOUR_MS - 600_000, true],
  ['older than it may be', { 'cache-control': 'max-age=60', age: '600' }, 0, true],
  ['a year: a week', { 'cache-control': 'max-age=31536000' }, 7 * 24 * HOUR_MS, true],
  ['no-store', { 'cache-control': 'no-store, max-age=3600' }, 0, false],
  ['no-cache', { 'cache-control': 'no-cache' }, 0, false],
  ['must-revalidate', { 'cache-control': 'max-age=3600, must-revalidate' }, HOUR_MS, false],
  [
    'Expires by the server’s own clock',
    { expires: 'Thu, 01 Jan 1970 02:00:00 GMT', date: 'Thu, 01 Jan 1970 01:00:00 GMT' },
    HOUR_MS,
    true,
  ],
  ['max-age before Expires (§5.3)', { 'cache-control': 'max-age=3600', expires: '0' }, HOUR_MS, true],
  ['an Expires that cannot be read has passed (§5.3)', { expires: '0' }, 0, true],
  ['a max-age that cannot be read says nothing', { 'cache-control': 'max-age=soon' }, 24 * HOUR_MS, true],
])('%s', (_name, headers, freshMs, mayBeStale) => {
  const found = freshnessOf(headers);
  expect(found.mayBeStale).toBe(mayBeStale);
  expect(Math.abs(found.freshMs - freshMs)).toBeLessThan(1000);
});
