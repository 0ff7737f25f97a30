import { expect, test } from 'vitest';
import { CSV_KINDS } from '../../src/api/csv-columns.ts';
import type { Tenant } from '../../src/provisioning/tenants/schema.ts';

/** Rules of a tenant, and how often one of them was looked at. */
function tenantWith(count: number) {
  let looks = 0;
  const inboundRules = Array.from({ length: count }, (_, index) => ({
    name: `rule-${index}`,
    trunk: 't1',
    get dids() {
      looks++;
      return String(1000 + index);
    },
  }));
  return { tenant: { inboundRules } as unknown as Tenant, looks: () => looks };
}

function keysOf(tenant: Tenant) {
  const steps = CSV_KINDS.dids.keysOf?.(tenant);
  if (steps === undefined) throw new Error('DIDs have no keys');
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

test('the rule that has a DID already is found without a look at all rules for each row', () => {
  const { tenant, looks } = tenantWith(200);
  const keyOf = keysOf(tenant);
  const keys = Array.from({ length: 200 }, (_, index) => keyOf({ dids: String(1199 - index), trunk: 't1' }));
  expect(keys.slice(0, 2)).toEqual(['rule-199', 'rule-198']);
  expect(looks()).toBe(200);
});

test('a DID that has no rule of its own is called by its number; rules for certain callers, or of another trunk, are not its own', () => {
  const inboundRules = [
    { name: 'vip', dids: '1000', trunk: 't1', callers: '+49*' },
    { name: 'first', dids: '1000', trunk: 't1' },
    { name: 'second', dids: '1000', trunk: 't1' },
    { name: 'other', dids: '1001', trunk: 't2' },
  ];
  const keyOf = keysOf({ inboundRules } as unknown as Tenant);
  expect(keyOf({ dids: '1000', trunk: 't1' })).toBe('first');
  expect(keyOf({ dids: '1001', trunk: 't1' })).toBe('1001');
  expect(keyOf({ dids: '1001' })).toBe('1001');
  expect(keyOf({ trunk: 't1' })).toBeUndefined();
});
