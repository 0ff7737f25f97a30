import { expect, test } from 'vitest';
import { recipientsOf } from '../../src/messages/recipients.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { whatsappWorld } from '../end-to-end/messages/world.ts';
import { numberIn } from './world.ts';

type Destination = { extension: string } | { service: string } | { number: string } | { hangUp: true };

const to = (destination: Destination | undefined) => {
  const world = whatsappWorld('https://graph.example/v23.0');
  const [tenant] = world.tenants ?? [];
  const inboundRules =
    destination === undefined ? [] : [{ name: 'all', trunk: 'whatsapp', dids: '14155550160', destination }];
  const directory = new Directory(
    provisioningSchema.parse({ ...world, tenants: [{ ...tenant, inboundRules } as never] }),
  );
  return recipientsOf(directory, numberIn(directory), { from: '1' }, 0);
};

test.each([
  [{ extension: '102' }, ['102']],
  [{ service: '600' }, ['101', '102']],
  [{ number: '14155559999' }, []],
  [{ hangUp: true }, []],
] as const)('%j', (destination, numbers) => {
  expect(to(destination as Destination)).toMatchObject({ numbers, rule: 'all', reason: expect.any(String) });
});

test('without a rule it is kept, and told to webhooks', () => {
  expect(to(undefined)).toMatchObject({ numbers: [], reason: expect.stringContaining('webhooks') });
});
