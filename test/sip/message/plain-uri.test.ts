import { describe, expect, test } from 'vitest';
import { isPlainAddress, parseNameAddr, readUriText, readUserAndHost } from '../../../src/sip/message/name-addr.ts';
import { isPlainSipUri, namesPlace, plainUserAndHost } from '../../../src/sip/message/plain-uri.ts';
import { formatUri, isSipUri, parseUri } from '../../../src/sip/message/uri.ts';
import { seededRandom } from '../../kit/simulated-link.ts';

const isPlain = (uri: string) => isPlainSipUri(uri, 0, uri.length);

/** Pieces that URIs are made of, right and wrong ones. */
const PIECES = [
  ...['sip:', 'sips:', 'SIP:', 'tel:', '', 'alice', '+4930123', '@', '::', ':', ':5060', ':0', ':05060', ':65535'],
  ...[':65536', ':999999', '127.0.0.1', 'example.com', '[::1]', 'a_b', '.', ';', '=', ';transport=udp', ';lr', ';ob'],
  ...[';transport', ';x=', ';=x', ';a=b@c', ';%41=b', '%', '%4', '%41', ' ', '?', '?a=b', '<', '>', '"', ',', '/', '#'],
  ...['&', '|', '\u00e4', '{', ';maddr=1.2.3.4', ';user=phone'],
];

test('a plain URI is read without complaint and written as it came', () => {
  const random = seededRandom(11);
  const below = (limit: number) => Math.floor(random() * limit);
  let plain = 0;
  for (let round = 0; round < 40_000; round++) {
    let uri = below(5) > 0 ? 'sip:' : '';
    for (let count = below(7); count >= 0; count--) uri += PIECES[below(PIECES.length)];
    if (!isPlain(uri)) continue;
    plain++;
    const read = parseUri(uri);
    expect(isSipUri(read), uri).toBe(true);
    expect(formatUri(read), uri).toBe(uri);
    if (isSipUri(read))
      expect(plainUserAndHost(uri, 0, uri.length), uri).toEqual({ user: read.user ?? '', host: read.host });
  }
  expect(plain).toBeGreaterThan(500);
});

test.each([
  'sip:carrier@127.0.0.1:5070;transport=UDP',
  'sip:4989100200@pbx.example.com;user=phone',
  'sips:alice@example.com:65535;lr;ob',
  'sip:127.0.0.1',
])('%s is plain', (uri) => expect(isPlain(uri)).toBe(true));

test.each([
  'sip:[::1]',
  'sip:a:secret@b',
  'sip:a%41@b',
  'sip:a@b:',
  'sip:a@b:05',
  'sip:a@b?x=y',
  'tel:+49',
  'SIP:a@b',
  '',
  'sip:',
])('%s is for the parser', (uri) => expect(isPlain(uri)).toBe(false));

describe('an address is plain', () => {
  const isPlainText = (text: string) => isPlainAddress(`XX${text}YY`, 2, text.length + 2);

  test.each([
    '<sip:a@b>',
    'sip:a@b',
    '"Alice of old" <sip:a@b>;tag=x',
    'Alice <sip:a@b:5060;transport=tcp>;tag=x;expires=60',
  ])('%s', (text) => {
    expect(isPlainText(text)).toBe(true);
    expect(parseNameAddr(text).params.hasDuplicates()).toBe(false);
    expect(readUriText(text, 0, text.length)).toBe(formatUri(parseNameAddr(text).uri));
    expect(readUserAndHost(`XX${text}YY`, 2, text.length + 2)).toEqual({ user: 'a', host: 'b' });
  });

  test.each([
    '<sip:a@b>;tag=x;tag=y',
    '<sip:a@b>, <sip:c@d>',
    '<tel:+49>',
    '<sip:a%@b>',
    '"x <sip:a@b>',
    'sip:x" <sip:a@b>',
    '<a@b>',
    '<Sip :a@b>',
    '<sip:a@2001:db8::1>',
  ])('but not %s', (text) => expect(isPlainText(text)).toBe(false));

  test.each(['<sip:a@b', '<sip:a@b>;=', '<sip:a@b> x', '"x <sip:a@b> <sip:c@d>'])('%s cannot be read', (text) => {
    expect(() => isPlainText(text)).toThrow();
    expect(() => parseNameAddr(text)).toThrow();
  });
});

test.each([
  ['', ''],
  ['*', ''],
  ['<sip:a%@[::1]:5060>;q=1', 'sip:a%25@[::1]:5060'],
  [',<sip:a@b>, <sip:c@d>', 'sip:a@b'],
  ['<tel:+4930>', 'tel:+4930'],
  ['"Alice <sip:a@2001:db8::1>', 'sip:a@[2001:db8::1]'],
])('the URI of the Contact %j is %j', (field, uri) => expect(readUriText(field, 0, field.length)).toBe(uri));

describe('a URI names a place', () => {
  const names = (uri: string, transport = 'udp', port = 5060) =>
    namesPlace(uri, transport, '192.0.2.1', port, port === 5060);

  test.each([
    'sip:192.0.2.1',
    'sip:a@192.0.2.1',
    'sip:a@192.0.2.1:5060',
    'sip:a@192.0.2.1:5060;transport=UDP',
    'sip:a@192.0.2.1;lr;Transport=udp;ob',
  ])('%s', (uri) => expect(names(uri)).toBe(true));

  test.each([
    'sip:a@192.0.2.10',
    'sip:a@192.0.2.1:5061',
    'sip:a@192.0.2.1;transport=tcp',
    'sip:a@192.0.2.1;maddr=192.0.2.2',
    'sip:a@192.0.2.1;MADDR=192.0.2.2',
    'sips:a@192.0.2.1',
    'sip:192.0.2.1@192.0.2.2',
  ])('not %s', (uri) => expect(names(uri)).toBe(false));

  test('with its transport and port', () => {
    expect(names('sip:a@192.0.2.1;transport=tcp', 'tcp')).toBe(true);
    expect(names('sip:a@192.0.2.1', 'tcp')).toBe(false);
    expect(names('sip:a@192.0.2.1', 'udp', 5070)).toBe(false);
    expect(names('sip:a@192.0.2.1:5070', 'udp', 5070)).toBe(true);
  });
});
