/** The short form of `npm run hostile -- soak`: an hour of virtual time in which peers come and go. */
import { expect, test } from 'vitest';
import { ENGINE, World } from '../engine/world.ts';
import { seededRandom } from '../kit/simulated-link.ts';
import { RobotCarrier, RobotPhone } from './robots.ts';

const MINUTES = 60;
const CALLS_PER_MINUTE = 6;
const CARRIERS = ['192.0.2.10', '192.0.2.20'];
const PHONES = ['203.0.113.1', '203.0.113.2', '203.0.113.3'];

/** Who is gone in which minute: its packets are lost both ways. */
function isGone(address: string, minute: number): boolean {
  if (address === CARRIERS[0]) return minute % 10 === 3;
  if (CARRIERS.includes(address)) return minute % 20 === 13;
  return PHONES.indexOf(address) === minute % 7;
}

test('an hour of calls while carriers die, phones vanish and what is provisioned changes: everything is given back', async () => {
  const random = seededRandom(60);
  const world = await World.start();
  const timersAtStart = world.scheduler.armedCount;
  const { network } = world;
  const carry = network.carry.bind(network);
  network.carry = (transport, from, to, text) => {
    const minute = Math.floor(world.scheduler.nowMs() / 60_000);
    const peer = to.host === ENGINE ? from.host : to.host;
    if (!isGone(peer, minute)) carry(transport, from, to, text);
  };
  const carriers = CARRIERS.map((address) => new RobotCarrier(world, address, random));
  const phones = PHONES.map((address, index) => new RobotPhone(world, address, `10${index + 1}`, random));
  const { calls } = world.engine;
  let most = 0;
  for (let minute = 0; minute < MINUTES; minute++) {
    for (const phone of phones) phone.register();
    for (let call = 0; call < CALLS_PER_MINUTE; call++) {
      world.run((random() * 120_000) / CALLS_PER_MINUTE);
      if (random() < 0.7) phones[call % phones.length]?.act();
      else carriers[call % carriers.length]?.call('14155550100');
      most = Math.max(most, calls.counters.live);
    }
    if (minute % 5 === 4) await world.provision({ acme: { outboundCallerId: `1415555010${minute % 10}` } });
    network.packets.length = 0;
  }
  expect(most).toBeGreaterThan(0);
  expect(world.observed.ended.filter(({ endReason }) => endReason === 'bye').length).toBeGreaterThan(20);
  world.scheduler.runUntilIdle(12 * 3_600_000);
  expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
  expect(world.engine.registrations.registrar.count).toBe(0);
  expect(world.scheduler.armedCount).toBeLessThanOrEqual(timersAtStart);
  expect(world.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
});
