import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { networksIn } from '../../../src/base/network.ts';
import { allAtOnce } from '../../../src/base/steps.ts';
import { checkChangeSteps, checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import { Directory } from '../../../src/provisioning/directory/directory.ts';
import { applyEdits, type ProvisioningEdits } from '../../../src/provisioning/directory/store.ts';
import type { Provisioned, ProvisioningInput } from '../../../src/provisioning/trunk-settings/schema.ts';
import { provision } from '../../trunks/kit.ts';

type TenantInput = ProvisioningInput['tenants'] extends readonly (infer T)[] | undefined ? T : never;
type TrunkInput = ProvisioningInput['trunks'] extends readonly (infer T)[] | undefined ? T : never;

const NAMES = ['a', 'b', 'c', 'd'] as const;
const name = fc.constantFrom(...NAMES);
const trunkName = fc.constantFrom('main', 'spare', 'gate');
const host = fc.constantFrom(
  'x.example.com',
  'X.example.com',
  'sip.telnyx.com',
  '10.0.0.1',
  '10.0.0.2',
  '10.0.1.1',
  'one.example',
  'two.example',
);
const networks = fc.constantFrom<string[] | undefined>(
  undefined,
  ['10.0.0.0/24'],
  ['10.0.0.2'],
  ['10.0.0.0/16', '192.0.2.1'],
);
const pool = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 2 })
  .map((ranges) => ranges.map(([first, length]) => `${first}-${first + length}`).join(';'));

const tenantInput: fc.Arbitrary<TenantInput> = fc
  .record({
    name,
    domain: fc.constantFrom('one.example', 'two.example', 'Three.example', 'four.example', 'five.example'),
    callerId: fc.option(fc.integer({ min: 1, max: 44 }), { nil: undefined }),
    rule: fc.option(fc.record({ trunk: trunkName, did: fc.integer({ min: 1, max: 44 }) }), { nil: undefined }),
    route: fc.option(trunkName, { nil: undefined }),
    numbers: fc.uniqueArray(fc.constantFrom('101', '102', '103'), { minLength: 1 }),
    member: fc.constantFrom('101', '103'),
  })
  .map(({ name, domain, callerId, rule, route, numbers, member }) => ({
    name,
    domain,
    extensions: numbers.map((number) => ({
      number,
      ...(callerId === undefined ? {} : { outboundCallerId: String(callerId) }),
    })),
    groups: [{ name: 'all', members: [member] }],
    outboundRules: route === undefined ? [] : [{ name: 'out', routes: [{ trunk: route }] }],
    inboundRules:
      rule === undefined
        ? []
        : [{ name: 'in', trunk: rule.trunk, dids: String(rule.did), destination: { extension: '101' } }],
  }));

const trunkInput: fc.Arbitrary<TrunkInput> = fc
  .record({
    id: fc.constantFrom('1', '2', '3', '4', '5'),
    name: trunkName,
    kind: fc.constantFrom('ip' as const, 'register' as const, 'accept-register' as const),
    owner: name,
    host,
    networks,
    anotherAccount: fc.boolean(),
    user: fc.constantFrom('u', 'v'),
    shares: fc.uniqueArray(fc.tuple(name, pool), { maxLength: 2, selector: ([tenant]) => tenant }),
    pool,
  })
  .map(({ id, name, kind, owner, host, networks, anotherAccount, user, shares, pool }) => ({
    id,
    name,
    type: kind,
    host,
    ...(networks === undefined || kind === 'accept-register' ? {} : { associatedIps: networks }),
    ...(kind === 'ip'
      ? { anotherAccount, tenants: shares.map(([tenant, didPool]) => ({ tenant, didPool })) }
      : { owner, credentials: { authName: user, password: 'p' }, didPool: pool }),
  }));

const part = fc.record({
  tenants: fc.uniqueArray(tenantInput, { maxLength: 4, selector: (tenant) => tenant.name }),
  trunks: fc.uniqueArray(trunkInput, { maxLength: 5, selector: ({ id }) => id }),
});
const change = fc.record({
  put: fc.record({
    tenants: fc.uniqueArray(tenantInput, { maxLength: 2, selector: (tenant) => tenant.name }),
    trunks: fc.uniqueArray(trunkInput, { maxLength: 2, selector: ({ id }) => id }),
  }),
  deleteTenants: fc.uniqueArray(name, { maxLength: 1 }),
  deleteTrunks: fc.uniqueArray(fc.constantFrom('1', '2', '3'), { maxLength: 1 }),
});

const EMPTY: Provisioned = { tenants: [], trunks: [], certificates: [] };

/** What passes the rules, item by item, so that random states are large without being refused. */
function wholeStateOf(input: ProvisioningInput): Provisioned {
  const wanted = provision(input);
  let state: Provisioned = EMPTY;
  const keep = (edits: ProvisioningEdits) => {
    const next = applyEdits(state, edits);
    if (checkProvisioning(next).length === 0) state = next;
  };
  for (const tenant of wanted.tenants) keep({ putTenants: [{ ...tenant, inboundRules: [], outboundRules: [] }] });
  for (const trunk of wanted.trunks) keep({ putTrunks: [trunk] });
  for (const tenant of wanted.tenants) keep({ putTenants: [tenant] });
  return state;
}

const sorted = (problems: readonly object[]) => problems.map((problem) => JSON.stringify(problem)).sort();

/** Everything that a directory answers of a small world. */
function answersOf(directory: Directory): object {
  const ids = ['1', '2', '3', '4', '5'];
  const named = ['main', 'spare', 'gate'];
  const hosts = ['x.example.com', 'sip.telnyx.com', '10.0.0.1', 'one.example'];
  const numbers = Array.from({ length: 45 }, (_, number) => number);
  return {
    domains: ['one.example', 'TWO.example', 'three.example', 'four.example', 'five.example'].map(
      (domain) => directory.tenantByDomain(domain)?.name,
    ),
    tenants: NAMES.map((tenant) => [
      directory.tenantByName(tenant),
      ['101', '102', '103'].map((number) => directory.extension(tenant, number)),
      ['sales', 'all'].map((name) => directory.group(tenant, name)),
      directory.outboundRules(tenant),
      directory.trunksOf(tenant).map(({ id }) => id),
      named.map((trunk) => directory.trunkByName(trunk, tenant)?.id),
      ids.map((id) => [
        directory.trunkFor(tenant, id)?.id,
        directory.inboundRules(tenant, id),
        directory.assignment(id, tenant),
        numbers.map((number) => directory.inPool(id, tenant, number)),
        numbers.map((number) => directory.numberOwnedByAnother(id, tenant, number)),
      ]),
    ]),
    trunks: ids.map((id) => {
      const provider = directory.provider(id);
      return [
        directory.trunk(id)?.name,
        numbers.map((number) => [directory.didOwner(id, number), provider?.owner(number)]),
        provider === undefined
          ? []
          : NAMES.map((tenant) =>
              numbers.map((number) => directory.trunksHolding(provider, tenant, number).map((trunk) => trunk.id)),
            ),
      ];
    }),
    hosts: hosts.map((text) => directory.trunksByHost(text).map(({ id }) => id)),
    unscoped: named.map((trunk) => directory.trunkByName(trunk)?.id),
    order: [directory.tenants.map((tenant) => tenant.name), directory.trunks.map(({ id }) => id)],
  };
}

describe('a change to a state without problems', () => {
  test('is refused for the same problems, word for word, as the whole state after it', () => {
    let refused = 0;
    fc.assert(
      fc.property(part, change, fc.boolean(), (input, { put, deleteTenants, deleteTrunks }, knowsDns) => {
        const before = wholeStateOf(input);
        const { tenants, trunks } = provision(put);
        const edits = { putTenants: tenants, putTrunks: trunks, deleteTenants, deleteTrunks };
        const after = applyEdits(before, edits);
        const written = new Set<object>([...tenants, ...trunks]);
        const resolved = {
          moved: new Set(trunks),
          networksOf: (id: string) =>
            networksIn(id === '2' ? ['10.0.1.1'] : id === '3' ? ['192.0.2.1', '10.0.0.2'] : []),
        };
        const context = {
          transports: new Set(['udp' as const]),
          before,
          ...(knowsDns ? { resolved } : {}),
        };
        const whole = checkProvisioning(after, context, written);
        const changed = allAtOnce(checkChangeSteps(new Directory(before), after, context, written));
        if (whole.length > 0) refused++;
        expect(sorted(changed)).toEqual(sorted(whole));
      }),
      { numRuns: 800 },
    );
    // The comparison means something: a good part was refused, another was not.
    expect(refused).toBeGreaterThan(80);
    expect(refused).toBeLessThan(770);
  });
});

describe('a directory after changes', () => {
  test('answers as one that is made of the same state from scratch', () => {
    fc.assert(
      fc.property(part, fc.array(change, { minLength: 1, maxLength: 6 }), (input, changes) => {
        let state = wholeStateOf(input);
        let directory = new Directory(state);
        for (const { put, deleteTenants, deleteTrunks } of changes) {
          const { tenants, trunks } = provision(put);
          const next = applyEdits(state, { putTenants: tenants, putTrunks: trunks, deleteTenants, deleteTrunks });
          if (checkProvisioning(next).length > 0) continue;
          state = next;
          directory = allAtOnce(Directory.after(directory, state));
          expect(answersOf(directory)).toEqual(answersOf(new Directory(state)));
        }
      }),
      { numRuns: 150 },
    );
  });

  test('and so does one of a state in another order', () => {
    fc.assert(
      fc.property(part, (input) => {
        const state = wholeStateOf(input);
        const turned = { ...state, tenants: [...state.tenants].reverse(), trunks: [...state.trunks].reverse() };
        const directory = allAtOnce(Directory.after(new Directory(state), turned));
        expect(answersOf(directory)).toEqual(answersOf(new Directory(turned)));
      }),
      { numRuns: 60 },
    );
  });
});
