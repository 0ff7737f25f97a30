import { expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { sameDocument, withFieldsOf } from '../../../src/provisioning/directory/same.ts';
import type { Tenant } from '../../../src/provisioning/tenants/schema.ts';
import { provision } from '../../trunks/kit.ts';

function tenantOf(name: string, extensions: readonly object[]): Tenant {
  const input = { tenants: [{ name, domain: 'acme.example.com', extensions }] };
  return provision(input as Parameters<typeof provision>[0]).tenants[0] as Tenant;
}

function without(document: Tenant, name: keyof Tenant): object {
  const { [name]: _, ...rest } = document;
  return rest;
}

const many = Array.from({ length: 130 }, (_each, index) => ({ number: String(1_000 + index) }));
const tenant = tenantOf('acme', many);

test('two documents that say the same are the same', () => {
  expect(allAtOnce(sameDocument(tenant, tenantOf('acme', many)))).toBe(true);
  expect(allAtOnce(sameDocument(tenant, tenant))).toBe(true);
});

test.each([
  ['another setting', tenantOf('other', many)],
  ['one extension less', tenantOf('acme', many.slice(1))],
  ['another order', tenantOf('acme', many.toReversed())],
  ['another name of the last extension', tenantOf('acme', [...many.slice(0, -1), { number: '1129', name: 'x' }])],
  ['nothing', undefined],
  ['one setting more', { ...tenant, more: true }],
  ['another setting in place of one', { ...without(tenant, 'domain'), more: tenant.domain }],
])('%s is not the same', (_what, other) => {
  expect(allAtOnce(sameDocument<object>(tenant, other))).toBe(false);
});

test('ten thousand rules are compared in steps, as ten thousand extensions are', () => {
  const withRules = () => ({
    name: 'acme',
    inboundRules: Array.from({ length: 10_000 }, (_each, at) => ({ dids: at })),
  });
  let steps = 0;
  for (const _ of sameDocument(withRules(), withRules())) steps++;
  expect(steps).toBeGreaterThanOrEqual(200);
});

test('what is read anew has the fields of the one before that say the same, and its own where they do not', () => {
  const anew = tenantOf('acme', [...many.slice(0, -1), { number: '1129', name: 'x' }]);
  const { extensions } = anew;
  const kept = allAtOnce(withFieldsOf(anew, tenant));
  expect(kept).toBe(anew);
  expect(kept.outboundRules).toBe(tenant.outboundRules);
  expect(kept.dialCodes).toBe(tenant.dialCodes);
  expect(kept.extensions).toBe(extensions);
  expect(allAtOnce(withFieldsOf(tenantOf('acme', many), tenant)).extensions).toBe(tenant.extensions);
});
