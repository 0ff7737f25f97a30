import { expect, test } from 'vitest';
import { pageFrom } from '../../../src/api/paging.ts';
import { RunningEngine } from '../../../src/engine/tell/view.ts';
import { JsonLogger, SipTrace } from '../../../src/observe/index.ts';
import { Provisioner } from '../../../src/provisioning/change/provisioner.ts';
import { MemoryProvisioningStore } from '../../kit/memory-provisioning-store.ts';
import { World } from '../world.ts';

test('registrations are read page by page to the last one', async () => {
  const world = await World.start();
  const { engine, scheduler } = world;
  const log = new JsonLogger({ scheduler, level: 'error', stream: { write: () => {} } });
  const provisioner = new Provisioner({
    store: new MemoryProvisioningStore(),
    log,
    context: {},
    onDirectory: () => {},
  });
  const view = new RunningEngine({
    scheduler,
    engine,
    provisioner,
    trace: new SipTrace(scheduler, { maxOctets: 1_000_000 }),
    placed: () => undefined,
    placedCalls: () => [],
    record: () => undefined,
  });
  for (const last of [1, 2, 3]) world.phone('101', `203.0.113.${last}`);
  world.phone('102', '203.0.113.4');
  const contacts: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await pageFrom(
      {
        all: () => view.registrations(),
        size: view.registrationCount(),
        view: ({ contact }) => contact,
        keyOf: ({ addressOfRecord, contact }) => `${addressOfRecord} ${contact}`,
      },
      { limit: 1, offset: 0, cursor },
    );
    contacts.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect(contacts).toEqual([...view.registrations()].map(({ contact }) => contact));
  expect(new Set(contacts).size).toBe(4);
});
