import { describe, expect, test } from 'vitest';
import { asksTheSame, claimedUser } from '../../../src/sip/auth/digest-uri.ts';
import { HeaderId, SipRequest } from '../../../src/sip/message/index.ts';

const OWN = new Set(['acme.example.com', '192.0.2.1', '2001:db8::1']);
const served = (host: string): boolean => OWN.has(host.toLowerCase());

function request(method: string, uri: string, to = uri): SipRequest {
  const made = new SipRequest(method, uri);
  const { headers } = made;
  headers.add(HeaderId.From, '<sip:101@acme.example.com>;tag=1');
  headers.add(HeaderId.To, `<${to}>`);
  return made;
}

describe('RFC 7616 §3.4.6: the uri asks for the same as the request', () => {
  test.each([
    ['a port that the phone adds', 'REGISTER', 'sip:acme.example.com', 'sip:acme.example.com:5060'],
    ['a port that the phone leaves out', 'REGISTER', 'sip:acme.example.com:5060', 'sip:acme.example.com'],
    ['another port', 'INVITE', 'sip:102@acme.example.com:5080', 'sip:102@acme.example.com:5060'],
    ['transport', 'INVITE', 'sip:102@acme.example.com;transport=udp', 'sip:102@acme.example.com'],
    ['user=phone', 'INVITE', 'sip:+14155550100@acme.example.com;user=phone', 'sip:+14155550100@acme.example.com'],
    ['parameters in the uri alone', 'INVITE', 'sip:102@acme.example.com', 'sip:102@acme.example.com;user=phone;x=1'],
    ['a Request-URI that a proxy made an address', 'INVITE', 'sip:102@192.0.2.1:5062', 'sip:102@acme.example.com'],
    ['a uri that a gateway made an address', 'INVITE', 'sip:102@acme.example.com', 'sip:102@192.0.2.1'],
    ['SIPp: the address of the server alone', 'INVITE', 'sip:102@acme.example.com', 'sip:192.0.2.1:5060'],
    ['SIPp over IPv6', 'INVITE', 'sip:102@acme.example.com', 'sip:[2001:db8::1]:5060'],
    ['SIPp over IPv6, as it really writes it', 'INVITE', 'sip:102@acme.example.com', 'sip:2001:db8::1:5060'],
    ['the host alone', 'BYE', 'sip:102@acme.example.com', 'sip:acme.example.com'],
    ['case of the host', 'REGISTER', 'sip:acme.example.com', 'sip:ACME.example.com'],
    ['escapes of the user', 'INVITE', 'sip:%31%30%32@acme.example.com', 'sip:102@acme.example.com'],
    ['sips and sip', 'INVITE', 'sips:102@acme.example.com', 'sip:102@acme.example.com'],
    ['parameters of the user part', 'INVITE', 'sip:102;x=1@acme.example.com', 'sip:102@acme.example.com'],
    ['the server by an address that is nobody else', 'OPTIONS', 'sip:198.51.100.7', 'sip:198.51.100.7:5060'],
    [
      'separators of a number',
      'INVITE',
      'sip:9-44(20)7946.0123@acme.example.com',
      'sip:9442079460123@acme.example.com',
    ],
    ['no scheme', 'REGISTER', 'sip:acme.example.com', 'acme.example.com'],
    ['no scheme, a port', 'REGISTER', 'sip:acme.example.com', 'acme.example.com:5060'],
    ['no scheme, a user', 'INVITE', 'sip:102@acme.example.com', '102@acme.example.com'],
    ['no scheme, an address', 'REGISTER', 'sip:acme.example.com', '192.0.2.1'],
    ['brackets and spaces', 'INVITE', 'sip:102@acme.example.com', ' <sip:102@acme.example.com> '],
    ['the dot of the root', 'REGISTER', 'sip:acme.example.com', 'sip:acme.example.com.'],
    ['a telephone number', 'INVITE', 'tel:+1-415-555-0100', 'sip:+14155550100@acme.example.com'],
    ['a telephone number made a SIP URI', 'INVITE', 'sip:+14155550100@acme.example.com', 'tel:+1-415-555-0100'],
  ])('%s', (_name, method, requestUri, uri) => {
    expect(asksTheSame(uri, request(method, requestUri), served)).toBe(true);
  });

  test('a REGISTER may be signed for the address that it registers', () => {
    const message = request('REGISTER', 'sip:acme.example.com', 'sip:101@acme.example.com');
    expect(asksTheSame('sip:101@acme.example.com', message, served)).toBe(true);
    expect(asksTheSame('sip:102@acme.example.com', message, served)).toBe(false);
  });

  test.each([
    ['another user', 'INVITE', 'sip:102@acme.example.com', 'sip:103@acme.example.com'],
    ['a user where none is asked for', 'OPTIONS', 'sip:acme.example.com', 'sip:103@acme.example.com'],
    ['a user in other letters', 'INVITE', 'sip:Bob@acme.example.com', 'sip:bob@acme.example.com'],
    ['a host that is not ours', 'INVITE', 'sip:102@acme.example.com', 'sip:102@evil.example.com'],
    ['an address that is not ours', 'INVITE', 'sip:102@acme.example.com', 'sip:198.51.100.7:5060'],
    ['another user without a scheme', 'INVITE', 'sip:102@acme.example.com', '103@acme.example.com'],
    ['a host that is not ours, without a scheme', 'INVITE', 'sip:102@acme.example.com', '102@evil.example.com'],
    ['another number with separators', 'INVITE', 'sip:10-2@acme.example.com', 'sip:10-3@acme.example.com'],
    ['a user whose letters are parted', 'INVITE', 'sip:b.ob@acme.example.com', 'sip:bob@acme.example.com'],
    ['another number', 'INVITE', 'tel:+14155550100', 'tel:+14155550101'],
    ['another scheme', 'INVITE', 'sip:102@acme.example.com', 'http://acme.example.com/'],
    ['nothing', 'REGISTER', 'sip:acme.example.com', ''],
    ['no URI', 'REGISTER', 'sip:acme.example.com', '%%'],
  ])('not %s', (_name, method, requestUri, uri) => {
    expect(asksTheSame(uri, request(method, requestUri), served)).toBe(false);
  });

  test('without knowledge of what is served, only the host of the Request-URI is', () => {
    expect(asksTheSame('sip:acme.example.com:5060', request('REGISTER', 'sip:acme.example.com'))).toBe(true);
    expect(asksTheSame('sip:192.0.2.1', request('REGISTER', 'sip:acme.example.com'))).toBe(false);
  });
});

test('whom a request claims to be of; nobody, when that cannot be read', () => {
  expect(claimedUser(request('REGISTER', 'sip:acme.example.com', 'sip:105@acme.example.com'))).toBe('105');
  expect(claimedUser(request('INVITE', 'sip:102@acme.example.com'))).toBe('101');
  expect(claimedUser(new SipRequest('REGISTER', 'sip:acme.example.com'))).toBeUndefined();
});
