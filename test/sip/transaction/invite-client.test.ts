import { describe, expect, test } from 'vitest';
import { HeaderId, type SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import type { ClientTransactionUser } from '../../../src/sip/transaction/index.ts';
import { makeInvite, type RecordingChannel, World } from './fixture.ts';

describe('INVITE client transaction over UDP', () => {
  test('§17.1.1.2: an unanswered INVITE is resent at doubling intervals and times out after 64*T1', () => {
    const world = new World();
    world.start(makeInvite());
    world.scheduler.runUntilIdle();
    expect(world.channel.sentAtMs).toEqual([0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    expect(new Set(world.channel.sent.map((each) => each.text)).size).toBe(1);
    expect(world.scheduler.nowMs()).toBe(32_000);
    expect(world.events).toEqual(['timeout']);
    expect(world.layer.counters).toMatchObject({ retransmissionsSent: 6, timeouts: 1 });
    expect(world.isClean()).toBe(true);
  });

  test('§17.1.1.2: timer B ends by the clock, however late each timer A was', () => {
    const world = new World();
    world.scheduler.lateMs = 50;
    world.start(makeInvite());
    world.scheduler.runUntilIdle();
    expect(world.events).toEqual(['timeout']);
    expect(world.scheduler.nowMs()).toBe(32_050);
  });

  test('§17.1.1.2: an INVITE whose time went by while the process stood still ends on the next turn, after what came meanwhile', () => {
    const world = new World();
    const invite = makeInvite();
    world.scheduler.lateMs = 40_000;
    world.start(invite);
    world.scheduler.lateMs = 0;
    world.scheduler.after(40_500, () => expect(world.events).toEqual([]));
    world.scheduler.runUntilIdle();
    expect(world.events).toEqual(['timeout']);
    expect(world.scheduler.nowMs()).toBe(40_500);
  });

  test.each([
    ['over UDP, after its last copy', { reliable: false }, 31_400],
    ['over a connection', { reliable: true }, 0],
  ])('§17.1.1.2: %s, an answer that came while the process stood still beyond timer B is heard', (_, how, fromMs) => {
    const world = new World(how);
    const invite = makeInvite();
    const standsStill = () => {
      world.scheduler.lateMs = 40_000;
    };
    // Read on the turn after that of the timers, which is 40 s late.
    world.scheduler.after(72_000.5, () => world.answer(invite, 486));
    if (fromMs === 0) standsStill();
    else world.scheduler.after(fromMs, standsStill);
    world.start(invite);
    world.scheduler.runUntilIdle();
    expect(world.events).toEqual(['486']);
  });

  test.each([
    ['over UDP', { reliable: false }],
    ['over a connection', { reliable: true }],
  ])('§17.1.1.2: %s, timer B ends it one turn later at most, however long all turns are', (_, how) => {
    const world = new World(how);
    world.scheduler.lateMs = 470;
    world.start(makeInvite());
    world.scheduler.advance(32_000 + 3 * 470);
    expect(world.events).toEqual(['timeout']);
    expect(world.isClean()).toBe(true);
  });

  test('§9.1: where all turns are long, a cancelled INVITE without a final response ends one turn after 64*T1 at most', () => {
    const world = new World({ reliable: true });
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 180);
    world.scheduler.advance(60_000);
    world.scheduler.lateMs = 470;
    transaction.cancel();
    world.scheduler.advance(32_000 + 2 * 470);
    expect(world.events).toEqual(['180', 'timeout']);
    expect(world.isClean()).toBe(true);
  });

  test('§9.1: a cancelled INVITE ends after 64*T1, whenever it was sent; the 487 that came while the process stood still is heard', () => {
    for (const [lateMs, heard] of [
      [0, 'timeout'],
      [40_000, '487'],
    ] as const) {
      const world = new World({ reliable: true });
      const invite = makeInvite();
      const transaction = world.start(invite);
      world.answer(invite, 180);
      world.scheduler.advance(60_000);
      world.scheduler.lateMs = lateMs;
      transaction.cancel();
      world.scheduler.lateMs = 0;
      // Read on the turn after that of the timer.
      world.scheduler.after(32_000 + lateMs, () => world.answer(invite, 487));
      world.scheduler.advance(32_000 + lateMs);
      expect(world.events).toEqual(['180', heard]);
    }
  });

  test('§17.1.1.2: a provisional response stops retransmission and timer B; each one reaches the user', () => {
    const world = new World();
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.scheduler.advance(600);
    world.answer(invite, 100);
    world.answer(invite, 180);
    world.scheduler.advance(3_600_000);
    expect(world.channel.sentAtMs).toEqual([0, 500]);
    expect(world.events).toEqual(['100', '180']);
    expect(transaction.state).toBe('proceeding');
  });

  test.each([300, 404, 486, 503, 603])(
    '§17.1.1.2: a %i is acknowledged here, once per copy, and reaches the user once',
    (status) => {
      const world = new World();
      const invite = makeInvite();
      world.start(invite);
      world.answer(invite, status);
      world.scheduler.advance(500);
      world.answer(invite, status);
      expect(world.channel.kinds).toEqual(['INVITE', 'ACK', 'ACK']);
      expect(world.events).toEqual([String(status)]);
      world.scheduler.runUntilIdle();
      // Timer D is 32 s from the first final response.
      expect(world.scheduler.nowMs()).toBe(32_000);
      expect(world.isClean()).toBe(true);
    },
  );

  test('§17.1.1.2: in Completed a 2xx or a provisional response changes nothing', () => {
    const world = new World();
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 486);
    world.answer(invite, 200);
    world.answer(invite, 183);
    expect(world.events).toEqual(['486']);
    expect(transaction.state).toBe('completed');
    expect(world.channel.kinds).toEqual(['INVITE', 'ACK']);
  });

  test("§17.1.1.3: the ACK has the INVITE's Request-URI, Call-ID, From, top Via, Route and CSeq number, and the response's To", () => {
    const world = new World();
    const invite = makeInvite({ routes: ['<sip:p1.example.com;lr>', '<sip:p2.example.com;lr>'] });
    world.start(invite);
    world.answer(invite, 404, 'its-tag');
    const ack = world.channel.last() as SipRequest;
    expect(ack.method).toBe('ACK');
    expect(ack.requestUri).toBe(invite.requestUri);
    for (const id of [HeaderId.Via, HeaderId.From, HeaderId.CallId]) {
      expect(ack.headers.fieldValues(id)).toEqual(invite.headers.fieldValues(id));
    }
    expect(ack.headers.listValues(HeaderId.Route)).toEqual(invite.headers.listValues(HeaderId.Route));
    expect(ack.cseq()).toEqual({ sequence: 314159, method: 'ACK' });
    expect(ack.toTag()).toBe('its-tag');
    expect(ack.maxForwards()).toBe(70);
    expect(ack.body).toBe('');
  });

  test('RFC 6026 §7.2: every 2xx reaches the user for 64*T1, no ACK is made here, then it is stray', () => {
    const world = new World();
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 200, 'one');
    world.scheduler.advance(500);
    world.answer(invite, 200, 'one');
    world.answer(invite, 200, 'another-branch');
    world.answer(invite, 486, 'late-branch');
    world.answer(invite, 180, 'late-branch');
    expect(world.events).toEqual(['200', '200', '200']);
    expect(transaction.state).toBe('accepted');
    world.scheduler.runUntilIdle();
    expect(world.scheduler.nowMs()).toBe(32_000);
    expect(transaction.state).toBe('terminated');
    world.answer(invite, 200, 'one');
    expect(world.strayAnswers).toHaveLength(1);
    expect(world.channel.kinds).toEqual(['INVITE']);
    expect(world.isClean()).toBe(true);
  });

  test('§17.1.4: a transport error in Calling ends it and informs the user once', () => {
    const world = new World();
    world.start(makeInvite());
    world.layer.flowFailed(world.channel, 'ECONNREFUSED');
    world.layer.flowFailed(world.channel, 'ECONNREFUSED');
    expect(world.events).toEqual(['error ECONNREFUSED']);
    expect(world.isClean()).toBe(true);
  });

  test('§17.1.1.2: a transport error in Completed ends it without a word', () => {
    const world = new World();
    const invite = makeInvite();
    world.start(invite);
    world.answer(invite, 486);
    world.layer.flowFailed(world.channel, 'EHOSTUNREACH');
    expect(world.events).toEqual(['486']);
    expect(world.isClean()).toBe(true);
  });

  test('RFC 6026 §7.2: a transport error in Accepted changes nothing', () => {
    const world = new World();
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 200);
    world.layer.flowFailed(world.channel, 'EHOSTUNREACH');
    expect(transaction.state).toBe('accepted');
    expect(world.events).toEqual(['200']);
  });

  test('a shorter timeout of its own ends the attempt early', () => {
    const world = new World();
    world.layer.createClient(makeInvite(), world.channel, world.clientUser, { timeoutMs: 4000 });
    world.scheduler.runUntilIdle();
    expect(world.channel.sentAtMs).toEqual([0, 500, 1500, 3500]);
    expect(world.scheduler.nowMs()).toBe(4000);
    expect(world.events).toEqual(['timeout']);
  });

  test('appendix A: T1 is configurable and every timer follows it', () => {
    const world = new World({ timers: { t1Ms: 100 } });
    world.start(makeInvite());
    world.scheduler.runUntilIdle();
    expect(world.channel.sentAtMs).toEqual([0, 100, 300, 700, 1500, 3100, 6300]);
    expect(world.scheduler.nowMs()).toBe(6400);
  });
});

test.each([false, true])(
  'RFC 3261 §16.7 step 5: once it was refused and released, who takes it over hears the 2xx of another fork (reliable: %s)',
  (reliable) => {
    const world = new World({ reliable });
    const invite = makeInvite();
    const late: string[] = [];
    const hears = (response: SipResponse, { request }: { readonly request: SipRequest }) =>
      late.push(`${response.status} ${response.toTag()} of ${request.cseq().sequence} after ${request.toTag()}`);
    const ends = { onTimeout() {}, onTransportError() {} };
    const user: ClientTransactionUser<RecordingChannel> = {
      onResponse: (_response, transaction) => transaction.release({ onResponse: hears, ...ends }),
      ...ends,
    };
    world.layer.createClient(invite, world.channel, user);
    for (let copy = 0; copy < 2; copy++) world.answer(invite, 603, 'one');
    world.answer(invite, 180, 'another');
    world.answer(invite, 200, 'another');
    expect(world.channel.kinds).toEqual(['INVITE', 'ACK', 'ACK']);
    expect(late).toEqual(['200 another of 314159 after one']);
    world.scheduler.runUntilIdle();
    expect(world.scheduler.nowMs()).toBe(32_000);
    expect(world.isClean()).toBe(true);
    world.answer(invite, 200, 'another');
    expect([late.length, world.strayAnswers.length]).toEqual([1, 1]);
  },
);

test.each([false, true])(
  'RFC 3261 §16.7 step 5: refused, and released later, since a relay was asked, it tells who takes it over of a 2xx (reliable: %s)',
  (reliable) => {
    const world = new World({ reliable });
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 603, 'one');
    world.scheduler.advance(2_500);
    const late: string[] = [];
    transaction.release({
      onResponse: ({ status }) => late.push(String(status)),
      onTimeout() {},
      onTransportError() {},
    });
    world.answer(invite, 200, 'another');
    expect(late).toEqual(['200']);
  },
);

test.each([
  [false, 'calling'],
  [false, 'proceeding'],
  [true, 'calling'],
  [true, 'proceeding'],
] as const)('a defect of its user at a refusal leaves nothing for ever (reliable: %s, %s)', (reliable, state) => {
  const world = new World({ reliable });
  const invite = makeInvite();
  const user: ClientTransactionUser<RecordingChannel> = {
    onResponse: ({ status }) => {
      if (status >= 300) throw new Error('a defect');
    },
    onTimeout() {},
    onTransportError() {},
  };
  world.layer.createClient(invite, world.channel, user);
  if (state === 'proceeding') world.answer(invite, 100);
  expect(() => world.answer(invite, 603)).toThrow('a defect');
  world.scheduler.runUntilIdle();
  expect(world.isClean()).toBe(true);
});

describe('INVITE client transaction over TCP', () => {
  test('§17.1.1.2: the INVITE is sent once; timer B still ends it', () => {
    const world = new World({ reliable: true });
    world.start(makeInvite());
    world.scheduler.runUntilIdle();
    expect(world.channel.sentAtMs).toEqual([0]);
    expect(world.scheduler.nowMs()).toBe(32_000);
    expect(world.events).toEqual(['timeout']);
  });

  test('§17.1.1.2: timer D is 0: a final response other than 2xx is acknowledged and, released, the transaction is gone', () => {
    const world = new World({ reliable: true });
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 486);
    expect(world.channel.kinds).toEqual(['INVITE', 'ACK']);
    expect(world.events).toEqual(['486']);
    transaction.release();
    expect(world.isClean()).toBe(true);
  });
});

describe('CANCEL of an INVITE (§9.1)', () => {
  test("it waits for a provisional response, then leaves with the INVITE's Via, Route, From, To, Call-ID and CSeq number", () => {
    const world = new World();
    const invite = makeInvite({ routes: ['<sip:p1.example.com;lr>'] });
    const transaction = world.start(invite);
    transaction.cancel([[HeaderId.Reason, 'SIP;cause=200;text="Call completed elsewhere"']]);
    expect(world.channel.kinds).toEqual(['INVITE']);
    world.answer(invite, 180);
    expect(world.channel.kinds).toEqual(['INVITE', 'CANCEL']);
    const cancel = world.channel.last() as SipRequest;
    expect(cancel.requestUri).toBe(invite.requestUri);
    for (const id of [HeaderId.Via, HeaderId.From, HeaderId.To, HeaderId.CallId, HeaderId.Route]) {
      expect(cancel.headers.fieldValues(id)).toEqual(invite.headers.fieldValues(id));
    }
    expect(cancel.cseq()).toEqual({ sequence: 314159, method: 'CANCEL' });
    expect(cancel.headers.value(HeaderId.Reason)).toContain('cause=200');
  });

  test("the 487 still reaches the user and is acknowledged; the CANCEL's own 200 does not", () => {
    const world = new World();
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 180);
    transaction.cancel();
    transaction.cancel();
    world.answer(world.channel.last() as SipRequest, 200);
    world.answer(invite, 487);
    expect(world.channel.kinds).toEqual(['INVITE', 'CANCEL', 'ACK']);
    expect(world.events).toEqual(['180', '487']);
    world.scheduler.runUntilIdle();
    expect(world.isClean()).toBe(true);
  });

  test('whether it has reached anybody is known by its own final response', () => {
    const world = new World();
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 180);
    transaction.cancel();
    const cancel = world.channel.last() as SipRequest;
    world.answer(cancel, 100);
    expect(transaction.isCancelHeard).toBe(false);
    world.answer(cancel, 481);
    expect(transaction.isCancelHeard).toBe(true);
  });

  test('a 2xx that wins the race reaches the user', () => {
    const world = new World();
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 180);
    transaction.cancel();
    world.answer(invite, 200);
    expect(world.events).toEqual(['180', '200']);
  });

  test('without a final response in 64*T1 the INVITE counts as cancelled', () => {
    const world = new World();
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 180);
    world.scheduler.advance(60_000);
    transaction.cancel();
    world.scheduler.runUntilIdle();
    expect(world.events).toEqual(['180', 'timeout']);
    expect(world.isClean()).toBe(true);
  });

  test('after a final response none is sent', () => {
    const world = new World();
    const invite = makeInvite();
    const transaction = world.start(invite);
    world.answer(invite, 200);
    transaction.cancel();
    expect(world.channel.kinds).toEqual(['INVITE']);
  });
});
