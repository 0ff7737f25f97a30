import { describe, expect, test } from 'vitest';
import type { CallPeers } from '../../src/call/ports.ts';
import { DigestClient } from '../../src/sip/auth/index.ts';
import { createResponse, HeaderId, type SipRequest, serialize } from '../../src/sip/message/index.ts';
import { isCollected } from '../kit/collected.ts';
import { RelayedWorld } from './relayed-world.ts';
import { branchTo, fill, type Party, type Sent, sdp, stages, World } from './world.ts';

const RELIABLE = [
  [HeaderId.Require, '100rel'],
  [HeaderId.RSeq, '7001'],
] as const;

/** A 2xx of a fork that kept silent while the call lasted. */
function answerOfFork(party: Party, tag: string | undefined): void {
  const { request } = party.invite;
  const response = fill(createResponse(request, 200, undefined, { toTag: tag }), { body: sdp(tag ?? 'callee') });
  response.headers.add(HeaderId.Contact, '<sip:fork@b>');
  // A proxy sends it on whatever it has answered (RFC 3261 §16.7 step 5).
  party.invite.flow.send(serialize(response));
}

function endedCall(): World {
  const world = new World();
  world.connect();
  world.a.send('BYE');
  world.run();
  expect(world.engine.isEmpty).toBe(true);
  expect(world.b.acks).toHaveLength(1);
  return world;
}

test('an RFC 2543 callee without a tag that answers again is the same callee', () => {
  const world = new World();
  world.a.call();
  world.run();
  const answer = () => {
    const response = createResponse(world.b.invite.request, 200);
    response.headers.add(HeaderId.Contact, '<sip:b>');
    world.b.invite.respond(fill(response, { body: sdp('callee') }));
    world.run();
  };
  answer();
  world.a.send('BYE');
  world.run();
  answer();
  expect(world.b.acks).toHaveLength(2);
  // A second one would look merged to the callee (§8.2.2.2): what counts is what was sent.
  expect(world.network.count('engine>b BYE')).toBe(1);
  expect(world.settles()).toBe(true);
});

const facts = (request: SipRequest | undefined) => ({
  uri: request?.requestUri,
  from: request?.fromTag(),
  to: request?.toTag(),
  callId: request?.callId(),
  sequence: request?.cseq().sequence,
});

test('§13.2.2.4: the callee’s 2xx that comes again after the call has ended gets its ACK again, and no second BYE', () => {
  const world = endedCall();
  const { b } = world;
  b.answers(200, { body: sdp('callee') });
  expect(b.acks).toHaveLength(2);
  expect(facts(b.acks[1])).toEqual(facts(b.acks[0]));
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('§13.2.2.4: a fork that answers after the call has ended is acknowledged and ended', () => {
  const world = endedCall();
  const { b } = world;
  answerOfFork(b, 'fork-2');
  world.run();
  expect(b.acks.map((ack) => ack.toTag())).toEqual(['tag-b', 'fork-2']);
  const bye = b.requests('BYE').at(-1);
  expect(bye?.toTag()).toBe('fork-2');
  expect(bye?.requestUri).toBe('sip:fork@b');
  expect(bye?.headers.value(HeaderId.Reason)).toContain('cause=487');
  expect(world.settles()).toBe(true);
});

/** A fork with an early dialog in which it was asked for a PRACK, which this engine sends for a caller without 100rel. */
function ringsReliably(world: World): Sent {
  const sent = world.a.call();
  world.run();
  world.b.answer(world.b.invite, 183, { body: sdp('fork-2'), headers: RELIABLE }, 'fork-2');
  world.run();
  expect(world.b.requests('PRACK').map(({ headers }) => headers.value(HeaderId.CSeq))).toEqual(['2 PRACK']);
  return sent;
}

const byeOf = (party: Party) => {
  const bye = party.requests('BYE').find((each) => each.toTag() === 'fork-2');
  return bye?.headers.value(HeaderId.CSeq);
};

describe('§12.2.1.1: the BYE to a fork that had PRACKs and answers too late goes on from their sequence numbers', () => {
  test('after another one has won', () => {
    const world = new World();
    ringsReliably(world);
    world.b.answer(world.b.invite, 200, { body: sdp('callee') });
    world.run();
    answerOfFork(world.b, 'fork-2');
    world.run();
    expect(byeOf(world.b)).toBe('3 BYE');
    world.a.send('BYE');
    expect(world.settles()).toBe(true);
  });

  test('after another one has declined', () => {
    const world = new World();
    ringsReliably(world);
    world.b.answer(world.b.invite, 603);
    world.run();
    answerOfFork(world.b, 'fork-2');
    world.run();
    expect(byeOf(world.b)).toBe('3 BYE');
    expect(world.settles()).toBe(true);
  });

  test('after the caller has given up', () => {
    const world = new World();
    ringsReliably(world).transaction?.cancel();
    answerOfFork(world.b, 'fork-2');
    world.run();
    expect(byeOf(world.b)).toBe('3 BYE');
    expect(world.settles()).toBe(true);
  });
});

/** How an INVITE comes to be without anybody who waits for its answer; each leaves a world in which fork-2 has not answered yet. */
const NOBODY_WAITS: readonly (readonly [string, (world: World) => void])[] = [
  [
    'another fork has won',
    (world) => {
      world.connect();
    },
  ],
  [
    'the call that another fork had has ended',
    (world) => {
      world.connect();
      world.a.send('BYE');
      world.run();
    },
  ],
  [
    'the caller has given up',
    (world) => {
      const sent = world.a.call();
      world.run();
      world.b.answer(world.b.invite, 180);
      world.run();
      sent.transaction?.cancel();
    },
  ],
  [
    'another fork has declined',
    (world) => {
      world.a.call();
      world.run();
      world.b.answer(world.b.invite, 603);
      world.run();
    },
  ],
  [
    'the caller has given up, and another fork has said so',
    (world) => {
      const sent = world.a.call();
      world.run();
      world.b.answer(world.b.invite, 180);
      world.run();
      sent.transaction?.cancel();
      world.b.answer(world.b.invite, 487);
      world.run();
    },
  ],
  [
    'nothing was heard of it for 64*T1',
    (world) => {
      world.network.drops = (from) => from === 'b';
      world.a.call();
      world.run(40_000);
      expect(world.engine.isEmpty).toBe(true);
      world.network.drops = () => false;
    },
  ],
];

describe.each(NOBODY_WAITS)('§13.2.2.4: a 2xx that comes when %s', (_why, arrange) => {
  test('gets ACK and BYE; come again it gets its ACK again and no second BYE', () => {
    const world = new World();
    arrange(world);
    const byes = world.network.count('engine>b BYE');
    answerOfFork(world.b, 'fork-2');
    world.run();
    answerOfFork(world.b, 'fork-2');
    world.run();
    expect(world.b.acks.filter((ack) => ack.toTag() === 'fork-2')).toHaveLength(2);
    expect(world.network.count('engine>b BYE') - byes).toBe(1);
    expect(byeOf(world.b)).toBe('2 BYE');
    if (world.engine.calls.counters.live > 0) world.a.send('BYE');
    expect(world.settles()).toBe(true);
  });

  test('RFC 3261 §18.1.1: ACK and BYE name us in Via as the INVITE to this target did', () => {
    const world = new World();
    world.engine.plan = (request) => {
      const branch = branchTo(request, 'b');
      const toward = () => ({ ...branch, options: { ...branch.options, viaHost: 'seen.example', viaPort: 5099 } });
      return stages([{ branches: [{ ...branch, toward }] }]);
    };
    arrange(world);
    answerOfFork(world.b, 'fork-2');
    world.run();
    const ack = world.b.acks.find((each) => each.toTag() === 'fork-2');
    const bye = world.b.requests('BYE').find((each) => each.toTag() === 'fork-2');
    const sentBy = [world.b.invite.request, ack, bye]
      .map((request) => request?.topVia())
      .map((via) => [via?.host, via?.port]);
    expect(sentBy).toEqual(new Array(3).fill(['seen.example', 5099]));
    if (world.engine.calls.counters.live > 0) world.a.send('BYE');
    expect(world.settles()).toBe(true);
  });

  test('§22.3: a challenge of the BYE is answered', () => {
    const world = new World();
    const credentials = new DigestClient({ username: 'trunk', secret: { password: 'canary' }, realms: ['carrier'] });
    world.engine.plan = (request) => stages([{ branches: [branchTo(request, 'b', { credentials })] }]);
    arrange(world);
    world.b.onRequest = (transaction, request) => {
      const isAnonymous = request.method === 'BYE' && !request.headers.has(HeaderId.Authorization);
      if (isAnonymous)
        transaction.reply(401, undefined, [
          [HeaderId.WwwAuthenticate, 'Digest realm="carrier", nonce="n1", qop="auth"'],
        ]);
    };
    answerOfFork(world.b, 'fork-2');
    world.run();
    const byes = world.b.requests('BYE').filter((bye) => bye.toTag() === 'fork-2');
    expect(byes.map((bye) => bye.headers.value(HeaderId.CSeq))).toEqual(['2 BYE', '3 BYE']);
    expect(byes[1]?.headers.value(HeaderId.Authorization)).toContain('username="trunk"');
    if (world.engine.calls.counters.live > 0) world.a.send('BYE');
    expect(world.settles()).toBe(true);
  });

  test('§12.2.1.1: ACK and BYE go where the dialog leads, as those of any other', () => {
    const peers: CallPeers = {
      nextHop: (leg) =>
        leg.dialog.remoteTarget === 'sip:fork@b' ? { transport: 'udp', address: 'c', port: 5060 } : undefined,
    };
    const world = new World({ calls: { peers } });
    arrange(world);
    answerOfFork(world.b, 'fork-2');
    world.run();
    expect(world.c.acks.map((ack) => ack.toTag())).toEqual(['fork-2']);
    expect(byeOf(world.c)).toBe('2 BYE');
    if (world.engine.calls.counters.live > 0) world.a.send('BYE');
    expect(world.settles()).toBe(true);
  });
});

test.each([
  ['under the tag of its refusal', 'tag-b', 0, (world: World) => world.b.answer(world.b.invite, 603)],
  ['without a tag, as RFC 2543 has it', undefined, 40_000, (world: World) => world.network.silenced.add('b')],
])('§13.2.2.4: a callee for whom nobody waits that answers %s gets ACK and BYE', (_how, toTag, afterMs, arrange) => {
  const world = new World();
  world.a.call();
  world.run();
  arrange(world);
  world.run(afterMs);
  world.network.silenced.clear();
  for (let copy = 0; copy < 2; copy++) {
    answerOfFork(world.b, toTag);
    world.run();
  }
  expect(world.b.requests('BYE').map((bye) => bye.toTag())).toEqual([toTag]);
  expect(world.b.acks.map((ack) => ack.toTag())).toEqual([toTag, toTag]);
  expect(world.settles()).toBe(true);
});

test.each([false, true])(
  '§13.2.2.4: a fork that answers after another has declined while a relay was asked gets ACK and BYE (over a connection: %s)',
  (isReliable) => {
    const world = new RelayedWorld();
    world.network.isReliable = isReliable;
    let losses = 3;
    world.fake.loses = ({ command }) => command === 'answer' && losses-- > 0;
    world.a.call({ body: sdp('caller') });
    world.run(50);
    world.b.answer(world.b.invite, 183, { body: sdp('early') }, 'fork-2');
    world.run(30);
    world.b.answer(world.b.invite, 603);
    world.run(2_500);
    answerOfFork(world.b, 'fork-2');
    world.run();
    expect(world.b.acks.map((ack) => ack.toTag())).toEqual(['fork-2']);
    expect(byeOf(world.b)).toBe('2 BYE');
    expect(world.settles()).toBe(true);
  },
);

test('of an INVITE that more dialogs answer than may ring, only so many are kept and get BYE; all get their ACK', () => {
  const world = new World({ calls: { limits: { maxForks: 3 } } });
  world.connect();
  const tags = Array.from({ length: 5 }, (_, index) => `late-${index}`);
  for (const tag of [...tags, ...tags]) {
    answerOfFork(world.b, tag);
    world.run();
  }
  const of = (requests: readonly SipRequest[]) =>
    tags.map((tag) => requests.filter((each) => each.toTag() === tag).length);
  expect(of(world.b.acks)).toEqual([2, 2, 2, 2, 2]);
  expect(of(world.b.requests('BYE'))).toEqual([1, 1, 1, 0, 0]);
  world.a.send('BYE');
  expect(world.settles()).toBe(true);
});

test('a call ends when those have heard of it that have answered its CANCEL', () => {
  const world = new World();
  const sent = world.a.call();
  world.run();
  world.b.answer(world.b.invite, 180);
  world.run();
  sent.transaction?.cancel();
  world.network.drops = (_from, to, message) => to === 'b' && message.kind === 'request' && message.method === 'BYE';
  answerOfFork(world.b, 'fork-2');
  world.run();
  expect(world.engine.isEmpty).toBe(false);
  world.network.drops = () => false;
  world.run(1_000);
  expect(world.engine.isEmpty).toBe(true);
  expect(world.settles()).toBe(true);
});

function forgetEnded({ engine }: World): WeakRef<object> {
  expect(engine.ended).toHaveLength(1);
  const gone = new WeakRef(engine.ended[0]?.facts ?? {});
  engine.ended.length = 0;
  engine.started.length = 0;
  return gone;
}

test('an ended call is let go of at once, though its transactions linger', async () => {
  const world = endedCall();
  const gone = forgetEnded(world);
  expect(world.engine.endpoint.transactions.clientCount).toBeGreaterThan(0);
  expect(await isCollected(gone)).toBe(true);
});

test('a call whose INVITE nobody has answered is let go of at once, though an answer is heard still', async () => {
  const world = new World();
  world.network.drops = (from) => from === 'b';
  world.a.call();
  world.run(40_000);
  world.network.drops = () => false;
  expect(await isCollected(forgetEnded(world))).toBe(true);
  answerOfFork(world.b, 'fork-2');
  world.run();
  expect(byeOf(world.b)).toBe('2 BYE');
  expect(world.settles()).toBe(true);
});
