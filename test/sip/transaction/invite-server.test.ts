import { describe, expect, test } from 'vitest';
import { createResponse, type SipResponse } from '../../../src/sip/message/index.ts';
import { makeInvite, makeRequest, World } from './fixture.ts';

describe('INVITE server transaction over UDP', () => {
  test('§17.2.1: an INVITE that gets no answer for 200 ms is sent a 100, without a To tag', () => {
    const world = new World();
    world.receive(makeInvite());
    world.scheduler.advance(199);
    expect(world.channel.kinds).toEqual([]);
    world.scheduler.advance(1);
    expect(world.channel.kinds).toEqual(['100']);
    expect((world.channel.last() as SipResponse).toTag()).toBeUndefined();
  });

  test('§17.2.1: no 100 when the user answers first', () => {
    const world = new World();
    world.onRequest = (transaction) => transaction.reply(180);
    world.receive(makeInvite());
    world.scheduler.advance(10_000);
    expect(world.channel.kinds).toEqual(['180']);
  });

  test('§17.2.1: a repeated INVITE gets the last provisional response again and the user hears nothing', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(180);
    world.server.reply(183);
    world.receive(makeInvite());
    expect(world.channel.kinds).toEqual(['180', '183', '183']);
    expect(world.requests).toHaveLength(1);
  });

  test('§17.2.1: a repeated INVITE before any response gets a 100 at once', () => {
    const world = new World();
    world.receive(makeInvite());
    world.receive(makeInvite());
    world.scheduler.advance(1000);
    expect(world.channel.kinds).toEqual(['100']);
  });

  test('§17.2.1: a final response other than 2xx is resent by timer G up to T2 until timer H ends it', () => {
    const world = new World();
    world.receive(makeInvite());
    let unacknowledged = 0;
    world.server.user = { onCancel() {}, onAckTimeout: () => unacknowledged++ };
    world.server.reply(486);
    world.scheduler.runUntilIdle();
    expect(world.channel.sentAtMs).toEqual([0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    expect(world.scheduler.nowMs()).toBe(32_000);
    expect(unacknowledged).toBe(1);
    expect(world.layer.counters.ackTimeouts).toBe(1);
    expect(world.isClean()).toBe(true);
  });

  test('RFC 6026 §7.1: once released, it still absorbs the INVITE, resends the 2xx as told and answers a CANCEL with its tag', () => {
    const world = new World();
    const invite = makeInvite();
    world.receive(invite);
    const answer = createResponse(invite, 200, undefined, { toTag: 'callee' });
    world.server.respond(answer);
    world.server.release();
    expect(world.server.request).not.toBe(invite);
    expect(world.server.request.method).toBe('INVITE');
    world.receive(makeInvite());
    world.server.respond(answer);
    expect(world.channel.kinds).toEqual(['200', '200']);
    expect((world.channel.last() as SipResponse).toTag()).toBe('callee');
    world.receive(makeRequest('CANCEL'));
    expect((world.channel.last() as SipResponse).toTag()).toBe('callee');
    expect(world.requests).toHaveLength(1);
    world.scheduler.runUntilIdle();
    expect(world.isClean()).toBe(true);
  });

  test('one whose answer is another process’s ends without it: a CANCEL is for nothing, and the same INVITE is a new one', () => {
    const world = new World();
    world.receive(makeInvite());
    let cancels = 0;
    world.server.user = { onCancel: () => cancels++ };
    world.server.reply(180);
    world.server.leave();
    world.scheduler.runUntilIdle();
    expect(world.isClean()).toBe(true);
    world.receive(makeRequest('CANCEL'));
    expect([cancels, ...world.channel.kinds]).toEqual([0, '180', '481']);
    world.receive(makeInvite());
    expect(world.requests).toHaveLength(2);
    world.server.reply(486);
    // What has its answer is nobody else's.
    world.server.leave();
    world.receive(makeInvite());
    expect(world.requests).toHaveLength(2);
    expect(world.channel.kinds.slice(-2)).toEqual(['486', '486']);
  });

  test('a machine of an RFC 2543 peer keeps its request, which its copies are compared with', () => {
    const world = new World();
    world.receive(makeInvite({ branch: 'old-style-branch' }));
    world.server.reply(200);
    world.server.release();
    world.receive(makeInvite({ branch: 'old-style-branch' }));
    expect(world.requests).toHaveLength(1);
  });

  test('§17.2.1: the ACK stops retransmission, is absorbed, and the machine waits T4 for more of them', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(486);
    world.scheduler.advance(600);
    const ack = makeRequest('ACK', { toTag: world.server.localTag });
    world.receive(ack);
    world.receive(ack);
    world.receive(makeInvite());
    expect(world.server.state).toBe('confirmed');
    world.scheduler.runUntilIdle();
    expect(world.scheduler.nowMs()).toBe(5600);
    expect(world.channel.kinds).toEqual(['486', '486']);
    expect(world.acks).toEqual([]);
    expect(world.isClean()).toBe(true);
  });

  test('§17.2.1: a repeated INVITE in Completed gets the final response again', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(404);
    world.receive(makeInvite());
    expect(world.channel.sentAtMs).toEqual([0, 0]);
  });

  test.each([401, 407])('§26.3.2.4: a %i is not resent by timer, only when the INVITE comes again', (status) => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(status);
    world.scheduler.advance(500);
    world.receive(makeInvite());
    world.scheduler.runUntilIdle();
    expect(world.channel.sentAtMs).toEqual([0, 500]);
    expect(world.isClean()).toBe(true);
  });

  test('§26.3.2.4: so is any final response to a source that has proved nothing', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.answerOnce = true;
    world.server.reply(403);
    world.scheduler.runUntilIdle();
    expect(world.channel.sentAtMs).toEqual([0]);
  });

  test('RFC 6026 §7.1: after a 2xx repeated INVITEs are absorbed for 64*T1 and nothing is resent by the machine', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(200);
    world.scheduler.advance(500);
    world.receive(makeInvite());
    expect(world.channel.kinds).toEqual(['200']);
    expect(world.requests).toHaveLength(1);
    expect(world.server.state).toBe('accepted');
    world.scheduler.runUntilIdle();
    expect(world.scheduler.nowMs()).toBe(32_000);
    expect(world.isClean()).toBe(true);
  });

  test('RFC 6026 §7.1: the user resends its 2xx through the machine, octet for octet', () => {
    const world = new World();
    world.receive(makeInvite());
    const success = createResponse(world.server.request, 200, undefined, { toTag: 'mine' });
    world.server.respond(success);
    world.server.respond(success);
    expect(world.channel.sent).toHaveLength(2);
    expect(world.channel.sent[1]?.text).toBe(world.channel.sent[0]?.text);
  });

  test('RFC 6026 §7.1: an ACK in Accepted goes to the user', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(200);
    world.receive(makeRequest('ACK', { toTag: world.server.localTag }));
    expect(world.acks).toHaveLength(1);
  });

  test('§17.2.1: one final response only; later ones are counted and dropped', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(486);
    world.server.reply(200);
    world.server.reply(180);
    expect(world.channel.kinds).toEqual(['486']);
    expect(world.layer.counters.lateResponses).toBe(2);
  });

  test('RFC 6026 §7.1: after a 2xx no failure and no provisional response can follow', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(200);
    world.server.reply(486);
    world.server.reply(180);
    expect(world.channel.kinds).toEqual(['200']);
  });

  test('RFC 6026 §7.1: a transport error informs the user and ends nothing', () => {
    const world = new World();
    world.receive(makeInvite());
    const reasons: string[] = [];
    world.server.user = { onCancel() {}, onTransportError: (reason) => reasons.push(reason) };
    world.layer.flowFailed(world.channel, 'EHOSTUNREACH');
    expect(reasons).toEqual(['EHOSTUNREACH']);
    expect(world.server.state).toBe('proceeding');
    world.server.reply(486);
    world.scheduler.runUntilIdle();
    expect(world.isClean()).toBe(true);
  });

  test('§8.2.6.2: every response but the 100 carries the same To tag, of at least 96 bits', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(180);
    const first = (world.channel.last() as SipResponse).toTag();
    world.server.reply(486);
    expect((world.channel.last() as SipResponse).toTag()).toBe(first);
    expect(first).toMatch(/^[0-9a-f]{24}$/);
    expect(world.server.localTag).toBe(first);
  });

  test('a response that must not leave changes nothing: the 500 after it can be sent', () => {
    const world = new World();
    world.receive(makeInvite());
    const unsafe = createResponse(world.server.request, 486);
    unsafe.version = 'SIP/2.0\r\n';
    expect(() => world.server.respond(unsafe)).toThrow();
    world.server.reply(500);
    expect(world.channel.kinds).toEqual(['500']);
  });
});

describe('INVITE server transaction over TCP', () => {
  test('§17.2.1: no timer G; timer H ends it', () => {
    const world = new World({ reliable: true });
    world.receive(makeInvite());
    world.server.reply(486);
    world.scheduler.runUntilIdle();
    expect(world.channel.sentAtMs).toEqual([0]);
    expect(world.scheduler.nowMs()).toBe(32_000);
  });

  test('§17.2.1: timer I is 0: the ACK ends it', () => {
    const world = new World({ reliable: true });
    world.receive(makeInvite());
    world.server.reply(486);
    world.receive(makeRequest('ACK', { toTag: world.server.localTag }));
    expect(world.acks).toEqual([]);
    expect(world.isClean()).toBe(true);
  });
});
