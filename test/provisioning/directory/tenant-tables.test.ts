import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tablesOf, takeTablesOver } from '../../../src/provisioning/directory/tenant-tables.ts';
import type { Tenant } from '../../../src/provisioning/tenants/schema.ts';
import { provision } from '../../trunks/kit.ts';

const NUMBERS = Array.from({ length: 12 }, (_each, index) => String(101 + index));

function tenantOf(numbers: readonly string[], members: readonly string[] = []): Tenant {
  const { tenants } = provision({
    tenants: [
      {
        name: 'acme',
        domain: 'acme.example.com',
        extensions: numbers.map((number) => ({ number })),
        groups: [
          { name: 'first', members: [...members] },
          { name: 'second', members: [...members] },
        ],
      },
    ],
  });
  return tenants[0] as Tenant;
}

test('tables that come after others answer as tables made anew, whatever was added, replaced or taken away', () => {
  const edits = fc.array(fc.constantFrom(...NUMBERS), { maxLength: 12 });
  fc.assert(
    fc.property(fc.subarray(NUMBERS), edits, (numbers, edited) => {
      let tenant = tenantOf(numbers);
      let tables = tablesOf(tenant);
      for (const number of edited) {
        expect(tables.extensions.get(number)).toBe(tenant.extensions.find((one) => one.number === number));
        const others = tenant.extensions.filter((extension) => extension.number !== number);
        const [written] = tenantOf([number]).extensions;
        const isThere = others.length < tenant.extensions.length;
        const next = {
          ...tenant,
          extensions: isThere && number < '107' ? others : [...others, ...(written ? [written] : [])],
        };
        takeTablesOver(tenant, next);
        tables = tablesOf(next);
        tenant = next;
        for (const each of NUMBERS)
          expect(tables.extensions.get(each)).toBe(tenant.extensions.find((one) => one.number === each));
      }
    }),
    { numRuns: 200 },
  );
});

test('of what stayed the same nothing is made anew', () => {
  const before = tenantOf(['101', '102'], ['101']);
  const { groups, outboundRules, services } = tablesOf(before);
  const after = { ...before, extensions: [...before.extensions] };
  takeTablesOver(before, after);
  const tables = tablesOf(after);
  expect(tables.groups).toBe(groups);
  expect(tables.outboundRules).toBe(outboundRules);
  expect(tables.services).toBe(services);
});
