import { describe, expect, test } from 'vitest';
import { makeRequest, World } from './fixture.ts';

describe('non-INVITE client transaction over UDP', () => {
  test('§17.1.2.2: an unanswered request is resent at doubling intervals up to T2 and times out after 64*T1', () => {
    const world = new World();
    world.start(makeRequest('OPTIONS'));
    world.scheduler.runUntilIdle();
    expect(world.channel.sentAtMs).toEqual([0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    expect(world.scheduler.nowMs()).toBe(32_000);
    expect(world.events).toEqual(['timeout']);
    expect(world.isClean()).toBe(true);
  });

  test('§17.1.2.2: timer F ends by the clock, however late each timer E was', () => {
    const world = new World();
    world.scheduler.lateMs = 90;
    world.start(makeRequest('OPTIONS'));
    world.scheduler.runUntilIdle();
    expect(world.events).toEqual(['timeout']);
    expect(world.scheduler.nowMs()).toBe(32_090);
  });

  test('§17.1.2.2: over a connection, an answer that came while the process stood still beyond timer F is heard', () => {
    const world = new World({ reliable: true });
    const options = makeRequest('OPTIONS');
    world.scheduler.after(72_000.5, () => world.answer(options, 200));
    world.scheduler.lateMs = 40_000;
    world.start(options);
    world.scheduler.runUntilIdle();
    expect(world.events).toEqual(['200']);
  });

  test.each([
    ['over UDP', { reliable: false }],
    ['over a connection', { reliable: true }],
  ])('§17.1.2.2: %s, timer F ends it one turn later at most, however long all turns are', (_, how) => {
    const world = new World(how);
    world.scheduler.lateMs = 470;
    world.start(makeRequest('OPTIONS'));
    world.scheduler.advance(32_000 + 3 * 470);
    expect(world.events).toEqual(['timeout']);
    expect(world.isClean()).toBe(true);
  });

  test('§17.1.2.2: in Proceeding the request is resent every T2 and timer F still runs', () => {
    const world = new World();
    const request = makeRequest('REGISTER');
    world.start(request);
    world.scheduler.advance(600);
    world.answer(request, 100);
    world.scheduler.runUntilIdle();
    // The interval armed before the 100 (to 1.5 s) stands; the next ones are T2.
    expect(world.channel.sentAtMs).toEqual([0, 500, 1500, 5500, 9500, 13_500, 17_500, 21_500, 25_500, 29_500]);
    expect(world.events).toEqual(['100', 'timeout']);
    expect(world.scheduler.nowMs()).toBe(32_000);
  });

  test.each([200, 302, 401, 500, 603])(
    '§17.1.2.2: a %i reaches the user once; copies are absorbed for T4',
    (status) => {
      const world = new World();
      const request = makeRequest('BYE');
      const transaction = world.start(request);
      world.answer(request, status);
      world.answer(request, status);
      world.answer(request, 100);
      expect(world.events).toEqual([String(status)]);
      expect(transaction.state).toBe('completed');
      world.scheduler.runUntilIdle();
      expect(world.scheduler.nowMs()).toBe(5000);
      expect(world.channel.kinds).toEqual(['BYE']);
      expect(world.isClean()).toBe(true);
    },
  );

  test('§17.1.4: a transport error ends it and informs the user, but not after the final response', () => {
    const world = new World();
    const first = makeRequest('OPTIONS', { branch: 'z9hG4bKone' });
    world.start(first);
    world.answer(first, 200);
    world.start(makeRequest('OPTIONS', { branch: 'z9hG4bKtwo' }));
    world.layer.flowFailed(world.channel, 'closed');
    expect(world.events).toEqual(['200', 'error closed']);
  });

  test.each(['OPTIONS', 'INVITE'])(
    'a user that closes the layer as it hears the 200 to its %s leaves no timer armed',
    (method) => {
      const world = new World();
      const request = makeRequest(method);
      world.layer.createClient(request, world.channel, { ...world.clientUser, onResponse: () => world.layer.close() });
      world.answer(request, 200);
      expect(world.isClean()).toBe(true);
    },
  );

  test('§9.1: cancel of another method than INVITE sends nothing', () => {
    const world = new World();
    const request = makeRequest('OPTIONS');
    const transaction = world.start(request);
    world.answer(request, 100);
    transaction.cancel();
    expect(world.channel.kinds).toEqual(['OPTIONS']);
  });
});

describe('non-INVITE client transaction over TCP', () => {
  test('§17.1.2.2: sent once; timer F still ends it', () => {
    const world = new World({ reliable: true });
    world.start(makeRequest('OPTIONS'));
    world.scheduler.runUntilIdle();
    expect(world.channel.sentAtMs).toEqual([0]);
    expect(world.events).toEqual(['timeout']);
  });

  test('§17.1.2.2: timer K is 0: the final response ends it', () => {
    const world = new World({ reliable: true });
    const request = makeRequest('OPTIONS');
    world.start(request);
    world.answer(request, 100);
    world.answer(request, 200);
    expect(world.events).toEqual(['100', '200']);
    expect(world.isClean()).toBe(true);
  });
});
