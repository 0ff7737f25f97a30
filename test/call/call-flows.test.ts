import { expect, test } from 'vitest';
import { createResponse, HeaderId, parseMessage, type SipRequest, serialize } from '../../src/sip/message/index.ts';
import { branchTo, scene, sdp, stages, World } from './world.ts';

test('RFC 3665 §3.1: a call rings, is answered, talks and ends by the caller; each leg has its own Call-ID, tags and Contact', () => {
  const { world, a, b, engine, network } = scene();
  const sent = a.calls({ body: sdp('caller') });
  b.answers(180);
  b.answers(200, { body: sdp('callee') });
  expect(sent.statuses).toEqual([180, 200]);
  expect(b.invite.request.body).toBe(sdp('caller'));
  expect(sent.final?.body).toBe(sdp('callee'));
  expect(b.acks).toHaveLength(1);
  const legB = b.invite.request;
  expect(legB.callId()).not.toBe(sent.request.callId());
  expect(legB.fromTag()).not.toBe(sent.request.fromTag());
  expect(legB.headers.value(HeaderId.MaxForwards)).toBe('69');
  expect(sent.final?.headers.value(HeaderId.Contact)).toBe('<sip:engine:5060>');
  expect([...engine.calls.list()]).toMatchObject([{ state: 'answered', answeredBy: 'b' }]);
  const bye = a.sends('BYE');
  expect(bye.statuses).toEqual([200]);
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
  expect(world.record).toMatchObject({ status: 200, endedBy: 'caller', endReason: 'bye' });
  expect(network.count('engine>b ACK')).toBe(1);
});

test('RFC 3665 §3.8: a busy callee; the caller gets 486 with the callee’s reason phrase and Reason', () => {
  const world = new World();
  const sent = world.a.call();
  world.run();
  world.b.answer(world.b.invite, 486, { headers: [[HeaderId.Reason, 'Q.850;cause=17']] });
  world.run();
  expect(sent.final?.status).toBe(486);
  expect(sent.final?.headers.value(HeaderId.Reason)).toBe('Q.850;cause=17');
  expect(world.settles()).toBe(true);
  expect(world.record).toMatchObject({
    status: 486,
    endedBy: 'callee',
    attempts: [{ status: 486, target: 'udp:b:5060' }],
  });
});

test('RFC 3665 §3.9: nobody answers; the ring limit cancels the callee and the caller gets 480', () => {
  const { world, a, b, engine } = scene();
  engine.plan = (request) => stages([{ branches: [branchTo(request, 'b')] }], { ringTimeoutMs: 20_000 });
  const sent = a.calls();
  b.answer(b.invite, 180);
  b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
  world.run(21_000);
  expect(sent.final?.status).toBe(480);
  expect(world.network.count('engine>b CANCEL')).toBe(1);
  expect(world.settles()).toBe(true);
  expect(world.record).toMatchObject({ endReason: 'ring-timeout', endedBy: 'engine' });
});

test('RFC 6228 §4: a 199 goes to nobody who has not said to understand it', () => {
  const { world, a, b } = scene();
  const sent = a.calls({ body: sdp('caller') });
  b.answer(b.invite, 180);
  b.answer(b.invite, 199);
  b.answers(200, { body: sdp('callee') });
  expect(sent.statuses.filter((status) => status > 100)).toEqual([180, 200]);
  expect(world.ends()).toBe(true);
});

test.each([
  ['it is 487 then', 6000, 487, 'ring-timeout'],
  ['what an admin ends before has not expired', 1000, 480, 'ended-by-admin'],
])('RFC 3261 §13.2.1, §13.3.1: an Expires shortens the ring limit; %s', (_, afterMs, status, endReason) => {
  const world = new World();
  const sent = world.a.call({ body: sdp('caller'), headers: [[HeaderId.Expires, '5']] });
  world.run();
  world.b.answer(world.b.invite, 180);
  world.run(afterMs);
  for (const { id } of [...world.engine.calls.list()]) world.engine.calls.end(id);
  world.run();
  expect(sent.final?.status).toBe(status);
  expect(world.record.endReason).toBe(endReason);
  expect(world.settles()).toBe(true);
});

test('RFC 3665 §3.8 (no response at all): an unanswered INVITE is 408 for the caller after 64*T1', () => {
  const world = new World();
  world.network.silenced.add('b');
  const sent = world.a.call();
  world.run(33_000);
  expect(sent.final?.status).toBe(408);
  expect(world.settles()).toBe(true);
  expect(world.record.attempts).toMatchObject([{ cause: 'timeout', status: 0 }]);
});

test('RFC 3665 §3.7: the caller cancels while it rings: CANCEL with its Reason, 487 on both sides', () => {
  const { world, a, b } = scene();
  const sent = a.calls();
  b.answer(b.invite, 180);
  let reason: string | undefined;
  b.invite.user = {
    onCancel: (cancel) => {
      reason = cancel.headers.value(HeaderId.Reason);
      b.answer(b.invite, 487);
    },
  };
  world.run();
  sent.transaction?.cancel([[HeaderId.Reason, 'SIP;cause=200;text="elsewhere"']]);
  world.run();
  expect(sent.final?.status).toBe(487);
  expect(reason).toBe('SIP;cause=200;text="elsewhere"');
  expect(world.settles()).toBe(true);
  expect(world.record).toMatchObject({ status: 487, endedBy: 'caller', endReason: 'cancel' });
  expect(world.record.reason).toBe('Request Terminated');
});

test('RFC 3261 §9.1: a caller that cancels before any provisional response: the callee is cancelled when its first one comes', () => {
  const { world, a, b, network } = scene();
  const sent = a.call();
  world.run(300);
  sent.transaction?.cancel();
  world.run(5);
  b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
  expect(network.count('engine>b CANCEL')).toBe(1);
  world.run();
  expect(sent.final?.status).toBe(487);
  expect(world.settles()).toBe(true);
});

test('RFC 3665 §3.5: a redirect is refused by default and the caller never sees where it led', () => {
  const world = new World();
  const sent = world.a.call();
  world.run();
  world.b.answer(world.b.invite, 302, { headers: [[HeaderId.Contact, '<sip:c>']] });
  world.run();
  expect(sent.final?.status).toBe(480);
  expect(sent.final?.headers.value(HeaderId.Contact)).toBeUndefined();
  expect(sent.final?.headers.value(HeaderId.Reason)).toContain('cause=302');
  expect(world.settles()).toBe(true);
});

test('a redirect passes with its Contacts to another node of the store, which follows it under its own rules', () => {
  const { world, a, b, engine } = scene();
  engine.plan = (request) => stages([{ branches: [branchTo(request, 'b')] }], { passesRedirects: true });
  const sent = a.calls();
  b.answers(302, { headers: [[HeaderId.Contact, '<sip:102@acme>;q=0.5, <sip:103@acme>']] });
  expect(sent.final?.status).toBe(302);
  expect(sent.final?.contacts().map(({ uri }) => 'user' in uri && uri.user)).toEqual(['102', '103']);
  expect(world.settles()).toBe(true);
});

test('RFC 3665 §3.5: a redirect is followed where the branch’s policy gives another branch', () => {
  const { world, a, b, c, engine } = scene();
  engine.plan = (request) =>
    stages([{ branches: [branchTo(request, 'b', { onRedirect: () => [branchTo(request, 'c')] })] }]);
  const sent = a.calls();
  b.answers(302, { headers: [[HeaderId.Contact, '<sip:c>']] });
  c.answers(200, { body: sdp('c') });
  expect(sent.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
  expect(world.record.attempts.map((attempt) => attempt.status)).toEqual([302, 200]);
});

test('RFC 3261 §8.1.3.4: redirects without end are a refusal', () => {
  const { world, a, b, engine } = scene();
  b.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') b.answer(transaction, 302, { headers: [[HeaderId.Contact, '<sip:b>']] });
  };
  engine.plan = (request) => {
    const again = (): ReturnType<typeof branchTo> => branchTo(request, 'b', { onRedirect: () => [again()] });
    return stages([{ branches: [again()] }]);
  };
  const sent = a.call();
  world.run(1000);
  expect(sent.final?.status).toBe(480);
  expect(b.invites.length).toBeLessThan(10);
  expect(world.settles()).toBe(true);
});

test('a call whose callees each send it on to several, which do the same, ends: it tries no more than two thousand', () => {
  const { world, a, b, engine } = scene();
  b.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') b.answer(transaction, 302, { headers: [[HeaderId.Contact, '<sip:b>']] });
  };
  engine.plan = (request) => {
    const branch = (depth: number): ReturnType<typeof branchTo> =>
      branchTo(
        request,
        'b',
        depth === 0 ? {} : { onRedirect: () => ({ next: () => ({ branches: [branch(depth - 1)] }) }) },
      );
    return stages([{ branches: [branch(3)] }]);
  };
  const sent = a.call();
  world.run(60_000);
  expect(b.invites.length).toBeGreaterThan(1_900);
  expect(b.invites.length).toBeLessThan(2_100);
  expect(sent.final?.status).toBe(482);
  expect(world.settles()).toBe(true);
});

test('§13.2.2.4, delayed offer: the callee’s offer reaches the caller in the 2xx, the caller’s answer reaches the callee in the ACK', () => {
  const { world, a, b } = scene();
  a.ackBody = sdp('answer');
  const sent = a.calls({});
  expect(b.invite.request.body).toBe('');
  b.answers(200, { body: sdp('offer') });
  expect(sent.final?.body).toBe(sdp('offer'));
  expect(b.acks.map((ack) => ack.body)).toEqual([sdp('answer')]);
  expect(world.ends()).toBe(true);
});

test('the callee hangs up: the caller’s leg ends with the Reason of the BYE', () => {
  const { world, a, b } = scene();
  world.connect();
  b.sends('BYE', { headers: [[HeaderId.Reason, 'Q.850;cause=16']] });
  expect(a.requests('BYE')[0]?.headers.value(HeaderId.Reason)).toBe('Q.850;cause=16');
  expect(world.settles()).toBe(true);
  expect(world.record).toMatchObject({ endedBy: 'callee', endReason: 'bye' });
});

test('both hang up at once: each BYE is answered 200 and nothing is left', () => {
  const { world, a, b } = scene();
  world.connect();
  const byeA = a.send('BYE');
  const byeB = b.send('BYE');
  expect(world.settles()).toBe(true);
  expect(byeA.statuses).toEqual([200]);
  expect(byeB.final?.status).toBe(200);
});

test('a copy of the BYE that comes by another way, with another branch, is answered 200 as it was; a further BYE is 481', () => {
  const { world, a, b } = scene();
  world.connect();
  const bye = a.dialog.createRequest('BYE');
  const copies = [bye, parseMessage(serialize(bye)) as SipRequest, a.dialog.createRequest('BYE')];
  const statuses: number[] = [];
  const user = {
    onResponse: (response: { status: number }) => statuses.push(response.status),
    onTimeout() {},
    onTransportError() {},
  };
  for (const copy of copies) {
    a.endpoint.sendRequest(copy, { transport: 'udp', address: 'engine', port: 5060 }, user);
    world.run(1_000);
  }
  expect(statuses).toEqual([200, 200, 481]);
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('a BYE that ended nothing is none whose copy is answered 200 where the call has gone to another node', () => {
  const { world, a, c, engine } = scene();
  world.connect();
  const bye = a.dialog.createRequest('BYE');
  const statuses: number[] = [];
  const user = {
    onResponse: (response: { status: number }) => statuses.push(response.status),
    onTimeout() {},
    onTransportError() {},
  };
  const engineTarget = { transport: 'udp', address: 'engine', port: 5060 } as const;
  // The right tags, from a third address.
  c.endpoint.sendRequest(parseMessage(serialize(bye)) as SipRequest, engineTarget, user);
  world.run();
  for (const { id } of [...engine.calls.list()]) engine.calls.forget(id);
  a.endpoint.sendRequest(bye, engineTarget, user);
  world.run();
  expect(statuses).toEqual([481, 481]);
});

test('a lost BYE: the other leg still ends, and a peer that answers 481 or nothing ends its own', () => {
  for (const how of ['silence', '481']) {
    const { world, a, b, network } = scene();
    world.connect();
    if (how === 'silence') network.drops = (from, to) => from === 'engine' && to === 'b';
    else b.onRequest = (transaction) => transaction.reply(481);
    const bye = a.sends('BYE');
    expect(bye.statuses).toEqual([200]);
    expect(world.settles()).toBe(true);
    expect(world.record.endReason).toBe('bye');
  }
});

test('§13.3.1.4: a 2xx without ACK is sent again, and after 64*T1 both legs get a BYE', () => {
  const { world, a, b, network } = scene();
  a.ackBody = null;
  world.connect();
  world.run(40_000);
  expect(network.count('engine>a 200')).toBe(11);
  expect(a.requests('BYE')).toHaveLength(1);
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
  expect(world.record.endReason).toBe('no-ack');
});

test('§13.2.2.4: a 2xx of the callee that comes again is acknowledged again', () => {
  const { world, b, network } = scene();
  let dropped = 0;
  network.drops = (from, to, message) =>
    from === 'engine' && to === 'b' && message.kind === 'request' && message.method === 'ACK' && dropped++ < 1;
  world.connect();
  const { invite } = b;
  b.answer(invite, 200, { body: sdp('callee') });
  world.run();
  expect(b.acks).toHaveLength(1);
  expect(world.ends()).toBe(true);
});

test('§15: the callee hangs up before the caller’s ACK: the caller’s BYE waits for the ACK', () => {
  const { world, a, b, network } = scene();
  let hold = true;
  network.drops = (from, _to, message) =>
    hold && from === 'a' && message.kind === 'request' && message.method === 'ACK';
  world.connect();
  b.send('BYE');
  world.run(200);
  expect(a.requests('BYE')).toHaveLength(0);
  hold = false;
  world.run(2000);
  expect(a.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('the session limit ends both legs', () => {
  const { world, a, b, engine } = scene();
  engine.plan = (request) => stages([{ branches: [branchTo(request, 'b')] }], { sessionLimitMs: 60_000 });
  world.connect();
  world.run(60_000);
  world.run();
  expect(a.requests('BYE')).toHaveLength(1);
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
  expect(world.record).toMatchObject({ endReason: 'session-limit', endedBy: 'engine' });
});

test('§12.2.2 and behaviour 19: an in-dialog request with a made-up tag is 481, one from another address touches no call', () => {
  const { world, a, b, c } = scene();
  world.connect();
  const forged = a.dialog.createRequest('BYE');
  const to = forged.headers.value(HeaderId.To) ?? '';
  forged.headers.set(HeaderId.To, to.replace(/tag=.*/, 'tag=made-up'));
  const statuses: number[] = [];
  const user = {
    onResponse: (response: { status: number }) => statuses.push(response.status),
    onTimeout() {},
    onTransportError() {},
  };
  const engineTarget = { transport: 'udp', address: 'engine', port: 5060 } as const;
  a.endpoint.sendRequest(forged, engineTarget, user);
  // The right tags, from a third address.
  c.endpoint.sendRequest(a.dialog.createRequest('BYE'), engineTarget, user);
  world.run();
  expect(statuses).toEqual([481, 481]);
  expect(b.requests('BYE')).toHaveLength(0);
  expect(world.engine.calls.counters.live).toBe(1);
  expect(world.ends()).toBe(true);
});

test('§12.2.2: a BYE from who does not count its requests ends the call', () => {
  const { world, a } = scene();
  world.connect();
  const bye = a.sends('BYE', { headers: [[HeaderId.CSeq, '1 BYE']] });
  expect(bye.final?.status).toBe(200);
  expect(world.settles()).toBe(true);
});

test('§12.2.2: a request with an old CSeq within the dialog is 500', () => {
  const { world, a } = scene();
  world.connect();
  a.sends('INFO', { body: 'x', type: 'text/plain' });
  const old = a.sends('INFO', { headers: [[HeaderId.CSeq, '2 INFO']] });
  expect(old.final?.status).toBe(500);
  expect(world.ends()).toBe(true);
});

test('an INVITE without Contact is 400, one with Max-Forwards 0 is 483, one that requires the unknown is 420', () => {
  const { world, a, engine } = scene();
  const noContact = a.call({ headers: [[HeaderId.MaxForwards, '0']] }, 'hops');
  const unknown = a.calls({ headers: [[HeaderId.Require, 'precondition']] }, 'require');
  expect(noContact.final?.status).toBe(483);
  expect(unknown.final?.status).toBe(420);
  expect(engine.started).toHaveLength(0);
  expect(world.settles()).toBe(true);
});

test.each(['INVITE', 'UPDATE', 'INFO', 'MESSAGE', 'REFER'])(
  '§16.3: a %s within a call that has no hops left is 483, and nobody is sent anything for it; the call goes on',
  (method) => {
    const { world, a, network } = scene();
    world.connect();
    const sentBy = () => network.ladder.filter((line) => line.startsWith('engine>'));
    const before = sentBy();
    const headers = [
      [HeaderId.MaxForwards, '0'],
      ...(method === 'REFER' ? ([[HeaderId.ReferTo, '<sip:300@engine>']] as const) : []),
    ] as const;
    const sent = a.sends(method, { headers, body: sdp('again') });
    expect(sent.final?.status).toBe(483);
    expect(sentBy().slice(before.length)).toEqual(['engine>a 483']);
    a.send('BYE', { headers: [[HeaderId.MaxForwards, '0']] });
    expect(world.settles()).toBe(true);
  },
);

test('draining: new calls are refused with 503 and Retry-After, the present one goes on, and its end is reported', () => {
  const { world, c, engine } = scene();
  world.connect();
  let drained = 0;
  engine.calls.drain(() => drained++);
  const refused = c.calls();
  expect(refused.final?.status).toBe(503);
  expect(refused.final?.headers.has(HeaderId.RetryAfter)).toBe(true);
  expect(drained).toBe(0);
  expect(world.ends()).toBe(true);
  expect(drained).toBe(1);
});

test('headers of the user’s own cross only when the leg lists them', () => {
  const { world, a, b, engine } = scene();
  engine.plan = (request) =>
    stages([{ branches: [branchTo(request, 'b')] }], {
      callerLeg: { contact: '<sip:engine:5060>', relayHeaders: ['X-Call-Note'] },
    });
  const sent = a.calls();
  const ringing = createResponse(b.invite.request, 180, undefined, { toTag: 'tag-b' });
  ringing.headers.addNamed('X-Call-Note', 'told').addNamed('X-Secret', 'kept');
  b.invite.respond(ringing);
  world.run();
  const relayed = sent.responses.at(-1)?.headers;
  expect(relayed?.valueNamed('X-Call-Note')).toBe('told');
  expect(relayed?.hasNamed('X-Secret')).toBe(false);
  b.answers(200, { body: sdp('callee') });
  expect(world.ends()).toBe(true);
});

test('RFC 3665 §3.1 over a network that loses every fifth datagram, doubles and reorders: every call is answered once and ends', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { world, a, b, network } = scene({ seed });
    network.weather = { loss: 0.2, duplication: 0.2, minDelayMs: 5, maxDelayMs: 300 };
    const sent = a.call();
    world.run(20_000);
    b.answer(b.invite, 180);
    world.run(2000);
    b.answer(b.invite, 200, { body: sdp('callee') });
    // The callee’s user agent core sends its 2xx again until the ACK comes (§13.3.1.4).
    for (let tries = 0; tries < 8 && b.acks.length === 0; tries++) {
      world.run(4000);
      if (b.acks.length === 0) b.answer(b.invite, 200, { body: sdp('callee') });
    }
    expect(sent.final?.status, `seed ${seed}`).toBe(200);
    expect(new Set(sent.responses.filter((each) => each.status >= 200).map((each) => each.toTag())).size).toBe(1);
    expect(world.ends()).toBe(true);
    expect(b.requests('BYE').length).toBeLessThanOrEqual(1);
    expect(world.record).toMatchObject({ status: 200 });
  }
});
