import { describe, expect, test } from 'vitest';
import { descriptionIn, sessionDescriptionOf, withDescription } from '../../../src/sip/message/index.ts';
import { parseMessage } from '../../../src/sip/message/parse.ts';

const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n';
const MIXED = `--b1\r\nContent-Type: application/pidf+xml\r\n\r\n<presence/>\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n${SDP}\r\n--b1--\r\n`;

describe('RFC 5621 §3: where the session description is', () => {
  test.each([
    ['application/sdp', SDP, SDP],
    ['Application/SDP; charset=utf-8', SDP, SDP],
    ['multipart/mixed;boundary=b1', MIXED, SDP],
    ['multipart/mixed; boundary="b1"', MIXED, SDP],
    ['multipart/mixed;boundary=b1', `preamble\r\n${MIXED}`, SDP],
    // Lines that end with LF alone.
    ['multipart/mixed;boundary=b1', MIXED.replaceAll('\r\n', '\n'), SDP.replaceAll('\r\n', '\n')],
    ['multipart/mixed;boundary=b1', `preamble\n${MIXED.replaceAll('\r\n', '\n')}`, SDP.replaceAll('\r\n', '\n')],
    ['multipart/mixed;boundary=b1', MIXED.replaceAll('\r\n', '\n').slice(0, -9), undefined],
    ['multipart/mixed', MIXED, undefined],
    ['multipart/mixed;boundary=b2', MIXED, undefined],
    ['multipart/mixed;boundary=b1', MIXED.replace('application/sdp', 'text/plain'), undefined],
    ['multipart/mixed;boundary=b1', MIXED.slice(0, -10), undefined],
    ['text/plain', SDP, undefined],
    [undefined, SDP, SDP],
    [undefined, MIXED, undefined],
    [undefined, 'v=00\r\n', undefined],
    ['application / sdp', SDP, SDP],
    ['application/ sdpx', SDP, undefined],
  ])('%s', (type, body, found) => {
    expect(descriptionIn(type, body)).toBe(found);
  });
});

test('another one takes its place, and every other octet stays', () => {
  expect(withDescription('multipart/mixed;boundary=b1', MIXED, 'v=0\r\n')).toBe(MIXED.replace(SDP, 'v=0\r\n'));
  expect(withDescription('text/plain', 'v=0\r\n', 'x')).toBe('v=0\r\n');
});

test('one that is packed cannot be read as it is (RFC 3261 §20.12)', () => {
  const message = (encoding: string) =>
    parseMessage(
      `INVITE sip:b@x SIP/2.0\r\nCall-ID: 1\r\nContent-Type: application/sdp\r\n${encoding}Content-Length: ${SDP.length}\r\n\r\n${SDP}`,
    );
  expect(sessionDescriptionOf(message('Content-Encoding: gzip\r\n'))).toBeUndefined();
  expect(sessionDescriptionOf(message('Content-Encoding: identity\r\n'))).toBe(SDP);
});
