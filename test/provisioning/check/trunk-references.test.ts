import { expect, test } from 'vitest';
import { wholeScope } from '../../../src/provisioning/check/scope.ts';
import { checkTrunkReferences } from '../../../src/provisioning/check/trunk-references.ts';
import { tenantSchema } from '../../../src/provisioning/tenants/schema.ts';

test('of many tenants at once each is a step: no call waits for them all', () => {
  const tenants = Array.from({ length: 1000 }, (_each, index) =>
    tenantSchema.parse({ name: `t${index}`, domain: `t${index}.example.com` }),
  );
  let asked = 0;
  const asksReferences = () => ++asked > 0;
  const scope = { ...wholeScope({ tenants, trunks: [], certificates: [] }, undefined), asksReferences };
  let most = 0;
  for (const _step of checkTrunkReferences(scope, [], new Set(), [])) {
    most = Math.max(most, asked);
    asked = 0;
  }
  expect(most).toBe(1);
});
