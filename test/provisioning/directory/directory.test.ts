import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import { Directory } from '../../../src/provisioning/directory/directory.ts';
import { provision } from '../../trunks/kit.ts';

const state = provision({
  tenants: [
    {
      name: 'acme',
      domain: 'Acme.example.com',
      extensions: [{ number: '101' }, { number: '102' }],
      groups: [
        { name: 'sales', members: ['101'] },
        { name: 'all', members: ['101', '102'] },
      ],
      services: [{ kind: 'ring-group', number: '600', name: 'Desk', members: ['101'] }],
      outboundRules: [
        { name: 'late', priority: 20, routes: [{ trunk: 'shared' }] },
        { name: 'b', priority: 10, routes: [{ trunk: 'shared' }] },
        { name: 'a', priority: 10, routes: [{ trunk: '1' }] },
        { name: 'off', enabled: false, priority: 1, routes: [{ trunk: 'shared' }] },
      ],
      inboundRules: [{ name: 'main', trunk: 'shared', dids: '1000', destination: { extension: '101' } }],
    },
    { name: 'beta', domain: 'beta.example.com' },
  ],
  trunks: [
    {
      id: '1',
      name: 'shared',
      type: 'ip',
      host: 'carrier.example.com',
      tenants: [
        { tenant: 'acme', didPool: '1000-1999' },
        { tenant: 'beta', didPool: '3000-3999; 2000' },
      ],
    },
    {
      name: 'own',
      type: 'register',
      owner: 'beta',
      host: 'CARRIER.example.com',
      credentials: { username: 'u', password: 'p' },
      didPool: '5000',
    },
    {
      name: 'own',
      type: 'register',
      owner: 'acme',
      host: 'elsewhere.example.com',
      credentials: { username: 'u', password: 'p' },
      didPool: '5000',
    },
  ],
});
const directory = new Directory(state);
const ownOfBeta = directory.trunkByName('own', 'beta')?.id ?? '';
const ownOfAcme = directory.trunkByName('own', 'acme')?.id ?? '';

describe('the directory', () => {
  test('the state it is made from has no problems', () => {
    expect(checkProvisioning(state)).toEqual([]);
  });

  test('finds tenants by name and, without case, by domain', () => {
    expect(directory.tenantByDomain('acme.EXAMPLE.com')?.name).toBe('acme');
    expect(directory.tenantByDomain('acme.EXAMPLE.com.')?.name).toBe('acme');
    expect(directory.tenantByName('beta')?.domain).toBe('beta.example.com');
    expect(directory.tenantByDomain('__proto__')).toBeUndefined();
    expect(directory.tenantByName('constructor')).toBeUndefined();
  });

  test('finds extensions, services and groups inside their tenant only', () => {
    expect(directory.extension('acme', '101')?.number).toBe('101');
    expect(directory.extension('beta', '101')).toBeUndefined();
    expect(directory.service('acme', '600')?.kind).toBe('ring-group');
    expect(directory.group('acme', 'sales')?.members).toContain('101');
    expect(directory.group('beta', 'sales')).toBeUndefined();
  });

  test('says whose a number of the tenant is', () => {
    const party = directory.party('acme', '101');
    expect(party).toEqual({ kind: 'extension', extension: directory.extension('acme', '101') });
    expect(directory.party('acme', '600')).toEqual({ kind: 'service', service: directory.service('acme', '600') });
    expect(directory.party('acme', '900')).toBeUndefined();
    expect(directory.party('beta', '101')).toBeUndefined();
    expect(directory.member('acme', '600')?.name).toBe('Desk');
    expect(directory.member('beta', '600')).toBeUndefined();
  });

  test('orders outbound rules by priority, then name, without disabled ones', () => {
    expect(directory.outboundRules('acme').map(({ name }) => name)).toEqual(['a', 'b', 'late']);
  });

  test('a rule names a trunk by name or id, and only one its tenant may use', () => {
    expect(directory.trunkFor('acme', 'shared')?.id).toBe('1');
    expect(directory.trunkFor('acme', '1')?.name).toBe('shared');
    expect(directory.trunkFor('acme', ownOfBeta)).toBeUndefined();
    expect(ownOfAcme).not.toBe(ownOfBeta);
    expect(ownOfAcme).toMatch(/^[0-9]{12}$/);
  });

  test('knows inbound rules per trunk', () => {
    expect(directory.inboundRules('acme', '1').map(({ name }) => name)).toEqual(['main']);
    expect(directory.inboundRules('acme', ownOfAcme)).toEqual([]);
  });

  test('behaviour 1: pools compare without prefix and punctuation', () => {
    expect(directory.inPool('1', 'acme', '+00 1.000')).toBe(true);
    expect(directory.inPool('1', 'acme', '2000')).toBe(false);
    expect(directory.inPool('1', 'nobody', '1000')).toBe(false);
    expect(directory.didOwner('1', '002000')).toBe('beta');
    expect(directory.didOwner('1', '5000')).toBeUndefined();
    expect(directory.didOwner('1', 'anonymous')).toBeUndefined();
  });

  test("behaviour 7: a number is another tenant's on the provider, which is the host without case", () => {
    expect(directory.numberOwnedByAnother('1', 'acme', '5000')).toBe(true);
    expect(directory.numberOwnedByAnother('1', 'beta', '5000')).toBe(false);
    expect(directory.numberOwnedByAnother(ownOfBeta, 'beta', '+1500')).toBe(true);
    expect(directory.numberOwnedByAnother(ownOfAcme, 'acme', '3000')).toBe(false);
    expect(directory.provider(ownOfBeta)?.owner(2000)).toBe('beta');
  });
});

/** Random pools of three tenants over four trunks of two providers, in a small space of numbers. */
const randomTrunks = fc.array(
  fc.record({
    host: fc.constantFrom('x.example.com', 'y.example.com'),
    brand: fc.constantFrom('generic', 'telnyx'),
    tenant: fc.constantFrom('a', 'b', 'c'),
    first: fc.integer({ min: 1, max: 60 }),
    length: fc.integer({ min: 0, max: 8 }),
  }),
  { minLength: 1, maxLength: 8 },
);

describe('owners and overlaps against a naive model', () => {
  test('behaviour 2: an overlap is reported exactly when two tenants hold a number on one provider; else every number has its owner', () => {
    fc.assert(
      fc.property(randomTrunks, (trunks) => {
        const state = provision({
          tenants: ['a', 'b', 'c'].map((name) => ({ name, domain: `${name}.example.com` })),
          trunks: trunks.map(({ host, brand, tenant, first, length }, index) => ({
            id: String(index),
            name: `t${index}`,
            type: 'register' as const,
            host,
            brand,
            credentials: { username: `u${index}`, password: 'p' },
            tenants: [{ tenant, didPool: `${first}-${first + length}` }],
          })),
        });
        // A provider is what brand and host join, over any number of steps.
        const labels = trunks.map((_, index) => index);
        const alike = (a: (typeof trunks)[number], b: (typeof trunks)[number]) =>
          a.host === b.host || (a.brand !== 'generic' && a.brand === b.brand);
        for (const _ of trunks)
          for (const [i, a] of trunks.entries())
            for (const [j, b] of trunks.entries())
              if (alike(a, b)) labels[i] = labels[j] = Math.min(labels[i] ?? 0, labels[j] ?? 0);
        const same = (a: (typeof trunks)[number], b: (typeof trunks)[number]) =>
          labels[trunks.indexOf(a)] === labels[trunks.indexOf(b)];
        const holds = (trunk: (typeof trunks)[number], number: number) =>
          number >= trunk.first && number <= trunk.first + trunk.length;
        const numbers = Array.from({ length: 70 }, (_, index) => index);
        const clash = trunks.some((a) =>
          trunks.some(
            (b) =>
              a.tenant !== b.tenant && same(a, b) && numbers.some((number) => holds(a, number) && holds(b, number)),
          ),
        );
        const codes = checkProvisioning(state).map(({ code }) => code);
        expect(codes.includes('pool-overlap')).toBe(clash);
        if (clash) return;
        expect(codes).toEqual([]);
        const directory = new Directory(state);
        for (const [index, trunk] of trunks.entries()) {
          for (const number of numbers) {
            const owner = trunks.find((other) => same(other, trunk) && holds(other, number))?.tenant;
            expect(directory.provider(String(index))?.owner(number)).toBe(owner);
            expect(directory.numberOwnedByAnother(String(index), 'a', number)).toBe(
              owner !== undefined && owner !== 'a',
            );
            expect(directory.didOwner(String(index), number)).toBe(holds(trunk, number) ? trunk.tenant : undefined);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
