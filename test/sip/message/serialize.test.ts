import { expect, test } from 'vitest';
import {
  HeaderId,
  Headers,
  parseMessage,
  SipRequest,
  SipResponse,
  serialize,
  UnsafeMessageError,
} from '../../../src/sip/message/index.ts';

function message(value: string): SipRequest {
  const request = new SipRequest('MESSAGE', 'sip:a@b', 'body');
  request.headers.add(HeaderId.Subject, value);
  return request;
}

test('§7: start line, fields, Content-Length of octets, empty line, body', () => {
  expect(serialize(message('hi'))).toBe('MESSAGE sip:a@b SIP/2.0\r\nSubject: hi\r\nContent-Length: 4\r\n\r\nbody');
  expect(serialize(new SipResponse(200, 'OK'))).toBe('SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n');
});

test.each([
  ['a\rb', 'a b'],
  ['a\nb', 'a b'],
  ['a\r\nEvil: x', 'a Evil: x'],
  ['a\0b', 'a b'],
  ['\r\n\r\nINVITE', ' INVITE'],
  ['J\u0151\u00e9', 'J\u00c5\u0091\u00e9'],
  ['a\ud800b', 'a\u00ef\u00bf\u00bdb'],
])('last gate: %j leaves in a field or reason phrase as the octets %j', (value, sent) => {
  expect(serialize(message(value))).toBe(
    `MESSAGE sip:a@b SIP/2.0\r\nSubject: ${sent}\r\nContent-Length: 4\r\n\r\nbody`,
  );
  expect(serialize(new SipResponse(200, value))).toBe(`SIP/2.0 200 ${sent}\r\nContent-Length: 0\r\n\r\n`);
});

test('last gate: nothing unsafe leaves in a method, Request-URI or added name, and nothing at all then', () => {
  expect(() => serialize(new SipRequest('A\r\nB', 'sip:a'))).toThrow(UnsafeMessageError);
  expect(() => serialize(new SipRequest('A', 'sip:a SIP/2.0\r\nEvil: x'))).toThrow(UnsafeMessageError);
  expect(() => new Headers().addNamed('X\r\nEvil', 'x')).toThrow(TypeError);
});

test('last gate: a body of non-octets leaves as UTF-8, under its own length', () => {
  const bad = message('x');
  bad.body = 'J\u0151\u00e9';
  expect(serialize(bad)).toContain('Content-Length: 4\r\n\r\nJ\u00c5\u0091\u00e9');
});

test('last gate: of a received text too no non-octet leaves as another octet', () => {
  const received = parseMessage('MESSAGE sip:a@b SIP/2.0\r\nSubject: a\u0141b\r\nContent-Length: 0\r\n\r\n');
  expect(() => serialize(received)).toThrow(UnsafeMessageError);
});

test('a message of many octets leaves whole, and so does the one behind it', () => {
  const long = message('x');
  long.body = 'J\u00c3'.repeat(200_000);
  expect(serialize(long)).toBe(`MESSAGE sip:a@b SIP/2.0\r\nSubject: x\r\nContent-Length: 400000\r\n\r\n${long.body}`);
  expect(serialize(new SipResponse(200, 'OK'))).toBe('SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n');
});

test('U+0085 and other octets above 127 are octets', () => {
  expect(serialize(message('J\u00c3\u00bcrgen\u0085'))).toContain('Subject: J\u00c3\u00bcrgen\u0085\r\n');
});

test('a changed body changes Content-Length in its place', () => {
  const text = 'MESSAGE sip:a@b SIP/2.0\r\nl: 3\r\nSubject: x\r\n\r\nabc';
  const received = parseMessage(text);
  expect(serialize(received)).toBe(text);
  received.body = 'longer';
  expect(serialize(received)).toBe('MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 6\r\nSubject: x\r\n\r\nlonger');
});

test('a message without Content-Length leaves with one', () => {
  expect(serialize(parseMessage('MESSAGE sip:a@b SIP/2.0\r\nSubject: x\r\n\r\nabc'))).toBe(
    'MESSAGE sip:a@b SIP/2.0\r\nSubject: x\r\nContent-Length: 3\r\n\r\nabc',
  );
});
