import { expect, test } from 'vitest';
import { memberOf, type Party } from '../../../src/provisioning/tenants/party.ts';
import { extensionSchema, serviceSchema } from '../../../src/provisioning/tenants/schema.ts';

test('a party is the extension or the service that has the number', () => {
  const extension = extensionSchema.parse({ number: '101', name: 'Alice', password: 'alice-5ecret' });
  const service = serviceSchema.parse({ kind: 'virtual-receptionist', number: '600', name: 'Desk' });
  const parties: Party[] = [
    { kind: 'extension', extension },
    { kind: 'service', service },
  ];
  expect(parties.map(memberOf)).toEqual([extension, service]);
});
