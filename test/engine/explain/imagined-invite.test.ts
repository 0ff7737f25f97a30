import { describe, expect, test } from 'vitest';
import { imagineInvite, readInvite } from '../../../src/engine/explain/imagined-invite.ts';
import { HeaderId, validateRequest } from '../../../src/sip/message/index.ts';

const LINES = [
  'INVITE sip:9@acme.example.com SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1',
  'From: <sip:101@acme.example.com>;tag=1',
  'To: <sip:9@acme.example.com>',
  'Call-ID: one',
  'CSeq: 1 INVITE',
  'Contact: <sip:101@192.0.2.1>',
  'Max-Forwards: 70',
];
const invalid = (path: string) => expect.objectContaining({ name: 'QuestionError', kind: 'invalid', path });

describe('an INVITE as text', () => {
  test.each([
    ['as on the wire', `${LINES.join('\r\n')}\r\n\r\n`],
    ['with line feeds, as an editor writes it', `${LINES.join('\n')}\n\n`],
    ['without the empty line at its end', LINES.join('\n')],
    ['with empty lines before it', `\r\n\r\n${LINES.join('\r\n')}\r\n\r\n`],
  ])('%s', (_, text) => expect(readInvite({ invite: text })?.requestUri).toBe('sip:9@acme.example.com'));

  test.each(['v=0\r\ns=-\r\n', 'v=0\ns=-\n'])(
    'with line feeds in its head alone its body is as it came: %j',
    (body) => {
      const request = readInvite({ invite: `${LINES.join('\n')}\nContent-Type: application/sdp\n\n${body}` });
      expect(request?.body).toBe(body);
    },
  );

  test('its length is that of the body it has, in octets', () => {
    const request = readInvite({ invite: `${LINES.join('\n')}\nl: 999\nContent-Type: text/plain\n\nZoë` });
    expect([request?.body.length, request?.headers.value(HeaderId.ContentLength)]).toEqual([4, '4']);
  });

  test.each([
    ['cut off', 'INVITE sip:9@acme.example.com SIP/2.0\r\nVia: SIP'],
    ['a response', 'SIP/2.0 200 OK\r\n\r\n'],
    ['another method', LINES.join('\n').replaceAll('INVITE', 'BYE')],
    ['nothing', ''],
    ['no URI', LINES.join('\n').replace('sip:9@acme.example.com SIP', 'sip: SIP')],
    ['two different Call-IDs', [...LINES, 'Call-ID: two'].join('\n')],
  ])('%s is refused with the reason', (_, text) => {
    expect(() => readInvite({ invite: text })).toThrow(invalid('invite'));
    const inviteBase64 = Buffer.from(text, 'latin1').toString('base64');
    expect(() => readInvite({ inviteBase64 })).toThrow(invalid('invite'));
  });

  test('as octets it keeps what is no UTF-8', () => {
    const octets = [...LINES, 'Subject: Jos\u00e9'].join('\n');
    const request = readInvite({ inviteBase64: Buffer.from(octets, 'latin1').toString('base64') });
    expect(request?.headers.value(HeaderId.Subject)).toBe('Jos\u00e9');
    expect(readInvite({})).toBeUndefined();
  });
});

describe('an INVITE put together', () => {
  test('is one that the validator lets pass, with a display name in any script', () => {
    const request = imagineInvite({ from: '101', to: '+1 800', displayName: 'Zoë "Z"' }, 'acme.example.com');
    expect(validateRequest(request)).toBeUndefined();
    expect(request.requestUri).toBe('sip:+1%20800@acme.example.com');
    expect(Buffer.from(request.headers.value(HeaderId.From) ?? '', 'latin1').toString()).toMatch(
      /^"Zoë \\"Z\\"" <sip:101@acme\.example\.com>;tag=/,
    );
  });

  test.each([
    ['tel:+18005550199', 'tel:+18005550199'],
    ['sip:9@elsewhere.example', 'sip:9@elsewhere.example'],
    ['*67911', 'sip:*67911@acme.example.com'],
    ['a@b', 'sip:a%40b@acme.example.com'],
  ])('%s is dialled as %s', (to, uri) => {
    expect(imagineInvite({ from: '101', to }, 'acme.example.com').requestUri).toBe(uri);
  });

  test('an asked field that every INVITE has once replaces it, others are added; From gets a tag', () => {
    const headers = [
      { name: 'f', value: '<sip:102@acme.example.com>' },
      { name: 'X-A', value: '1' },
      { name: 'X-A', value: '2' },
    ];
    const request = imagineInvite({ from: '101', to: '9', headers }, 'acme.example.com');
    expect(request.headers.fieldValues(HeaderId.From)).toHaveLength(1);
    expect(request.fromTag()).toBeDefined();
    expect(request.headers.fieldValuesNamed('X-A')).toEqual(['1', '2']);
  });

  test.each([
    [{ from: '101', to: 'sip:' }, 'to'],
    [{ from: '101', to: '9', headers: [{ name: 'X-A', value: 'a\r\nRoute: <sip:evil>' }] }, 'headers'],
    [{ from: '101', to: '9', headers: [{ name: 'CSeq', value: 'x' }] }, 'headers'],
  ])('%j is refused', (question, path) => {
    expect(() => imagineInvite(question, 'acme.example.com')).toThrow(invalid(path));
  });
});
