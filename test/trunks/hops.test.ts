import { expect, test } from 'vitest';
import type { Trunk } from '../../src/provisioning/trunk-settings/schema.ts';
import { describeDestination } from '../../src/sip/endpoint/index.ts';
import { hopOf, TrunkHops, targetOfKey, wayOf } from '../../src/trunks/hops.ts';
import { directoryOf, FakeLocator, ipTrunk } from './provider.ts';

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
    way: '',
    owner: 'system',
  });
  expect(hop({ host: 'a.example', outboundProxy: { host: 'b.example' } })).toEqual({
    kind: 'host',
    host: 'b.example',
    port: undefined,
    transport: 'udp',
    way: '',
    owner: 'system',
  });
  const gateway = { type: 'accept-register', credentials: { authName: '1', password: 'p' } };
  expect(hop(gateway)).toMatchObject({ kind: 'binding' });
});

test('what has failed for a trunk has failed for those of its owner that try it the same way, and for no others', () => {
  const ways = (...overrides: object[]) =>
    new Set(overrides.map((each) => wayOf(directoryOf([ipTrunk(each)]).trunks.at(0) as Trunk))).size;
  const tls = { transport: 'tls' };
  expect(ways({ host: 'a.example' }, { host: 'b.example', port: 5070 })).toBe(1);
  expect(ways({ ...tls, host: 'a.example' }, { ...tls, host: 'a.example', tls: { serverName: 'a.example' } })).toBe(1);
  expect(ways({}, { options: { listener: 'inside' } }, tls)).toBe(3);
  const own = { type: 'register', credentials: { authName: '1', password: 'p' }, host: 'a.example' };
  expect(ways(own, { ...own, owner: 'acme' }, { ...own, owner: 'globex' })).toBe(3);
  expect(ways({ ...own, owner: 'acme' }, { ...own, options: { listener: 'acme' } })).toBe(2);
  const [names, certificates] = [
    ['a.example', 'b.example'],
    ['/a.pem', '/b.pem'],
  ];
  expect(ways(...names.map((serverName) => ({ ...tls, tls: { serverName } })))).toBe(2);
  expect(ways(...names.map((host) => ({ ...tls, host })))).toBe(2);
  expect(ways(...certificates.map((ca) => ({ ...tls, tls: { ca } })))).toBe(2);
  expect(ways(tls, { ...tls, tls: { allowWildcard: true } })).toBe(2);
});

test('names are looked up in the name of who owns the trunk, whoever wrote them', () => {
  const locator = new FakeLocator();
  const hops = new TrunkHops({ locator, gatewayReach: () => [] });
  const trunk = { ...(directoryOf([ipTrunk({})]).trunks.at(0) as Trunk), owner: 'acme' };
  void hops.reach(trunk, hopOf(trunk));
  void hops.elsewhere(trunk, { host: '192.0.2.8', port: 5060 });
  const at = (host: string) => ({ host, port: 5061 });
  const targets = [at('192.0.2.1'), at('192.0.2.2'), at('192.0.2.3')] as const;
  void hops.reach(
    { ...trunk, teams: { fqdn: 'sbc.acme.example', certificate: 'sbc', targets } as never },
    hopOf(trunk),
  );
  expect(locator.owners).toEqual(Array(5).fill('acme'));
});
