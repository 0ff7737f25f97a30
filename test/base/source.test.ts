import { expect, test } from 'vitest';
import { peerOf, sourceOf } from '../../src/base/source.ts';

test.each([
  ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['of acme', '192.0.2.1', 'of acme|192.0.2.1'],
  ['2001:db8::/48', '2001:db8::1', '2001:db8::/48|2001:db8::1'],
])('an address of %s: %s is the source %s, and of that peer', (peer, address, source) => {
  expect([sourceOf(peer, address), peerOf(source)]).toEqual([source, peer]);
});
