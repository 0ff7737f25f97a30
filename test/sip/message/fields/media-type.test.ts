import { expect, test } from 'vitest';
import {
  accepts,
  formatAccept,
  formatMediaType,
  makeMediaType,
  parseAccept,
  parseMediaType,
} from '../../../../src/sip/message/fields/media-type.ts';
import { describeField } from '../field-suite.ts';

describeField('Content-Type (RFC 3261 §20.15)', {
  parse: (text) => parseMediaType(text),
  format: formatMediaType,
  table: [
    ['application/sdp', { type: 'application', subtype: 'sdp' }],
    [
      'Application / SDP ; charset = "utf-8"',
      { type: 'application', subtype: 'sdp' },
      'application/sdp;charset="utf-8"',
    ],
    ['application/sdp;', { type: 'application', subtype: 'sdp' }, 'application/sdp'],
    ['multipart/mixed;boundary="a;b,c"', { type: 'multipart', subtype: 'mixed', params: { boundary: 'a;b,c' } }],
  ],
  rejects: ['', 'application', '/sdp', 'application/', 'application sdp', 'application/sdp, text/plain', 'a/b;c="'],
});

describeField('Accept (RFC 3261 §20.1)', {
  parse: parseAccept,
  format: formatAccept,
  table: [
    ['', []],
    ['*/*', [{ type: '*', subtype: '*' }]],
    [
      'application/sdp;level=1, text/*;q=0.2',
      [{ params: { level: '1' } }, { type: 'text', subtype: '*', params: { q: '0.2' } }],
    ],
  ],
  rejects: ['sdp', 'application/sdp; text/plain x'],
});

test('§20.1: a range admits its types; one with q=0 does not', () => {
  expect(accepts(parseAccept('application/*'), 'application', 'sdp')).toBe(true);
  expect(accepts(parseAccept('text/plain, */*;q=0'), 'application', 'sdp')).toBe(false);
  expect(accepts([makeMediaType('application', 'sdp')], 'application', 'isup')).toBe(false);
});
