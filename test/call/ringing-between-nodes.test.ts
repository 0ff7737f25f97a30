import { describe, expect, test } from 'vitest';
import { ringingOf, tellRinging } from '../../src/call/ringing-between-nodes.ts';
import type { WaitingCancel } from '../../src/call/waiting.ts';
import { buildCancel } from '../../src/sip/endpoint/index.ts';
import { parseMessage, type SipRequest, type SipResponse, serialize } from '../../src/sip/message/index.ts';

const INVITE = [
  'INVITE sip:102@203.0.113.2 SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1;rport',
  'Route: <sip:203.0.113.9;lr>',
  'From: "Zoë" <sip:101@a>;tag=1',
  'To: <sip:102@a>',
  'Call-ID: of-two',
  'CSeq: 7 INVITE',
  'Max-Forwards: 69',
  'Contact: <sip:101@192.0.2.2>',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');
const RINGING = [
  'SIP/2.0 180 Ringing',
  'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2',
  'From: <sip:101@a>;tag=3',
  'To: <sip:102@a>;tag=4',
  'Call-ID: of-one',
  'CSeq: 1 INVITE',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

const invite = parseMessage(Buffer.from(INVITE).toString('latin1')) as SipRequest;
const cancel: WaitingCancel = {
  text: serialize(buildCancel(invite, [])),
  to: { kind: 'target', transport: 'udp', address: '203.0.113.2', port: 5060 },
};
/** Of the other node. */
const asked = parseMessage(
  serialize(invite).replace('z9hG4bK1', 'z9hG4bK2').replace('of-two', 'of-one').replace('CSeq: 7', 'CSeq: 1'),
) as SipRequest;
const told = (cancels: readonly WaitingCancel[], body = '') => {
  const response = parseMessage(RINGING) as SipResponse;
  response.body = body;
  const before = tellRinging(response, asked, cancels);
  return [before, response].flatMap((one) => (one === undefined ? [] : [parseMessage(serialize(one)) as SipResponse]));
};
const LONG = `v=0\r\n${'a=sendrecv\r\n'.repeat(80)}`;

test('the other node can send the CANCEL that the one that rings the phone would send (RFC 3261 §9.1)', () => {
  const [response, ...others] = told([cancel]);
  const there = ringingOf(response as SipResponse);
  expect(others).toEqual([]);
  expect(there?.method).toBe('INVITE');
  expect(serialize(buildCancel(there as SipRequest, []))).toBe(cancel.text);
});

test('a short description leaves room for it', () => {
  const [response, ...others] = told([cancel], 'v=0\r\n');
  expect(others).toEqual([]);
  expect(serialize(buildCancel(ringingOf(response as SipResponse) as SipRequest, []))).toBe(cancel.text);
});

test('where a response has no room for it, as with a long description, it goes before that in a 100, which nobody relays', () => {
  const [trying, response, ...others] = told([cancel], LONG);
  expect(others).toEqual([]);
  expect(serialize(buildCancel(ringingOf(trying as SipResponse) as SipRequest, []))).toBe(cancel.text);
  expect([trying?.status, trying?.topVia().branch, trying?.toTag()]).toEqual([100, 'z9hG4bK2', undefined]);
  expect(trying?.headers.valueNamed('CSeq')).toBe('1 INVITE');
  expect([response?.status, response?.body, ringingOf(response as SipResponse)]).toEqual([180, LONG, undefined]);
});

test.each([
  ['nobody rings', [], ''],
  ['several do, of whom the other node knows no address', [cancel, cancel], ''],
  ['it would be too long', [{ ...cancel, text: cancel.text.replace('of-two', 'o'.repeat(800)) }], ''],
])('nothing is told where %s', (_what, cancels, body) => {
  const responses = told(cancels, body);
  expect(responses.map(({ status, headers }) => [status, headers.hasNamed('X-Tandem-Ringing')])).toEqual([
    [180, false],
  ]);
});

describe('what is no CANCEL is none', () => {
  const answering = (text: string) => {
    const response = parseMessage(RINGING) as SipResponse;
    response.headers.addNamed('X-Tandem-Ringing', Buffer.from(text, 'latin1').toString('base64url'));
    return response;
  };
  test.each([
    ['a BYE', cancel.text.replaceAll('CANCEL', 'BYE')],
    ['a response', RINGING],
    ['noise', 'noise'],
    ['nothing', ''],
  ])('%s', (_what, text) => {
    expect(ringingOf(answering(text))).toBeUndefined();
  });
});
