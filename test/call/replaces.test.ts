import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PeerError } from '../../src/base/errors.ts';
import { parseReplaces, replacesInUri } from '../../src/call/replaces.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';

test('RFC 3891 §6.1: Call-ID and both tags in any order, early-only, unknown parameters ignored', () => {
  expect(parseReplaces('98asjd8@test.com ; from-tag=r33th4x0r;x=y; To-Tag=ff87ff;early-only')).toEqual({
    callId: '98asjd8@test.com',
    toTag: 'ff87ff',
    fromTag: 'r33th4x0r',
    earlyOnly: true,
  });
});

test('one that is percent-encoded as a whole is read, and in a Refer-To one that is so twice', () => {
  const once = encodeURIComponent('a@b;to-tag=1;from-tag=2');
  const read = { callId: 'a@b', toTag: '1', fromTag: '2', earlyOnly: false };
  expect(parseReplaces(once)).toEqual(read);
  expect(replacesInUri(`Replaces=${encodeURIComponent(once)}`)).toEqual(read);
  // What is not is left as it is.
  expect(parseReplaces('a%40b;to-tag=1;from-tag=2').callId).toBe('a%40b');
});

test('a Replaces without Call-ID or one of the tags is refused', () => {
  for (const value of ['', ';to-tag=1;from-tag=2', 'a;to-tag=1', 'a;from-tag=1']) {
    expect(() => parseReplaces(value), value).toThrow(PeerError);
  }
});

test('RFC 3261 §19.1.1: percent-encoded in the header part of a Refer-To URI, among others', () => {
  const replaces = replacesInUri('Subject=x&Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2');
  expect(replaces).toEqual({ callId: 'a@b', toTag: '1', fromTag: '2', earlyOnly: false });
  expect(replacesInUri('%zz=1&%52eplac%65s=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2')).toEqual(replaces);
  expect(replacesInUri('Subject=x')).toBeUndefined();
  expect(replacesInUri('Replaces=a%E9b%3Bto-tag%3D1%3Bfrom-tag%3D2')?.callId).toBe('a\u00e9b');
  for (const empty of ['Replaces=%', 'Replaces=', 'replaces', 'a=b&Replaces'])
    expect(() => replacesInUri(empty), empty).toThrow(PeerError);
});

test('any octets are read or refused, never anything else', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const read of [parseReplaces, replacesInUri]) {
        try {
          read(text);
        } catch (error) {
          if (!(error instanceof PeerError)) throw error;
        }
      }
    }),
  );
});

test('1 MB of header fields with broken escapes before it: read in a time that shows no exception for each', () => {
  const headers = `${'%&'.repeat(500_000)}%52eplaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3`;
  const read = () => expect(replacesInUri(headers)).toMatchObject({ callId: '1', toTag: '2', fromTag: '3' });
  expect(leastCpuMs(700, read)).toBeLessThan(700);
});
