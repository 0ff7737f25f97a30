import { expect, test } from 'vitest';
import type { LegOptions } from '../../src/call/plan.ts';
import { formatNameAddr, HeaderId, type SipMessage } from '../../src/sip/message/index.ts';
import { branchTo, type Content, legOptions, type Party, sdp, stages, World } from './world.ts';

const A = '"Alice" <sip:101@acme>';
const B = '"Bob" <sip:102@acme>';
const C = '"Carol" <sip:103@acme>';
const phone = (identity: string, owner: string): LegOptions => ({
  ...legOptions(owner),
  identity,
  showsIdentity: true,
});
const trunk: LegOptions = { contact: '<sip:engine:5060>', trunkId: 't', assertsIdentity: true };
const UPDATES = [[HeaderId.Allow, 'INVITE, UPDATE']] as const;

const shown = (message: SipMessage | undefined) => message?.headers.value(HeaderId.PAssertedIdentity);
const privacyOf = (message: SipMessage | undefined) => message?.headers.value(HeaderId.Privacy);

/** A calls B over a plan with these options; what a trunk asserts is taken as it is. */
function begin(caller: LegOptions, callee: LegOptions): World {
  const world = new World({
    calls: {
      router: {
        referred: () => stages([{ branches: [branchTo(undefined, 'c', { options: phone(C, 'c') })] }]),
        mayReplace: () => true,
      },
      peers: { asserted: (_leg, address) => formatNameAddr({ ...address, params: address.params }) },
    },
  });
  world.engine.plan = (request) =>
    stages([{ branches: [branchTo(request, 'b', { options: callee })] }], { callerLeg: caller });
  return world;
}

function connect(world: World, content: Content = {}) {
  const { a, b } = world;
  const call = a.calls({ body: sdp('a'), headers: UPDATES });
  b.answers(200, { body: sdp('b'), ...content, headers: [...UPDATES, ...(content.headers ?? [])] });
  for (const party of [a, b, world.c]) answersOffers(party);
  return call;
}

function answersOffers(party: Party): void {
  party.onRequest = (transaction, request) => {
    if (request.method === 'INVITE' && request.toTag() !== undefined)
      party.answer(transaction, 200, { body: sdp(party.host) });
  };
}

function end(world: World): void {
  for (const party of [world.a, world.b, world.c]) for (const dialog of party.dialogs) party.send('BYE', {}, dialog);
  expect(world.settles()).toBe(true);
}

test('RFC 3325 §5: what a trusted trunk asserts in 18x and 2xx reaches the phone, each answer its own', () => {
  const world = begin(phone(A, 'a'), trunk);
  const { a, b } = world;
  const call = a.calls();
  b.answers(180, { headers: [[HeaderId.PAssertedIdentity, '"Desk" <sip:+4420@carrier>']] });
  b.answers(200, {
    body: sdp('b'),
    headers: [[HeaderId.PAssertedIdentity, '<sip:+4421@carrier>, <tel:+4421>']],
  });
  expect(call.responses.filter(({ status }) => status > 100).map(shown)).toEqual([
    '"Desk" <sip:+4420@carrier>',
    '<sip:+4421@carrier>',
  ]);
  end(world);
});

test.each([
  ['a trunk that is not trusted', { ...trunk, assertsIdentity: false }, []],
  ['Privacy: id', trunk, [[HeaderId.Privacy, 'id']]],
  ['an anonymous identity', trunk, [[HeaderId.PAssertedIdentity, '<sip:anonymous@anonymous.invalid>']]],
  ['an identity that cannot be read', trunk, [[HeaderId.PAssertedIdentity, 'broken <<']]],
] as const)('%s: the phone is told nothing', (_what, options, headers) => {
  const world = begin(phone(A, 'a'), options);
  const call = connect(world, {
    headers: [[HeaderId.PAssertedIdentity, '<sip:+4420@carrier>'], ...headers] as Content['headers'],
  } as Content);
  expect(call.final?.status).toBe(200);
  expect(shown(call.final)).toBeUndefined();
  end(world);
});

test('Remote-Party-ID of the called party serves where there is no P-Asserted-Identity; its privacy too', () => {
  for (const [value, expected] of [
    ['"Desk" <sip:+4420@carrier>;party=called;privacy=off', /^"Desk" <sip:\+4420@carrier>/],
    ['"Desk" <sip:+4420@carrier>;privacy=name', /^<sip:\+4420@carrier>/],
    ['<sip:+4420@carrier>;party=called;privacy=full', undefined],
    ['<sip:+4420@carrier>;party=calling', undefined],
  ] as const) {
    const world = begin(phone(A, 'a'), trunk);
    const call = connect(world, { headers: [[HeaderId.RemotePartyId, value]] });
    if (expected === undefined) expect(shown(call.final)).toBeUndefined();
    else expect(shown(call.final)).toMatch(expected);
    end(world);
  }
});

test('a trunk is told nothing of the phones, in answers or later', () => {
  const world = begin({ ...trunk, identity: '<sip:+44@acme>' }, phone(B, 'b'));
  const call = connect(world);
  expect(shown(call.final)).toBeUndefined();
  world.b.send('INVITE', { body: sdp('hold'), headers: [[HeaderId.PAssertedIdentity, '<sip:evil@x>']] });
  world.run();
  expect(shown(world.a.invite.request)).toBeUndefined();
  end(world);
});

test('a phone cannot assert who it is: its own field counts for nothing', () => {
  const world = begin(phone(A, 'a'), phone(B, 'b'));
  const call = connect(world, { headers: [[HeaderId.PAssertedIdentity, '<sip:999@acme>']] });
  expect(shown(call.final)).toBe(B);
  end(world);
});

test('RFC 4916, RFC 5876: the trunk’s party changes in mid-call: by re-INVITE, UPDATE with an offer, and UPDATE without one', () => {
  const world = begin(phone(A, 'a'), trunk);
  connect(world);
  const { a, b } = world;
  const says = (number: string): Content => ({ headers: [[HeaderId.PAssertedIdentity, `<sip:${number}@carrier>`]] });
  b.sends('INVITE', { body: sdp('again'), ...says('1') });
  expect(shown(a.invite.request)).toBe('<sip:1@carrier>');
  a.onRequest = (transaction, request) => {
    if (request.method === 'UPDATE') a.answer(transaction, 200, request.body === '' ? {} : { body: sdp('a') });
  };
  b.sends('UPDATE', { body: sdp('again'), ...says('2') });
  expect(shown(a.requests('UPDATE').at(-1))).toBe('<sip:2@carrier>');
  b.sends('UPDATE', says('3'));
  expect(shown(a.requests('UPDATE').at(-1))).toBe('<sip:3@carrier>');
  expect(a.requests('UPDATE').at(-1)?.body).toBe('');
  // The same again is no news.
  const before = a.requests('UPDATE').length;
  b.sends('UPDATE', says('3'));
  expect(a.requests('UPDATE')).toHaveLength(before);
  b.sends('UPDATE', { headers: [[HeaderId.Privacy, 'id']] });
  expect(shown(a.requests('UPDATE').at(-1))).toBe('"Anonymous" <sip:anonymous@anonymous.invalid>');
  expect(privacyOf(a.requests('UPDATE').at(-1))).toBe('id');
  end(world);
});

test.each([422, 405])(
  'it is shown to a phone that answers the UPDATE with %i, too, when it is asked again',
  (status) => {
    const sessionTimer = { intervalSeconds: 180, minSeconds: 90, refresher: 'local' } as const;
    const world = begin({ ...phone(A, 'a'), sessionTimer }, trunk);
    const { a, b } = world;
    a.calls({ body: sdp('a'), headers: [...UPDATES, [HeaderId.Supported, 'timer']] });
    b.answers(200, { body: sdp('b'), headers: UPDATES });
    a.onRequest = (transaction) => {
      if (a.requests('UPDATE').length > 1 || transaction.request.method === 'INVITE')
        a.answer(transaction, 200, { body: sdp('a') });
      else a.answer(transaction, status, { headers: [[HeaderId.MinSE, '600']] });
    };
    b.sends('UPDATE', { body: sdp('again'), headers: [[HeaderId.PAssertedIdentity, '<sip:2@carrier>']] });
    const again = status === 422 ? a.requests('UPDATE').at(-1) : a.invite.request;
    expect(shown(again)).toBe('<sip:2@carrier>');
    expect(a.requests('UPDATE')).toHaveLength(status === 422 ? 2 : 1);
    end(world);
  },
);

test('after a blind transfer the transferee is told who it talks to now', () => {
  const world = begin(phone(A, 'a'), phone(B, 'b'));
  connect(world);
  const { a, b, c } = world;
  a.sends('REFER', { headers: [[HeaderId.ReferTo, '<sip:103@engine>']] });
  c.answers(200, { body: sdp('c') });
  expect(shown(b.invite.request)).toBe(C);
  end(world);
});

test('after an attended transfer both phones are told of each other; an anonymous one stays so', () => {
  for (const anonymous of [false, true]) {
    const world = begin(phone(A, 'a'), { ...phone(B, 'b'), anonymous });
    connect(world);
    const { a, b, c, engine } = world;
    const toB = a.dialog;
    engine.plan = (request) =>
      stages([{ branches: [branchTo(request, 'c', { options: phone(C, 'c') })] }], { callerLeg: phone(A, 'a') });
    a.calls({ body: sdp('a') });
    c.answers(200, { body: sdp('c') });
    const { callId, remoteTag, localTag } = a.dialog;
    const replaces = encodeURIComponent(`${callId};to-tag=${remoteTag};from-tag=${localTag}`);
    a.sends('REFER', { headers: [[HeaderId.ReferTo, `<sip:103@engine?Replaces=${replaces}>`]] }, toB);
    expect(shown(b.invite.request)).toBe(C);
    expect(shown(c.invite.request)).toBe(anonymous ? '"Anonymous" <sip:anonymous@anonymous.invalid>' : B);
    expect(privacyOf(c.invite.request)).toBe(anonymous ? 'id' : undefined);
    end(world);
  }
});

test('whoever takes a call over, ringing or answered, is shown to the other side, and is shown it', () => {
  for (const answered of [true, false]) {
    const world = begin(phone(A, 'a'), phone(B, 'b'));
    const { a, b, c, engine } = world;
    engine.newcomer = phone(C, 'c');
    const call = a.calls({ body: sdp('a'), headers: UPDATES });
    b.answer(b.invite, answered ? 200 : 180, answered ? { body: sdp('b') } : {});
    b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
    world.run();
    answersOffers(a);
    const { callId, localTag, remoteTag } = b.dialog;
    const taken = c.calls({
      body: sdp('c'),
      headers: [[HeaderId.Replaces, `${callId};to-tag=${remoteTag};from-tag=${localTag}`]],
    });
    expect(taken.final?.status).toBe(200);
    expect(shown(taken.final)).toBe(A);
    expect(shown(answered ? a.invite.request : call.final)).toBe(C);
    end(world);
  }
});

test.each([
  [
    'an unquoted comma',
    HeaderId.PAssertedIdentity,
    'ACME, Inc. <sip:+442079460001@h>',
    '"ACME, Inc." <sip:+442079460001@h>',
  ],
  [
    'one that cannot be read before',
    HeaderId.PAssertedIdentity,
    '<sip:[>, <sip:+442079460001@h>',
    '<sip:+442079460001@h>',
  ],
  [
    'an unquoted comma',
    HeaderId.RemotePartyId,
    'ACME, Inc. <sip:+442079460001@h>;party=called',
    '"ACME, Inc." <sip:+442079460001@h>',
  ],
])('RFC 4475: an asserted party with %s is read', (_what, field, value, expected) => {
  const world = begin(phone(A, 'a'), trunk);
  const call = connect(world, { headers: [[field, value]] });
  expect(shown(call.final)).toBe(`${expected}${field === HeaderId.RemotePartyId ? ';party=called' : ''}`);
  end(world);
});

test('a callee names itself the called party in its requests too, as Asterisk does', () => {
  const world = begin(phone(A, 'a'), trunk);
  connect(world);
  const value = '"Desk" <sip:+4422@carrier>;party=called;privacy=off';
  world.b.send('UPDATE', { headers: [[HeaderId.RemotePartyId, value]] });
  world.run();
  expect(shown(world.a.requests('UPDATE').at(-1))).toBe(value);
  end(world);
});
