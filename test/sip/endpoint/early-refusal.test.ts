import { expect, test } from 'vitest';
import { earlyRefusal } from '../../../src/sip/endpoint/early-refusal.ts';
import { HeaderId, parseMessage, type SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import type { Flow } from '../../../src/sip/transport/index.ts';

const flow = { transport: 'udp', remoteAddress: '192.0.2.9', remotePort: 5080 } as Flow;
const OPTIONS = { status: 503, reason: 'Service Unavailable', retrySeconds: 2, tag: () => 'ztag' };

const invite = (via: string, more = '') =>
  `INVITE sip:b@x SIP/2.0\r\n${via}\r\nMax-Forwards: 70\r\nFrom: "A" <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n${more}Call-ID: c1\r\nCSeq: 7 INVITE\r\nContent-Length: 2\r\n\r\nab`;

test.each([
  'Via: SIP/2.0/UDP 192.0.2.9:5080;branch=z9hG4bKab',
  'Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKab',
  'v: SIP/2.0/TCP pc33.Example.com;branch=z9hG4bKab;rport\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKxy',
  'Via: SIP/2.0/UDP [2001:db8::1]:5062;rport;branch=z9hG4bKab',
])('RFC 3261 §8.2.6: it repeats what a response repeats, octet for octet: %j', (via) => {
  const text = invite(via);
  const request = parseMessage(text) as SipRequest;
  const refusal = earlyRefusal(text, flow, OPTIONS);
  const { branch, host, port } = request.topVia();
  expect(refusal).toMatchObject({ sentBy: { branch, host, port }, method: 'INVITE' });
  const response = parseMessage(refusal?.text ?? '') as SipResponse;
  expect(response.defect).toBeUndefined();
  expect([response.status, response.headers.value(HeaderId.RetryAfter), response.toTag()]).toEqual([503, '2', 'ztag']);
  for (const id of [HeaderId.From, HeaderId.CallId, HeaderId.CSeq])
    expect(response.headers.value(id)).toBe(request.headers.value(id));
  expect(response.headers.fieldValues(HeaderId.Via).slice(1)).toEqual(
    request.headers.fieldValues(HeaderId.Via).slice(1),
  );
  const top = response.topVia();
  expect([top.host, top.branch]).toEqual([request.topVia().host, 'z9hG4bKab']);
  if (via.includes('rport')) expect(top.params.get('rport')).toBe('5080');
  if (top.host !== '192.0.2.9') expect(top.params.get('received')).toBe('192.0.2.9');
});

test.each([
  ['a branch of RFC 2543', invite('Via: SIP/2.0/UDP 192.0.2.9:5080;branch=1')],
  ['an answer that goes to another port', invite('Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKab')],
  ['two values in one field', invite('Via: SIP/2.0/UDP a;rport;branch=z9hG4bKab, SIP/2.0/UDP b')],
  ['what only we may write', invite('Via: SIP/2.0/UDP a;rport=1;received=203.0.113.1;branch=z9hG4bKab')],
  ['a folded field', invite('Via: SIP/2.0/UDP a;rport;branch=z9hG4bKab', 'Subject: a\r\n b\r\n')],
  ['two From fields', invite('Via: SIP/2.0/UDP a;rport;branch=z9hG4bKab', 'f: <sip:x@y>\r\n')],
  ['a stray NUL', invite('Via: SIP/2.0/UDP a;rport;branch=z9hG4bKab').replace('c1', 'c\0')],
  ['no end of the head', 'INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP a'],
])('what is not written as usual is left to the parser: %s', (_what, text) => {
  expect(earlyRefusal(text, flow, OPTIONS)).toBeUndefined();
});
