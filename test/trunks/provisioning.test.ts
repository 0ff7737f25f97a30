import { describe, expect, test } from 'vitest';
import { checkProvisioning } from '../../src/trunks/provisioning.ts';
import { provision } from './kit.ts';

const register = { type: 'register' as const, host: 'x.example.com' };
const credentials = { authName: 'u', password: 'p' };
const ip = { type: 'ip' as const, host: '192.0.2.1', port: 5060 };
const state = provision({
  tenants: [
    { name: 'a', domain: 'one.example.com' },
    { name: 'b', domain: 'one.example.com' },
  ],
  trunks: [
    { ...register, id: '1', name: 'of-a', owner: 'a', credentials, didPool: '1000-2999' },
    { ...register, id: '2', name: 'of-b', owner: 'b', credentials, didPool: '900-1500; 2900-3000' },
    { ...ip, id: '3', name: 'carrier' },
    { ...ip, id: '4', name: 'carrier' },
    { ...ip, id: '4', name: 'other', port: 5070 },
  ],
});

describe('of two that clash, the one that is written is at fault, else the later one', () => {
  const faults = (written: readonly object[]) =>
    checkProvisioning(state, {}, new Set(written))
      .map(({ code, path, redacted = '' }) => `${code} ${path} ${redacted}`.trim())
      .sort();
  const [a, b] = state.tenants as [object, object];
  const [ofA, ofB, carrier, twin, other] = state.trunks as [object, object, object, object, object];

  test('nothing is written: the later', () => {
    expect(faults([])).toEqual([
      'pool-overlap trunks[1].didPool 2900-3000 holds numbers of another tenant of this provider',
      'pool-overlap trunks[1].didPool 900-1500 holds numbers of another tenant of this provider',
      'tenant-domain-taken tenants[1].domain one.example.com is already in use',
      'trunk-credentials-taken trunks[1].credentials.authName x.example.com with the authentication name "u" is already in use',
      'trunk-host-taken trunks[3].host 192.0.2.1:5060 is already in use',
      'trunk-id-taken trunks[4].id',
      'trunk-name-taken trunks[3].name',
    ]);
  });

  test('the earlier is written: what is said of a pool are its own numbers, whole', () => {
    expect(faults([a, ofA, carrier, twin])).toEqual([
      'pool-overlap trunks[0].didPool 1000-2999 holds numbers of another tenant of this provider',
      'pool-overlap trunks[0].didPool 1000-2999 holds numbers of another tenant of this provider',
      'tenant-domain-taken tenants[0].domain one.example.com is already in use',
      'trunk-credentials-taken trunks[0].credentials.authName x.example.com with the authentication name "u" is already in use',
      'trunk-host-taken trunks[3].host 192.0.2.1:5060 is already in use',
      'trunk-id-taken trunks[3].id',
      'trunk-name-taken trunks[3].name',
    ]);
  });

  test('both are written: the later', () => {
    expect(faults([a, b, ofA, ofB, carrier, twin, other])).toEqual(faults([]));
  });
});
