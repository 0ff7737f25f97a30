/** Somebody sets the machine's clock, by an hour, while calls are up. */
import { beforeEach, describe, expect, test } from 'vitest';
import { HeaderId } from '../../src/sip/message/index.ts';
import { CARRIER_A, type Phone, SDP, World } from '../engine/world.ts';

const HOUR_MS = 3_600_000;
let world: World;
let alice: Phone;

beforeEach(async () => {
  world = await World.start();
  alice = world.phone('101', '203.0.113.1');
});

describe.each([
  ['on', HOUR_MS],
  ['back', -HOUR_MS],
])('the clock is set %s by an hour', (_which, shiftMs) => {
  test('a call goes on, and is as long as it was', () => {
    const carrier = world.agent(CARRIER_A);
    const invite = alice.call('18005550199');
    carrier.answers(carrier.took('INVITE'), 200, 'OK', {}, SDP);
    const final = alice.final(invite);
    if (final === undefined) throw new Error('not answered');
    world.run(60_000);
    world.scheduler.shiftWall(shiftMs);
    world.run(60_000);
    expect(world.held().calls).toBe(1);
    expect(carrier.requests('BYE')).toEqual([]);
    const bye = alice.within(invite, final, 'BYE');
    expect(alice.ask(bye).status).toBe(200);
    carrier.answer(carrier.took('BYE'), 200, 'OK');
    const [record] = world.observed.ended;
    expect(record?.talkMs).toBeGreaterThanOrEqual(120_000);
    expect(record?.talkMs).toBeLessThan(121_000);
    expect(record?.setupMs).toBeLessThan(1_000);
  });

  test('phones stay registered for as long as they were told, and are reached', () => {
    world.scheduler.shiftWall(shiftMs);
    const bob = world.phone('102', '203.0.113.2');
    world.run(3_000_000);
    expect(world.engine.registrations.registrar.count).toBe(2);
    const call = bob.call('101');
    expect(alice.requests('INVITE')).toHaveLength(1);
    alice.answer(alice.took('INVITE'), 486, 'Busy Here');
    expect(bob.final(call)?.status).toBe(486);
    world.run(700_000);
    expect(world.engine.registrations.registrar.count).toBe(0);
  });

  test('a nonce of before is stale at most, and the next one is good', () => {
    const invite = alice.invite('18005550199');
    const challenge = alice.ask(invite);
    alice.ack(invite, challenge);
    world.scheduler.shiftWall(shiftMs);
    const late = alice.authorized(invite, challenge, alice.client);
    const stale = alice.ask(late);
    alice.ack(late, stale);
    expect(stale.status).toBe(407);
    expect(stale.headers.value(HeaderId.ProxyAuthenticate)).toContain('stale=true');
    const again = alice.authorized(late, stale, alice.client);
    alice.sends(again);
    expect(world.held().calls).toBe(1);
  });
});
