import { describe, expect, test } from 'vitest';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { CarrierRefusals } from '../../src/trunks/carrier-refusals.ts';
import { provision } from './kit.ts';
import { idOf, ipTrunk, PROVIDER, TrunkWorld } from './provider.ts';

const told = (reason: string, untilMs: number) => ({ reason, untilMs });

test('what one tenant was told holds for that one, and for all once another was told the like while it holds', () => {
  const refusals = new CarrierRefusals();
  expect(refusals.note('acme', told('first', 1000), 0)).toBe(false);
  expect(refusals.note('acme', told('again', 2000), 500)).toBe(false);
  expect(['acme', 'globex', undefined].map((tenant) => refusals.reasonFor(tenant, 600))).toEqual(['again', '', '']);
  expect(refusals.note('globex', told('third', 3000), 2000), 'what acme was told is over').toBe(false);
  expect(refusals.note('acme', told('fourth', 2800), 2500)).toBe(true);
  expect(['acme', 'other', undefined].map((tenant) => refusals.reasonFor(tenant, 2600))).toEqual([
    'fourth',
    'fourth',
    'fourth',
  ]);
  expect(['acme', 'globex', 'other'].map((tenant) => refusals.reasonFor(tenant, 2900))).toEqual(['', 'third', '']);
});

test('of whom it is not known, or who has the trunk alone, it holds for all', () => {
  const refusals = new CarrierRefusals();
  expect(refusals.note(undefined, told('at once', 1000), 0)).toBe(true);
  expect(refusals.reasonFor('acme', 10)).toBe('at once');
  refusals.clear();
  expect(refusals.reasonFor('acme', 10)).toBe('');
});

describe('a trunk of two tenants, of whom one calls whom it pays to refuse', () => {
  const SHARED = ipTrunk({
    tenants: [
      { tenant: 'acme', didPool: '4930' },
      { tenant: 'globex', didPool: '4931' },
    ],
  });
  const tenants = ['acme', 'globex'].map((name) => ({ name, domain: `${name}.example` }));
  const directory = new Directory(provision({ tenants, trunks: [SHARED] }));

  function start() {
    const world = new TrunkWorld([SHARED]).run(15);
    const trunk = directory.trunk(String(idOf('carrier')));
    if (trunk === undefined) throw new Error('no trunk');
    const refuse = (tenant: string, status: number, reason: string, retryAfterSeconds: number) =>
      world.service.noteAttempt(
        trunk,
        { target: `udp:${PROVIDER}:5060`, status, reason, cause: 'response', retryAfterSeconds },
        tenant,
      );
    const isFull = (name: string) => world.service.condition(trunk.id, directory.tenantByName(name)).full;
    return { world, refuse, isFull };
  }

  test('a word about channels keeps the calls of that tenant from it, and of all when both hear it', () => {
    const { world, refuse, isFull } = start();
    refuse('globex', 486, 'No channels', 10);
    expect([isFull('globex'), isFull('acme')]).toEqual([true, false]);
    refuse('acme', 486, 'No channels', 10);
    expect([isFull('globex'), isFull('acme')]).toEqual([true, true]);
    world.run(10);
    expect([isFull('globex'), isFull('acme')]).toEqual([false, false]);
  });

  test('503 with Retry-After holds it down when both hear it', () => {
    const { world, refuse } = start();
    for (let call = 0; call < 3; call++) refuse('globex', 503, 'Service Unavailable', 300);
    expect(world.status().state).toBe('online');
    refuse('acme', 503, 'Service Unavailable', 300);
    expect(world.status().state).toBe('offline');
  });
});
