import { afterEach, describe, expect, test } from 'vitest';
import { type ACME, type Agent, CARRIER_A, PASSWORD, type Phone, SDP, World } from '../world.ts';

let world: World;
let phone: Phone;
let carrier: Agent;

async function begin(acme: Partial<typeof ACME>): Promise<void> {
  world = await World.start({ acme });
  phone = world.phone('101', '203.0.113.1');
  carrier = world.agent(CARRIER_A);
}

afterEach(() => {
  world.scheduler.runUntilIdle(4 * 3600_000);
  expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
});

/** Places a call that the carrier refuses at once; the status that the phone got. */
function callRefused(number = '18005550199'): number | undefined {
  const before = carrier.requests('INVITE').length;
  const invite = phone.call(number);
  if (carrier.requests('INVITE').length > before) carrier.answer(carrier.took('INVITE', before), 486, 'Busy Here');
  world.run();
  return phone.final(invite)?.status;
}

describe('fraud guards stand before every call to the outside', () => {
  test('a tenant whose outbound calls are stopped places none; an emergency number passes', async () => {
    await begin({ stopOutbound: true, emergencyNumbers: ['112'] });
    expect(callRefused()).toBe(403);
    expect(carrier.requests('INVITE')).toEqual([]);
    expect(world.observed.fraud.map(({ code }) => code)).toEqual(['outbound-stopped']);
    expect(callRefused('112')).toBe(486);
    expect(carrier.requests('INVITE')).toHaveLength(1);
  });

  test('calls in progress: the one over the limit is refused, and a place is free again once a call has ended', async () => {
    await begin({ limits: { concurrentCalls: 1 } });
    const first = phone.call('18005550199');
    const second = phone.call('18005550198');
    world.run();
    expect(phone.final(second)?.status).toBe(403);
    carrier.answer(carrier.took('INVITE'), 486, 'Busy Here');
    world.run();
    expect(phone.final(first)?.status).toBe(486);
    expect(callRefused()).toBe(486);
  });

  test('calls per minute of one extension do not hold back another', async () => {
    await begin({
      extensions: [
        { number: '101', password: PASSWORD, limits: { callsPerMinute: 2 } },
        { number: '102', password: PASSWORD },
      ],
    });
    expect([callRefused(), callRefused(), callRefused()]).toEqual([486, 486, 403]);
    const other = world.phone('102', '203.0.113.2');
    const before = carrier.requests('INVITE').length;
    other.call('18005550199');
    world.run();
    expect(carrier.requests('INVITE')).toHaveLength(before + 1);
    world.run(61_000);
    expect(callRefused()).toBe(486);
  });

  test('a call that an extension forwards to the outside counts for that extension', async () => {
    await begin({
      extensions: [
        { number: '101', password: PASSWORD },
        { number: '102', password: PASSWORD, forward: { always: '18005550199' }, limits: { callsPerMinute: 1 } },
      ],
    });
    expect([callRefused('102'), callRefused('102')]).toEqual([486, 403]);
  });

  test('minutes and calls that are limited while a call runs: the other nodes are told of it at once', async () => {
    await begin({});
    const invite = phone.call('18005550199');
    carrier.answer(carrier.took('INVITE'), 200, 'OK', {}, SDP);
    world.run();
    const answer = phone.final(invite);
    if (answer === undefined) throw new Error('no answer');
    phone.ack(invite, answer);
    expect(world.engine.guards.use()).toEqual({ talking: {} });
    await world.provision({ acme: { limits: { dailyMinutes: 60, concurrentCalls: 9 } } });
    expect(Object.keys(world.engine.guards.use().talking ?? {})).toEqual(['tenant acme']);
    expect(world.engine.trunks.capacity.use().calls).toEqual({ 'tenant acme': 1 });
    phone.ask(phone.within(invite, answer, 'BYE'));
    carrier.answer(carrier.took('BYE'), 200);
    world.run();
  });
});
