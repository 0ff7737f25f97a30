import { expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import { HeaderId, Headers, SipRequest } from '../../../src/sip/message/index.ts';
import { parseMultipart, replaceSdp, sdpOf } from '../../../src/sip/message/multipart.ts';
import { tortureText } from '../../kit/torture.ts';
import { expectLinear } from './field-suite.ts';

const sdp = 'v=0\r\ns=-\r\n';
const binary = '\u0000\r\u0001\n\u00ff\r\n--';
const body = [
  'preamble',
  '--b-1',
  'Content-Type: application/sdp',
  'X-Note: kept',
  '',
  sdp,
  '--b-1 ',
  'c : application/isup;version=itu-t92+',
  'Content-Disposition: signal;handling=optional',
  '',
  binary,
  '--b-1',
  '',
  'plain',
  '--b-1--',
  'epilogue',
].join('\r\n');

const request = (type: string, content: string) =>
  new SipRequest('INVITE', 'sip:a@b', new Headers().add(HeaderId.ContentType, type), content);

test('RFC 2046 §5.1: parts, preamble and epilogue; binary octets survive', () => {
  const parts = parseMultipart(body, 'b-1');
  expect(parts.map((part) => part.body)).toEqual([sdp, binary, 'plain']);
  expect(parts.map((part) => part.contentType?.subtype)).toEqual(['sdp', 'isup', undefined]);
  for (const part of parts) expect(body.slice(part.offset, part.offset + part.body.length)).toBe(part.body);
});

test.each([
  ['no closing boundary', body.replace('--b-1--', '--b-1'), 'b-1'],
  ['no boundary at all', 'text', 'b-1'],
  ['an empty boundary', body, ''],
  ['a boundary of 71 characters', body, 'b'.repeat(71)],
  ['a part without empty line', '--b\r\nContent-Type: a/b\r\n--b--', 'b'],
  ['33 parts', `${'--b\r\n\r\nx\r\n'.repeat(33)}--b--`, 'b'],
])('refuses %s', (_what, text, boundary) => {
  expect(() => parseMultipart(text, boundary)).toThrow(PeerError);
});

test('the session description is found in a plain and in a multipart body, and nowhere else', () => {
  expect(sdpOf(request('Application/SDP;charset=x', sdp))).toBe(sdp);
  expect(sdpOf(request('multipart/mixed;boundary="b-1"', body))).toBe(sdp);
  expect(sdpOf(request('text/plain', sdp))).toBeUndefined();
  expect(sdpOf(request('application/sdp', ''))).toBeUndefined();
});

test('replacing it leaves every other octet', () => {
  const message = request('multipart/mixed;boundary=b-1', body);
  expect(replaceSdp(message, 'v=0\r\ns=longer than before\r\n')).toBe(true);
  expect(message.body).toBe(body.replace(sdp, 'v=0\r\ns=longer than before\r\n'));
  expect(replaceSdp(request('text/plain', 'x'), sdp)).toBe(false);
});

test('RFC 4475 §3.1.1.11: two parts, the second one binary', () => {
  const text = tortureText('rfc4475', 'mpart01');
  const parts = parseMultipart(text.slice(text.indexOf('\r\n\r\n') + 4), '7a9cbec02ceef655');
  expect(parts).toHaveLength(2);
  expect(parts[0]?.body).toBe('Hello');
});

test('time grows linearly', () => {
  for (const fragment of ['\r\n--b', '--b\r\n', '\r\n--b\r\n\r\n', '\r\n', '-'])
    expectLinear((text) => parseMultipart(text, 'b'), '--b\r\n', fragment);
});
