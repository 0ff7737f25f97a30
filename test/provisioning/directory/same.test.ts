import { expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { sameTenant } from '../../../src/provisioning/directory/same.ts';
import type { Tenant } from '../../../src/provisioning/tenants/schema.ts';
import { provision } from '../../trunks/kit.ts';

function tenantOf(name: string, extensions: readonly object[]): Tenant {
  const input = { tenants: [{ name, domain: 'acme.example.com', extensions }] };
  return provision(input as Parameters<typeof provision>[0]).tenants[0] as Tenant;
}

const many = Array.from({ length: 130 }, (_each, index) => ({ number: String(1_000 + index) }));
const tenant = tenantOf('acme', many);

test('two documents that say the same are the same', () => {
  expect(allAtOnce(sameTenant(tenant, tenantOf('acme', many)))).toBe(true);
  expect(allAtOnce(sameTenant(tenant, tenant))).toBe(true);
});

test.each([
  ['another setting', tenantOf('other', many)],
  ['one extension less', tenantOf('acme', many.slice(1))],
  ['another order', tenantOf('acme', many.toReversed())],
  ['another name of the last extension', tenantOf('acme', [...many.slice(0, -1), { number: '1129', name: 'x' }])],
  ['nothing', undefined],
])('%s is not the same', (_what, other) => {
  expect(allAtOnce(sameTenant(tenant, other))).toBe(false);
});
