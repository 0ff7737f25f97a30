import { describe, expect, test } from 'vitest';
import { HeaderId, partsOf, partType, type SipResponse, sessionDescriptionOf } from '../../src/sip/message/index.ts';
import { branchTo, type Content, type Party, type Sent, scene, sdp, stages, World } from './world.ts';

const RELIABLE = [
  [HeaderId.Require, '100rel'],
  [HeaderId.RSeq, '7001'],
] as const;

function prack(party: Party, sent: Sent, response: SipResponse, body?: string): Sent {
  const rack = `${response.headers.value(HeaderId.RSeq)} ${sent.request.cseq().sequence} INVITE`;
  const dialog = party.dialogs.find((each) => each.remoteTag === response.toTag());
  return party.send('PRACK', { headers: [[HeaderId.RAck, rack]], ...(body !== undefined && { body }) }, dialog);
}

test('RFC 3262: a reliable 183 is relayed reliably with this engine’s RSeq; the caller’s PRACK becomes the callee’s, and its 200 comes back', () => {
  const { world, a, b } = scene();
  const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  b.answers(183, { body: sdp('early'), headers: RELIABLE });
  const early = sent.responses.at(-1);
  expect(early?.headers.value(HeaderId.Require)).toBe('100rel');
  expect(early?.body).toBe(sdp('early'));
  expect(b.requests('PRACK')).toHaveLength(0);
  const acknowledged = prack(a, sent, early as SipResponse);
  world.run();
  expect(b.requests('PRACK')[0]?.headers.value(HeaderId.RAck)).toBe('7001 1 INVITE');
  expect(acknowledged.final?.status).toBe(200);
  b.answers(200);
  expect(sent.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
});

test('§5: an offer in a reliable provisional response is answered in PRACK, end to end; the ACK then carries nothing', () => {
  const { world, a, b } = scene();
  const sent = a.calls({ headers: [[HeaderId.Supported, '100rel']] });
  b.answers(183, { body: sdp('offer'), headers: RELIABLE });
  prack(a, sent, sent.responses.at(-1) as SipResponse, sdp('answer'));
  world.run();
  expect(b.requests('PRACK')[0]?.body).toBe(sdp('answer'));
  b.answers(200);
  expect(b.acks[0]?.body).toBe('');
  expect(world.ends()).toBe(true);
});

test('a PRACK may offer again, and the answer is in its 200', () => {
  const { world, a, b } = scene();
  const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  b.answers(183, { body: sdp('early'), headers: RELIABLE });
  b.onRequest = (transaction, request) => {
    if (request.method === 'PRACK') b.answer(transaction, 200, { body: sdp('second-answer') });
  };
  const second = prack(a, sent, sent.responses.at(-1) as SipResponse, sdp('second-offer'));
  world.run();
  expect(b.requests('PRACK')[0]?.body).toBe(sdp('second-offer'));
  expect(second.final?.body).toBe(sdp('second-answer'));
  b.answers(200);
  expect(world.ends()).toBe(true);
});

test('§4: the callee’s retransmissions are relayed once, and a response out of order is not relayed', () => {
  const { world, a, b } = scene();
  const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  b.answer(b.invite, 183, { body: sdp('early'), headers: RELIABLE });
  b.answer(b.invite, 183, { body: sdp('early'), headers: RELIABLE });
  b.answers(180, {
    headers: [
      [HeaderId.Require, '100rel'],
      [HeaderId.RSeq, '7003'],
    ],
  });
  expect(sent.statuses.filter((status) => status > 100)).toEqual([183]);
  sent.transaction?.cancel();
  b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
  expect(world.settles()).toBe(true);
});

test('a caller without 100rel gets the response unreliably, and this engine sends the PRACK', () => {
  const { world, a, b } = scene();
  const sent = a.calls();
  b.answers(183, { body: sdp('early'), headers: RELIABLE });
  expect(sent.responses.at(-1)?.headers.has(HeaderId.RSeq)).toBe(false);
  expect(sent.responses.at(-1)?.headers.has(HeaderId.Require)).toBe(false);
  expect(b.requests('PRACK')[0]?.headers.value(HeaderId.RAck)).toBe('7001 1 INVITE');
  b.answers(200, { body: sdp('early') });
  expect(world.ends()).toBe(true);
});

test.each([
  ['without 100rel, and the callee’s was acknowledged', RELIABLE, []],
  ['without 100rel, and the callee’s was not reliable', [], []],
  ['with 100rel, and the callee’s was not reliable', [], [[HeaderId.Supported, '100rel']]],
] as const)(
  'RFC 3261 §13.2.1: a caller %s, gets the description of the 183 again in a 200 that has none',
  (_which, reliable, supported) => {
    const { world, a, b } = scene();
    const sent = a.calls({ body: sdp('caller'), headers: supported });
    b.answers(183, { body: sdp('early'), headers: reliable });
    b.answers(180);
    expect(sent.responses.at(-1)?.body).toBe('');
    b.answers(200);
    expect(sent.final?.body).toBe(sdp('early'));
    expect(sent.final?.headers.value(HeaderId.ContentType)).toBe('application/sdp');
    expect(world.ends()).toBe(true);
  },
);

describe('RFC 3261 §13.2.1: what a 2xx repeats of a 183, to a caller that sent no PRACK,', () => {
  const MIXED = 'multipart/mixed;boundary=b';
  const ISUP = 'application/ISUP;version=itu-t92+';
  const parts = (description: string, isup: string) =>
    `--b\r\nContent-Type: application/sdp\r\n\r\n${description}\r\n--b\r\nContent-Type: ${ISUP}\r\n\r\n${isup}\r\n--b--\r\n`;
  const sipI = (description: string, isup: string): Content => ({ body: parts(description, isup), type: MIXED });

  /** What `caller` hears of a 183 and a 200. */
  function answered(caller: Content, early: Content, answer: Content, world = new World()): SipResponse {
    const { a, b } = world;
    const sent = a.calls(caller);
    b.answers(183, early);
    b.answers(200, answer);
    const final = sent.final as SipResponse;
    expect(world.ends()).toBe(true);
    return final;
  }

  /** Type and content of each part. */
  function partsIn({ headers, body }: SipResponse): string[][] {
    const said = headers.value(HeaderId.ContentType);
    return [...partsOf(said, body)].map((part) => [partType(part), body.slice(part.start, part.end)]);
  }

  const acm: Content = { ...sipI(sdp('early'), 'ACM'), headers: RELIABLE };
  const both = [
    ['application/sdp', sdp('early')],
    ['application/isup', 'ANM'],
  ];

  test.each([
    ['that sent several parts', sipI(sdp('caller'), 'IAM')],
    ['whose Accept lists them', { body: sdp('caller'), headers: [[HeaderId.Accept, 'application/sdp, multipart/*']] }],
  ] as const)('is the description, beside the ISUP of the 2xx (Q.1912.5), for one %s', (_which, caller) => {
    const alone = answered(caller, acm, { body: 'ANM', type: ISUP });
    expect(partsIn(alone)).toEqual(both);
    const anm = `--b\r\nContent-Type: ${ISUP}\r\n\r\nANM\r\n--b--\r\n`;
    expect(partsIn(answered(caller, acm, { body: anm, type: MIXED }))).toEqual(both);
  });

  test.each([
    ['a 2xx without a body', sipI(sdp('caller'), 'IAM'), {}],
    ['one that reads no second part (§20.1)', { body: sdp('caller') }, { body: 'ANM', type: ISUP }],
  ])('is the description alone for %s: no ISUP of the 183 again', (_which, caller, answer) => {
    const final = answered(caller, acm, answer);
    expect([final.headers.value(HeaderId.ContentType), final.body]).toEqual(['application/sdp', sdp('early')]);
  });

  test('is nothing where it describes itself', () => {
    const final = answered(sipI(sdp('caller'), 'IAM'), acm, sipI(sdp('callee'), 'ANM'));
    expect(final.body).toBe(parts(sdp('callee'), 'ANM'));
  });

  test('is nothing where neither offered anything: it would be an offer, whose answer nobody waits for', () => {
    expect(answered({}, { body: sdp('early') }, {}).body).toBe('');
  });

  test('is its answer where the callee was made an offer that was not the caller’s', () => {
    const world = new World();
    world.engine.plan = () => {
      const branch = branchTo(undefined, 'b');
      const draft = { ...branch.draft, headers: [['Content-Type', 'application/sdp']] as const, body: sdp('made') };
      return stages([{ branches: [{ ...branch, draft }] }]);
    };
    expect(answered({}, { body: sdp('early'), headers: RELIABLE }, {}, world).body).toBe(sdp('early'));
  });

  test('is nothing once the caller has acknowledged it, whatever a 180 says again', () => {
    const { world, a, b } = scene();
    const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
    b.answers(183, { body: sdp('early'), headers: RELIABLE });
    prack(a, sent, sent.responses.at(-1) as SipResponse);
    world.run();
    b.answers(180, { body: sdp('early') });
    b.answers(200);
    expect([sent.final?.status, sent.final?.body]).toEqual([200, '']);
    expect(world.ends()).toBe(true);
  });

  test('is still what it was after a reliable response without a description', () => {
    const { world, a, b } = scene();
    const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
    b.answers(183, { body: sdp('early') });
    b.answers(180, { headers: RELIABLE });
    prack(a, sent, sent.responses.at(-1) as SipResponse);
    world.run();
    b.answers(200);
    expect(sent.final && sessionDescriptionOf(sent.final)).toBe(sdp('early'));
    expect(world.ends()).toBe(true);
  });
});

test('a callee is not offered 100rel when it would have to offer and the caller could not answer in PRACK', () => {
  const { world, a, b } = scene();
  const sent = a.calls({});
  expect(b.invite.request.headers.value(HeaderId.Supported)).not.toContain('100rel');
  sent.transaction?.cancel();
  world.run(300);
  b.answer(b.invite, 486);
  expect(world.settles()).toBe(true);
});

test('§3: a caller that requires 100rel gets every provisional response reliably, and the 2xx waits for the PRACK of a description', () => {
  const { world, a, b } = scene();
  const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Require, '100rel']] });
  b.answers(183, { body: sdp('early') });
  const early = sent.responses.at(-1) as SipResponse;
  expect(early.headers.has(HeaderId.RSeq)).toBe(true);
  b.answers(200, { body: sdp('early') });
  expect(sent.final).toBeUndefined();
  const acknowledged = prack(a, sent, early);
  world.run();
  expect(acknowledged.final?.status).toBe(200);
  expect(sent.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
});

test('§5: a caller that requires 100rel and offers nothing is offered nothing by a description that the callee did not send reliably', () => {
  const { world, a, b } = scene();
  const sent = a.calls({ headers: [[HeaderId.Require, '100rel']] });
  b.answers(183, { body: sdp('early') });
  const early = sent.responses.at(-1) as SipResponse;
  expect([early.headers.has(HeaderId.RSeq), early.body]).toEqual([true, '']);
  const acknowledged = prack(a, sent, early);
  world.run();
  expect(acknowledged.final?.status).toBe(200);
  b.answers(200, { body: sdp('offer') });
  expect(sent.final?.body).toBe(sdp('offer'));
  expect(world.ends()).toBe(true);
});

test.each([
  [
    'beside the description',
    'multipart/mixed;boundary=b',
    `--b\r\nContent-Type: application/sdp\r\n\r\n${sdp('early')}\r\n`,
    '--b\r\nContent-Type: application/ISUP\r\n\r\nACM\r\n--b--\r\n',
  ],
  ['alone', 'application/ISUP', '', 'ACM'],
])('§5: what else such a response holds is given to that caller: ISUP %s', (_where, type, described, isup) => {
  const { world, a, b } = scene();
  const sent = a.calls({ headers: [[HeaderId.Require, '100rel']] });
  b.answers(183, { body: described + isup, type });
  const early = sent.responses.at(-1) as SipResponse;
  expect([early.headers.value(HeaderId.ContentType), early.body]).toEqual([type, isup]);
  prack(a, sent, early);
  world.run();
  b.answers(486);
  expect(sent.final?.status).toBe(486);
  expect(world.settles()).toBe(true);
});

test('§3: a PRACK that the 2xx has overtaken is answered with 2xx and goes on to the callee, once', () => {
  const { world, a, b } = scene();
  const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  b.answers(180, { headers: RELIABLE });
  const ringing = sent.responses.at(-1) as SipResponse;
  b.answers(200, { body: sdp('b') });
  expect(sent.final?.status).toBe(200);
  const acknowledged = prack(a, sent, ringing);
  world.run();
  const again = prack(a, sent, ringing);
  world.run();
  expect([acknowledged.final?.status, again.final?.status]).toEqual([200, 481]);
  expect(b.requests('PRACK').map(({ headers }) => headers.value(HeaderId.RAck))).toEqual(['7001 1 INVITE']);
  expect(world.ends()).toBe(true);
});

test.each([
  ['before', 'refuses'],
  ['after', 'refuses'],
  ['after', 'leaves unanswered'],
])(
  '§3: a PRACK that matches is answered with 2xx %s the 2xx of the INVITE, also where the callee %s its own',
  (when, how) => {
    const { world, a, b, network } = scene();
    const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
    b.answers(180, { headers: RELIABLE });
    const ringing = sent.responses.at(-1) as SipResponse;
    if (how === 'refuses')
      b.onRequest = (transaction, { method }) => {
        if (method === 'PRACK') transaction.reply(481);
      };
    else network.drops = (_from, to, message) => to === 'b' && message.kind === 'request' && message.method === 'PRACK';
    if (when === 'after') b.answer(b.invite, 200, { body: sdp('b') });
    world.run();
    const acknowledged = prack(a, sent, ringing);
    world.run(40_000);
    if (when === 'before') b.answer(b.invite, 200, { body: sdp('b') });
    world.run();
    expect([acknowledged.final?.status, sent.final?.status]).toEqual([200, 200]);
    expect(world.engine.calls.counters.live).toBe(1);
    expect(world.ends()).toBe(true);
  },
);

test('§3: without any PRACK the INVITE is refused with a 5xx after 64*T1 and the callee is cancelled', () => {
  const { world, a, b, network } = scene();
  const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  b.answer(b.invite, 183, { body: sdp('early'), headers: RELIABLE });
  b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
  world.run(40_000);
  expect(sent.final?.status).toBe(504);
  expect(network.count('engine>b CANCEL')).toBe(1);
  expect(world.settles()).toBe(true);
  expect(world.record.endReason).toBe('no-prack');
});

test('the callee hangs up while its 2xx waits for the caller’s PRACK: the caller is refused, nothing is left', () => {
  const { world, a, b } = scene();
  const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Require, '100rel']] });
  b.answers(183, { body: sdp('early') });
  b.answers(200, { body: sdp('early') });
  b.sends('BYE');
  expect(sent.final?.status).toBeGreaterThanOrEqual(400);
  expect(world.settles()).toBe(true);
});

test('RFC 3311 §5.1: an UPDATE in an early dialog whose offer was answered reliably crosses both ways', () => {
  const { world, a, b } = scene();
  const sent = a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  b.answers(183, { body: sdp('early'), headers: RELIABLE });
  prack(a, sent, sent.responses.at(-1) as SipResponse);
  world.run();
  for (const party of [a, b]) {
    party.onRequest = (transaction, request) => {
      if (request.method === 'UPDATE') party.answer(transaction, 200, { body: sdp('updated') });
    };
  }
  const fromA = a.sends('UPDATE', { body: sdp('caller') });
  const fromB = b.sends('UPDATE', { body: sdp('early') });
  expect(fromA.final?.body).toBe(sdp('updated'));
  expect(fromB.final?.body).toBe(sdp('updated'));
  b.answers(200);
  expect(world.ends()).toBe(true);
});

test('RFC 3311 §5.2: an UPDATE with an offer before the INVITE’s own was answered is 500 with Retry-After', () => {
  const { world, a, b } = scene();
  const sent = a.calls();
  b.answers(183, { body: sdp('early') });
  const update = a.sends('UPDATE', { body: sdp('caller') });
  expect(update.final?.status).toBe(500);
  expect(update.final?.headers.has(HeaderId.RetryAfter)).toBe(true);
  b.answers(486);
  expect(sent.final?.status).toBe(486);
  expect(world.settles()).toBe(true);
});
