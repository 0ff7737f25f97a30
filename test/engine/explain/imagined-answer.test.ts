import { describe, expect, test } from 'vitest';
import { imaginedResponse, readAnswers } from '../../../src/engine/explain/imagined-answer.ts';
import { HeaderId, parseMessage, type SipRequest } from '../../../src/sip/message/index.ts';

const INVITE = parseMessage(
  [
    'INVITE sip:9@carrier.example SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1',
    'From: <sip:101@acme.example.com>;tag=1',
    'To: <sip:9@carrier.example>',
    'Call-ID: one',
    'CSeq: 1 INVITE',
    'Max-Forwards: 70',
    'Require: timer, 100rel',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n'),
) as SipRequest;

test('answers are silence, refusals, challenges, and redirections with a number or a URI', () => {
  expect(readAnswers(undefined)).toEqual([]);
  expect(readAnswers(['silence', '407', ' 503 ', '302 +1 (800) 555-0177', '301 sip:102@acme.example.com'])).toEqual([
    { kind: 'silence' },
    { kind: 'status', status: 407 },
    { kind: 'status', status: 503 },
    { kind: 'status', status: 302, contact: '<tel:+18005550177>' },
    { kind: 'status', status: 301, contact: '<sip:102@acme.example.com>' },
  ]);
});

test.each(['', '200', '180', '99', '700', 'busy', '302', '302 ', '407 acme', '302 sip:', '302 \u0000', '40 7'])(
  '%j is no answer, and the error says what is one',
  (answer) => {
    expect(() => readAnswers(['486', answer])).toThrow(
      expect.objectContaining({ name: 'QuestionError', kind: 'invalid', path: 'answers' }),
    );
  },
);

describe('responses say what a repeat needs', () => {
  const field = (status: number, id: HeaderId, contact?: string) =>
    imaginedResponse(INVITE, status, contact, { realm: 'carrier "x"', nonce: 'n1' }).headers.value(id);

  test.each([
    [401, HeaderId.WwwAuthenticate],
    [407, HeaderId.ProxyAuthenticate],
  ])('%d: a challenge of the realm (RFC 7616 §3.3)', (status, id) => {
    expect(field(status, id)).toBe('Digest realm="carrier \\"x\\"", nonce="n1", algorithm=MD5, qop="auth"');
  });

  test('420: what was required is unsupported (RFC 3261 §21.4.15)', () => {
    expect(field(420, HeaderId.Unsupported)).toBe('timer, 100rel');
  });

  test('422: a longer session interval (RFC 4028 §6)', () => expect(field(422, HeaderId.MinSE)).toBe('1800'));

  test('3xx: where the call is to go', () => {
    expect(field(302, HeaderId.Contact, '<tel:+1>')).toBe('<tel:+1>');
  });

  test('a status without a name of its own has that of its class (RFC 3261 §8.1.3.2), and To gets a tag', () => {
    const response = imaginedResponse(INVITE, 499);
    expect([response.status, response.reason, response.toTag()]).toEqual([499, 'Bad Request', 'imagined']);
  });
});
