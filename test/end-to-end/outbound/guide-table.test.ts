import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GuideRow, PROSE_ROWS, variableRows } from '../../outbound/guide-table.ts';
import { TRUNK } from '../../outbound/world.ts';
import { checkFields, isElsewhere, place } from './guide-calls.ts';
import type { WireMessage } from './wire-message.ts';
import { startWorld, type World } from './wire-world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

async function check(row: GuideRow): Promise<void> {
  const placed = await place(world, row.call);
  const { carrier, proxy } = world;
  const [atCarrier, atProxy] = [carrier.take(), proxy.take()];
  if (row.refusedWith !== undefined) {
    expect(placed.status).toBe(row.refusedWith);
    expect([...atCarrier, ...atProxy]).toEqual([]);
    return;
  }
  expect(placed.status, placed.answer.text).toBe(486);
  const trunk = (row.call.trunks ?? [TRUNK])[0];
  const throughProxy = trunk?.outboundProxy !== undefined && trunk.type !== 'accept-register';
  const [invites, others] = throughProxy ? [atProxy, atCarrier] : [atCarrier, atProxy];
  expect(others).toEqual([]);
  expect(invites).toHaveLength(1);
  checkFields(world, invites[0] as WireMessage, row);
}

describe('guide "Variables": every field x variable x trunk type, as a carrier received it', () => {
  test.each(variableRows().map((row) => [row.name, row] as const))('%s', (_, row) => check(row));
});

describe('guide prose, row by row, as a carrier received it', () => {
  const rows = PROSE_ROWS.filter((row) => !isElsewhere(row));
  test.each(rows.map((row) => [row.name, row] as const))('%s', (_, row) => check(row));
});
