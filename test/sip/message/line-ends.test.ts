import { describe, expect, test } from 'vitest';
import { parseMessage, validateRequest, withCrlf } from '../../../src/sip/message/index.ts';
import { tortureText } from '../../kit/torture.ts';

const BARE = 'OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\nSubject: x\n y\nl: 6\n\n';
const ENDED = BARE.replaceAll('\n', '\r\n');

describe('RFC 2543: a head all of whose lines end with LF', () => {
  test.each([
    ['has CRLF in its place, and its body stays as it is', `${BARE}a\nb\r\nc`, `${ENDED}a\nb\r\nc`],
    ['as a response', 'SIP/2.0 200 OK\nl: 0\n\n', 'SIP/2.0 200 OK\r\nl: 0\r\n\r\n'],
    ['§7.5: behind empty lines', `\n\n${BARE}`, ENDED],
    ['without its empty line', 'OPTIONS sip:a@b SIP/2.0\nl: 0\n', 'OPTIONS sip:a@b SIP/2.0\r\nl: 0\r\n'],
  ])('%s', (_how, text, expected) => {
    expect(withCrlf(text)).toBe(expected);
  });

  test('is read like any other', () => {
    const text = tortureText('rfc5118', 'ipv6-good');
    const end = text.indexOf('\r\n\r\n') + 4;
    const bare = text.slice(0, end).replaceAll('\r\n', '\n') + text.slice(end);
    const message = parseMessage(withCrlf(bare));
    expect(message.kind === 'request' && validateRequest(message)).toBeUndefined();
    expect(withCrlf(bare)).toBe(text);
  });
});

test.each([
  ['CRLFs', ENDED],
  ['an LF among CRLFs', ENDED.replace('Subject', 'X: y\nSubject')],
  ['a CRLF among LFs', BARE.replace('\nVia', '\r\nVia').replace('OPTIONS', '\nOPTIONS')],
  ['a CRLF behind an LF', BARE.replace('\nSubject', '\r\nSubject')],
  ['a CR among LFs', BARE.replace('Subject: x', 'Subject: x\rX: y')],
  ['no line', 'OPTIONS'],
  ['nothing', ''],
])('%s: left as it is', (_what, text) => {
  expect(withCrlf(text)).toBe(text);
});
