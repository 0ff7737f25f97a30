import { describe, expect, test } from 'vitest';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { createResponse, HeaderId } from '../../src/sip/message/index.ts';
import { CarrierRefusals, TargetRefusals, toldBy } from '../../src/trunks/carrier-refusals.ts';
import { TargetHealth } from '../../src/trunks/target-health.ts';
import { provision } from './kit.ts';
import { idOf, ipTrunk, PROVIDER, TrunkWorld } from './provider.ts';

const told = (reason: string, untilMs: number) => ({ reason, untilMs });

test('of what a carrier says at length the beginning is told', () => {
  const { reason } = toldBy({ status: 486, reason: `Busy ${'x'.repeat(8_000)}` }, 1000);
  expect(reason).toMatch(/^the carrier says 486 Busy x{251}$/);
});

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

test('of several targets the one that asked a tenant to wait comes last for it, and they are full when each has', () => {
  const [first, second] = ['192.0.2.1', '192.0.2.2'].map(
    (address) => ({ address, port: 5060, transport: 'udp' }) as const,
  );
  if (first === undefined || second === undefined) throw new Error('no targets');
  const health = new TargetHealth();
  for (const key of ['udp:192.0.2.1:5060', 'udp:192.0.2.2:5060'])
    health.alive(key, 200, 'OK', { downAfter: 1, upAfter: 1 });
  const refusals = new TargetRefusals();
  const targets = [first, second];
  expect(refusals.note('udp:192.0.2.1:5060', 'acme', told('wait', 1000), 0)).toBe(false);
  expect(refusals.last(targets, 'acme', 500)).toEqual([second, first]);
  expect(refusals.last(targets, 'globex', 500)).toEqual(targets);
  expect(refusals.reasonFor('acme', health, 500)).toBe('');
  expect(refusals.note('udp:192.0.2.2:5060', 'globex', told('wait', 1000), 0), 'of another target').toBe(false);
  refusals.note('udp:192.0.2.2:5060', 'acme', told('wait, too', 800), 0);
  expect(['acme', 'globex', undefined].map((tenant) => refusals.reasonFor(tenant, health, 500))).toEqual([
    'wait',
    '',
    '',
  ]);
  expect(refusals.reasonFor('acme', health, 900)).toBe('');
  expect(refusals.last(targets, 'acme', 1000)).toEqual(targets);
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
    const target = `udp:${PROVIDER}:5060`;
    const refuse = (tenant: string | undefined, status: number, reason: string, retryAfterSeconds: number) =>
      world.service.noteAttempt(trunk, { target, status, reason, cause: 'response', retryAfterSeconds }, tenant);
    const isFull = (name: string) => world.service.condition(trunk.id, directory.tenantByName(name)).full;
    return { world, trunk, target, refuse, isFull };
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

  test('RFC 3261 §21.5.4: 503 with Retry-After keeps that tenant from it, and holds it down when both hear it', () => {
    const { world, refuse, isFull } = start();
    for (let call = 0; call < 3; call++) refuse('globex', 503, 'Service Unavailable', 120);
    expect([world.status().state, isFull('globex'), isFull('acme')]).toEqual(['online', true, false]);
    world.run(121);
    expect(isFull('globex'), 'the time is over').toBe(false);
    for (const tenant of ['globex', 'acme']) refuse(tenant, 503, 'Service Unavailable', 120);
    expect(world.status().state).toBe('offline');
  });

  test.each([
    [486, 'No channels'],
    [503, 'Service Unavailable'],
  ])(
    '%i to a call that another node has, whosesoever it is, keeps nobody from it, alone or as a second one',
    (status, reason) => {
      const { world, refuse, isFull } = start();
      for (const tenant of [undefined, 'globex', undefined]) refuse(tenant, status, reason, 10);
      expect([world.status().state, isFull('globex'), isFull('acme')]).toEqual(['online', true, false]);
    },
  );

  test('a hold that a ping was told is not ended by what one tenant’s call is told', () => {
    const { world, refuse } = start();
    world.provider.onOptions = (transaction) =>
      transaction.respond(
        createResponse(transaction.request, 503, 'Maintenance', {
          toTag: 'p',
          headers: [[HeaderId.RetryAfter, '120']],
        }),
      );
    world.service.retry(String(idOf('carrier')));
    world.run(1);
    expect(world.status().state).toBe('offline');
    refuse('acme', 503, 'Maintenance', 120);
    expect(world.status().state).toBe('offline');
  });

  test('a hold that two were told goes on when the shorter of both words is over', () => {
    const { world, refuse } = start();
    refuse('acme', 503, 'Maintenance', 5);
    refuse('globex', 503, 'Maintenance', 120);
    world.run(6);
    refuse('globex', 503, 'Maintenance', 120);
    expect(world.status().state).toBe('offline');
  });

  test('a person who has it tried again has what tenants were told forgotten', () => {
    const { world, trunk, refuse, isFull } = start();
    refuse('acme', 503, 'Maintenance', 300);
    world.service.retry(trunk.id);
    expect(isFull('acme')).toBe(false);
    refuse('globex', 503, 'Maintenance', 300);
    expect(world.status().state).toBe('online');
  });
});
