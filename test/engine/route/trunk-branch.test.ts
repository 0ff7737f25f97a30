import { afterEach, describe, expect, test } from 'vitest';
import { sessionTimerToward } from '../../../src/engine/route/trunk-branch.ts';
import { factsOf, trunkWith } from '../../outbound/world.ts';
import { CARRIER_A, CARRIER_A_ID, SDP, World } from '../world.ts';

let world: World;

afterEach(() => {
  world.scheduler.runUntilIdle(4 * 3600_000);
  expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
});

/** `follow` makes a variant of the branch. */
describe.each(['reject', 'follow'] as const)('the branch over a trunk whose redirects it is to %s', (redirects) => {
  async function begin() {
    world = await World.start({ trunks: { 'carrier-a': { limits: { concurrentCalls: 1 }, options: { redirects } } } });
    const phone = world.phone('101', '203.0.113.1');
    return { phone, carrier: world.agent(CARRIER_A) };
  }
  const places = () => world.engine.trunks.capacity.inProgress(`trunk ${CARRIER_A_ID}`);

  test('holds a place from its start to the end of the leg that it won', async () => {
    const { phone, carrier } = await begin();
    const invite = phone.call('18005550199');
    expect(places()).toBe(1);
    carrier.answers(carrier.took('INVITE'), 200, 'OK', {}, SDP);
    const answer = phone.final(invite);
    if (answer === undefined) throw new Error('no answer');
    phone.ack(invite, answer);
    expect(places()).toBe(1);
    phone.ask(phone.within(invite, answer, 'BYE'));
    carrier.answers(carrier.took('BYE'), 200);
    expect(places()).toBe(0);
  });

  test('gives it back when it is refused, and tells the trunk', async () => {
    const { phone, carrier } = await begin();
    phone.call('18005550199');
    carrier.answers(carrier.took('INVITE'), 486);
    expect(places()).toBe(0);
    expect(world.observed.attempts.map(({ trunkId, status }) => [trunkId, status])).toEqual([[CARRIER_A_ID, 486]]);
  });
});

describe('RFC 4028: the session timer toward a trunk that is called', () => {
  function of(sessionTimer: object) {
    const { directory } = factsOf({ trunks: [trunkWith({ id: '7', options: { sessionTimer } })] });
    const trunk = directory.trunk('7');
    return trunk && sessionTimerToward(trunk);
  }

  test('as it is set; there the engine is the UAC', () => {
    expect(of({ refresher: 'uas' })).toEqual({ intervalSeconds: 300, minSeconds: 90, refresher: 'remote' });
    expect(of({ refresher: 'uac', expiresSeconds: 1800 })).toEqual({
      intervalSeconds: 1800,
      minSeconds: 90,
      refresher: 'local',
    });
  });

  test('off, or only accepted', () => {
    expect(of({ mode: 'off' })).toBeUndefined();
    expect(of({ mode: 'accept' })).toEqual({ intervalSeconds: 0, minSeconds: 90 });
  });
});
