import { expect, test } from 'vitest';
import { literalNextHop } from '../../src/call/next-hop.ts';

const soFar = { transport: 'udp', address: '192.0.2.1', port: 5060, listenerId: 'public' } as const;

test('RFC 3261 §12.2.1.1: the address of the route or remote target, over the listener so far', () => {
  expect(literalNextHop('sip:192.0.2.7:5070', soFar)).toEqual({
    transport: 'udp',
    address: '192.0.2.7',
    port: 5070,
    listenerId: 'public',
  });
  expect(literalNextHop('sip:192.0.2.1:5080;lr', soFar)?.port).toBe(5080);
  expect(literalNextHop('sip:[2001:db8::7]', { ...soFar, address: '2001:db8::1' })?.address).toBe('2001:db8::7');
});

test('the way so far is kept for the same place, names, other transports and other families', () => {
  for (const uri of [
    'sip:192.0.2.1',
    'sip:carrier.example.com',
    'sip:192.0.2.7;transport=tcp',
    'sips:192.0.2.7',
    'tel:+123',
    'sip:[2001:db8::7]',
  ]) {
    expect(literalNextHop(uri, soFar), uri).toBeUndefined();
  }
});

test('security: no peer sends this engine to link-local, metadata, multicast, unspecified or loopback addresses', () => {
  for (const host of ['169.254.169.254', '0.0.0.0', '224.0.1.75', '255.255.255.255', '127.0.0.1']) {
    expect(literalNextHop(`sip:${host}`, soFar), host).toBeUndefined();
  }
  for (const host of ['fe80::1', '::1', '::', 'ff02::1', '::ffff:127.0.0.1']) {
    expect(literalNextHop(`sip:[${host}]`, { ...soFar, address: '2001:db8::1' }), host).toBeUndefined();
  }
  // A laboratory on one machine.
  expect(literalNextHop('sip:127.0.0.1:5090', { ...soFar, address: '127.0.0.1' })?.port).toBe(5090);
});
