import { describe, expect, test } from 'vitest';
import {
  parseMessage,
  refuseExtensions,
  type SipRequest,
  type SipResponse,
  validateRequest,
  validateResponse,
} from '../../../src/sip/message/index.ts';

const fields = [
  'Via: SIP/2.0/UDP h;branch=z9hG4bKa',
  'Max-Forwards: 70',
  'From: <sip:a@h>;tag=1',
  'To: <sip:b@h>',
  'Call-ID: c@h',
  'CSeq: 1 INVITE',
  'Contact: <sip:a@h>',
];
const build = (startLine: string, list: readonly string[]): string => `${startLine}\r\n${list.join('\r\n')}\r\n\r\n`;
const judge = (startLine: string, list: readonly string[] = fields) =>
  validateRequest(parseMessage(build(startLine, list)) as SipRequest);
const replaced = (from: string, to: string): string[] =>
  fields.map((field) => field.replace(from, to)).filter((field) => field !== '');

test('a well-formed request goes on', () => {
  expect(judge('INVITE sip:b@h SIP/2.0')).toBeUndefined();
  expect(judge('INVITE tel:+4989 SIP/2.0')).toBeUndefined();
});

describe('the response owed', () => {
  test.each([
    ['§8.2.2.1: an unknown scheme', 'INVITE isbn:123 SIP/2.0', fields, 416],
    ['§21.5.6: another version', 'INVITE sip:b@h SIP/3.0', fields, 505],
    ['§21.5.2: an unknown method', 'DANCE sip:b@h SIP/2.0', replaced('1 INVITE', '1 DANCE'), 501],
    ['§7.1: methods are case-sensitive', 'invite sip:b@h SIP/2.0', replaced('1 INVITE', '1 invite'), 501],
    ['§21.4.12: a Request-URI of 5 KB', `INVITE sip:${'b'.repeat(5_000)}@h SIP/2.0`, fields, 414],
    ['§16.3: Max-Forwards 0', 'INVITE sip:b@h SIP/2.0', replaced(': 70', ': 0'), 483],
    ['§20.22: Max-Forwards -1', 'INVITE sip:b@h SIP/2.0', replaced(': 70', ': -1'), 400],
    ['§20.22: Max-Forwards 256', 'INVITE sip:b@h SIP/2.0', replaced(': 70', ': 256'), 400],
    ['§20.22: Max-Forwards abc', 'INVITE sip:b@h SIP/2.0', replaced(': 70', ': abc'), 400],
    ['§8.1.1.5: another CSeq method', 'INVITE sip:b@h SIP/2.0', replaced('1 INVITE', '1 BYE'), 400],
    ['§8.1.1: no Via', 'INVITE sip:b@h SIP/2.0', fields.slice(1), 400],
    ['§8.1.1: no From', 'INVITE sip:b@h SIP/2.0', replaced('From: <sip:a@h>;tag=1', ''), 400],
    ['§8.1.1: no To', 'INVITE sip:b@h SIP/2.0', replaced('To: <sip:b@h>', ''), 400],
    ['§8.1.1: no Call-ID', 'INVITE sip:b@h SIP/2.0', replaced('Call-ID: c@h', ''), 400],
    ['§8.1.1: no CSeq', 'INVITE sip:b@h SIP/2.0', replaced('CSeq: 1 INVITE', ''), 400],
    ['§25.1: an empty Call-ID', 'INVITE sip:b@h SIP/2.0', replaced('c@h', ''), 400],
    ['§25.1: white space in the Call-ID', 'INVITE sip:b@h SIP/2.0', replaced('c@h', 'c h'), 400],
    ['a malformed second Via', 'INVITE sip:b@h SIP/2.0', [...fields, 'Via: x'], 400],
    ['a malformed Contact', 'INVITE sip:b@h SIP/2.0', replaced('Contact: <sip:a@h>', 'Contact: <sip:a@h'), 400],
    ['a malformed Route', 'INVITE sip:b@h SIP/2.0', [...fields, 'Route: <sip:a@>'], 400],
    ['a malformed Record-Route', 'INVITE sip:b@h SIP/2.0', [...fields, 'Record-Route: x y'], 400],
    ['RFC 4475 §3.1.2.11: header components in the Request-URI', 'INVITE sip:b@h?Route=x SIP/2.0', fields, 400],
  ])('%s', (_what, startLine, list, status) => {
    expect(judge(startLine, list)?.status).toBe(status);
  });

  test('reason phrases repeat nothing that the peer sent', () => {
    const reason = judge('INVITE sip:b@h SIP/2.0', replaced('<sip:b@h>', '"secret'))?.reason;
    expect(reason).toBe('Malformed Address');
  });

  test('§16.3: a request that ends here, or in a dialog of ours, may have no hops left', () => {
    expect(
      judge(
        'OPTIONS sip:b@h SIP/2.0',
        replaced(': 70', ': 0').map((field) => field.replace('INVITE', 'OPTIONS')),
      ),
    ).toBeUndefined();
    expect(
      judge(
        'INVITE sip:b@h SIP/2.0',
        replaced(': 70', ': 0').map((field) => field.replace('To: <sip:b@h>', 'To: <sip:b@h>;tag=2')),
      ),
    ).toBeUndefined();
  });

  test('RFC 2543: no branch, From tag or Max-Forwards is accepted', () => {
    expect(
      judge('INVITE sip:b@h SIP/2.0', ['Via: SIP/2.0/UDP h', 'From: <sip:a@h>', ...fields.slice(3)]),
    ).toBeUndefined();
  });

  test('§10.2.2: a Contact of * is read', () => {
    expect(
      judge(
        'REGISTER sip:h SIP/2.0',
        replaced('Contact: <sip:a@h>', 'Contact: *').map((field) => field.replace('INVITE', 'REGISTER')),
      ),
    ).toBeUndefined();
  });
});

describe('§8.2.2.3: required extensions', () => {
  const requiring = (method: string) =>
    parseMessage(
      build(`${method} sip:b@h SIP/2.0`, [...fields, 'Require: timer, Warp', 'Require: 100rel']),
    ) as SipRequest;
  const supported = new Set(['timer', '100rel']);

  test('420 lists what is not supported', () => {
    expect(refuseExtensions(requiring('INVITE'), supported)).toMatchObject({
      status: 420,
      headers: [[expect.anything(), 'Warp']],
    });
    expect(refuseExtensions(requiring('INVITE'), new Set([...supported, 'warp']))).toBeUndefined();
  });

  test('Require is ignored in ACK and CANCEL', () => {
    expect(refuseExtensions(requiring('ACK'), supported)).toBeUndefined();
    expect(refuseExtensions(requiring('CANCEL'), supported)).toBeUndefined();
  });
});

describe('responses', () => {
  const keep = (list: readonly string[]) =>
    validateResponse(parseMessage(build('SIP/2.0 200 OK', list)) as SipResponse);
  test('a well-formed response is kept', () => {
    expect(keep(fields)).toBe(true);
  });

  test.each([
    ['§8.1.3.3: more than one Via', [...fields, 'Via: SIP/2.0/UDP other']],
    ['two Via in one field', replaced('bKa', 'bKa, SIP/2.0/UDP other')],
    ['no CSeq', replaced('CSeq: 1 INVITE', '')],
    ['a CSeq beyond 2**31', replaced('CSeq: 1', 'CSeq: 4294967296')],
    ['two To', [...fields, 'To: <sip:x@h>;tag=2']],
    ['a malformed Contact', replaced('Contact: <sip:a@h>', 'Contact: <sip')],
  ])('%s is dropped', (_what, list) => {
    expect(keep(list)).toBe(false);
  });
});
