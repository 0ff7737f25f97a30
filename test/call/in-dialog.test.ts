import { expect, test } from 'vitest';
import type { Leg } from '../../src/call/leg.ts';
import type { CallPeers } from '../../src/call/ports.ts';
import { HeaderId, type SipRequest } from '../../src/sip/message/index.ts';
import { type Content, type Party, scene, sdp, World } from './world.ts';

const HOLD = `${sdp('caller')}a=sendonly\r\n`;
const T38 = sdp('caller', 'image 4000 udptl t38');

/** A call between A and B; `allow` is what each says that it allows. */
function connected(allow: { a?: string; b?: string } = {}): World {
  const { world, a, b } = scene();
  a.calls({ body: sdp('caller'), ...allowing(allow.a) });
  b.answers(200, { body: sdp('callee'), ...allowing(allow.b) });
  return world;
}

function allowing(methods: string | undefined): Content {
  return methods === undefined ? {} : { headers: [[HeaderId.Allow, methods]] };
}

/** Answers re-INVITEs with a description. */
function answersReinvite(party: Party, status = 200, body = sdp('changed')): void {
  party.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') party.answer(transaction, status, status < 300 ? { body } : {});
  };
}

function hangUp(world: World): void {
  world.a.send('BYE');
  expect(world.settles()).toBe(true);
}

test('§14: hold and T.38 re-INVITEs cross octet for octet, each leg with its own CSeq, and are acknowledged on both legs', () => {
  for (const body of [HOLD, T38]) {
    const world = connected();
    const { a, b } = world;
    answersReinvite(b);
    const acksBefore = b.acks.length;
    const sent = a.sends('INVITE', { body });
    expect(b.invite.request.body).toBe(body);
    expect(b.invite.request.cseq().sequence).toBe(2);
    expect(sent.final?.body).toBe(sdp('changed'));
    expect(b.acks.length).toBe(acksBefore + 1);
    hangUp(world);
  }
});

test('a re-INVITE of the callee goes the other way', () => {
  const world = connected();
  const { a, b } = world;
  answersReinvite(a);
  const sent = b.sends('INVITE', { body: HOLD });
  expect(a.invite.request.body).toBe(HOLD);
  expect(sent.final?.status).toBe(200);
  hangUp(world);
});

test('a re-INVITE without offer: the answer travels in the ACK (RFC 3261 §14.1, RFC 3725)', () => {
  const world = connected();
  const { a, b } = world;
  answersReinvite(b, 200, sdp('fresh-offer'));
  a.ackBody = sdp('late-answer');
  const sent = a.sends('INVITE');
  expect(sent.final?.body).toBe(sdp('fresh-offer'));
  expect(b.acks.at(-1)?.body).toBe(sdp('late-answer'));
  hangUp(world);
});

test('a failed re-INVITE changes nothing: 488, 491 and 603 are passed on, 408 is 504, the session goes on', () => {
  for (const status of [488, 491, 603, 408]) {
    const world = connected();
    const { a, b } = world;
    answersReinvite(b, status);
    const sent = a.sends('INVITE', { body: HOLD });
    expect(sent.final?.status).toBe(status === 408 ? 504 : status);
    answersReinvite(b);
    const again = a.sends('INVITE', { body: HOLD });
    expect(again.final?.status).toBe(200);
    hangUp(world);
    expect(world.record.endedBy).toBe('caller');
  }
});

test('RFC 3262 §3: whoever requires 100rel of a re-INVITE is sent no provisional response that is not reliable', () => {
  const world = connected();
  const { a, b } = world;
  b.onRequest = (transaction, { method }) => {
    if (method !== 'INVITE') return;
    b.answer(transaction, 180);
    b.answer(transaction, 200, { body: sdp('b') });
  };
  const plain = a.sends('INVITE', { body: HOLD });
  const required = a.sends('INVITE', { body: HOLD, headers: [[HeaderId.Require, '100rel']] });
  expect([plain.statuses, required.statuses].map((each) => each.filter((status) => status > 100))).toEqual([
    [180, 200],
    [200],
  ]);
  hangUp(world);
});

test('a re-INVITE that nobody answers is 504 for its sender, and the session stays', () => {
  const world = connected();
  const { a, network } = world;
  network.silenced.add('b');
  const sent = a.send('INVITE', { body: HOLD });
  world.run(33_000);
  expect(sent.final?.status).toBe(504);
  expect(world.engine.calls.counters.live).toBe(1);
  network.silenced.clear();
  hangUp(world);
});

test('§12.2.1.2: a re-INVITE answered 481 ends the call for both', () => {
  const world = connected();
  const { a, b } = world;
  answersReinvite(b, 481);
  const sent = a.sends('INVITE', { body: HOLD });
  expect(sent.final?.status).toBe(481);
  expect(a.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
  expect(world.record.endReason).toBe('dialog-lost');
});

test('a re-INVITE that is cancelled: the far side’s own final response decides', () => {
  const world = connected();
  const { a, b } = world;
  b.onRequest = (transaction, request) => {
    if (request.method !== 'INVITE') return;
    b.answer(transaction, 180);
    transaction.user = { onCancel: () => b.answer(transaction, 487) };
  };
  const sent = a.send('INVITE', { body: HOLD });
  world.run(300);
  sent.transaction?.cancel();
  world.run();
  expect(sent.final?.status).toBe(487);
  hangUp(world);
});

test('§14.2 glare: re-INVITEs of both sides that cross are both 491, and both sides’ retries succeed', () => {
  const world = connected();
  const { a, b } = world;
  for (const party of [a, b]) {
    party.onRequest = (transaction, request) => {
      // §14.2 as any user agent does it: 491 while its own INVITE is unanswered.
      if (request.method === 'INVITE') party.answer(transaction, 491);
    };
  }
  const sentA = a.send('INVITE', { body: HOLD });
  const sentB = b.send('INVITE', { body: HOLD });
  world.run(1000);
  expect(sentA.final?.status).toBe(491);
  expect(sentB.final?.status).toBe(491);
  answersReinvite(a);
  const againB = b.send('INVITE', { body: HOLD });
  world.run(1000);
  expect(againB.final?.status).toBe(200);
  answersReinvite(b);
  const againA = a.send('INVITE', { body: HOLD });
  world.run(1000);
  expect(againA.final?.status).toBe(200);
  hangUp(world);
});

test('§14.2: a second re-INVITE before the first has its final response is 500 with Retry-After 0 to 10', () => {
  const world = connected();
  const { a, b } = world;
  b.onRequest = (transaction, request) => {
    if (request.method === 'INVITE')
      world.network.scheduler.after(1000, () => b.answer(transaction, 200, { body: sdp('b') }));
  };
  const first = a.send('INVITE', { body: HOLD });
  world.run(50);
  const second = a.send('INVITE', { body: HOLD });
  world.run(2000);
  expect(second.final?.status).toBe(500);
  const retryAfter = Number(second.final?.headers.value(HeaderId.RetryAfter));
  expect(retryAfter).toBeGreaterThanOrEqual(0);
  expect(retryAfter).toBeLessThanOrEqual(10);
  expect(first.final?.status).toBe(200);
  hangUp(world);
});

test('§15.1.2: BYE while a re-INVITE is under way: the re-INVITE is answered 487 and both legs end', () => {
  const world = connected();
  const { a, b } = world;
  b.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') b.answer(transaction, 180);
  };
  const sent = a.send('INVITE', { body: HOLD });
  world.run(300);
  b.sends('BYE');
  expect(sent.final?.status).toBe(487);
  expect(a.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('a re-INVITE given up with 487 stays answered: the late final response of the far side leaves the sender’s leg alone', () => {
  const legs = new Set<Leg>();
  const peers: CallPeers = {
    nextHop: (leg) => {
      legs.add(leg as Leg);
      return undefined;
    },
  };
  const world = new World({ calls: { peers } });
  world.connect();
  const { a, b } = world;
  // Both ways, so that each leg has sent something.
  a.send('INFO', { body: 'x', type: 'text/x' });
  b.send('INFO', { body: 'x', type: 'text/x' });
  b.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') b.answer(transaction, 180);
  };
  const sent = a.send('INVITE', { body: HOLD });
  world.run(300);
  b.sends('BYE');
  expect(sent.final?.status).toBe(487);
  const leg = [...legs].find((each) => each.isCallerSide);
  // As after a transfer: the engine’s own offer to the sender is under way by now.
  leg?.offers.request('local', 'INVITE', true);
  b.answers(487);
  expect(leg?.offers.offeredBy).toBe('local');
  expect(leg?.offers.judge('INVITE', true)?.status).toBe(491);
  expect(world.settles()).toBe(true);
});

test('RFC 3311: an UPDATE with an offer is relayed with its answer; crossing ones are 491', () => {
  const world = connected({ a: 'INVITE, UPDATE', b: 'invite, update' });
  const { a, b } = world;
  b.onRequest = (transaction, request) => {
    if (request.method === 'UPDATE') b.answer(transaction, 200, { body: sdp('updated') });
  };
  const sent = a.sends('UPDATE', { body: HOLD });
  expect(b.requests('UPDATE')[0]?.body).toBe(HOLD);
  expect(sent.final?.body).toBe(sdp('updated'));
  a.onRequest = (transaction, request) => {
    if (request.method === 'UPDATE') transaction.reply(491);
  };
  const fromA = a.send('UPDATE', { body: HOLD });
  const fromB = b.sends('UPDATE', { body: HOLD });
  expect(fromB.final?.status).toBe(491);
  expect([200, 491]).toContain(fromA.final?.status);
  hangUp(world);
});

test.each([405, 501])(
  'a party that refuses the UPDATE that it allowed (%s) is given the offer in a re-INVITE',
  (status) => {
    const world = connected({ a: 'INVITE, UPDATE', b: 'INVITE, UPDATE' });
    const { a, b } = world;
    b.onRequest = (transaction, request) => {
      if (request.method === 'UPDATE') transaction.reply(status);
      if (request.method === 'INVITE') b.answer(transaction, 200, { body: sdp('changed') });
    };
    const sent = [a.send('UPDATE', { body: HOLD })];
    world.run();
    sent.push(a.send('UPDATE', { body: HOLD }));
    world.run();
    expect(sent.map(({ final }) => [final?.status, final?.body])).toEqual([
      [200, sdp('changed')],
      [200, sdp('changed')],
    ]);
    // It is not asked twice.
    expect([b.requests('UPDATE').length, b.requests('INVITE').length]).toEqual([1, 3]);
    hangUp(world);
  },
);

test('RFC 3311 §4: the offer of an UPDATE goes in a re-INVITE to a party that does not allow UPDATE, both ways', () => {
  const without = 'INVITE, ACK, BYE, CANCEL, OPTIONS';
  for (const allow of [{ a: 'UPDATE', b: without }, { a: 'UPDATE' }, { a: without, b: 'UPDATE' }, { b: 'UPDATE' }]) {
    const world = connected(allow);
    const isFromA = allow.a === 'UPDATE';
    const [sender, other] = isFromA ? [world.a, world.b] : [world.b, world.a];
    answersReinvite(other);
    const acksBefore = other.acks.length;
    const sent = sender.send('UPDATE', { body: HOLD });
    world.run();
    expect(other.requests('UPDATE')).toHaveLength(0);
    expect(other.invite.request.body).toBe(HOLD);
    expect(other.acks).toHaveLength(acksBefore + 1);
    expect(sent.statuses).toEqual([200]);
    expect(sent.final?.body).toBe(sdp('changed'));
    // Nothing is left over: the next offer goes through the other way.
    answersReinvite(sender);
    const back = other.send('INVITE', { body: HOLD });
    world.run();
    expect(back.final?.status).toBe(200);
    hangUp(world);
  }
});

test('an UPDATE whose offer went in a re-INVITE: a refusal passes, glare is 491, and no answer in time is 504', () => {
  const world = connected({ a: 'UPDATE' });
  const { a, b } = world;
  answersReinvite(b, 488);
  const refused = a.sends('UPDATE', { body: HOLD });
  expect(refused.final?.status).toBe(488);
  b.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') b.answer(transaction, 180);
  };
  const unanswered = a.send('UPDATE', { body: HOLD });
  world.run(1000);
  b.invite.user = { onCancel: () => {} };
  expect(unanswered.statuses).toEqual([]);
  const crossing = b.send('INVITE', { body: HOLD });
  world.run(1000);
  expect(crossing.final?.status).toBe(491);
  world.run(20_000);
  expect(unanswered.final?.status).toBe(504);
  // The sender was told that nothing has changed; a 2xx that crosses is acknowledged all the same.
  const acksBefore = b.acks.length;
  b.answers(200, { body: sdp('late') });
  expect(b.acks).toHaveLength(acksBefore + 1);
  hangUp(world);
});

test.each([
  ['does not allow', 'INVITE, PRACK', 0],
  ['refuses after all', 'INVITE, PRACK, UPDATE', 1],
])(
  'while the callee rings, the offer of an UPDATE that it %s is 488: there is no re-INVITE yet',
  (_, allowed, asked) => {
    const { world, a, b } = scene();
    b.onRequest = (transaction, request) => {
      if (request.method === 'UPDATE') transaction.reply(501);
      if (request.method === 'PRACK') transaction.reply(200);
    };
    a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
    b.answers(183, {
      body: sdp('early'),
      headers: [
        [HeaderId.Require, '100rel'],
        [HeaderId.RSeq, '1'],
        [HeaderId.Allow, allowed],
      ],
    });
    a.sends('PRACK', { headers: [[HeaderId.RAck, '1 1 INVITE']] });
    const sent = a.sends('UPDATE', { body: HOLD });
    expect(sent.final?.status).toBe(488);
    expect(b.requests('UPDATE')).toHaveLength(asked);
    b.answers(200);
    hangUp(world);
  },
);

test('§15: BYE of a callee in an early dialog is 481: nothing ends, and the callee may still answer', () => {
  for (const status of [180, 183]) {
    const { world, a, b } = scene();
    const call = a.calls();
    b.answers(status, status === 183 ? { body: sdp('early') } : {});
    const bye = b.sends('BYE');
    expect(bye.final?.status).toBe(481);
    expect(call.final).toBeUndefined();
    b.answers(200, { body: sdp('callee') });
    expect(call.final?.status).toBe(200);
    hangUp(world);
  }
});

test('§15: BYE of the caller in its early dialog ends the call: 200, 487 to its INVITE, CANCEL to the callee', () => {
  const { world, a, b, network } = scene();
  const call = a.calls();
  b.answer(b.invite, 180);
  b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
  world.run();
  const bye = a.sends('BYE');
  expect(bye.final?.status).toBe(200);
  expect(call.final?.status).toBe(487);
  expect(network.count('engine>b CANCEL')).toBe(1);
  expect(world.settles()).toBe(true);
});

test('RFC 3311 §5.1: an UPDATE without offer refreshes the target of its own leg and disturbs nobody', () => {
  const world = connected();
  const { a, b } = world;
  const sent = a.sends('UPDATE', { headers: [[HeaderId.Contact, '<sip:moved@a>']] });
  expect(sent.final?.status).toBe(200);
  expect(b.requests('UPDATE')).toHaveLength(0);
  b.sends('BYE');
  expect(a.requests('BYE')[0]?.requestUri).toBe('sip:moved@a');
  expect(world.settles()).toBe(true);
});

test('RFC 6086: INFO of any content type and its response cross octet for octet, both ways', () => {
  const world = connected();
  const { a, b } = world;
  const body = 'Signal=5\r\nDuration=160\r\n\x00\xff binary';
  const sent = a.sends('INFO', { body, type: 'application/dtmf-relay', headers: [[HeaderId.InfoPackage, 'dtmf']] });
  const [info] = b.requests('INFO');
  expect(info?.body).toBe(body);
  expect(info?.headers.value(HeaderId.ContentType)).toBe('application/dtmf-relay');
  expect(info?.headers.valueNamed('Info-Package')).toBe('dtmf');
  expect(sent.final?.status).toBe(200);
  a.onRequest = (transaction) => transaction.reply(415);
  const back = b.sends('INFO', { body: 'x', type: 'text/x' });
  expect(back.final?.status).toBe(415);
  hangUp(world);
});

test.each(['INFO', 'MESSAGE'])('§20.15: what %s of no octets is, its type says', (method) => {
  const world = connected();
  world.a.send(method, { headers: [[HeaderId.ContentType, 'application/hook-flash']] });
  world.run();
  const [info] = world.b.requests(method);
  expect([info?.body, info?.headers.value(HeaderId.ContentType)]).toEqual(['', 'application/hook-flash']);
  hangUp(world);
});

test('§21.4.6, §21.4.13: a refusal that is passed on says what there is: methods in a 405, types in a 415', () => {
  const world = connected();
  const { a, b } = world;
  b.onRequest = (transaction, request) => {
    if (request.body === 'x') transaction.reply(415, undefined, [[HeaderId.Accept, 'application/sdp, text/plain']]);
    else transaction.reply(405, undefined, request.body === HOLD ? [[HeaderId.Allow, 'BYE, OPTIONS']] : []);
  };
  const [type, method, invite] = [
    a.send('INFO', { body: 'x', type: 'text/x' }),
    a.send('INFO', { body: 'y', type: 'text/x' }),
    a.send('INVITE', { body: HOLD }),
  ];
  world.run();
  expect([type.final?.status, type.final?.headers.value(HeaderId.Accept)]).toEqual([
    415,
    'application/sdp, text/plain',
  ]);
  expect([method.final?.status, method.final?.headers.value(HeaderId.Allow)]).toEqual([
    405,
    'INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER, NOTIFY, MESSAGE',
  ]);
  expect([invite.final?.status, invite.final?.headers.value(HeaderId.Allow)]).toEqual([405, 'BYE, OPTIONS']);
  const silent = a.sends('INVITE', { body: sdp('b') });
  expect([silent.final?.status, silent.final?.headers.value(HeaderId.Allow)]).toEqual([
    405,
    'ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER, NOTIFY, MESSAGE',
  ]);
  hangUp(world);
});

test('multipart bodies keep every octet, Content-Type and Content-Disposition', () => {
  const world = connected();
  const { a, b } = world;
  answersReinvite(b);
  const body = `--x\r\nContent-Type: application/sdp\r\n\r\n${HOLD}\r\n--x\r\nContent-Type: application/isup\r\n\r\n\x01\x02\x00\r\n--x--\r\n`;
  a.sends('INVITE', { body, type: 'multipart/mixed;boundary=x', headers: [[HeaderId.ContentDisposition, 'session']] });
  expect(b.invite.request.body).toBe(body);
  expect(b.invite.request.headers.value(HeaderId.ContentType)).toBe('multipart/mixed;boundary=x');
  expect(b.invite.request.headers.value(HeaderId.ContentDisposition)).toBe('session');
  hangUp(world);
});

test('in-dialog MESSAGE and NOTIFY are relayed; OPTIONS is answered here; NOTIFY of a REFER nobody sent is 481', () => {
  const world = connected();
  const { a, b } = world;
  const message = a.send('MESSAGE', { body: 'hello', type: 'text/plain' });
  const options = a.send('OPTIONS');
  const notify = b.send('NOTIFY', {
    headers: [
      [HeaderId.Event, 'talk'],
      [HeaderId.SubscriptionState, 'terminated'],
    ],
  });
  const stray = b.sends('NOTIFY', {
    headers: [
      [HeaderId.Event, 'refer;id=7'],
      [HeaderId.SubscriptionState, 'active'],
    ],
  });
  expect(message.final?.status).toBe(200);
  expect(b.requests('MESSAGE')[0]?.body).toBe('hello');
  expect(options.final?.headers.value(HeaderId.Allow)).toContain('INVITE');
  expect(b.requests('OPTIONS')).toHaveLength(0);
  expect(notify.final?.status).toBe(200);
  expect(a.requests('NOTIFY')[0]?.headers.value(HeaderId.Event)).toBe('talk');
  expect(stray.final?.status).toBe(481);
  hangUp(world);
});

test('methods that are not served within a call: 405 with Allow, unknown ones 501, SUBSCRIBE 489, unknown Require 420', () => {
  const world = connected();
  const { a } = world;
  const publish = a.send('PUBLISH');
  const unknown = a.send('JUMP');
  const subscribe = a.send('SUBSCRIBE', { headers: [[HeaderId.Event, 'dialog']] });
  const nameless = a.send('NOTIFY');
  const prack = a.sends('PRACK', { headers: [[HeaderId.RAck, '1 1 INVITE']] });
  expect(publish.final?.status).toBe(405);
  expect(publish.final?.headers.has(HeaderId.Allow)).toBe(true);
  expect(unknown.final?.status).toBe(501);
  for (const { final } of [subscribe, nameless])
    expect([final?.status, final?.headers.value(HeaderId.AllowEvents)]).toEqual([489, 'refer']);
  expect(prack.final?.status).toBe(481);
  hangUp(world);
});

test('an in-dialog request that the far side leaves unanswered is 408 for its sender; one answered 481 ends the call', () => {
  const world = connected();
  const { a, b, network } = world;
  network.silenced.add('b');
  const lost = a.send('INFO', { body: 'x', type: 'text/x' });
  world.run(33_000);
  expect(lost.timedOut ? 408 : lost.final?.status).toBe(408);
  network.silenced.clear();
  b.onRequest = (transaction: { reply(status: number): void }, request: SipRequest) => {
    if (request.method === 'INFO') transaction.reply(481);
  };
  a.sends('INFO', { body: 'x', type: 'text/x' });
  expect(a.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('§12.2.1.1: requests on a leg follow the route set that its peer recorded', () => {
  const { world, a, b } = scene();
  a.calls();
  b.answers(200, { body: sdp('b'), headers: [[HeaderId.RecordRoute, '<sip:proxy2;lr>, <sip:proxy1;lr>']] });
  a.sends('INFO', { body: 'x', type: 'text/x' });
  expect(b.requests('INFO')[0]?.headers.listValues(HeaderId.Route)).toEqual(['<sip:proxy1;lr>', '<sip:proxy2;lr>']);
  expect(b.acks[0]?.headers.listValues(HeaderId.Route)).toEqual(['<sip:proxy1;lr>', '<sip:proxy2;lr>']);
  hangUp(world);
});
