import { describe, expect, test } from 'vitest';
import { tenantSchema } from '../../../src/provisioning/tenants/schema.ts';

describe('headers.relay takes what can be relayed, and refuses the rest', () => {
  const accepts = (list: 'trunk' | 'user' | 'all', name: string) =>
    tenantSchema.safeParse({ name: 'a', domain: 'a.example', headers: { relay: { [list]: [name] } } }).success;

  test.each(['trunk', 'user', 'all'] as const)('%s', (list) => {
    for (const name of ['X-Account', 'Subject', 'Call-Info', 'User-to-User', 'Geolocation', 'Session-ID'])
      expect([name, accepts(list, name)]).toEqual([name, true]);
    for (const name of ['User-Agent', 'server', 'Retry-After', 'Join', 'Refer-Sub', 'Recv-Info', 'Via', 'P-X', 'X-CID'])
      expect([name, accepts(list, name)]).toEqual([name, false]);
    for (const name of ['X-Tandem-Ringing', 'x-tandem-via', 'X-TANDEM-PEER'])
      expect([name, accepts(list, name)]).toEqual([name, false]);
  });
});
