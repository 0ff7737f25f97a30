import { expect, test } from 'vitest';
import type { AddressScope } from '../../../src/base/address-scope.ts';
import { scopeOf, viaOf, viaScopeOf } from '../../../src/provisioning/trunk-settings/own-address.ts';
import type { Trunk } from '../../../src/provisioning/trunk-settings/schema.ts';

const trunkWith = (options: Partial<Trunk['options']>, teams?: { fqdn: string }) =>
  ({ options: { usePrivateIp: false, rewriteViaHost: false, ...options }, teams }) as Pick<Trunk, 'options' | 'teams'>;
const ADDRESSES = { public: { host: '203.0.113.1', port: 5060 }, private: { host: '10.0.0.1', port: 5062 } };
const addressOf = (scope: AddressScope) => ADDRESSES[scope];

test.each([
  [{}, 'public', 'public', undefined],
  [{ usePrivateIp: true }, 'private', 'private', undefined],
  [{ rewriteViaHost: true }, 'public', 'public', { viaHost: '203.0.113.1', viaPort: 5060 }],
  [{ usePrivateIp: true, rewriteViaHost: true }, 'private', 'public', { viaHost: '203.0.113.1', viaPort: 5060 }],
] as const)('with %j Contact has the %s address and Via the %s one', (options, contact, viaScope, via) => {
  const trunk = trunkWith(options);
  expect([scopeOf(trunk), viaScopeOf(trunk), viaOf(trunk, addressOf)]).toEqual([contact, viaScope, via]);
});

test('Teams is told a name, with the port of the address', () => {
  const trunk = trunkWith({ usePrivateIp: true }, { fqdn: 'sbc.example.com' });
  expect(viaOf(trunk, addressOf)).toEqual({ viaHost: 'sbc.example.com', viaPort: 5062 });
});

test('where nothing is known of the address Via says what the socket does', () => {
  expect(viaOf(trunkWith({ rewriteViaHost: true }), () => undefined)).toBeUndefined();
});
