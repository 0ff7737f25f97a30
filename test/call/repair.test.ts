import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { LegOptions } from '../../src/call/plan.ts';
import type { ServerTransaction } from '../../src/call/ports.ts';
import { DigestClient } from '../../src/sip/auth/index.ts';
import { HeaderId, type SipRequest } from '../../src/sip/message/index.ts';
import { branchTo, legOptions, scene, sdp, stages, World } from './world.ts';

const credentials = (): DigestClient =>
  new DigestClient({ username: 'trunk', secret: { password: 'canary-password' }, realms: ['carrier'] });

function challenge(realm: string, nonce: string): readonly [HeaderId, string][] {
  return [[HeaderId.ProxyAuthenticate, `Digest realm="${realm}", nonce="${nonce}", algorithm=MD5, qop="auth"`]];
}

function withCredentials(world: World): void {
  const client = credentials();
  world.engine.plan = (request) => stages([{ branches: [branchTo(request, 'b', { credentials: client })] }]);
}

test('RFC 3261 §22.3: a trunk’s 407 is answered with credentials: same Call-ID and From tag, next CSeq; the caller hears nothing of it', () => {
  const world = new World();
  withCredentials(world);
  const { a, b } = world;
  const sent = a.calls();
  const first = b.invite.request;
  b.answers(407, { headers: challenge('carrier', 'n1') });
  const second = b.invite.request;
  expect(second.callId()).toBe(first.callId());
  expect(second.fromTag()).toBe(first.fromTag());
  expect(second.cseq().sequence).toBe(2);
  expect(second.headers.value(HeaderId.ProxyAuthorization)).toContain('username="trunk"');
  b.answers(200, { body: sdp('b') });
  expect(sent.statuses).toEqual([100, 200]);
  // §22.3: the ACK to a 2xx carries the INVITE's credentials.
  expect(b.acks[0]?.headers.has(HeaderId.ProxyAuthorization)).toBe(true);
  expect(world.ends()).toBe(true);
  expect(world.record.attempts).toHaveLength(1);
  expect(JSON.stringify(world.record)).not.toContain('canary');
});

test('behaviour 14: at most two tries; endless challenges are a refusal, and the caller is never challenged', () => {
  const world = new World();
  withCredentials(world);
  const { a, b } = world;
  let nonce = 0;
  b.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') {
      b.answer(transaction, 407, {
        headers: [
          [
            HeaderId.ProxyAuthenticate,
            `Digest realm="carrier", nonce="n${nonce++}", stale=true, algorithm=MD5, qop="auth"`,
          ],
        ],
      });
    }
  };
  const sent = a.call();
  world.run(1000);
  expect(b.invites.length).toBeLessThanOrEqual(3);
  expect(sent.final?.status).toBe(503);
  expect(world.settles()).toBe(true);
});

describe('RFC 3261 §8.1.3.5: a 415', () => {
  const parts = `--b\r\nContent-Type: application/sdp\r\n\r\n${sdp('a')}\r\n--b\r\nContent-Type: application/ISUP\r\n\r\n\x01\0\r\n--b--\r\n`;

  test('to an INVITE of several parts is answered with the session description alone, once, challenges or not', () => {
    const world = new World();
    withCredentials(world);
    const { a, b } = world;
    const headers = [[HeaderId.MimeVersion, '1.0']] as const;
    const sent = a.calls({ body: parts, type: 'multipart/mixed;boundary=b', headers });
    b.answers(415);
    b.answers(407, { headers: challenge('carrier', 'n1') });
    const bodies = b.invites.map(({ request }) => [request.headers.value(HeaderId.ContentType), request.body]);
    const alone = ['application/sdp', sdp('a')];
    expect(bodies).toEqual([['multipart/mixed;boundary=b', parts], alone, alone]);
    expect(b.invite.request.headers.has(HeaderId.MimeVersion)).toBe(false);
    b.answers(415);
    expect([b.invites.length, sent.final?.status]).toEqual([3, 415]);
    expect(world.settles()).toBe(true);
  });

  const ISUP = '--b\r\nContent-Type: application/ISUP\r\n\r\n\x01\0\r\n';
  const DESCRIBED = `--b\r\nContent-Type: application/sdp\r\n\r\n${sdp('a')}\r\n`;
  const LOCATION = '--b\r\nContent-Type: application/pidf+xml\r\nContent-ID: <loc%@x>\r\n\r\n<p/>\r\n';
  const ALL = `${ISUP}${DESCRIBED}${LOCATION}--b--\r\n`;
  const MIXED = 'multipart/mixed;boundary=b';

  /** The INVITEs that `b` gets of one of several parts, each of which it refuses with 415 and this Accept. */
  function refused(accept: string | undefined, options: Partial<LegOptions> = {}, world = new World()): SipRequest[] {
    const { a, b, engine } = world;
    engine.plan = (request) => {
      const branch = branchTo(request, 'b', { options: { ...legOptions('b'), ...options } });
      const headers = [
        ...branch.draft.headers,
        ['Geolocation', '<cid:loc%25@x>;inserted-by="a, b", <https://lis.example/1>'],
        ['Geolocation', '<cid:gone@x>'],
        ['Geolocation-Routing', 'no'],
        ['Call-Info', '<cid:gone@x>;purpose=EmergencyCallData.ProviderInfo'],
        ['Alert-Info', '<https://ring.example/1>'],
      ] as const;
      return stages([{ branches: [{ ...branch, draft: { ...branch.draft, headers } }] }]);
    };
    b.onRequest = (transaction, { method }) => {
      if (method === 'INVITE')
        b.answer(transaction, 415, { headers: accept === undefined ? [] : [[HeaderId.Accept, accept]] });
    };
    const sent = a.calls({ body: ALL, type: MIXED });
    expect(sent.final?.status).toBe(415);
    expect(world.settles()).toBe(true);
    return b.invites.map(({ request }) => request);
  }

  test.each([
    [undefined, 'application/sdp', sdp('a')],
    ['application/sdp', 'application/sdp', sdp('a')],
    ['application/sdp, application/isup', 'application/sdp', sdp('a')],
    ['application/sdp, multipart/mixed', 'application/sdp', sdp('a')],
    ['application/*, multipart/mixed', 'application/sdp', sdp('a')],
    ['application/sdp, multipart/mixed, application/isup', MIXED, `${ISUP}${DESCRIBED}--b--\r\n`],
  ])('whose Accept is %j gets %s: content of the types that it lists', (accept, type, body) => {
    const [, second, ...more] = refused(accept);
    expect([second?.headers.value(HeaderId.ContentType), second?.body, more]).toEqual([type, body, []]);
  });

  test.each(['', 'application/isup, multipart/mixed', 'application/sdp;q=0'])(
    'whose Accept (%j) takes no session description is the caller’s to hear',
    (accept) => expect(refused(accept)).toHaveLength(1),
  );

  test('of another node is the caller’s to hear: that one has mended what can be', () => {
    expect(refused(undefined, { isBetweenNodes: true, peerNode: 'n2' })).toHaveLength(1);
  });

  test.each([
    ['RFC 6442 §4.3: nothing points to what is left out', undefined, '<https://lis.example/1>'],
    [
      'RFC 2392: what is still there is still pointed to',
      'multipart/mixed, application/sdp, application/pidf+xml',
      '<cid:loc%25@x>;inserted-by="a, b", <https://lis.example/1>',
    ],
  ])('%s', (_rule, accept, geolocation) => {
    const [first, second] = refused(accept);
    expect(first?.headers.fieldValues(HeaderId.Geolocation)).toHaveLength(2);
    expect(second?.headers.fieldValues(HeaderId.Geolocation)).toEqual([geolocation]);
    expect(second?.headers.has(HeaderId.CallInfo)).toBe(false);
    expect(second?.headers.value(HeaderId.AlertInfo)).toBe('<https://ring.example/1>');
    expect(second?.headers.valueNamed('Geolocation-Routing')).toBe('no');
  });

  test('§20.11: is told in the log, with the parts that there were, since each may have been required', () => {
    const told: unknown[] = [];
    const log = { ...silentLog, info: (...line: unknown[]) => told.push(line) };
    const [invite] = refused(undefined, {}, new World({ calls: { log } }));
    const types = 'application/isup, application/sdp, application/pidf+xml';
    const facts = { label: 'b', target: 'udp:b:5060', callId: invite?.callId(), types, count: 1 };
    expect(told).toEqual([['invite-parts-left', facts]]);
  });

  test.each([400, 415, 488, 606])('to a description alone is the caller’s to hear, as is a %i', (status) => {
    const { world, a, b } = scene();
    const sent = a.calls({ body: sdp('a') });
    b.answers(status);
    expect([b.invites.length, sent.final?.status]).toEqual([1, status]);
    expect(world.settles()).toBe(true);
  });

  test.each([400, 488, 606])('is what a gateway that reads a description alone may mean by %i', (status) => {
    const told: unknown[] = [];
    const { world, a, b } = scene({ calls: { log: { ...silentLog, info: (...line: unknown[]) => told.push(line) } } });
    const sent = a.call({ body: ALL, type: MIXED });
    for (let nth = 0; nth < 2; nth++) {
      world.run();
      b.answer(b.invite, status, {
        headers: [[HeaderId.Accept, 'application/sdp, application/isup, multipart/mixed']],
      });
    }
    world.run();
    expect(b.invites.map(({ request }) => request.body)).toEqual([ALL, sdp('a')]);
    expect([sent.final?.status, told.length]).toEqual([status, 1]);
    expect(world.settles()).toBe(true);
  });
});

test('a realm that is not the trunk’s gets no credentials', () => {
  const world = new World();
  withCredentials(world);
  const { a, b } = world;
  const sent = a.calls();
  b.answers(407, { headers: challenge('somebody-else', 'n1') });
  expect(b.invites).toHaveLength(1);
  expect(sent.final?.status).toBe(503);
  expect(world.settles()).toBe(true);
});

test('a trunk that challenges BYE and re-INVITE too is answered', () => {
  const world = new World();
  withCredentials(world);
  const { a, b } = world;
  world.connect();
  let nonce = 0;
  b.onRequest = (transaction, request) => {
    const authorized = request.headers.has(HeaderId.ProxyAuthorization);
    if (!authorized) b.answer(transaction, 407, { headers: challenge('carrier', `in-dialog-${nonce++}`) });
    else if (request.method === 'INVITE') b.answer(transaction, 200, { body: sdp('again') });
  };
  const reinvite = a.sends('INVITE', { body: sdp('hold') });
  expect(reinvite.final?.status).toBe(200);
  expect(b.invite.request.body).toBe(sdp('hold'));
  expect(world.ends()).toBe(true);
  expect(b.requests('BYE').at(-1)?.headers.has(HeaderId.ProxyAuthorization)).toBe(true);
});

test('a challenge of a relayed request that comes after the call’s end is not answered', () => {
  const world = new World();
  withCredentials(world);
  const { a, b } = world;
  world.connect();
  const held: ServerTransaction[] = [];
  b.onRequest = (transaction, request) => {
    if (request.method !== 'INFO') return;
    held.push(transaction);
    transaction.reply(100);
  };
  const sent = a.send('INFO', { body: 'x', type: 'text/x' });
  world.run(300);
  a.send('BYE');
  world.run(300);
  for (const transaction of held) b.answer(transaction, 407, { headers: challenge('carrier', 'late') });
  world.run();
  expect(held).toHaveLength(1);
  expect(b.requests('INFO')).toHaveLength(1);
  expect(sent.final?.status).toBe(403);
  expect(world.settles()).toBe(true);
});

test('a relayed request that is challenged goes again with its Max-Forwards and with every field of a repeated name', () => {
  const { world, a, b, engine } = scene();
  const headers = [
    ['Reason', 'SIP;cause=200'],
    ['Reason', 'Q.850;cause=16'],
    ['X-Trunk', 'one'],
    ['x-trunk', 'two'],
  ] as const;
  const extra = { credentials: credentials(), options: { ...legOptions(), headers } };
  engine.plan = (request) => stages([{ branches: [branchTo(request, 'b', extra)] }]);
  world.connect();
  b.onRequest = (transaction, request) => {
    if (!request.headers.has(HeaderId.ProxyAuthorization))
      b.answer(transaction, 407, { headers: challenge('carrier', 'info') });
  };
  const sent = a.sends('INFO', { body: 'x', type: 'text/x', headers: [[HeaderId.MaxForwards, '20']] });
  expect(sent.final?.status).toBe(200);
  const infos = b.requests('INFO');
  expect(infos).toHaveLength(2);
  for (const { headers: fields } of infos) {
    expect(fields.fieldValues(HeaderId.MaxForwards)).toEqual(['19']);
    expect(fields.fieldValues(HeaderId.Reason)).toEqual(['SIP;cause=200', 'Q.850;cause=16']);
    expect(fields.fieldValuesNamed('X-Trunk')).toEqual(['one', 'two']);
    for (const id of [HeaderId.From, HeaderId.To, HeaderId.CallId, HeaderId.CSeq, HeaderId.Via, HeaderId.ContentType])
      expect(fields.fieldValues(id)).toHaveLength(1);
  }
  expect(world.ends()).toBe(true);
});

test('§8.1.3.5: a 420 is repaired once, without the extensions that are not supported', () => {
  const { world, a, b, engine } = scene();
  engine.plan = (request) => {
    const branch = branchTo(request, 'b');
    return stages([
      {
        branches: [
          {
            ...branch,
            draft: { ...branch.draft, headers: [...branch.draft.headers, ['Require', 'privacy-x, timer']] },
          },
        ],
      },
    ]);
  };
  const sent = a.calls();
  // The callee's endpoint refuses the first one by itself.
  expect(world.network.count('b>engine 420')).toBe(1);
  expect(b.invite.request.headers.value(HeaderId.Require)).toBe('timer');
  b.answers(200, { body: sdp('b') });
  expect(sent.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
});

test('a 420 to what is only supported is repaired once without it', () => {
  const { world, a, b } = scene();
  const sent = a.calls();
  b.answers(420, { headers: [[HeaderId.Unsupported, 'Timer, 100rel']] });
  expect(b.invite.request.headers.value(HeaderId.Supported)).toBe('replaces, norefersub');
  b.answers(420, { headers: [[HeaderId.Unsupported, 'replaces']] });
  expect(sent.final?.status).toBe(500);
  expect(world.settles()).toBe(true);
});

test('a 420 of `timer` takes away what a trunk’s INVITE says of a session timer, too', () => {
  const { world, a, b } = scene();
  world.engine.plan = (request) => {
    const branch = branchTo(request, 'b');
    const headers = [...branch.draft.headers, ['Session-Expires', '300'], ['Min-SE', '90']] as const;
    return stages([{ branches: [{ ...branch, draft: { ...branch.draft, headers } }] }]);
  };
  a.calls();
  expect(b.invite.request.headers.value(HeaderId.SessionExpires)).toBe('300');
  b.answers(420, { headers: [[HeaderId.Unsupported, 'timer']] });
  const { headers } = b.invite.request;
  expect([headers.value(HeaderId.SessionExpires), headers.value(HeaderId.MinSE)]).toEqual([undefined, undefined]);
});

test.each([
  ['no Min-SE', [undefined]],
  ['a Min-SE that is shorter', ['90']],
  ['a Min-SE that cannot be read', ['soon']],
  ['a Min-SE beyond a day', ['90000']],
  ['ever longer ones', ['300', '600', '900', '1200']],
])('RFC 4028 §7.3: after a 422 with %s the INVITE goes without a session timer, once', (_what, minima) => {
  const { world, a, b } = scene();
  const sessionTimer = { intervalSeconds: 180, minSeconds: 120 };
  world.engine.plan = (request) =>
    stages([{ branches: [branchTo(request, 'b', { options: { ...legOptions(), sessionTimer } })] }]);
  const sent = a.calls({ body: sdp('caller') });
  for (const minimum of minima) {
    expect(b.invite.request.headers.has(HeaderId.SessionExpires)).toBe(true);
    b.answers(422, { headers: minimum === undefined ? [] : [[HeaderId.MinSE, minimum]] });
  }
  const { headers } = b.invite.request;
  expect([HeaderId.SessionExpires, HeaderId.MinSE].filter((id) => headers.has(id))).toEqual([]);
  expect(headers.lists(HeaderId.Supported, 'timer')).toBe(false);
  b.answers(422, { headers: [] });
  expect(sent.final?.status).toBe(500);
  expect(world.settles()).toBe(true);
});

test.each([
  [[420, 422], '100rel', 200],
  [[422, 420], '100rel', 200],
  [[422, 420, 420], '100rel', 500],
  [[422, 420], 'timer', 500],
])('§8.1.3.5: refused with %j, of %s, in the end a caller gets %i', (refusals, unsupported, status) => {
  const { world, a, b } = scene();
  const sessionTimer = { intervalSeconds: 180, minSeconds: 120 };
  world.engine.plan = (request) =>
    stages([{ branches: [branchTo(request, 'b', { options: { ...legOptions(), sessionTimer } })] }]);
  const sent = a.calls({ body: sdp('caller') });
  for (const each of refusals) b.answers(each, { headers: each === 420 ? [[HeaderId.Unsupported, unsupported]] : [] });
  const supported = () => b.invite.request.headers.value(HeaderId.Supported) ?? '';
  if (status === 200) {
    expect(supported()).not.toMatch(/100rel|timer/);
    b.answers(200, { body: sdp('b') });
  }
  expect(sent.final?.status).toBe(status);
});

test('a call repaired of `timer` has no session timer: it lasts beyond the interval, and no request within it names one', () => {
  const { world, a, b } = scene();
  const sessionTimer = { intervalSeconds: 180, minSeconds: 120 };
  world.engine.plan = (request) =>
    stages([{ branches: [branchTo(request, 'b', { options: { ...legOptions(), sessionTimer } })] }]);
  const sent = a.calls({ body: sdp('caller') });
  const asked = [HeaderId.SessionExpires, HeaderId.MinSE];
  expect(asked.map((id) => b.invite.request.headers.value(id))).toEqual(['180', '120']);
  b.answers(420, { headers: [[HeaderId.Unsupported, 'timer']] });
  expect(asked.filter((id) => b.invite.request.headers.has(id))).toEqual([]);
  b.onRequest = (transaction, { method, headers }) => {
    const isRefused = headers.lists(HeaderId.Supported, 'timer') || headers.has(HeaderId.SessionExpires);
    if (isRefused) b.answer(transaction, 420, { headers: [[HeaderId.Unsupported, 'timer']] });
    else b.answer(transaction, 200, method === 'BYE' ? {} : { body: sdp('held') });
  };
  b.answer(b.invite, 200, { body: sdp('b') });
  world.run(600_000);
  expect(sent.final?.status).toBe(200);
  const hold = a.sends('INVITE', { body: sdp('hold'), headers: [[HeaderId.Contact, '<sip:a>']] });
  expect(hold.final?.status).toBe(200);
  expect(b.requests('INVITE').at(-1)?.headers.value(HeaderId.Supported)).toBe('replaces, norefersub');
  world.run(600_000);
  expect(b.requests('BYE')).toEqual([]);
  expect(world.ends()).toBe(true);
});

test('§14.1: an INVITE refused with 491 is sent once more after 2.1 to 4 s; a caller that cancels meanwhile gets 487', () => {
  const { world, a, b } = scene();
  const sent = a.calls();
  b.answer(b.invite, 491);
  world.run(2000);
  expect(b.invites).toHaveLength(1);
  world.run(2100);
  expect(b.invites).toHaveLength(2);
  b.answers(491);
  expect(sent.final?.status).toBe(480);
  const second = a.calls({ body: sdp('caller') }, 'second');
  b.answer(b.invite, 491);
  world.run(300);
  second.transaction?.cancel();
  world.run();
  expect(second.final?.status).toBe(487);
  expect(world.settles()).toBe(true);
  expect(b.invites).toHaveLength(3);
});
