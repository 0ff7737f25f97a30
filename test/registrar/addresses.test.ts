import { expect, test } from 'vitest';
import { classifyAddress, plainAddress } from '../../src/registrar/addresses.ts';

test.each([
  ['192.0.2.1', 'unicast'],
  ['10.0.0.1', 'unicast'],
  ['2001:db8::1', 'unicast'],
  ['fd00::1', 'unicast'],
  ['127.9.9.9', 'loopback'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['169.254.169.253', 'link-local'],
  ['fe80::1', 'link-local'],
  ['febf::1', 'link-local'],
  ['224.0.1.75', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['FF02::1', 'multicast'],
  ['0.0.0.0', 'unspecified'],
  ['::', 'unspecified'],
  ['::ffff:0.0.0.0', 'unspecified'],
  ['0.0.0.1', 'unusable'],
  ['169.254.169.254', 'unusable'],
  ['240.0.0.1', 'unusable'],
  ['255.255.255.255', 'unusable'],
  ['phone.example.com', undefined],
  ['localhost', undefined],
  ['1.2.3', undefined],
])('RFC 6890: %s is %s', (host, expected) => {
  expect(classifyAddress(host)).toBe(expected);
});

test('one address has one spelling', () => {
  expect(plainAddress('::FFFF:192.0.2.1')).toBe('192.0.2.1');
  expect(plainAddress('2001:DB8:0:0:0:0:0:1')).toBe(plainAddress('2001:db8::1'));
  expect(plainAddress('fe80::1%eth0')).toBe(plainAddress('FE80:0::1%25wlan0'));
  expect(plainAddress('fe80::zz%eth0')).toBe('fe80::zz');
});
