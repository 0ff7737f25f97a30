import { expect, test } from 'vitest';
import { parseAccept } from '../../../../src/sip/message/fields/accept.ts';

test.each([
  [['application/sdp', 'application/ISUP;version=itu'], ['application/sdp', 'application/isup'], ['text/plain']],
  [
    ['Application / *', 'text/html;level=1'],
    ['application/sdp', 'text/html'],
    ['text/plain', 'multipart/mixed'],
  ],
  [['*/*;q=0.1'], ['application/sdp', 'multipart/mixed'], []],
  // RFC 2616 §14.1: the narrowest counts, and q=0 takes nothing.
  [['*/*', 'application/*;q=0', 'application/sdp'], ['text/plain', 'application/sdp'], ['application/isup']],
  [['application/sdp ; q = 0.000'], [], ['application/sdp']],
  [['application/sdp;q=0', 'application/sdp;level=1'], ['application/sdp'], []],
  // RFC 3261 §20.1: an empty one takes nothing.
  [[], [], ['application/sdp', '']],
])('Accept %j takes %j and not %j', (ranges, taken, refused) => {
  const accept = parseAccept(ranges);
  expect(taken.filter((type) => !accept.takes(type))).toEqual([]);
  expect(refused.filter((type) => accept.takes(type))).toEqual([]);
});
