/** What strangers send is answered without keeping state. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serialize } from '../../src/sip/message/index.ts';
import { CARRIER_A, ENGINE, SDP, World } from '../engine/world.ts';

const STRANGER = '198.51.100.66';
const METHODS = [
  ['INVITE', [407]],
  ['REGISTER', [401]],
  ['OPTIONS', [200]],
  ['MESSAGE', [407]],
  ['REFER', [407]],
  ['SUBSCRIBE', [407]],
  ['PUBLISH', [407]],
  ['BYE', [481]],
  ['CANCEL', [481]],
  ['INFO', [481]],
  ['UPDATE', [481]],
  ['PRACK', [481]],
  ['NOTIFY', [481]],
  ['BREW', [501]],
] as const;

let world: World;

beforeEach(async () => {
  world = await World.start();
});

afterEach(() => {
  world.scheduler.runUntilIdle(3600_000);
  expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
});

describe('RFC 3261 §8.2.7', () => {
  test.each(METHODS)('%s of a stranger is answered (%j) and leaves no transaction', (method, statuses) => {
    const stranger = world.agent(STRANGER);
    const { serverCount } = world.engine.endpoint.transactions;
    const request = stranger.request(method, 'sip:101@acme.example.com', {}, method === 'INVITE' ? SDP : '');
    expect(statuses).toContain(stranger.ask(request).status);
    expect(world.engine.endpoint.transactions.serverCount).toBe(serverCount);
  });

  test.each(METHODS.filter(([method]) => method !== 'CANCEL'))(
    '%s with a made-up To tag leaves none either',
    (method) => {
      const stranger = world.agent(STRANGER);
      const request = stranger.request(method, 'sip:101@acme.example.com', { To: '<sip:101@acme.example.com>;tag=x' });
      expect(stranger.ask(request).status).toBeGreaterThanOrEqual(400 * Number(method !== 'REGISTER'));
      expect(world.engine.endpoint.transactions.serverCount).toBe(0);
    },
  );

  test.each(METHODS)('each copy of %s gets the same octets, nonce and tag included', (method) => {
    const stranger = world.agent(STRANGER);
    const request = stranger.request(method, 'sip:101@acme.example.com', {}, method === 'INVITE' ? SDP : '');
    const answers = [0, 500, 1500].map((waitMs) => {
      world.run(waitMs);
      return serialize(stranger.ask(request));
    });
    expect(new Set(answers).size).toBe(1);
  });

  test.each(METHODS)('no answer to %s has more than 1.5 times its octets, and nothing is sent again', (method) => {
    const stranger = world.agent(STRANGER);
    const request = stranger.request(method, 'sip:101@acme.example.com', {}, method === 'INVITE' ? SDP : '');
    const sent = serialize(request).length;
    const before = world.network.packets.length;
    stranger.ask(request);
    world.run(40_000);
    const answers = world.network.packets.slice(before).filter(({ to }) => to.startsWith(STRANGER));
    expect(answers.length).toBe(1);
    expect(answers[0]?.text.length).toBeLessThanOrEqual(1.5 * sent);
  });

  test('a thousand made-up requests leave nothing', () => {
    const stranger = world.agent(STRANGER);
    for (let index = 0; index < 1000; index++) {
      const [method] = METHODS[index % METHODS.length] ?? ['OPTIONS'];
      stranger.ask(stranger.request(method, 'sip:101@acme.example.com'));
    }
    expect(world.engine.endpoint.transactions.serverCount).toBe(0);
    expect(world.engine.endpoint.transactions.counters.serverTransactions).toBe(0);
  });

  test("a trunk's call that is refused is kept, and its refusal is sent again until the ACK", () => {
    const carrier = world.agent(CARRIER_A);
    const refused = carrier.ask(carrier.request('INVITE', `sip:19995550100@${ENGINE}`, {}, SDP));
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(world.engine.endpoint.transactions.serverCount).toBe(1);
  });
});
