import { expect, test } from 'vitest';
import { bindingResponse } from '../../../src/sip/transport/stun.ts';

const TRANSACTION = '2112a442b7e7a701bc34d686fa87dfae';
const octets = (hex: string) => Buffer.from(hex, 'hex');
const request = (attributes = '', length = attributes.length / 2) =>
  octets(`0001${length.toString(16).padStart(4, '0')}${TRANSACTION}${attributes}`);

// RFC 5769 §2.2 and §2.3, without the attributes that RFC 5626 §8 does not ask for.
test.each([
  ['192.0.2.1', `0101000c${TRANSACTION}002000080001a147e112a643`],
  ['2001:db8:1234:5678:11:2233:4455:6677', `01010018${TRANSACTION}002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9`],
])('a Binding Request from %s is told so', (address, answer) => {
  expect(bindingResponse(request(), address, 32853)?.toString('hex')).toBe(answer);
  expect(bindingResponse(request('802200046c696272'), address, 32853)?.toString('hex')).toBe(answer);
});

test.each([
  ['one', '70010000', '00027001' + '0000'],
  ['several, each once', '700100047e7a70000025000080220001700000007001000000240000', '000670010025' + '0024' + '0000'],
])('RFC 5389 §7.3.1: attributes that have to be understood and are not are told with 420: %s', (_what, given, told) => {
  const answer = bindingResponse(request(given), '192.0.2.1', 32853)?.toString('hex');
  const attributes = `0009000400000414000a${told}`;
  expect(answer).toBe(`0111${(attributes.length / 2).toString(16).padStart(4, '0')}${TRANSACTION}${attributes}`);
  expect((answer?.length ?? 0) / 2).toBeLessThanOrEqual(1.5 * request(given).length);
});

test.each([
  ['those of authentication, which nobody asks for', '00060003666f6f00' + '001400016100' + '0000'],
  ['what stands behind MESSAGE-INTEGRITY (§15.4)', `00080014${'00'.repeat(20)}70010000`],
])('attributes that are passed over: %s', (_what, given) => {
  expect(bindingResponse(request(given), '192.0.2.1', 32853)?.readUInt16BE(0)).toBe(0x0101);
});

test.each([
  ['shorter than a head', request().subarray(0, 19)],
  ['of another length than it says', request('', 4)],
  ['of a length that is no multiple of four (RFC 5389 §6)', request('000000')],
  ['with an attribute that goes beyond it', request('802200086c696272')],
  ['longer than its path takes whole (RFC 5389 §7.1)', request(`802205c8${'00'.repeat(1_480)}`)],
  ['another method', octets(`0003${request().toString('hex', 2)}`)],
  ['an answer', octets(`0101${request().toString('hex', 2)}`)],
  ['without the cookie (RFC 3489)', octets(`00010000${'00'.repeat(16)}`)],
  ['nothing', Buffer.alloc(0)],
])('%s is none', (_what, given) => {
  expect(bindingResponse(given, '192.0.2.1', 32853)).toBeUndefined();
});
