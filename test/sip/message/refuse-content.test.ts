import { expect, test } from 'vitest';
import { HeaderId, Headers, parseMessage, refuseContent, SipRequest } from '../../../src/sip/message/index.ts';
import { tortureText } from '../../kit/torture.ts';

const served = ['application/sdp', 'multipart/mixed'];
const judge = (fields: readonly (readonly [number, string])[], body = 'x', method = 'INVITE') => {
  const headers = new Headers();
  for (const [id, value] of fields) headers.add(id, value);
  return refuseContent(new SipRequest(method, 'sip:a@b', headers, body), served);
};

test('§8.2.3: a body of a type that is not served is 415 with what is', () => {
  expect(judge([[HeaderId.ContentType, 'application/unknown']])).toMatchObject({
    status: 415,
    headers: [[HeaderId.Accept, 'application/sdp, multipart/mixed']],
  });
  expect(judge([])?.status).toBe(415);
  expect(judge([[HeaderId.ContentType, 'Application/SDP;charset=utf-8']])).toBeUndefined();
  expect(judge([[HeaderId.ContentType, 'application/unknown']], '')).toBeUndefined();
});

test('§8.2.3: an encoding is 415 with Accept-Encoding', () => {
  const fields = [[HeaderId.ContentType, 'application/sdp'] as const, [HeaderId.ContentEncoding, 'gzip'] as const];
  expect(judge(fields)).toMatchObject({ status: 415, headers: [[HeaderId.AcceptEncoding, 'identity']] });
});

test('§20.11: a body whose handling is optional is never a reason to refuse', () => {
  const fields = [
    [HeaderId.ContentType, 'a/b'] as const,
    [HeaderId.ContentDisposition, 'x;handling=optional'] as const,
  ];
  expect(judge(fields)).toBeUndefined();
});

test('§21.4.7: an INVITE that accepts no session description is 406; an OPTIONS may', () => {
  expect(judge([[HeaderId.Accept, 'text/plain']], '')?.status).toBe(406);
  expect(judge([[HeaderId.Accept, 'text/plain']], '', 'OPTIONS')).toBeUndefined();
  expect(
    judge(
      [
        [HeaderId.Accept, 'text/plain'],
        [HeaderId.Accept, 'application/*'],
      ],
      '',
    ),
  ).toBeUndefined();
});

test('a content field that cannot be read is 400', () => {
  expect(judge([[HeaderId.ContentType, 'nonsense']])?.status).toBe(400);
});

test.each([
  ['invut', 415],
  ['sdp01', 406],
  ['wsinv', undefined],
])('RFC 4475: %s is owed %s', (name, status) => {
  expect(refuseContent(parseMessage(tortureText('rfc4475', name)) as SipRequest, served)?.status).toBe(status);
});
