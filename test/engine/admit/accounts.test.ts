import { describe, expect, test } from 'vitest';
import { Accounts } from '../../../src/engine/admit/accounts.ts';
import { Directory } from '../../../src/provisioning/directory/directory.ts';
import { isCollected } from '../../kit/collected.ts';
import { PASSWORD, provisioningOf } from '../world.ts';

function accountsOf(extensions: Record<string, unknown>[], services: Record<string, unknown>[] = []) {
  const directory = provisioningOf({ acme: { extensions, services } as never });
  const accounts = new Accounts({ directory });
  const tenant = directory.tenantByName('acme');
  if (tenant === undefined) throw new Error('no tenant');
  return { accounts, directory, tenant, find: (number: string) => accounts.endpoint(tenant, number) };
}

describe('who can sign in', () => {
  test('an enabled extension with a password or HA1, and a service with a password', () => {
    const { find } = accountsOf(
      [
        { number: '101', password: PASSWORD },
        { number: '102', ha1: { md5: 'a'.repeat(32), sha256: 'b'.repeat(64) } },
      ],
      [{ kind: 'virtual-receptionist', number: '700', name: 'Menu', password: PASSWORD }],
    );
    expect(find('101')).toMatchObject({ kind: 'extension', secret: { password: PASSWORD } });
    expect(find('102')).toMatchObject({ secret: { ha1: { MD5: 'a'.repeat(32), 'SHA-256': 'b'.repeat(64) } } });
    expect(find('700')).toMatchObject({ kind: 'service', service: { number: '700' } });
  });

  test('nobody else: unknown, disabled, without a password', () => {
    const { find } = accountsOf(
      [{ number: '101', password: PASSWORD, enabled: false }, { number: '102' }],
      [{ kind: 'ring-group', number: '600', name: 'Desk', members: ['101'] }],
    );
    for (const number of ['101', '102', '600', '999', '', '__proto__', 'constructor'])
      expect(find(number)).toBe(undefined);
  });

  test('a secret is one object as long as its owner is provisioned as it is', () => {
    const { find } = accountsOf([{ number: '101', password: PASSWORD }]);
    expect(find('101')?.secret).toBe(find('101')?.secret);
  });
});

describe('the account of an extension', () => {
  const directory = provisioningOf({ acme: { extensions: [{ number: '101', password: PASSWORD }] as never } });
  const served = { directory };
  const accounts = new Accounts(served);
  const find = () => {
    const tenant = served.directory.tenantByName('acme');
    if (tenant === undefined) throw new Error('no tenant');
    return { tenant, account: accounts.endpoint(tenant, '101') };
  };
  const change = (changed: { outboundCallerId?: string; domain?: string }) => {
    const { provisioning } = served.directory;
    const tenants = provisioning.tenants.map((tenant) => ({ ...tenant, ...changed }));
    served.directory = new Directory({ ...provisioning, tenants });
  };

  test('is one object through changes of its tenant that leave the domain as it was', () => {
    const first = find();
    expect(first.account).toMatchObject({ aor: `101@${first.tenant.domain}`, user: '101' });
    change({ outboundCallerId: '14155550101' });
    expect(find().tenant).not.toBe(first.tenant);
    expect(find().account).toBe(first.account);
  });

  test('has the address of the new domain, and the secret that it had', () => {
    const first = find();
    change({ domain: 'other.example.com' });
    expect(find().account).toMatchObject({ aor: '101@other.example.com', user: '101' });
    expect(find().account?.secret).toBe(first.account?.secret);
  });

  test('holds no tenant of before a change, also where nobody asks for it again', async () => {
    const askedThen = (outboundCallerId: string) => {
      const asked = new WeakRef(find().tenant);
      change({ outboundCallerId });
      return asked;
    };
    for (const before of ['14155550102', '14155550103', '14155550104'].map(askedThen))
      expect(await isCollected(before)).toBe(true);
    expect(find().account).toBeDefined();
  });
});

describe('gateways', () => {
  test('by host label, whatever its case, and authentication name; the label is a realm', () => {
    const { accounts } = accountsOf([]);
    expect(accounts.gateway('Gateway.Example.COM', 'gw1')).toMatchObject({ kind: 'trunk', trunk: { name: 'gateway' } });
    expect(accounts.gateway('gateway.example.com', 'GW1')).toBe(undefined);
    expect(accounts.isGatewayRealm('GATEWAY.example.com')).toBe(true);
    expect(accounts.isGatewayRealm('192.0.2.10')).toBe(false);
  });

  test('a disabled gateway is nobody', () => {
    const directory = provisioningOf({ trunks: { gateway: { enabled: false } } });
    expect(new Accounts({ directory }).gateway('gateway.example.com', 'gw1')).toBe(undefined);
  });
});

describe('WhatsApp', () => {
  const whatsapp = {
    id: '77',
    name: 'whatsapp',
    type: 'whatsapp',
    owner: 'acme',
    didPool: '14155550160',
    whatsapp: {
      number: '14155550160',
      phoneNumberId: '1',
      accountId: '2',
      accessToken: 't',
      appSecret: 's',
      verifyToken: 'v',
      calls: { hostname: 'Calls.Acme.example', password: 'made-by-meta' },
    },
  } as const;
  const accounts = new Accounts({ directory: provisioningOf({ moreTrunks: [whatsapp as never] }) });

  test('calls under the name of its number, spelled with and without +, and with its password', () => {
    for (const username of ['+14155550160', '14155550160'])
      expect(accounts.caller('calls.acme.example', username)).toMatchObject({
        trunk: { name: 'whatsapp' },
        secret: { password: 'made-by-meta' },
      });
    expect(accounts.caller('calls.acme.example', '14155550161')).toBe(undefined);
    expect(accounts.caller('wa.meta.vc', '14155550160')).toBe(undefined);
    expect(accounts.isCallerRealm('CALLS.acme.example')).toBe(true);
    expect(accounts.isCallerRealm('wa.meta.vc')).toBe(false);
  });

  test('and does not register', () => {
    expect(accounts.gateway('calls.acme.example', '+14155550160')).toBe(undefined);
    expect(accounts.isGatewayRealm('calls.acme.example')).toBe(false);
  });

  test('gateways are callers too', () => expect(accounts.caller('gateway.example.com', 'gw1')).toBeDefined());
});
