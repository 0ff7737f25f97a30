import { describe, expect, test } from 'vitest';
import { makeRequest, World } from './fixture.ts';

describe('non-INVITE server transaction over UDP', () => {
  test('§17.2.2: a repeated request in Trying is discarded', () => {
    const world = new World();
    world.receive(makeRequest('OPTIONS'));
    world.receive(makeRequest('OPTIONS'));
    expect(world.channel.sent).toEqual([]);
    expect(world.requests).toHaveLength(1);
  });

  test('§17.2.2: a repeated request gets the last response again, for 64*T1', () => {
    const world = new World();
    world.receive(makeRequest('OPTIONS'));
    world.server.reply(200);
    world.scheduler.advance(31_999);
    world.receive(makeRequest('OPTIONS'));
    expect(world.channel.kinds).toEqual(['200', '200']);
    expect(world.requests).toHaveLength(1);
    world.scheduler.runUntilIdle();
    expect(world.scheduler.nowMs()).toBe(32_000);
    expect(world.isClean()).toBe(true);
  });

  test('§17.2.2: any other final response is discarded in Completed', () => {
    const world = new World();
    world.receive(makeRequest('OPTIONS'));
    world.server.reply(200);
    world.server.reply(500);
    world.server.reply(100);
    expect(world.channel.kinds).toEqual(['200']);
    expect(world.layer.counters.lateResponses).toBe(2);
  });

  test("RFC 4320 §4.1: a 100 leaves when the client's timer E reaches T2, and is repeated on retransmission", () => {
    const world = new World();
    world.receive(makeRequest('REGISTER'));
    world.scheduler.advance(3499);
    expect(world.channel.kinds).toEqual([]);
    world.scheduler.advance(1);
    expect(world.channel.kinds).toEqual(['100']);
    world.receive(makeRequest('REGISTER'));
    world.server.reply(200);
    expect(world.channel.kinds).toEqual(['100', '100', '200']);
  });

  test('RFC 4320 §4.1: no provisional response but 100 leaves', () => {
    const world = new World();
    world.receive(makeRequest('OPTIONS'));
    world.server.reply(183);
    expect(world.channel.kinds).toEqual([]);
  });

  test('RFC 4320 §4.2: a 408 never leaves, and repetitions stay without answer', () => {
    const world = new World();
    world.receive(makeRequest('OPTIONS'));
    world.server.reply(408);
    world.receive(makeRequest('OPTIONS'));
    expect(world.channel.kinds).toEqual([]);
    expect(world.server.state).toBe('completed');
    world.scheduler.runUntilIdle();
    expect(world.isClean()).toBe(true);
  });

  test('RFC 4320 §4.2: a 408 is its final response: left after it, it absorbs repetitions still', () => {
    const world = new World();
    const request = makeRequest('OPTIONS', { branch: 'of-rfc-2543' });
    world.receive(request);
    world.server.reply(408);
    world.server.leave();
    world.receive(request);
    expect([world.requests.length, world.channel.kinds]).toEqual([1, []]);
    world.scheduler.runUntilIdle();
    expect(world.isClean()).toBe(true);
  });

  test('a transport error informs the user; the machine stays and absorbs repetitions', () => {
    const world = new World();
    world.receive(makeRequest('BYE', { toTag: 'x' }));
    const reasons: string[] = [];
    world.server.user = { onCancel() {}, onTransportError: (reason) => reasons.push(reason) };
    world.layer.flowFailed(world.channel, 'EHOSTUNREACH');
    world.server.reply(200);
    world.receive(makeRequest('BYE', { toTag: 'x' }));
    expect(reasons).toEqual(['EHOSTUNREACH']);
    expect(world.requests).toHaveLength(1);
    // Nobody asks any more what became of the answer.
    world.layer.flowFailed(world.channel, 'EHOSTUNREACH');
    world.receive(makeRequest('BYE', { toTag: 'x' }));
    expect([reasons.length, world.requests.length, world.channel.kinds]).toEqual([1, 1, ['200', '200', '200']]);
  });
});

describe('non-INVITE server transaction over TCP', () => {
  test('§17.2.2: timer J is 0: the final response ends it', () => {
    const world = new World({ reliable: true });
    world.receive(makeRequest('OPTIONS'));
    world.server.reply(200);
    expect(world.channel.kinds).toEqual(['200']);
    expect(world.isClean()).toBe(true);
  });
});
