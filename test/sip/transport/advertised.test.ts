import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { AdvertisedAddress } from '../../../src/sip/transport/advertised.ts';

const bound = { transport: 'udp', host: '10.0.0.5', port: 0 } as const;
const wildcard = { transport: 'udp', host: '0.0.0.0', port: 5060 } as const;

test('§18.1.1: by default sent-by is the address and port that listens', () => {
  const address = new AdvertisedAddress(bound, 5080);
  expect(address.toward('192.0.2.1')).toEqual({ host: '10.0.0.5', port: 5080 });
  expect(address.toward('192.0.2.1', 'private')).toEqual({ host: '10.0.0.5', port: 5080 });
});

test('a public and a private host are told to those they are for', () => {
  const options = { ...bound, publicHost: '203.0.113.7', publicPort: 15060, privateHost: 'sbc.internal' };
  const address = new AdvertisedAddress(options, 5060);
  expect(address.toward('192.0.2.1')).toEqual({ host: '203.0.113.7', port: 15060 });
  expect(address.toward('10.0.0.9', 'private')).toEqual({ host: 'sbc.internal', port: 5060 });
});

test('a listener on all interfaces says the address in the subnet of the peer, never the wildcard', () => {
  const address = new AdvertisedAddress(wildcard, 5060);
  expect(address.toward('127.0.0.1')).toEqual({ host: '127.0.0.1', port: 5060 });
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const external = own.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
  expect(address.toward('192.0.2.1')).toEqual({ host: external, port: 5060 });
  expect(new AdvertisedAddress({ ...wildcard, host: '::' }, 5060).toward('::1').host).toBe('::1');
});

test('a connection says the address that it has, where the listener has no name or address of its own', () => {
  expect(new AdvertisedAddress(wildcard, 5060).toward('192.0.2.1', 'public', '10.9.9.9')).toEqual({
    host: '10.9.9.9',
    port: 5060,
  });
  expect(new AdvertisedAddress(bound, 5060).toward('192.0.2.1', 'public', '10.9.9.9').host).toBe('10.0.0.5');
});

test('RFC 3261 §25.1: an address of a link is told without its zone, and to who is on that link alone', () => {
  const everywhere = new AdvertisedAddress({ ...wildcard, host: '::' }, 5060);
  expect(everywhere.toward('fe80::9%eth7', 'public', 'fe80::5%eth7').host).toBe('fe80::5');
  for (const [name, addresses] of Object.entries(networkInterfaces()))
    for (const { address } of addresses ?? []) {
      if (!address.startsWith('fe80:')) continue;
      expect(everywhere.toward(`fe80::9%${name}`).host).toBe(address);
      expect(everywhere.toward('2001:db8::9').host).not.toMatch(/^fe80:/);
    }
});

test('the remembered peers are bounded and answers stay the same', () => {
  const address = new AdvertisedAddress(wildcard, 5060);
  const first = address.toward('127.0.0.1');
  for (let index = 0; index < 3_000; index++) address.toward(`192.0.2.${index % 256}`);
  expect(address.toward('127.0.0.1')).toEqual(first);
});
