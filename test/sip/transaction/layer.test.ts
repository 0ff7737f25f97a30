import { describe, expect, test } from 'vitest';
import {
  createResponse,
  HeaderId,
  parseMessage,
  type SipRequest,
  type SipResponse,
} from '../../../src/sip/message/index.ts';
import { makeInvite, makeRequest, RecordingChannel, World } from './fixture.ts';

const OLD = { branch: 'old-style-branch' };

describe('matching requests to server transactions (§17.2.3)', () => {
  test('branch, sent-by and method decide; the host compares without case', () => {
    const world = new World();
    world.receive(makeInvite());
    world.receive(makeInvite({ host: 'PC33.Atlanta.example.com:5060' }));
    expect(world.requests).toHaveLength(1);
  });

  test('the same branch from another sent-by, and another method under the same branch, are new', () => {
    const world = new World();
    world.receive(makeRequest('BYE', { toTag: 'x' }));
    world.receive(makeRequest('BYE', { toTag: 'x', host: 'other.example.com' }));
    world.receive(makeRequest('INFO', { toTag: 'x' }));
    expect(world.requests.map((each) => each.request.method)).toEqual(['BYE', 'BYE', 'INFO']);
  });

  test.each(['kept', 'released'])(
    'one branch for several requests: Call-ID and CSeq tell them apart, and each copy finds its own (%s)',
    (how) => {
      const world = new World();
      const requests = [
        makeInvite({ sequence: 1, callId: 'a' }),
        makeInvite({ sequence: 2, callId: 'a' }),
        makeInvite({ sequence: 2, callId: 'b' }),
      ];
      for (const request of requests) world.receive(request);
      expect(world.requests).toHaveLength(3);
      for (const each of world.requests) {
        each.reply(200);
        if (how === 'released') each.release();
      }
      for (const request of requests) world.receive(request);
      expect(world.requests).toHaveLength(3);
      world.receive(makeInvite({ sequence: 3, callId: 'a' }));
      expect(world.requests).toHaveLength(4);
    },
  );

  test('one branch for several requests: CANCEL and ACK find their INVITE, and with a wrong CSeq the latest of their Call-ID', () => {
    const world = new World();
    for (const callId of ['a', 'b', 'c']) world.receive(makeInvite({ callId }));
    const [first, second, third] = world.requests;
    world.receive(makeRequest('CANCEL', { callId: 'b' }));
    expect([first, second, third].map((each) => each?.state)).toEqual(['proceeding', 'completed', 'proceeding']);
    world.receive(makeRequest('CANCEL', { callId: 'z', sequence: 999 }));
    expect([first, second, third].map((each) => each?.state)).toEqual(['proceeding', 'completed', 'proceeding']);
    world.receive(makeRequest('CANCEL', { callId: 'a', sequence: 999 }));
    expect([first, second, third].map((each) => each?.state)).toEqual(['completed', 'completed', 'proceeding']);
    world.receive(makeRequest('ACK', { callId: 'b', toTag: second?.localTag ?? '' }));
    expect([first, second].map((each) => each?.state)).toEqual(['completed', 'confirmed']);
  });

  test('one branch for 40 calls at once: a copy of the first is no other request, and its CANCEL finds it', () => {
    const world = new World();
    for (let call = 0; call < 40; call++) world.receive(makeInvite({ callId: `call-${call}` }));
    world.receive(makeInvite({ callId: 'call-0' }));
    expect(world.requests).toHaveLength(40);
    world.receive(makeRequest('CANCEL', { callId: 'call-0' }));
    expect(world.requests.map((each) => each.state)).toEqual(['completed', ...Array(39).fill('proceeding')]);
  });

  describe('one branch for life, and of the call before a record is left', () => {
    function next() {
      const world = new World();
      world.receive(makeInvite({ callId: 'a' }));
      const before = world.server;
      before.reply(200);
      before.release();
      world.receive(makeInvite({ callId: 'b' }));
      return { world, before, ringing: world.server };
    }

    test.each([
      ['that call', 'a', 314159, '200'],
      ['that call, with a wrong CSeq', 'a', 999, '481'],
      ['a call that nobody knows', 'z', 314159, '481'],
    ])('a late CANCEL of %s ends no other', (_, callId, sequence, answer) => {
      const { world, ringing } = next();
      world.receive(makeRequest('CANCEL', { callId, sequence }));
      expect([ringing.state, world.channel.kinds.at(-1)]).toEqual(['proceeding', answer]);
    });

    test('the ACK of its 2xx is not taken for that of another call’s refusal', () => {
      const { world, before, ringing } = next();
      ringing.reply(486);
      world.receive(makeRequest('ACK', { callId: 'a', toTag: before.localTag }));
      expect([ringing.state, world.acks.length]).toEqual(['completed', 1]);
    });
  });

  test('without the magic cookie: Request-URI, tags, Call-ID, CSeq and top Via decide (RFC 2543)', () => {
    const world = new World();
    world.receive(makeInvite(OLD));
    world.receive(makeInvite(OLD));
    expect(world.requests).toHaveLength(1);
    world.receive(makeInvite({ ...OLD, sequence: 314160 }));
    world.receive(makeInvite({ ...OLD, fromTag: 'another' }));
    world.receive(makeInvite({ ...OLD, callId: 'another' }));
    world.receive(makeInvite({ ...OLD, uri: 'sip:carol@biloxi.example.com', sequence: 1 }));
    expect(world.requests).toHaveLength(5);
  });

  test('an RFC 2543 ACK matches only with the To tag of the response', () => {
    const world = new World();
    world.receive(makeInvite(OLD));
    world.server.reply(486);
    world.receive(makeRequest('ACK', { ...OLD, toTag: 'not-it' }));
    expect(world.server.state).toBe('completed');
    expect(world.acks).toHaveLength(1);
    world.receive(makeRequest('ACK', { ...OLD, toTag: world.server.localTag }));
    expect(world.server.state).toBe('confirmed');
  });

  test('an RFC 2543 re-INVITE that differs in the To tag alone is a new request', () => {
    const world = new World();
    world.receive(makeInvite(OLD));
    world.receive(makeInvite({ ...OLD, toTag: 'in-dialog' }));
    expect(world.requests).toHaveLength(2);
    for (const each of world.requests) each.reply(486);
    world.scheduler.runUntilIdle();
    expect(world.isClean()).toBe(true);
  });

  test('an ACK that matches nothing goes to the user', () => {
    const world = new World();
    world.receive(makeRequest('ACK', { toTag: 'x', branch: 'z9hG4bKfresh' }));
    expect(world.acks).toHaveLength(1);
    expect(world.layer.serverCount).toBe(0);
  });
});

describe('matching responses to client transactions (§17.1.3)', () => {
  test('the branch and the CSeq method decide; what matches nothing is dropped and counted', () => {
    const world = new World();
    const invite = makeInvite();
    world.start(invite);
    world.receive(createResponse(makeInvite({ branch: 'z9hG4bKother' }), 180));
    world.receive(createResponse(makeRequest('BYE', {}), 200));
    expect(world.events).toEqual([]);
    expect(world.layer.counters.strayResponses).toBe(2);
    // Whoever gave its INVITE up looks at it.
    expect(world.strayAnswers.map(({ status }) => status)).toEqual([180]);
    world.receive(createResponse(makeInvite({ branch: 'z9hG4bKother' }), 486));
    expect(world.strayAnswers.map(({ status }) => status)).toEqual([180, 486]);
  });

  test('a CANCEL and its INVITE share the branch and are told apart by CSeq', () => {
    const world = new World();
    const invite = makeInvite();
    world.start(invite);
    world.answer(invite, 180);
    world.layer.createClient(makeRequest('CANCEL'), world.channel, world.clientUser);
    world.answer(makeRequest('CANCEL'), 481);
    expect(world.events).toEqual(['180', '481']);
    expect(world.layer.clientCount).toBe(2);
  });

  test('a right branch from a third address touches nothing', () => {
    const world = new World({ samePeer: (a, b) => a.address === b.address });
    const forger = new RecordingChannel(world.scheduler, false, '203.0.113.66');
    const invite = makeInvite();
    world.start(invite);
    world.receive(createResponse(invite, 200, undefined, { toTag: 'forged' }), forger);
    expect(world.events).toEqual([]);
    expect(world.layer.counters.wrongPeer).toBe(1);
    const otherPort = new RecordingChannel(world.scheduler, false, world.channel.address);
    world.receive(createResponse(invite, 180, undefined, { toTag: 'real' }), otherPort);
    expect(world.events).toEqual(['180']);
  });
});

describe('CANCEL received (§9.2)', () => {
  test("it is answered 200 with the To tag of the INVITE's responses, and the user owes the INVITE a 487", () => {
    const world = new World();
    world.receive(makeInvite());
    const cancels: string[] = [];
    world.server.user = { onCancel: (cancel) => cancels.push(cancel.method) };
    world.server.reply(180);
    const tag = (world.channel.last() as SipResponse).toTag();
    world.receive(makeRequest('CANCEL'));
    expect(cancels).toEqual(['CANCEL']);
    const response = world.channel.last() as SipResponse;
    expect([response.status, response.cseq().method, response.toTag()]).toEqual([200, 'CANCEL', tag]);
    expect(world.server.state).toBe('proceeding');
  });

  test('the tag is the one the user chose, when it did', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.user = { onCancel() {} };
    world.server.respond(createResponse(world.server.request, 180, undefined, { toTag: 'chosen' }));
    world.receive(makeRequest('CANCEL'));
    expect((world.channel.last() as SipResponse).toTag()).toBe('chosen');
  });

  test('while nobody has taken the INVITE over, the 487 is sent here', () => {
    const world = new World();
    world.receive(makeInvite());
    world.receive(makeRequest('CANCEL'));
    expect(world.channel.kinds).toEqual(['200', '487']);
    expect(world.server.state).toBe('completed');
  });

  test('after a final response it is answered 200 and has no effect', () => {
    const world = new World();
    world.receive(makeInvite());
    let cancelled = 0;
    world.server.user = { onCancel: () => cancelled++ };
    world.server.reply(200);
    world.receive(makeRequest('CANCEL'));
    expect(world.channel.kinds).toEqual(['200', '200']);
    expect(cancelled).toBe(0);
  });

  test('one that matches no INVITE is answered 481, and its copies again', () => {
    const world = new World();
    world.receive(makeRequest('CANCEL'));
    world.receive(makeRequest('CANCEL'));
    expect(world.channel.kinds).toEqual(['481', '481']);
    expect(new Set(world.channel.sent.map(({ text }) => text)).size).toBe(1);
    expect(world.isClean()).toBe(true);
  });

  test('one from a third address is answered 481 and touches nothing; so does an ACK', () => {
    const world = new World({ samePeer: (a, b) => a.address === b.address });
    const forger = new RecordingChannel(world.scheduler, false, '203.0.113.66');
    world.receive(makeInvite());
    let cancelled = 0;
    world.server.user = { onCancel: () => cancelled++ };
    world.receive(makeRequest('CANCEL'), forger);
    expect(forger.kinds).toEqual(['481']);
    expect(cancelled).toBe(0);
    world.server.reply(486);
    world.receive(makeRequest('ACK', { toTag: world.server.localTag }), forger);
    expect(world.server.state).toBe('completed');
    expect(world.acks).toEqual([]);
    expect(world.layer.counters.wrongPeer).toBe(2);
  });

  describe('of an INVITE that may be known later, or to somebody else', () => {
    const stray = () => {
      const held: ((tag?: string) => void)[] = [];
      const world = new World();
      world.onStrayCancel = (again) => held.push(again) > 0;
      world.receive(makeRequest('CANCEL'));
      expect(world.channel.kinds).toEqual([]);
      return { world, held };
    };

    test('it is 481 when nobody has it', () => {
      const { world, held } = stray();
      held[0]?.();
      expect(world.channel.kinds).toEqual(['481']);
    });

    test('it is 200 under the tag that its caller was told elsewhere; so are its copies', () => {
      const { world, held } = stray();
      world.receive(makeRequest('CANCEL'));
      for (const again of held) again('told');
      world.receive(makeRequest('CANCEL'));
      expect(world.channel.kinds).toEqual(['200', '200']);
      for (const { text } of world.channel.sent) expect(parseMessage(text).toTag()).toBe('told');
    });

    test('it ends the INVITE that has come meanwhile', () => {
      const { world, held } = stray();
      world.receive(makeInvite());
      held[0]?.();
      expect(world.channel.kinds).toEqual(['200', '487']);
    });
  });

  test('one that came to somebody else ends its INVITE, if it is from whom that says; his answer has the tag of ours', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(180);
    expect(world.layer.cancel(makeRequest('CANCEL'), () => false)).toBeUndefined();
    expect(world.layer.cancel(makeRequest('CANCEL', { branch: 'z9hG4bKother' }), () => true)).toBeUndefined();
    expect(world.channel.kinds).toEqual(['180']);
    const tag = (world.channel.last() as SipResponse).toTag();
    expect(world.layer.cancel(makeRequest('CANCEL'), (flow) => flow === world.channel)).toBe(tag);
    expect(world.channel.kinds).toEqual(['180', '487']);
  });

  test('so does it for one that is answered, without effect', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.user = { onCancel() {} };
    world.server.respond(createResponse(world.server.request, 200, undefined, { toTag: 'told' }));
    expect(world.layer.cancel(makeRequest('CANCEL'), () => true)).toBe('told');
    expect(world.channel.kinds).toEqual(['200']);
  });

  test('an RFC 2543 CANCEL finds its INVITE', () => {
    const world = new World();
    world.receive(makeInvite(OLD));
    world.receive(makeRequest('CANCEL', OLD));
    expect(world.channel.kinds).toEqual(['200', '487']);
  });
});

describe('merged requests (§8.2.2.2)', () => {
  test('the same request by another path gets 482 and the user hears nothing', () => {
    const world = new World();
    world.receive(makeInvite());
    world.receive(makeInvite({ branch: 'z9hG4bKsecondpath' }));
    expect(world.channel.kinds).toEqual(['482']);
    expect(world.requests).toHaveLength(1);
    expect(world.layer.counters.merged).toBe(1);
  });

  test('requests within a dialog and new CSeq numbers are never merged', () => {
    const world = new World();
    world.receive(makeRequest('INFO', { toTag: 'x', branch: 'z9hG4bK1' }));
    world.receive(makeRequest('INFO', { toTag: 'x', branch: 'z9hG4bK2' }));
    world.receive(makeRequest('REGISTER', { sequence: 1, branch: 'z9hG4bK3' }));
    world.receive(makeRequest('REGISTER', { sequence: 2, branch: 'z9hG4bK4' }));
    expect(world.requests).toHaveLength(4);
  });

  test('once the first transaction has ended the request is taken again', () => {
    const world = new World({ reliable: true });
    world.receive(makeRequest('OPTIONS'));
    world.server.reply(200);
    world.receive(makeRequest('OPTIONS', { branch: 'z9hG4bKlater' }));
    expect(world.requests).toHaveLength(2);
  });

  test.each(['INVITE', 'OPTIONS'])('a %s that was refused is no ongoing one: the next attempt is taken', (method) => {
    const world = new World();
    world.receive(makeRequest(method));
    world.server.reply(404);
    world.receive(makeRequest(method, { branch: 'z9hG4bKnext' }));
    expect(world.requests).toHaveLength(2);
    expect(world.layer.counters.merged).toBe(0);
    // The one under way is merged with as before, whatever becomes of the first.
    world.scheduler.advance(40_000);
    world.receive(makeRequest(method, { branch: 'z9hG4bKthird' }));
    expect(world.layer.counters.merged).toBe(1);
  });

  test('the end of the merged copy does not forget the first', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(180);
    world.receive(makeInvite({ branch: 'z9hG4bK2' }));
    world.scheduler.advance(40_000);
    world.receive(makeInvite({ branch: 'z9hG4bK3' }));
    expect(world.requests).toHaveLength(1);
  });
});

describe('limits', () => {
  test('over the limit a request gets a stateless 503 with a small Retry-After, the same for each copy', () => {
    const world = new World({ maxServerTransactions: 2 });
    world.receive(makeInvite({ branch: 'z9hG4bK1', callId: '1' }));
    world.receive(makeInvite({ branch: 'z9hG4bK2', callId: '2' }));
    world.receive(makeInvite({ branch: 'z9hG4bK3', callId: '3' }));
    world.receive(makeInvite({ branch: 'z9hG4bK3', callId: '3' }));
    expect(world.requests).toHaveLength(2);
    expect(world.layer.serverCount).toBe(2);
    expect(world.layer.counters.refused).toBe(2);
    expect(world.channel.kinds).toEqual(['503', '503']);
    expect(world.channel.sent[0]?.text).toBe(world.channel.sent[1]?.text);
    const response = world.channel.last() as SipResponse;
    const retryAfter = Number(response.headers.value(HeaderId.RetryAfter));
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(retryAfter).toBeLessThanOrEqual(10);
    expect(response.toTag()).toBeDefined();
  });

  test('requests of calls in progress and CANCEL are taken a quarter above it, and refused beyond', () => {
    const world = new World({ maxServerTransactions: 8 });
    const other = new RecordingChannel(world.scheduler, false, '192.0.2.2');
    for (let index = 0; index < 8; index++)
      world.receive(makeInvite({ branch: `z9hG4bK${index}`, callId: `${index}` }), index < 6 ? world.channel : other);
    expect(world.requests).toHaveLength(8);
    world.receive(makeRequest('BYE', { branch: 'z9hG4bKbye', toTag: 'x' }));
    world.receive(makeRequest('CANCEL', { branch: 'z9hG4bK5', callId: '5' }));
    expect(world.requests.at(-1)?.request.method).toBe('BYE');
    expect(world.channel.kinds).toEqual(['200', '487']);
    // Of the CANCEL, which has its answer, a record is left.
    world.receive(makeRequest('BYE', { branch: 'z9hG4bKbye2', toTag: 'y' }));
    expect(world.requests).toHaveLength(10);
    world.receive(makeRequest('BYE', { branch: 'z9hG4bKbye3', toTag: 'z' }));
    expect(world.channel.kinds).toEqual(['200', '487', '503']);
  });

  test.each([
    ['ended', 487],
    ['answered, and of which a record is left', 200],
  ])(
    'one address has three quarters of the places, others have theirs; each that has %s gives its own back',
    (_, status) => {
      const world = new World({ maxServerTransactions: 8 });
      const invite = (index: number) => makeInvite({ branch: `z9hG4bK${index}`, callId: `${index}` });
      for (let index = 0; index < 10; index++) world.receive(invite(index));
      expect([world.requests.length, world.channel.kinds]).toEqual([6, ['503', '503', '503', '503']]);
      const other = new RecordingChannel(world.scheduler, false, '192.0.2.2');
      world.receive(invite(10), other);
      expect(world.requests).toHaveLength(7);
      for (const transaction of world.requests) {
        transaction.reply(status);
        transaction.release();
      }
      expect(world.layer.serverCount).toBe(7);
      world.scheduler.runUntilIdle();
      expect(world.layer.serverCount).toBe(0);
      for (let index = 20; index < 30; index++) world.receive(invite(index));
      expect(world.requests).toHaveLength(13);
    },
  );

  test('an emergency call has a place though its address has its share, until that has its share of the quarter above the limit; others are refused', () => {
    const world = new World({ maxServerTransactions: 8, isEmergency: ({ requestUri }) => requestUri === 'sip:112@x' });
    const invite = (index: number, uri = 'sip:2000@x') =>
      makeInvite({ branch: `z9hG4bK${index}`, callId: `${index}`, uri });
    for (let index = 0; index < 7; index++) world.receive(invite(index));
    expect([world.requests.length, world.channel.kinds]).toEqual([6, ['503']]);
    for (let index = 10; index < 15; index++) world.receive(invite(index, 'sip:112@x'));
    // Three times what is free of 10.
    expect([world.requests.length, world.channel.kinds]).toEqual([8, ['503', '503', '503', '503']]);
    expect(world.layer.shortages).toMatchObject({ placesOfAddress: 4, places: 0 });
    expect(world.layer.fill.places).toBe(1);
  });

  test('who stands behind a proxy has the share, not the proxy; a record that is left of a request is of the same source', () => {
    const sourceOf = (request: SipRequest) => request.callId().slice(0, 1);
    const world = new World({ maxServerTransactions: 8, sourceOf });
    const invite = (callId: string) => makeInvite({ branch: `z9hG4bK${callId}`, callId });
    for (let index = 0; index < 7; index++) world.receive(invite(`a${index}`));
    expect([world.requests.length, world.channel.kinds]).toEqual([6, ['503']]);
    world.receive(invite('b0'));
    expect(world.requests).toHaveLength(7);
    for (const transaction of world.requests) {
      transaction.reply(200);
      transaction.release();
    }
    world.scheduler.runUntilIdle();
    for (let index = 10; index < 17; index++) world.receive(invite(`a${index}`));
    expect(world.requests).toHaveLength(13);
  });

  test('who speaks for many is held to no share, and to the limit like everybody', () => {
    const world = new World({ maxServerTransactions: 8, speaksForMany: ({ method }) => method === 'INVITE' });
    for (let index = 0; index < 9; index++)
      world.receive(makeInvite({ branch: `z9hG4bK${index}`, callId: `${index}` }));
    expect([world.requests.length, world.channel.kinds]).toEqual([8, ['503']]);
    expect(world.layer.shortages).toMatchObject({ places: 1, placesOfAddress: 0 });
  });

  test('requests beyond the memory for them are refused as well', () => {
    const world = new World({ maxServerOctets: 200_000 });
    for (let index = 0; index < 50; index++)
      world.receive(makeInvite({ branch: `z9hG4bK${index}`, callId: `${index}` }));
    // By estimate 16 KB each, of three quarters.
    expect(world.requests.length).toBeGreaterThan(5);
    expect(world.requests.length).toBeLessThan(11);
    expect(world.layer.counters.refused).toBe(50 - world.requests.length);
    expect(world.layer.shortages.memoryOfAddress).toBe(50 - world.requests.length);
  });

  test('one that was refused counts as its call did until its ACK has come, or never will: who forges calls acknowledges nothing', () => {
    const world = new World({ maxServerOctets: 200_000 });
    world.onRequest = (transaction) => {
      transaction.admit();
      transaction.reply(404);
      transaction.release();
    };
    const offer = (from: number, count: number) => {
      const before = world.channel.kinds.length;
      for (let index = from; index < from + count; index++)
        world.receive(makeInvite({ branch: `z9hG4bK${index}`, callId: `${index}` }));
      return world.channel.kinds.slice(before).filter((kind) => kind === '404').length;
    };
    const kept = offer(100, 50);
    expect(kept).toBeLessThan(11);
    expect(offer(200, 1)).toBe(0);
    world.scheduler.advance(32_001);
    expect(offer(300, 50)).toBe(kept);
  });

  test.each([
    [23, '299'],
    [24, '503'],
  ])('of those that linger eight count as one: after %s, with room for four, a new one gets %s', (ended, status) => {
    const world = new World({ maxServerTransactions: 4 });
    world.onRequest = (transaction) => {
      transaction.admit();
      transaction.reply(299);
    };
    for (let index = 0; index <= ended; index++)
      world.receive(makeRequest('OPTIONS', { branch: `z9hG4bK${index}`, callId: `${index}` }));
    expect(world.channel.kinds.slice(0, ended)).toEqual(new Array(ended).fill('299'));
    expect(world.channel.kinds.at(-1)).toBe(status);
  });

  test('of a request that is answered and let go of before its user returns nothing is left but a record, which a copy gets its answer of', () => {
    const world = new World();
    world.onRequest = (transaction) => {
      transaction.admit();
      transaction.reply(200);
      transaction.release();
    };
    world.receive(makeRequest('REGISTER'));
    world.scheduler.advance(31_000);
    world.receive(makeRequest('REGISTER'));
    expect(world.requests).toHaveLength(1);
    expect([world.layer.serverCount, world.layer.fill.memory]).toEqual([1, 0]);
    expect(world.layer.counters.serverTransactions).toBe(1);
    const [first, second] = world.channel.sent;
    expect([world.channel.sent.length, second?.text]).toEqual([2, first?.text]);
    world.scheduler.runUntilIdle();
    expect(world.layer.serverCount).toBe(0);
  });

  test('the same over a connection, where no copy comes, leaves nothing', () => {
    const world = new World();
    world.onRequest = (transaction) => {
      transaction.admit();
      transaction.reply(200);
      transaction.release();
    };
    world.receive(makeRequest('REGISTER'), new RecordingChannel(world.scheduler, true));
    expect([world.layer.serverCount, world.layer.counters.serverTransactions]).toEqual([0, 1]);
  });

  test('the same of client transactions', () => {
    const world = new World({ maxClientTransactions: 1 });
    for (let index = 0; index < 8; index++) {
      const request = makeRequest('OPTIONS', { branch: `z9hG4bK${index}` });
      const transaction = world.start(request);
      world.answer(request, 200);
      transaction.release();
    }
    world.start(makeRequest('OPTIONS', { branch: 'z9hG4bKone-more' }));
    world.scheduler.advance(1);
    expect(world.channel.sent).toHaveLength(8);
    expect(world.events.at(-1)).toBe('error transaction limit');
  });

  test('a copy of a request already taken is never refused', () => {
    const world = new World({ maxServerTransactions: 1 });
    world.receive(makeInvite());
    world.server.reply(180);
    world.receive(makeInvite());
    expect(world.channel.kinds).toEqual(['180', '180']);
  });

  test('client transactions over the limit fail on the next turn, without sending', () => {
    const world = new World({ maxClientTransactions: 1 });
    world.start(makeInvite({ branch: 'z9hG4bK1' }));
    world.start(makeInvite({ branch: 'z9hG4bK2' }));
    world.start(makeRequest('OPTIONS', { branch: 'z9hG4bK3' }));
    expect(world.events).toEqual([]);
    world.scheduler.advance(1);
    expect(world.events).toEqual(['error transaction limit', 'error transaction limit']);
    expect(world.channel.sent).toHaveLength(1);
    expect(world.layer.clientCount).toBe(1);
  });
});

describe('flows and shutdown', () => {
  test('a failed flow concerns its own transactions only', () => {
    const world = new World();
    const other = new RecordingChannel(world.scheduler, true);
    world.start(makeInvite({ branch: 'z9hG4bK1' }));
    world.start(makeInvite({ branch: 'z9hG4bK2' }));
    world.layer.createClient(makeInvite({ branch: 'z9hG4bK3' }), other, world.clientUser);
    world.layer.flowFailed(other, 'closed');
    expect(world.events).toEqual(['error closed']);
    expect(world.layer.clientCount).toBe(2);
    world.layer.flowFailed(world.channel, 'gone');
    expect(world.events).toEqual(['error closed', 'error gone', 'error gone']);
    expect(world.isClean()).toBe(true);
  });

  test('a user that starts the next attempt when one fails starts it on the same layer', () => {
    const world = new World();
    const other = new RecordingChannel(world.scheduler);
    world.layer.createClient(makeInvite({ branch: 'z9hG4bK1' }), world.channel, {
      ...world.clientUser,
      onTransportError: () =>
        void world.layer.createClient(makeInvite({ branch: 'z9hG4bK2' }), other, world.clientUser),
    });
    world.layer.flowFailed(world.channel, 'gone');
    expect(other.kinds).toEqual(['INVITE']);
    expect(world.layer.clientCount).toBe(1);
  });

  test('close leaves no timer armed and tells nobody', () => {
    const world = new World();
    world.start(makeInvite({ branch: 'z9hG4bKout' }));
    world.receive(makeInvite());
    world.server.reply(486);
    world.layer.close();
    expect(world.isClean()).toBe(true);
    expect(world.events).toEqual([]);
  });

  test('the transaction of a request that made its user fail can still be answered 500', () => {
    const world = new World();
    world.onRequest = (transaction) => {
      transaction.admit();
      throw new Error('defect');
    };
    expect(() => world.receive(makeInvite())).toThrow('defect');
    const request = world.server.request as SipRequest;
    expect(world.layer.answerFault(request)).toBe(true);
    expect(world.channel.kinds).toEqual(['500']);
    expect(world.layer.answerFault(makeInvite())).toBe(false);
  });

  test('a request that made its user fail after it was answered and let go of gets no second answer', () => {
    const world = new World();
    world.onRequest = (transaction) => {
      transaction.admit();
      transaction.reply(200);
      transaction.release();
      throw new Error('defect');
    };
    const request = makeRequest('BYE');
    expect(() => world.receive(request)).toThrow('defect');
    expect(world.layer.answerFault(request)).toBe(true);
    expect(world.channel.kinds).toEqual(['200']);
  });

  test('ten thousand transactions come and go and leave nothing', () => {
    const world = new World();
    for (let index = 0; index < 10_000; index++) {
      world.receive(makeRequest('OPTIONS', { branch: `z9hG4bK${index}`, callId: `${index}` }));
      world.server.reply(200);
      world.scheduler.advance(10);
    }
    // Timer J keeps those of the last 32 s; one has just ended.
    expect(world.layer.serverCount).toBe(3199);
    world.scheduler.runUntilIdle();
    expect(world.isClean()).toBe(true);
  });
});

describe('a request whose sender is not admitted (§8.2.7)', () => {
  test('costs an answer and nothing else; each copy gets the same octets, and the ACK is absorbed', () => {
    const world = new World();
    world.onRequest = (transaction) => transaction.reply(407);
    for (let copy = 0; copy < 3; copy++) world.receive(makeInvite());
    expect(world.requests.length).toBe(3);
    expect(world.channel.kinds).toEqual(['407', '407', '407']);
    expect(new Set(world.channel.sent.map(({ text }) => text)).size).toBe(1);
    expect(world.isClean()).toBe(true);

    const tag = (world.channel.last() as SipResponse).toTag();
    world.receive(makeRequest('ACK', { toTag: tag ?? '' }));
    expect(world.acks).toEqual([]);
    expect(world.layer.counters).toMatchObject({ stateless: 3, statelessAcks: 1, serverTransactions: 0 });
    world.scheduler.runUntilIdle();
    expect(world.channel.sent.length).toBe(3);
  });

  test('other requests and other layers have other tags', () => {
    const first = new World();
    const tags = [makeInvite(), makeInvite({ branch: 'z9hG4bKother' }), makeInvite()].map((invite, index) => {
      const world = index === 2 ? new World() : first;
      world.onRequest = (transaction) => transaction.reply(404);
      world.receive(invite);
      return (world.channel.last() as SipResponse).toTag();
    });
    expect(new Set(tags).size).toBe(3);
  });

  test('admitted, it is kept: a copy is absorbed by its transaction, a refusal is sent again until its ACK', () => {
    const world = new World();
    world.onRequest = (transaction) => {
      transaction.admit();
      transaction.reply(404);
    };
    world.receive(makeInvite());
    world.receive(makeInvite());
    expect(world.requests.length).toBe(1);
    expect(world.layer.serverCount).toBe(1);
    world.scheduler.advance(500);
    expect(world.channel.kinds).toEqual(['404', '404', '404']);
  });

  test('one that waits when the user returns is kept', () => {
    const world = new World();
    world.receive(makeInvite());
    expect(world.layer.serverCount).toBe(1);
    world.server.reply(404);
    expect(world.layer.serverCount).toBe(1);
  });
});
