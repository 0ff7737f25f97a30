import { expect, test } from 'vitest';
import { UnreadRequest } from '../../../src/sip/endpoint/unread-request.ts';
import { DEFAULT_LIMITS } from '../../../src/sip/message/index.ts';

const text = (uri: string, from = '"A" <sip:101@acme.example.com:5060;user=phone>;tag=1') =>
  `INVITE ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP pc33.example.com:5062;rport;branch=z9hG4bKab\r\nFrom: ${from}\r\nTo: <sip:112@x>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\n\r\n`;
const read = (uri: string, from?: string) => {
  const request = new UnreadRequest(DEFAULT_LIMITS);
  return request.read(Buffer.from(text(uri, from), 'latin1')) ? request : undefined;
};

test('it says where in the octets stands what an answer repeats', () => {
  const request = read('sip:112@x') as UnreadRequest;
  expect(request.method).toBe('INVITE');
  expect(request.text(request.vias[0] as number, request.vias[1] as number)).toBe(
    'SIP/2.0/UDP pc33.example.com:5062;rport;branch=z9hG4bKab',
  );
  expect(request.text(request.branchStart, request.branchEnd)).toBe('z9hG4bKab');
  expect(request.text(request.toStart, request.toEnd)).toBe('<sip:112@x>');
  expect(request.text(request.callIdStart, request.callIdEnd)).toBe('c1');
  expect(request.text(request.cseqStart, request.cseqEnd)).toBe('7 INVITE');
  expect([request.viaCount, request.port]).toEqual([1, 5062]);
  expect(request.isText(request.hostStart, request.hostEnd, 'pc33.example.com')).toBe(true);
  expect(request.isText(request.hostStart, request.hostEnd, 'pc33.example.org')).toBe(false);
});

test('what is known of one request is not taken for that of the next', () => {
  const request = new UnreadRequest(DEFAULT_LIMITS);
  expect(request.read(Buffer.from(text('sip:112@x'), 'latin1'))).toBe(true);
  for (const line of ['Via: [^\r]*', 'From: [^\r]*', 'To: [^\r]*', 'Call-ID: [^\r]*', 'CSeq: [^\r]*'])
    expect(request.read(Buffer.from(text('sip:112@x').replace(new RegExp(`${line}\r\n`), ''), 'latin1')), line).toBe(
      false,
    );
});

test.each([
  ['sip:112@x', '112'],
  ['sips:+493012345678@x;user=phone', '+493012345678'],
  ['sip:1-1-2@x', undefined],
  ['sip:9*112@x', undefined],
  ['sip:+@x', undefined],
  ['sip:112.example.com', undefined],
])('the number of %j, when it is in digits alone', (uri, number) => {
  expect((read(uri) as UnreadRequest).number).toBe(number);
});

test.each([
  ['<sip:101@acme.example.com>;tag=1', 'acme.example.com'],
  ['"A <b@c>" <sip:101@acme.example.com:5060;user=phone>;tag=1', 'acme.example.com'],
  ['sip:101@192.0.2.1', '192.0.2.1'],
  ['<sip:acme.example.com>;tag=1', 'acme.example.com'],
])('the host of the From %j', (from, host) => {
  const request = read('sip:112@x', from) as UnreadRequest;
  expect(request.text(request.fromHostStart, request.fromHostEnd)).toBe(host);
});

test.each([
  'tel:112',
  'urn:service:sos',
  'sip:%31%312@x',
  'sip:112:secret@x',
  ' sip:112@x',
  'sip:+49;phone-context=x@x',
])('what a number may hide in is left to the parser: %j', (uri) => {
  expect(read(uri)).toBeUndefined();
});
