import { expect, test } from 'vitest';
import { socketOf } from '../../src/settings/sockets.ts';

test('TLS takes ports of TCP, UDP its own', () => {
  expect((['udp', 'tcp', 'tls'] as const).map(socketOf)).toEqual(['udp', 'tcp', 'tcp']);
});
