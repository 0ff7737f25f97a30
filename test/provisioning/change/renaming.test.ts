import { describe, expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { followRenames } from '../../../src/provisioning/change/renaming.ts';
import type { TenantInput } from '../../../src/provisioning/tenants/schema.ts';
import { provision } from '../../trunks/kit.ts';

const tenant = (trunk: string): TenantInput => ({
  name: 'acme',
  domain: 'acme.example.com',
  outboundCallerIds: [{ trunk, callerId: '1000' }],
  emergency: { routes: [{ trunk }] },
  extensions: [{ number: '101', outboundCallerIds: [{ trunk, callerId: '1000' }] }],
  groups: [{ name: 'g', outboundCallerIds: [{ trunk, callerId: '1000' }] }],
  services: [{ kind: 'queue', number: '6', name: 'q', outboundCallerIds: [{ trunk, callerId: '1000' }] }],
  outboundRules: [{ name: 'o', routes: [{ trunk }] }],
  inboundRules: [{ name: 'i', trunk, dids: '1000', destination: { extension: '101' } }],
});
const trunk = (id: string, name: string, to = 'acme') => ({
  id,
  name,
  type: 'ip' as const,
  host: `192.0.2.${id}`,
  tenants: [{ tenant: to, didPool: '1000' }],
});
const stateOf = (trunks: ReturnType<typeof trunk>[], named = 'a') => provision({ tenants: [tenant(named)], trunks });

describe('a trunk keeps its rules when it is renamed', () => {
  const before = stateOf([trunk('1', 'a')]);

  test('every place where a tenant names it follows', () => {
    const { trunks } = stateOf([trunk('1', 'b')]);
    expect(allAtOnce(followRenames(before, { putTrunks: trunks }))).toEqual(stateOf([], 'b').tenants);
  });

  test('a reference by id, and another tenant that has a trunk of the old name, stay', () => {
    const byId = stateOf([trunk('1', 'a')], '1');
    expect(allAtOnce(followRenames(byId, { putTrunks: [...stateOf([trunk('1', 'b')]).trunks] }))).toEqual([]);
    const others = stateOf([trunk('1', 'a', 'globex'), trunk('2', 'a')]);
    expect(allAtOnce(followRenames(others, { putTrunks: [...stateOf([trunk('1', 'b', 'globex')]).trunks] }))).toEqual(
      [],
    );
  });

  test('two trunks may swap their names', () => {
    const two = stateOf([trunk('1', 'a'), trunk('2', 'b')]);
    const { trunks } = stateOf([trunk('1', 'b'), trunk('2', 'a')]);
    expect(allAtOnce(followRenames(two, { putTrunks: trunks }))).toEqual(stateOf([], 'b').tenants);
  });

  test('a document that renames the trunk and still names the old one in its rules means the same trunk', () => {
    const { trunks } = stateOf([trunk('1', 'b')]);
    const written = { ...before.tenants[0], timeZone: 'Europe/Berlin' } as (typeof before.tenants)[number];
    expect(allAtOnce(followRenames(before, { putTrunks: trunks, putTenants: [written] }))).toEqual([
      { ...stateOf([], 'b').tenants[0], timeZone: 'Europe/Berlin' },
    ]);
  });

  test('a document that gives the old name to another trunk is taken at its word', () => {
    const { trunks, tenants } = stateOf([trunk('1', 'b'), trunk('2', 'a')]);
    expect(allAtOnce(followRenames(before, { putTrunks: trunks, putTenants: tenants }))).toEqual(tenants);
  });

  test('nothing is renamed: nothing but the change is written', () => {
    expect(allAtOnce(followRenames(before, { putTrunks: before.trunks }))).toEqual([]);
  });
});
