import { describe, expect, test } from 'vitest';
import { describeDestination } from '../../src/sip/endpoint/index.ts';
import { HeaderId } from '../../src/sip/message/index.ts';
import {
  directoryOf,
  ENGINE,
  idOf,
  ipTrunk,
  OTHER,
  PROVIDER,
  Provider,
  registerTrunk,
  TrunkWorld,
} from './provider.ts';

const options = (world: TrunkWorld) => world.provider.requests.filter(({ method }) => method === 'OPTIONS');
const keepAlive = (settings: object) =>
  ipTrunk({ options: { keepAlive: { enabled: true, intervalSeconds: 60, ...settings } } });

describe('OPTIONS', () => {
  test('at the interval, and 200 means online', () => {
    const world = new TrunkWorld([ipTrunk()]);
    expect(world.status().state).toBe('unknown');
    world.run(600);
    expect(options(world).length).toBeGreaterThanOrEqual(10);
    expect(options(world).length).toBeLessThanOrEqual(11);
    expect(options(world)[0]?.requestUri).toBe(`sip:${PROVIDER}`);
    expect(options(world)[0]?.headers.value(HeaderId.Contact)).toBe(`<sip:${ENGINE}:5060>`);
    expect(world.status()).toMatchObject({ state: 'online', lastCode: 200 });
    expect(world.events).toEqual(['carrier: unknown > online']);
  });

  test('not sent when switched off; the trunk is unknown and used', () => {
    const world = new TrunkWorld([ipTrunk({ options: {} })]).run(3600);
    expect(world.network.packets).toHaveLength(0);
    expect(world.status()).toMatchObject({ state: 'unknown', reason: 'not asked: keep-alive is off' });
    expect(world.service.condition(world.status().trunkId)).toMatchObject({ up: true, full: false });
  });

  test.each([
    ['200', 200, 'online'],
    ['200', 202, 'offline'],
    ['200', 404, 'offline'],
    ['2xx', 202, 'online'],
    ['2xx', 486, 'offline'],
    ['any', 404, 'online'],
    ['any', 500, 'online'],
    [[200, 404], 404, 'online'],
    [[200, 404], 405, 'offline'],
  ])('accept %j, answered %i: %s', (accept, status, state) => {
    const world = new TrunkWorld([keepAlive({ accept })]);
    world.provider.onOptions = (transaction) => transaction.reply(status);
    world.run(15);
    expect(world.status()).toMatchObject({ state, lastCode: status });
  });

  test('silence: offline; it is tried at each interval and comes back', () => {
    const world = new TrunkWorld([ipTrunk()]);
    world.provider.onOptions = () => {};
    world.run(45);
    expect(world.status()).toMatchObject({ state: 'offline', reason: 'no answer' });
    expect(world.service.condition(world.status().trunkId).up).toBe(false);
    expect(world.locator.failed.has(`udp:${PROVIDER}:5060`)).toBe(true);
    world.provider.onOptions = (transaction) => transaction.reply(200);
    world.run(60);
    expect(world.status().state).toBe('online');
    expect(world.locator.failed.size).toBe(0);
  });

  test('downAfter failures and upAfter successes in a row', () => {
    const world = new TrunkWorld([keepAlive({ downAfter: 3, upAfter: 2 })]);
    const answers = [200, 500, 500, 200, 500, 500, 500, 200, 500, 200, 200];
    const states: string[] = [];
    world.provider.onOptions = (transaction) => transaction.reply(answers.shift() ?? 200);
    world.run(11);
    for (let ping = 0; ping < 11; ping++) {
      states.push(world.status().state);
      world.run(58.5);
    }
    const up = 'online';
    const down = 'offline';
    expect(states).toEqual([up, up, up, up, up, up, down, down, down, down, up]);
  });

  test('every target is pinged; the trunk is up while one is', () => {
    const world = new TrunkWorld([ipTrunk({ host: 'carrier.example' })]);
    const second = new Provider(world.network, OTHER);
    const both = [PROVIDER, OTHER].map((address) => ({ transport: 'udp' as const, address, port: 5060 }));
    world.locator.answers.set('carrier.example', both);
    world.provider.onOptions = () => {};
    world.run(60);
    expect(options(world).length).toBeGreaterThan(0);
    expect(second.requests.length).toBeGreaterThan(0);
    expect(world.status().state).toBe('online');
    second.onOptions = () => {};
    world.run(110);
    expect(world.status().state).toBe('offline');
    world.locator.answers.set('carrier.example', both.slice(1));
    second.onOptions = (transaction) => transaction.reply(200);
    world.run(120);
    expect(world.status().state).toBe('online');
  });

  test('503 with Retry-After holds the target down for that long, not pinged meanwhile, five minutes at most', () => {
    const world = new TrunkWorld([ipTrunk()]);
    world.provider.onOptions = (transaction) => transaction.reply(503, undefined, [[HeaderId.RetryAfter, '100000']]);
    world.run(20);
    expect(world.status()).toMatchObject({ state: 'offline', lastCode: 503 });
    expect(world.locator.failed.get(`udp:${PROVIDER}:5060`)).toBe(300_000);
    world.provider.onOptions = (transaction) => transaction.reply(200);
    world.run(250);
    expect(options(world)).toHaveLength(1);
    world.run(120);
    expect(world.status().state).toBe('online');
  });

  test('a challenge is answered with the trunk’s credentials', () => {
    const trunk = ipTrunk({
      credentials: { username: 'u', password: 's3cret' },
      options: { keepAlive: { enabled: true, intervalSeconds: 60 } },
    });
    const world = new TrunkWorld([trunk]);
    world.provider.onOptions = (transaction, request) => {
      if (request.headers.has(HeaderId.Authorization)) transaction.reply(200);
      else transaction.reply(401, undefined, [[HeaderId.WwwAuthenticate, 'Digest realm="c", nonce="1", qop="auth"']]);
    };
    world.run(15);
    expect(options(world)).toHaveLength(2);
    expect(world.status().state).toBe('online');
  });

  test('a register trunk pings the server that has its registration rather than another', () => {
    const trunk = registerTrunk({
      host: 'carrier.example',
      options: { keepAlive: { enabled: true, intervalSeconds: 60 } },
    });
    const world = new TrunkWorld([trunk]);
    const second = new Provider(world.network, OTHER);
    const both = [PROVIDER, OTHER].map((address) => ({ transport: 'udp' as const, address, port: 5060 }));
    world.locator.answers.set('carrier.example', both);
    world.provider.onRegister = (transaction) => transaction.reply(503);
    world.run(300);
    expect(second.requests.filter(({ method }) => method === 'OPTIONS').length).toBeGreaterThan(2);
    expect(options(world)).toHaveLength(0);
    second.onOptions = (transaction) => transaction.reply(500);
    world.run(70);
    expect(world.status()).toMatchObject({ state: 'offline', lastCode: 500 });
  });

  test('a registration that moved to another server is judged by that one at once', () => {
    const trunk = registerTrunk({
      host: 'carrier.example',
      options: { keepAlive: { enabled: true, intervalSeconds: 3600 } },
    });
    const world = new TrunkWorld([trunk]);
    const second = new Provider(world.network, OTHER);
    world.locator.answers.set('carrier.example', [{ transport: 'udp', address: PROVIDER, port: 5060 }]);
    world.provider.onOptions = (transaction) => transaction.reply(500);
    world.run(60);
    expect(world.status().state).toBe('offline');
    world.locator.answers.set('carrier.example', [{ transport: 'udp', address: OTHER, port: 5060 }]);
    world.run(590);
    expect(second.requests.map(({ method }) => method)).toEqual(['REGISTER', 'OPTIONS']);
    expect(world.status().state).toBe('online');
  });

  test('an accept-register trunk pings the flow of its gateway, and is offline without one', () => {
    const trunk = ipTrunk({
      type: 'accept-register',
      host: 'e1gw.example',
      credentials: { authName: '123456', password: 's3cret' },
    });
    const world = new TrunkWorld([trunk]);
    world.run(100);
    expect(world.status()).toMatchObject({ state: 'offline', reason: 'its gateway is not registered' });
    expect(world.locator.queries).not.toContain('e1gw.example');
    world.gateway = world.endpoint.flowTo({ transport: 'udp', address: PROVIDER, port: 5060 });
    world.service.gatewayChanged(world.status().trunkId);
    world.run(1);
    expect(options(world)[0]?.requestUri).toBe(`sip:${PROVIDER}:5060`);
    expect(world.status().state).toBe('online');
    world.gateway = [];
    world.service.gatewayChanged(world.status().trunkId);
    expect(world.status().state).toBe('offline');
    expect(world.events).toEqual([
      'carrier: unknown > offline',
      'carrier: offline > online',
      'carrier: online > offline',
    ]);
  });

  test('no ping is sent before the last one has ended, nor after the end', async () => {
    const world = new TrunkWorld([keepAlive({ intervalSeconds: 5 })]);
    world.provider.onOptions = () => {};
    world.run(60);
    // Timer F is the interval, so one ping ends as the next begins: 500, 1,500, 3,500 ms after the first.
    expect(world.sent('OPTIONS')).toBeLessThanOrEqual(13 * 4);
    await world.service.stop();
    // A ping under way is retransmitted until its timer F; nobody waits for it.
    world.scheduler.advance(10_000);
    const before = world.network.packets.length;
    world.scheduler.advance(3_600_000);
    expect(world.network.packets.length).toBe(before);
    expect(world.scheduler.armedCount).toBe(0);
  });
});

describe('evidence from calls', () => {
  const attempt = (overrides: object) => ({
    target: `udp:${PROVIDER}:5060`,
    status: 0,
    reason: '',
    cause: 'response',
    ...overrides,
  });
  const trunkOf = (world: TrunkWorld) => {
    const trunk = directoryOf([ipTrunk()]).trunk(String(idOf('carrier')));
    if (trunk === undefined) throw new Error('no trunk');
    return { trunk, note: (overrides: object) => world.service.noteAttempt(trunk, attempt(overrides)) };
  };

  test('any answer proves life: a trunk that pings called dead is up again', () => {
    const world = new TrunkWorld([ipTrunk()]);
    world.provider.onOptions = () => {};
    world.run(45);
    expect(world.status().state).toBe('offline');
    trunkOf(world).note({ status: 486, reason: 'Busy Here' });
    expect(world.status().state).toBe('online');
  });

  test('timeouts of calls count as failures, up to downAfter', () => {
    const world = new TrunkWorld([keepAlive({ downAfter: 2 })]).run(15);
    const { note } = trunkOf(world);
    const trunk = directoryOf([keepAlive({ downAfter: 2 })]).trunk(String(idOf('carrier')));
    note({ cause: 'cancelled' });
    if (trunk !== undefined) world.service.noteAttempt(trunk, attempt({ cause: 'timeout', reason: 'no answer' }));
    expect(world.status().state).toBe('online');
    if (trunk !== undefined) world.service.noteAttempt(trunk, attempt({ cause: 'transport-error', reason: 'refused' }));
    expect(world.status()).toMatchObject({ state: 'offline', reason: 'refused' });
    expect(world.locator.failed.has(`udp:${PROVIDER}:5060`)).toBe(true);
  });

  test('what an attempt says of an IPv6 target counts for that target: it is put last', () => {
    const world = new TrunkWorld([ipTrunk()]).run(15);
    const target = describeDestination({ transport: 'udp', address: '2001:db8::7', port: 5060 });
    trunkOf(world).note({ target, cause: 'timeout', reason: 'no answer' });
    expect([...world.locator.failed.keys()]).toEqual(['udp:2001:db8::7:5060']);
    trunkOf(world).note({ target, status: 486 });
    expect(world.locator.failed.size).toBe(0);
  });

  test('503 with Retry-After holds the trunk down and lets it go by itself', () => {
    const world = new TrunkWorld([ipTrunk()]).run(15);
    trunkOf(world).note({ status: 503, reason: 'Service Unavailable', retryAfterSeconds: 30 });
    expect(world.status().state).toBe('offline');
    world.run(31);
    expect(world.status().state).toBe('online');
    expect(world.events).toEqual([
      'carrier: unknown > online',
      'carrier: online > offline',
      'carrier: offline > online',
    ]);
  });

  test('a refusal for rate or channels makes the trunk full for a moment, not down', () => {
    const world = new TrunkWorld([ipTrunk()]).run(15);
    trunkOf(world).note({ status: 503, reason: 'Channel limit exceeded', retryAfterSeconds: 3 });
    expect(world.status().state).toBe('online');
    const condition = () => world.service.condition(world.status().trunkId);
    expect(condition()).toEqual({
      up: true,
      full: true,
      isByWord: true,
      reason: 'the carrier says 503 Channel limit exceeded',
    });
    world.run(3);
    expect(condition().full).toBe(false);
  });
});
