import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GuideRow, PROSE_ROWS, variableRows } from '../../outbound/guide-table.ts';
import { TRUNK } from '../../outbound/world.ts';
import { expectedHere, isElsewhere, place } from './guide-calls.ts';
import { valuesOf, type WireMessage } from './wire-message.ts';
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
  checkFields(invites[0] as WireMessage, row);
}

function checkFields(invite: WireMessage, row: GuideRow): void {
  for (const [name, expected] of Object.entries(row.expect)) {
    if (name === 'Request-Line') {
      expect(invite.startLine).toBe(expectedHere(world, name, String(expected)));
      continue;
    }
    const values = valuesOf(invite, name).map((value) =>
      value.replace(/;tag=[^;]+$/, '').replace(/(;rport)?;branch=z9hG4bK[^;]+$/, ''),
    );
    if (name === 'X-Session-Id' && expected !== null) {
      expect(values).toEqual([expect.stringMatching(/^[\w-]{10,}$/)]);
      continue;
    }
    const wanted = expected === null ? [] : typeof expected === 'string' ? [expected] : expected;
    expect(values, name).toEqual(wanted.map((value) => expectedHere(world, name, value)));
  }
}

describe('guide "Variables": every field x variable x trunk type, as a carrier received it', () => {
  test.each(variableRows().map((row) => [row.name, row] as const))('%s', (_, row) => check(row));
});

describe('guide prose, row by row, as a carrier received it', () => {
  const rows = PROSE_ROWS.filter((row) => !isElsewhere(row));
  test.each(rows.map((row) => [row.name, row] as const))('%s', (_, row) => check(row));
});
