import { expect, test } from 'vitest';
import {
  createResponse,
  HeaderId,
  parseMessage,
  reasonPhrase,
  type SipRequest,
  serialize,
} from '../../../src/sip/message/index.ts';

const text = `INVITE sip:b@h SIP/2.0\r
v: SIP/2.0/UDP one;branch=z9hG4bKa, SIP/2.0/UDP two\r
Via: SIP/2.0/UDP three\r
f: "A" <sip:a@h>;tag=1\r
t: <sip:b@h>\r
i: c@h\r
CSeq: 7 INVITE\r
Timestamp: 54\r
Contact: <sip:a@h>\r
\r
`;
const request = (changed = text) => parseMessage(changed) as SipRequest;

test('a To that the dialog has is taken as it is', () => {
  const response = createResponse(request(), 180, undefined, { to: '<sip:b@h>;tag=y' });
  expect([response.headers.fieldValues(HeaderId.To), response.toTag()]).toEqual([['<sip:b@h>;tag=y'], 'y']);
});

test('§8.2.6.2: Via, From, To, Call-ID and CSeq are the request’s; To gets a tag', () => {
  expect(
    serialize(createResponse(request(), 180, undefined, { toTag: 'x', headers: [[HeaderId.Contact, '<sip:me@h>']] })),
  ).toBe(
    'SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP one;branch=z9hG4bKa, SIP/2.0/UDP two\r\nVia: SIP/2.0/UDP three\r\n' +
      'From: "A" <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=x\r\nCall-ID: c@h\r\nCSeq: 7 INVITE\r\nContact: <sip:me@h>\r\nContent-Length: 0\r\n\r\n',
  );
});

test('§8.2.6.2: a To tag that is there stays alone', () => {
  const response = createResponse(request(text.replace('t: <sip:b@h>', 't: <sip:b@h>;tag=old')), 200, 'OK', {
    toTag: 'new',
  });
  expect(response.toTag()).toBe('old');
});

test('§8.2.6.1: a 100 gets no tag and carries the Timestamp', () => {
  const response = createResponse(request(), 100, undefined, { toTag: 'x' });
  expect([response.toTag(), response.headers.value(HeaderId.Timestamp)]).toEqual([undefined, '54']);
});

test('a body has its type and length', () => {
  const response = serialize(createResponse(request(), 200, 'OK', { body: 'v=0\r\n', contentType: 'application/sdp' }));
  expect(response).toContain('Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n');
});

test('§21: phrases are the registered ones; an unknown status gets that of its class', () => {
  expect([reasonPhrase(486), reasonPhrase(181), reasonPhrase(499), reasonPhrase(999)]).toEqual([
    'Busy Here',
    'Call Is Being Forwarded',
    'Bad Request',
    'Unknown',
  ]);
});
