import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import { HeaderId, Headers, parseNameAddrList, SipRequest } from '../../../src/sip/message/index.ts';
import { formatNameAddr, inBrackets, parseNameAddr, readTag } from '../../../src/sip/message/name-addr.ts';
import type { Params } from '../../../src/sip/message/params.ts';
import { leastCpuMs } from '../../kit/thread-cpu.ts';
import { describeField } from './field-suite.ts';

describeField('From, To, Contact, Route and their kin (RFC 3261 §20.10, §25.1 name-addr)', {
  parse: parseNameAddr,
  format: formatNameAddr,
  table: [
    [
      '"A. G. Bell" <sip:agb@bell-telephone.com>;tag=a48s',
      { displayName: 'A. G. Bell', uri: { user: 'agb' }, params: { tag: 'a48s' } },
    ],
    [
      'Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8',
      { displayName: 'Anonymous' },
      '"Anonymous" <sip:c8oqz84zk7z@privacy.org>;tag=hyh8',
    ],
    [
      'sip:+12125551212@phone2net.com;tag=887s',
      { uri: { params: {} }, params: { tag: '887s' } },
      '<sip:+12125551212@phone2net.com>;tag=887s',
    ],
    ['caller<sip:caller@example.com>;tag=323', { displayName: 'caller' }, '"caller" <sip:caller@example.com>;tag=323'],
    ['"J \\"R\\" \\\\" <sip:j@r>', { displayName: 'J "R" \\' }],
    ['"<sip:fake@evil>" <sip:real@host>', { displayName: '<sip:fake@evil>', uri: { user: 'real' } }],
    ['<sip:h;lr>', { uri: { params: {} }, params: {} }],
    ['<sip:u@h?Replaces=a%40b>;q=0.5', { uri: { headers: 'Replaces=a%40b' }, params: { q: '0.5' } }],
    ['"" <tel:+49-89-1>', { displayName: '', uri: { scheme: 'tel', number: '+49-89-1' } }, '<tel:+49-89-1>'],
    ['<sip:a@b>;+sip.instance="<urn:uuid:1>";reg-id=1', { params: { '+sip.instance': '<urn:uuid:1>' } }],
    [
      'J\u00fcrgen M\u00fcller <sip:j@h>',
      { displayName: 'J\u00fcrgen M\u00fcller' },
      '"J\u00fcrgen M\u00fcller" <sip:j@h>',
    ],
    // RFC 4475 §3.1.2.14, §3.1.2.15: what is read liberally, and what leaves.
    ['< sip:a@b >;tag=1', { uri: { user: 'a', host: 'b' } }, '<sip:a@b>;tag=1'],
    ['ACME, Inc. <sip:a@b>', { displayName: 'ACME, Inc.' }, '"ACME, Inc." <sip:a@b>'],
    ['ACME; Inc <sip:a@b>;tag=1', { displayName: 'ACME; Inc', params: { tag: '1' } }, '"ACME; Inc" <sip:a@b>;tag=1'],
    ['Dept: A <sip:a@b>', { displayName: 'Dept: A' }, '"Dept: A" <sip:a@b>'],
    // Quoted in part.
    ['"Ann" Lee <sip:a@b>;tag=1', { displayName: 'Ann Lee', params: { tag: '1' } }, '"Ann Lee" <sip:a@b>;tag=1'],
    ['"Ann" "Lee"<sip:a@b>', { displayName: 'Ann Lee' }, '"Ann Lee" <sip:a@b>'],
    ['Ann "A, B;" Lee <sip:a@b>', { displayName: 'Ann A, B; Lee' }, '"Ann A, B; Lee" <sip:a@b>'],
    ['""Ann"" <sip:a@b>', { displayName: 'Ann' }, '"Ann" <sip:a@b>'],
    ['"a\\"b" c <sip:a@b>', { displayName: 'a"b c' }, '"a\\"b c" <sip:a@b>'],
    ['Tel: 123 <sip:a@b>', { displayName: 'Tel: 123' }, '"Tel: 123" <sip:a@b>'],
    [
      "St. O'Neil (R&D) [x] a@b.c DOM\\\\u=1 <sip:a@b>",
      { displayName: "St. O'Neil (R&D) [x] a@b.c DOM\\\\u=1" },
      '"St. O\'Neil (R&D) [x] a@b.c DOM\\\\\\\\u=1" <sip:a@b>',
    ],
    // A quote that nothing closes, before the only URI in brackets.
    ['"Alice <sip:a@b>;tag=1', { displayName: 'Alice', params: { tag: '1' } }, '"Alice" <sip:a@b>;tag=1'],
    ['a"b <sip:a@b>', { displayName: 'ab' }, '"ab" <sip:a@b>'],
    ['"Ann" "Lee <sip:a@b>', { displayName: 'Ann Lee' }, '"Ann Lee" <sip:a@b>'],
    ['<Sip : a@b>;tag=1', { uri: { scheme: 'sip', user: 'a' }, params: { tag: '1' } }, '<sip:a@b>;tag=1'],
    ['Sip : a@b;tag=1', { uri: { scheme: 'sip', user: 'a' }, params: { tag: '1' } }, '<sip:a@b>;tag=1'],
    ['a@b;tag=1', { uri: { user: 'a', host: 'b' }, params: { tag: '1' } }, '<sip:a@b>;tag=1'],
    ['<sip:a@2001:db8::1;x>;q=1', { uri: { host: '2001:db8::1' } }, '<sip:a@[2001:db8::1];x>;q=1'],
    ['<sip:@h>;tag=', { uri: { user: undefined }, params: { tag: '' } }, '<sip:h>;tag='],
    [
      '<sip:a@b;transport=udp;>;;expires=60;',
      { uri: {}, params: { expires: '60' } },
      '<sip:a@b;transport=udp>;expires=60',
    ],
    ['<http://www.example.com>', { uri: { scheme: 'other', name: 'http' } }],
  ],
  rejects: [
    '',
    '*',
    'Alice',
    '"Alice <sip:a@b>, <sip:c@d>',
    '"Alice <sip:a@b>>',
    '"Alice"',
    '"Alice" sip:a@b',
    '<sip:a@b',
    'sip:a@b?Route=%3Csip:c%3E',
    '<sip:a@b>x',
    '<>',
    // Two readers could take two addresses for the sender's.
    'sip:c@d <sip:a@b>',
    'x sip:c <sip:a@b>',
    'tel:1 <sip:a@b>',
    'a "<sip:c@d>" <sip:a@b>',
    '"a" <b> "c" <sip:a@b>',
    'a "sip:c@d" <sip:a@b>',
    'sip:x" <sip:a@b>',
    '"sip:x <sip:a@b>',
    'a > <sip:a@b>',
  ],
});

test('§20.10: parameters after a URI without brackets are the header field’s', () => {
  const contact = parseNameAddr('sip:u@h;unknownparam');
  expect(contact.params.has('unknownparam')).toBe(true);
});

test('§7.3.1: lists over several fields, with commas in quotes and brackets', () => {
  const headers = new Headers();
  headers
    .add(HeaderId.PAssertedIdentity, '"Doe, Jane" <sip:j,d@h>, <tel:+1>')
    .add(HeaderId.PAssertedIdentity, '<sip:x@y>');
  expect(parseNameAddrList(headers, HeaderId.PAssertedIdentity).map(formatNameAddr)).toEqual([
    '"Doe, Jane" <sip:j,d@h>',
    '<tel:+1>',
    '<sip:x@y>',
  ]);
});

test('a display name of ours is quoted, whatever it holds', () => {
  expect(formatNameAddr({ ...parseNameAddr('<sip:a@b>'), displayName: 'x" <sip:evil@h>;tag=1' })).toBe(
    '"x\\" <sip:evil@h>;tag=1" <sip:a@b>',
  );
});

describe('the tag of a From or To, read without its address', () => {
  test.each([
    ['<sip:a@b>;tag=1', '1'],
    ['"x;tag=0" <sip:a@b;tag=2>;x="a;tag=3>" ; TAG = 1', '1'],
    ['sip:a@b;x=y;tag=1', '1'],
    ['A;B <sip:a@b>;tag=1', '1'],
    ['<sip:a@b>', undefined],
    ['<sip:a@b>;tag=', undefined],
    ['<sip:a@b>;tag', undefined],
    ['<sip:a@b>;tag="q"', 'q'],
    ['<sip:a@b>;tag=1;tag=1', '1'],
    // The address is none, or its parameters cannot be read: what follows the last ">" counts.
    ['<nothing>;tag=1', '1'],
    ['no address at all;tag=1', '1'],
    ['<sip:a@b>> ;tag=1', '1'],
    ['"open <sip:a@b>;tag=1', '1'],
    ['<sip:a@b>;=;tag=1', undefined],
  ])('%s', (text, tag) => {
    expect(readTag(text)).toBe(tag ?? '');
    // The same within a message.
    expect(readTag(`<;tag=0>"${text}">;tag=7`, 9, 9 + text.length)).toBe(tag ?? '');
  });

  test('two tags are none, and are told each time', () => {
    const from = '<sip:a@b>;tag=1;TAG=2';
    const message = new SipRequest('BYE', 'sip:a@b');
    message.headers.add(HeaderId.From, from);
    expect(() => message.fromTag()).toThrow(PeerError);
    expect(() => message.fromTag()).toThrow(PeerError);
    expect(message.from().params.get('tag')).toBe('1');
  });

  test('a tag that stands alone is the one that is found among parameters', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '"',
      '\\',
      ';tag=',
      'x',
      '<sip:a@b>',
      ';tag=1',
      ';x=<b>',
      ';',
      '=',
      ',',
      ' ',
    );
    const outcome = (text: string) => {
      try {
        return readTag(text);
      } catch (error) {
        expect(error).toBeInstanceOf(PeerError);
        return undefined;
      }
    };
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        // With white space before it, it is taken apart.
        expect(outcome(text)).toBe(outcome(` ${text}`));
      }),
      { numRuns: 5000 },
    );
  });

  test('whatever an address holds, its tag is the one that reading it in full finds', () => {
    const piece = fc.constantFrom(
      '<sip:a@b>',
      '"n"',
      ';tag=1',
      ';tag=2',
      ';x="<>"',
      ' ',
      '>',
      'sip:c',
      ',',
      ';TAG="1"',
      ';',
      'A',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const text = pieces.join('');
        let full: Params;
        try {
          full = parseNameAddr(text).params;
        } catch {
          return;
        }
        const read = () => readTag(text);
        if (full.hasDuplicates('tag')) expect(read).toThrow(PeerError);
        else expect(read()).toBe(full.get('tag') ?? '');
      }),
      { numRuns: 500 },
    );
  });
});

test.each(['"" ', '"'])('1 MB of %j before the bracket is read in a time that grows with the length', (piece) => {
  let reads = 0;
  // Each time another text: the address that was read last is remembered.
  const read = () => {
    const text = `"${piece.repeat(1_048_576 / piece.length)}" <sip:a@${++reads}.example.com>`;
    expect(parseNameAddr(text).uri).toMatchObject({ host: `${reads}.example.com` });
  };
  // Where each of them looks for the bracket again, it takes seconds.
  expect(leastCpuMs(1_000, read)).toBeLessThan(1_000);
});

test('an address without its angle brackets gets them', () => {
  expect(['sip:p.example.com;lr ', '<sip:p.example.com;lr>;x', '"P" <sip:p.example.com>'].map(inBrackets)).toEqual([
    '<sip:p.example.com;lr>',
    '<sip:p.example.com;lr>;x',
    '"P" <sip:p.example.com>',
  ]);
});
