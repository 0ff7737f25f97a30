import { describe, expect, test } from 'vitest';
import {
  addDescription,
  HeaderId,
  mediaTypeOf,
  partId,
  partsOf,
  partType,
  SipResponse,
  sessionDescriptionOf,
  withParts,
} from '../../../src/sip/message/index.ts';

const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n';
const TYPE = 'multipart/mixed;boundary=b1';
const ISUP = '--b1\r\nContent-Type: application/ISUP ;version=itu\r\nContent-ID: <isup@x>\r\n\r\n\x01\0\r\n';
const DESCRIBED = `--b1\r\nContent-Type: application/sdp\r\n\r\n${SDP}\r\n`;
const BODY = `preamble\r\n${ISUP}${DESCRIBED}--b1\r\n\r\nplain\r\n--b1--\r\nepilogue`;

const withLf = (text: string) => text.replaceAll('\r\n', '\n');

test.each([
  ['Application/SDP; charset=utf-8', 'application/sdp'],
  ['multipart / mixed ;boundary=b', 'multipart/mixed'],
  ['', ''],
])('the media type of %j is %j', (said, type) => expect(mediaTypeOf(said)).toBe(type));

describe.each([
  ['CRLF', BODY],
  ['LF alone', withLf(BODY)],
])('RFC 2046 §5.1: a multipart body whose lines end with %s', (_end, body) => {
  test('has its parts in order, with type (text/plain where it says none) and Content-ID', () => {
    const parts = [...partsOf(TYPE, body)];
    expect(parts.map((part) => [partType(part), partId(part)])).toEqual([
      ['application/isup', 'isup@x'],
      ['application/sdp', undefined],
      ['text/plain', undefined],
    ]);
    expect(parts.map(({ start, end }) => body.slice(start, end))).toEqual(
      ['\x01\0', SDP, 'plain'].map((text) => (body === BODY ? text : withLf(text))),
    );
  });

  test('keeps the parts that are wanted, octet for octet', () => {
    expect(withParts(TYPE, body, () => true)).toBe(body);
    const [left] = body === BODY ? [DESCRIBED] : [withLf(DESCRIBED)];
    expect(withParts(TYPE, body, (part) => partType(part) !== 'application/sdp')).toBe(body.replace(left, ''));
    expect(withParts(TYPE, body, () => false)).toBe('');
  });
});

test.each([
  ['application/sdp', SDP],
  [undefined, BODY],
  ['multipart/mixed', BODY],
  ['multipart/mixed;boundary=b2', BODY],
  [TYPE, ''],
])('what is no multipart body that can be read has no parts: %j', (type, body) => {
  expect([...partsOf(type, body)]).toEqual([]);
  expect(withParts(type, body, () => true)).toBeUndefined();
});

describe('a session description that is put beside a body', () => {
  function added(body: string, headers: readonly (readonly [HeaderId, string])[]): SipResponse {
    const message = new SipResponse(200, 'OK');
    message.body = body;
    for (const [id, value] of headers) message.headers.add(id, value);
    addDescription(message, SDP);
    expect(sessionDescriptionOf(message)).toBe(SDP);
    return message;
  }

  test('is alone where there is none', () => {
    const message = added('', []);
    expect([message.headers.value(HeaderId.ContentType), message.body]).toEqual(['application/sdp', SDP]);
  });

  test('RFC 5621 §4.3: is the first part of one of several parts, which is not nested', () => {
    const body = `--b1\r\nContent-Type: text/plain\r\n\r\nx\r\n--b1--\r\n`;
    const message = added(body, [[HeaderId.ContentType, TYPE]]);
    expect(message.headers.fieldValues(HeaderId.ContentType)).toEqual([TYPE]);
    expect(message.body).toBe(DESCRIBED + body);
    expect(added(withLf(body), [[HeaderId.ContentType, TYPE]]).body).toMatch(
      /\n--b1\nContent-Type: text\/plain\n\nx\n/,
    );
  });

  test.each([
    ['application/ISUP;version=itu', '\x01\0'],
    ['multipart/related;boundary=b1', '--b1\r\n\r\nx\r\n--b1--\r\n'],
  ])('else both are parts, and what describes the other goes with it: %s', (type, body) => {
    const message = added(body, [
      [HeaderId.ContentType, type],
      [HeaderId.ContentDisposition, 'signal;handling=optional'],
      [HeaderId.MimeVersion, '1.0'],
    ]);
    const said = message.headers.value(HeaderId.ContentType) ?? '';
    expect(mediaTypeOf(said)).toBe('multipart/mixed');
    expect(message.headers.has(HeaderId.ContentDisposition)).toBe(false);
    expect(message.headers.value(HeaderId.MimeVersion)).toBe('1.0');
    const [described, other, ...more] = [...partsOf(said, message.body)];
    expect([described && partType(described), more]).toEqual(['application/sdp', []]);
    expect(other?.fields).toBe(`Content-Type: ${type}\r\nContent-Disposition: signal;handling=optional`);
    expect(message.body.slice(other?.start, other?.end)).toBe(body);
  });
});
