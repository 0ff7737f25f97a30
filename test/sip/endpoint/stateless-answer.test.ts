import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boundedAnswer, MAX_AMPLIFICATION } from '../../../src/sip/endpoint/stateless-answer.ts';
import { parseMessage } from '../../../src/sip/message/index.ts';

const answer = (status: string, more = '') =>
  `SIP/2.0 ${status}\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP b\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n${more}Content-Length: 0\r\n\r\n`;

test('an answer of at most half as many octets again as its request leaves as it is', () => {
  const text = answer('200 OK', 'Allow: INVITE\r\n');
  expect(boundedAnswer(text, Math.ceil(text.length / MAX_AMPLIFICATION))).toBe(text);
});

test('what is optional goes first, from a 2xx only', () => {
  const text = answer('200 OK', 'Allow: INVITE, ACK\r\nAccept: application/sdp\r\nSupported: timer\r\n');
  expect(boundedAnswer(text, (text.length - 1) / MAX_AMPLIFICATION)).toBe(answer('200 OK'));
  const refusal = answer('405 Method Not Allowed', 'Allow: INVITE, ACK\r\n');
  expect(boundedAnswer(refusal, (refusal.length - 1) / MAX_AMPLIFICATION)).toContain('\r\nAllow: INVITE, ACK\r\n');
});

test('RFC 3261 §7.3.3: then come the compact forms, which say the same', () => {
  const text = answer('407 Proxy Authentication Required');
  const shorter = boundedAnswer(text, (text.length - 1) / MAX_AMPLIFICATION) ?? '';
  expect(shorter.length).toBeLessThan(text.length - 40);
  const [long, short] = [parseMessage(text), parseMessage(shorter)];
  expect(short).toMatchObject({ kind: 'response', status: 407 });
  for (let id = 1; id <= 5; id++) expect(short.headers.fieldValues(id)).toEqual(long.headers.fieldValues(id));
});

test('a request too short for any answer gets none; no answer is ever longer than allowed', () => {
  expect(boundedAnswer(answer('400 Bad Request'), 60)).toBeUndefined();
  fc.assert(
    fc.property(fc.nat(1000), fc.string(), (octets, more) => {
      const bounded = boundedAnswer(answer('401 Unauthorized', `X: ${more}\r\n`), octets);
      return bounded === undefined || bounded.length <= octets * MAX_AMPLIFICATION;
    }),
  );
});
