import { expect, test } from 'vitest';
import type { Trunk } from '../../src/provisioning/trunk-settings/schema.ts';
import { describeDestination } from '../../src/sip/endpoint/index.ts';
import { hopOf, targetOfKey } from '../../src/trunks/hops.ts';
import { directoryOf, ipTrunk } from './provider.ts';

test.each([
  { transport: 'udp' as const, address: '192.0.2.1', port: 5060 },
  { transport: 'tls' as const, address: '2001:db8::1', port: 5061 },
])('the name of a target in call records says all of it: %o', (target) => {
  expect(targetOfKey(describeDestination(target))).toEqual(target);
});

test.each([
  '',
  'udp',
  'udp:',
  'udp::5060',
  'sctp:192.0.2.1:5060',
  'udp:192.0.2.1:0',
  'udp:192.0.2.1:x',
  'udp:1.2.3.4:70000',
])('%j names no target', (key) => {
  expect(targetOfKey(key)).toBeUndefined();
});

test('a place that comes after thousands of others is read once too', () => {
  for (let index = 0; index < 3_000; index++) targetOfKey(`udp:10.1.${index >> 8}.${index & 255}:5060`);
  const latest = targetOfKey('udp:192.0.2.77:5060');
  expect(latest).toEqual({ transport: 'udp', address: '192.0.2.77', port: 5060 });
  expect(targetOfKey('udp:192.0.2.77:5060')).toBe(latest);
});

test('requests go to the outbound proxy if there is one, to the host else; those of a gateway along its binding', () => {
  const hop = (overrides: object) => hopOf(directoryOf([ipTrunk(overrides)]).trunks.at(0) as Trunk);
  expect(hop({ host: 'a.example', port: 5070 })).toEqual({
    kind: 'host',
    host: 'a.example',
    port: 5070,
    transport: 'udp',
  });
  expect(hop({ host: 'a.example', outboundProxy: { host: 'b.example' } })).toEqual({
    kind: 'host',
    host: 'b.example',
    port: undefined,
    transport: 'udp',
  });
  const gateway = { type: 'accept-register', credentials: { authName: '1', password: 'p' } };
  expect(hop(gateway)).toMatchObject({ kind: 'binding' });
});
