import { describe, expect, test } from 'vitest';
import {
  type Identity,
  mayAssignTrunk,
  mayCreateTrunk,
  mayDeleteTenant,
  mayDeleteTrunk,
  mayReadTenant,
  mayReadTrunk,
  mayUpdateTenant,
  mayUpdateTrunk,
  problemsSeenBy,
  provisioningSeenBy,
  trunkSeenBy,
} from '../../src/trunks/permissions.ts';
import { checkProvisioning } from '../../src/trunks/provisioning.ts';
import { provision } from './kit.ts';

const state = provision({
  tenants: [
    { name: 'a', domain: 'a.example.com', extensions: [{ number: '101', password: 'canary' }] },
    { name: 'b', domain: 'b.example.com' },
  ],
  trunks: [
    {
      id: '1',
      name: 'assigned',
      type: 'register',
      host: 'x.example.com',
      credentials: { username: 'u', password: 'canary' },
      tenants: [
        { tenant: 'a', didPool: '1000' },
        { tenant: 'b', didPool: '2000' },
      ],
    },
    {
      id: '2',
      name: 'own',
      type: 'register',
      owner: 'a',
      host: 'y.example.com',
      credentials: { username: 'u', password: 'canary' },
      didPool: '3000',
    },
    { id: '3', name: 'system', type: 'ip', host: 'z.example.com' },
  ],
});
const [assigned, own, system] = state.trunks;
const [tenantA] = state.tenants;
if (assigned === undefined || own === undefined || system === undefined || tenantA === undefined)
  throw new Error('the state is incomplete');

const admin: Identity = { role: 'system-admin' };
const a: Identity = { role: 'tenant-admin', tenant: 'a' };
const b: Identity = { role: 'tenant-admin', tenant: 'b' };

describe('roles: 404 for what may not be seen, 403 for what may not be done', () => {
  test.each([
    ['assigned', assigned, ['allowed', 'allowed', 'allowed'], ['allowed', 'forbidden', 'forbidden']],
    ['own', own, ['allowed', 'allowed', 'hidden'], ['allowed', 'allowed', 'hidden']],
    ['system', system, ['allowed', 'hidden', 'hidden'], ['allowed', 'hidden', 'hidden']],
  ] as const)('trunk %s', (_, trunk, read, change) => {
    const identities = [admin, a, b];
    expect(identities.map((identity) => mayReadTrunk(identity, trunk))).toEqual(read);
    expect(identities.map((identity) => mayUpdateTrunk(identity, trunk, trunk))).toEqual(change);
    expect(identities.map((identity) => mayDeleteTrunk(identity, trunk))).toEqual(change);
  });

  test('a tenant admin creates every type but ip, for its own tenant only', () => {
    const verdicts = (['ip', 'register', 'accept-register', 'teams', 'whatsapp'] as const).map((type) =>
      mayCreateTrunk(a, { type, owner: 'a' }),
    );
    expect(verdicts).toEqual(['forbidden', 'allowed', 'allowed', 'allowed', 'allowed']);
    expect(mayCreateTrunk(a, { type: 'register', owner: 'b' })).toBe('forbidden');
    expect(mayCreateTrunk(a, { type: 'register', owner: 'system' })).toBe('forbidden');
    expect(mayUpdateTrunk(a, own, { type: 'ip', owner: 'a' })).toBe('forbidden');
    expect(mayUpdateTrunk(a, own, { type: 'register', owner: 'b' })).toBe('forbidden');
  });

  test('only the system admin assigns', () => {
    expect([admin, a].map((identity) => mayAssignTrunk(identity, assigned))).toEqual(['allowed', 'forbidden']);
    expect(mayAssignTrunk(b, own)).toBe('hidden');
  });

  test("tenants: another one does not exist; its own name, domain and limits are the system admin's", () => {
    expect([admin, a, b].map((identity) => mayReadTenant(identity, 'a'))).toEqual(['allowed', 'allowed', 'hidden']);
    expect([admin, a, b].map((identity) => mayDeleteTenant(identity, 'a'))).toEqual(['allowed', 'forbidden', 'hidden']);
    expect(mayUpdateTenant(a, tenantA, { ...tenantA, stopOutbound: true })).toBe('allowed');
    expect(mayUpdateTenant(a, tenantA, { ...tenantA, domain: 'c.example.com' })).toBe('forbidden');
    expect(mayUpdateTenant(a, tenantA, { ...tenantA, limits: {} })).toBe('allowed');
    expect(mayUpdateTenant(a, tenantA, { ...tenantA, limits: { concurrentCalls: 9 } })).toBe('forbidden');
    expect(mayUpdateTenant(b, tenantA, tenantA)).toBe('hidden');
  });
});

describe('what is shown', () => {
  test('no password to anybody; an assigned trunk without credentials and without the other tenants', () => {
    for (const identity of [admin, a, b])
      expect(JSON.stringify(provisioningSeenBy(identity, state))).not.toContain('canary');
    const seen = trunkSeenBy(a, assigned);
    expect(seen.credentials).toBeUndefined();
    expect(seen.tenants).toEqual([{ tenant: 'a', didPool: '1000' }]);
    expect(trunkSeenBy(a, own).credentials).toEqual({ username: 'u' });
    expect(provisioningSeenBy(b, state).trunks.map(({ id }) => id)).toEqual(['1']);
    expect(provisioningSeenBy(b, state).tenants.map(({ name }) => name)).toEqual(['b']);
  });

  test('behaviour 25: a conflict with what one may not see names nothing', () => {
    const clash = provision({
      tenants: [
        { name: 'a', domain: 'a.example.com' },
        { name: 'b', domain: 'b.example.com' },
      ],
      trunks: [
        {
          name: 'secret-name',
          type: 'register',
          owner: 'b',
          host: 'x.example.com',
          credentials: { username: 'u', password: 'p' },
          didPool: '1000-2000',
        },
        {
          name: 'mine',
          type: 'register',
          owner: 'a',
          host: 'x.example.com',
          credentials: { username: 'u', password: 'p' },
          didPool: '1500',
        },
      ],
    });
    const problems = checkProvisioning(clash);
    expect(problems.map(({ code }) => code).sort()).toEqual(['pool-overlap', 'trunk-credentials-taken']);
    expect(JSON.stringify(problemsSeenBy(admin, problems))).toContain('secret-name');
    const seen = JSON.stringify(problemsSeenBy(a, problems));
    expect(seen).not.toMatch(/secret-name|1000|"b"|tenant \\"b/);
    expect(seen).toContain('x.example.com with the authentication name');
  });
});
