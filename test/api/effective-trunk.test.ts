import { expect, test } from 'vitest';
import { effectiveValues } from '../../src/api/effective-trunk.ts';
import { trunkSchema } from '../../src/provisioning/trunk-settings/schema.ts';

test('an added header field whose name the schema has refused since is no value in force; who may not see them sees none', () => {
  const field = { name: 'X-Site', value: 'hq' };
  const trunk = trunkSchema.parse({ name: 'gamma', type: 'ip', host: '192.0.2.30', addHeaders: [field] });
  const stored = { ...trunk, addHeaders: [...trunk.addHeaders, { name: 'X-Tandem-Via', value: 'x' }] };
  const addedOf = (isWhole: boolean) =>
    effectiveValues(stored, stored, isWhole).filter(({ path }) => path.startsWith('addHeaders'));
  expect(addedOf(true)).toEqual([{ path: 'addHeaders', value: [field], from: 'own' }]);
  expect(addedOf(false)).toMatchObject([{ path: 'addHeaders', value: [] }]);
});
