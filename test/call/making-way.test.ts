import { describe, expect, test } from 'vitest';
import type { Rejection } from '../../src/call/plan.ts';
import { HeaderId, type SipRequest } from '../../src/sip/message/index.ts';
import { branchTo, type Party, type Sent, scene, sdp, stages, type World } from './world.ts';

/** The sipfrag status lines that a transferor was told. */
const told = (party: Party) => party.requests('NOTIFY').map((notify) => notify.body.trim());

/** A phone with one line: it rings, is busy while it does, and says that it was cancelled as it is told to. */
function hasOneLine(phone: Party, cancelled: (answers: () => void) => void = (answers) => answers()): void {
  let isFree = true;
  phone.onRequest = (transaction, request) => {
    if (request.method !== 'INVITE' || request.toTag() !== undefined) return;
    if (!isFree) {
      phone.answer(transaction, 486);
      return;
    }
    isFree = false;
    const answers = () => {
      isFree = true;
      phone.answer(transaction, 487);
    };
    transaction.user = { onCancel: () => cancelled(answers) };
    phone.answer(transaction, 180);
  };
}

/** A talks to B, and rings at C. */
function consulting(setUp: (world: World) => void = ({ c }) => hasOneLine(c)) {
  const { world, a, b, engine } = scene();
  const asked: string[] = [];
  let later: Rejection | undefined;
  engine.router = {
    referred: (_call, leg, referTo) => {
      asked.push(`${leg.options.owner?.number} ${referTo}`);
      return later ?? stages([{ branches: [branchTo(undefined, 'c')] }]);
    },
    mayReplace: () => true,
  };
  world.connect();
  b.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') b.answer(transaction, 200, { body: sdp('b-answer') });
  };
  const toB = a.dialog;
  engine.plan = (request) => stages([{ branches: [branchTo(request, 'c')] }]);
  setUp(world);
  const ringing = a.calls();
  const refer = (): Sent => {
    const { callId, remoteTag, localTag } = a.dialog;
    const value = encodeURIComponent(`${callId};to-tag=${remoteTag};from-tag=${localTag}`);
    const sent = a.sends('REFER', { headers: [[HeaderId.ReferTo, `<sip:300@engine?Replaces=${value}>`]] }, toB);
    return sent;
  };
  const refuseLater = (rejection: Rejection) => {
    later = rejection;
  };
  return { world, toB, ringing, asked, refer, refuseLater };
}

/** C takes the call that rings, and everybody hangs up. */
function endsConnected({ world, toB }: Pick<ReturnType<typeof consulting>, 'world' | 'toB'>): void {
  const { a, b, c } = world;
  c.answers(200, { body: sdp('c-offer') });
  expect(c.acks.at(-1)?.body).toBe(sdp('b-answer'));
  expect(told(a).at(-1)).toBe('SIP/2.0 200 OK');
  a.send('BYE', {}, toB);
  c.sends('BYE');
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
}

test('RFC 5589 §7.6, a transfer to a phone that still rings, with one line: the transferee rings there 200 ms after it was free', () => {
  const { world, toB, ringing, asked, refer } = consulting();
  const { a, c } = world;
  const sent = refer();
  expect(sent.final?.status).toBe(202);
  expect(ringing.final?.status).toBe(487);
  expect(told(a)).toEqual(['SIP/2.0 100 Trying']);
  expect(world.network.count('engine>c CANCEL')).toBe(1);
  expect(c.invites).toHaveLength(1);
  // No rule and no limit is asked before the places of the call that rang are free.
  expect(asked).toEqual([]);
  world.run(200);
  expect(asked).toEqual([`caller ${ringing.request.requestUri}`]);
  expect(c.invites).toHaveLength(2);
  expect(told(a).at(-1)).toBe('SIP/2.0 180 Ringing');
  endsConnected({ world, toB });
});

test('a phone that is slow to say that it was cancelled is called when it has said so', () => {
  const { world, toB, asked, refer } = consulting(({ c, network }) =>
    hasOneLine(c, (answers) => void network.scheduler.schedule(1_500, { onTimer: answers }, 0)),
  );
  refer();
  world.run(1_350);
  expect(asked).toEqual([]);
  world.run(400);
  expect(world.c.invites).toHaveLength(2);
  endsConnected({ world, toB });
});

test('one that never says so is called after three seconds all the same', () => {
  const { world, toB, refer } = consulting(({ c }) => {
    c.onRequest = (transaction, request) => {
      if (request.method !== 'INVITE') return;
      transaction.user = { onCancel: () => {} };
      c.answer(transaction, 180);
    };
  });
  refer();
  world.run(2_800);
  expect(world.c.invites).toHaveLength(1);
  world.run(200);
  expect(world.c.invites).toHaveLength(2);
  endsConnected({ world, toB });
});

describe('the one place that the ringing call has', () => {
  /** Of what leads to C; who finds it taken is counted. */
  function onePlace(setUp: (phone: Party) => void = hasOneLine) {
    const place = { isTaken: false, refused: 0 };
    const planned = (invite?: SipRequest) => {
      const branch = branchTo(invite, 'c', {
        onStart: () => {
          if (place.isTaken) place.refused++;
          else place.isTaken = true;
          return place.refused === 0;
        },
        onEnd: () => {
          place.isTaken = false;
        },
      });
      return stages([{ branches: [branch] }]);
    };
    const all = consulting(({ c, engine }) => {
      setUp(c);
      engine.plan = planned;
      engine.router.referred = () => planned();
    });
    return { ...all, place };
  }

  test('is the transfer’s until it is called there, and free when it has ended', () => {
    const { world, toB, refer, place } = onePlace();
    refer();
    for (const ms of [0, 150]) {
      world.run(ms);
      expect(place.isTaken).toBe(true);
    }
    world.run(50);
    expect(world.c.invites).toHaveLength(2);
    endsConnected({ world, toB });
    expect(place).toEqual({ isTaken: false, refused: 0 });
  });

  test('is so where the phone never says that it was cancelled, and one that answers that late is acknowledged', () => {
    const { world, toB, refer, place } = onePlace((c) => {
      c.onRequest = (transaction, request) => {
        if (request.method === 'INVITE' && request.toTag() === undefined) c.answer(transaction, 180);
      };
    });
    const { c, network } = world;
    const first = c.invite;
    first.user = { onCancel: () => {} };
    refer();
    world.run(3_000);
    expect(place).toEqual({ isTaken: true, refused: 0 });
    expect(c.invites).toHaveLength(2);
    const acks = network.count('engine>c ACK');
    c.answer(first, 487);
    world.run();
    expect(network.count('engine>c ACK')).toBe(acks + 1);
    endsConnected({ world, toB });
    expect(place).toEqual({ isTaken: false, refused: 0 });
  });

  test('is given back where the transferee hangs up meanwhile', () => {
    const { world, refer, place } = onePlace();
    refer();
    world.b.send('BYE');
    world.run();
    expect(place.isTaken).toBe(false);
    expect(world.settles()).toBe(true);
  });
});

test('the transferee hangs up meanwhile: the call that rang ends as its phone says, which has its place until then', () => {
  const held: string[] = [];
  const { world, ringing, refer } = consulting(({ c, engine, network }) => {
    hasOneLine(c, (answers) => void network.scheduler.schedule(1_500, { onTimer: answers }, 0));
    const place = { onStart: () => held.push('c') > 0, onEnd: () => void held.pop() };
    engine.plan = (request) => stages([{ branches: [branchTo(request, 'c', place)] }]);
  });
  const { a, b, engine } = world;
  refer();
  b.send('BYE');
  world.run(1_000);
  const isOfRinging = ({ callerCallId }: { callerCallId: string }) => callerCallId === ringing.request.callId();
  expect(held).toEqual(['c']);
  expect(engine.ended.filter(isOfRinging)).toEqual([]);
  world.run(1_000);
  expect(held).toEqual([]);
  const [record] = engine.ended.filter(isOfRinging);
  expect(record?.attempts).toMatchObject([{ status: 487, cause: 'cancelled' }]);
  expect(a.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('the transferee hangs up meanwhile: nobody is called any more', () => {
  const { world, asked, refer } = consulting();
  const { a, b, c } = world;
  refer();
  b.send('BYE');
  world.run(5_000);
  expect(asked).toEqual([]);
  expect(c.invites).toHaveLength(1);
  expect(told(a)).toEqual(['SIP/2.0 100 Trying', 'SIP/2.0 487 Request Terminated']);
  expect(a.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('RFC 5589 §6, the transferor hangs up meanwhile: the transferee waits and is connected', () => {
  const { world, toB, asked, refer } = consulting();
  const { a, b, c } = world;
  refer();
  a.send('BYE', {}, toB);
  world.run(300);
  expect(b.requests('BYE')).toHaveLength(0);
  expect(asked).toHaveLength(1);
  c.answers(200, { body: sdp('c-offer') });
  expect(c.acks.at(-1)?.body).toBe(sdp('b-answer'));
  c.sends('BYE');
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('an answer that crosses the CANCEL gets ACK and BYE, and the phone rings again', () => {
  const { world, toB, refer } = consulting(({ c }) => {
    c.onRequest = (transaction, request) => {
      if (request.method !== 'INVITE' || request.toTag() !== undefined) return;
      if (c.invites.length === 1)
        transaction.user = { onCancel: () => c.answer(transaction, 200, { body: sdp('late') }) };
      c.answer(transaction, 180);
    };
  });
  const { c } = world;
  refer();
  world.run(300);
  expect(c.requests('BYE')).toHaveLength(1);
  expect(c.invites).toHaveLength(2);
  endsConnected({ world, toB });
});

test('where the transferee may not be called, the call that rings goes on', () => {
  const { world, toB, ringing, refer, refuseLater } = consulting();
  const { a, c, engine } = world;
  Object.assign(engine.router, { refusesPhone: () => true });
  refuseLater({ status: 403, reason: 'Barred' });
  expect(refer().final).toMatchObject({ status: 403, reason: 'Barred' });
  world.run(1_000);
  expect(ringing.final).toBeUndefined();
  expect(world.network.count('engine>c CANCEL')).toBe(0);
  c.answers(200, { body: sdp('c-answer') });
  expect(ringing.final?.status).toBe(200);
  for (const dialog of [a.dialog, toB]) a.send('BYE', {}, dialog);
  expect(world.settles()).toBe(true);
});

test('what is refused once the phone is free is told the transferor, and its call goes on', () => {
  const { world, toB, refer, refuseLater } = consulting();
  const { a, b, c } = world;
  refuseLater({ status: 403, reason: 'Too Many Calls In Progress' });
  refer();
  world.run(300);
  expect(told(a).at(-1)).toBe('SIP/2.0 403 Too Many Calls In Progress');
  expect(c.invites).toHaveLength(1);
  expect(b.requests('BYE')).toHaveLength(0);
  a.send('BYE', {}, toB);
  expect(world.settles()).toBe(true);
});

test('RFC 3262 §3, one who has answered while the 2xx waits for a PRACK is not rung again: 481, and both calls go on', () => {
  const { world, toB, refer } = consulting(() => {});
  const { a, b, c } = world;
  const reliable = a.calls({ headers: [[HeaderId.Supported, '100rel']] });
  c.answers(183, {
    body: sdp('c-answer'),
    headers: [
      [HeaderId.Require, '100rel'],
      [HeaderId.RSeq, '1'],
    ],
  });
  c.answers(200, { body: '' });
  expect(reliable.final).toBeUndefined();
  refer();
  world.run(300);
  expect(told(a).at(-1)).toMatch(/^SIP\/2\.0 481 /);
  expect(c.requests('BYE').concat(b.requests('BYE'))).toHaveLength(0);
  expect(world.network.count('engine>c CANCEL')).toBe(0);
  a.send('BYE', {}, toB);
  expect(world.settles()).toBe(true);
});
