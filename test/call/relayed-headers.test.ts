import { expect, test } from 'vitest';
import type { LegOptions } from '../../src/call/plan.ts';
import {
  reasonsOf,
  relayBody,
  relayedPhrase,
  relayRequestHeaders,
  relayResponseHeaders,
} from '../../src/call/relayed-headers.ts';
import { HeaderId, Headers, SipRequest, SipResponse } from '../../src/sip/message/index.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';
import { branchTo, type Content, legOptions, type Party, scene, sdp, stages } from './world.ts';

function fields(lines: Record<string, string>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(lines)) headers.addNamed(name, value);
  return headers;
}

function namesOf(headers: Headers): string[] {
  const names: string[] = [];
  headers.forEach((name) => {
    names.push(name);
  });
  return names;
}

function legWith(options: Partial<LegOptions> = {}) {
  return { options };
}

const TELLING = {
  Subject: 'Alice calls',
  'Alert-Info': '<http://alice.example/ring>',
  'X-Account': '101',
  Organization: 'Alice Ltd',
  Warning: '399 alice.example "x"',
  'Error-Info': '<http://alice.example/e>',
  'User-Agent': 'Alice 1.0',
};
const RELAY = { relayHeaders: ['X-Account', 'Organization', 'User-Agent', 'Subject', 'Warning'] };

test('RFC 3323 §4.1: whatever could tell an anonymous party stays behind, whichever leg says that it is anonymous', () => {
  const needed = { Event: 'talk', 'Subscription-State': 'active', 'Info-Package': 'dtmf', Reason: 'Q.850;cause=16' };
  for (const [taker, sender] of [
    [legWith({ ...RELAY, withholdsPeer: true }), legWith()],
    [legWith(RELAY), legWith({ anonymous: true })],
  ] as const) {
    const request = new Headers();
    relayRequestHeaders(fields({ ...TELLING, ...needed }), request, taker, sender);
    expect(namesOf(request).sort()).toEqual(['Event', 'Info-Package', 'Reason', 'Subscription-State']);
    const response = new Headers();
    relayResponseHeaders(fields({ ...TELLING, Reason: 'Q.850;cause=16', 'Retry-After': '5' }), response, taker, sender);
    expect(namesOf(response).sort()).toEqual(['Reason', 'Retry-After']);
  }
});

test('RFC 3326 §2: a Reason of an anonymous party keeps its cause and loses its text; its reason phrases are the standard ones', () => {
  const values = [
    'SIP;cause=200;text="Alice; \\"Al\\""',
    'Q.850; text = "x";cause=16',
    'Q.850;cause=16',
    'SIP;text=Alice;cause=1',
  ];
  const bye = new SipRequest('BYE', 'sip:a@b');
  for (const value of values) bye.headers.add(HeaderId.Reason, value);
  expect(reasonsOf(bye, { anonymous: true })).toEqual([
    'SIP;cause=200',
    'Q.850;cause=16',
    'Q.850;cause=16',
    'SIP;cause=1',
  ]);
  expect(reasonsOf(bye, {})).toEqual(values);
  for (const relay of [relayRequestHeaders, relayResponseHeaders]) {
    const relayed = new Headers();
    relay(bye.headers, relayed, legWith(), legWith({ anonymous: true }));
    expect(relayed.fieldValues(HeaderId.Reason).join()).not.toMatch(/text|Alice/);
  }
  const response = new SipResponse(488, 'Alice is out');
  expect(relayedPhrase(response, legWith(), legWith({ anonymous: true }))).toBeUndefined();
  expect(relayedPhrase(response, legWith({ withholdsPeer: true }), undefined)).toBeUndefined();
  expect(relayedPhrase(response, legWith(), legWith())).toBe('Alice is out');
});

test.each([
  ['SIP;cause=200;text="Alice', 'SIP;cause=200'],
  ['SIP;cause=200;text="Al \\"ice\\', 'SIP;cause=200'],
  ['Q.850;cause=16;x-who="Alice";location=LN', 'Q.850;cause=16;location=LN'],
  ['Q.850;text="Alice" Alice;cause=16', 'Q.850;cause=16'],
  ['SIP;cause=200;text="Alice", Q.850;cause=16', 'SIP;cause=200, Q.850;cause=16'],
  ['SIP "Alice";cause=200', 'SIP;cause=200'],
  ['"Alice";cause=200', undefined],
  ['SIP;cause=200 (Alice is ill)', 'SIP;cause=200'],
  ['SIP;cause=200 (Alice, Bob;x)', 'SIP;cause=200'],
  ['SIP;cause=200;comment=Alice', 'SIP;cause=200'],
  ['SIP;cause=200;text=Alice, Bob', 'SIP;cause=200'],
  ["SIP;cause=200;text='Alice;location=Alice", 'SIP;cause=200'],
  ['SIP;cause=200;text="Alice;cause=1;x"', 'SIP;cause=200'],
  ['SIP;cause=4155550101', 'SIP'],
  ['SIP;Alice;cause=200Alice', 'SIP'],
  ['Alice is ill;cause=16', undefined],
  ['Alice', undefined],
  ['SIP ; text = "q" ; cause = 31', 'SIP;cause=31'],
  ['Preemption ;cause=2 ;text="Alice"', 'Preemption;cause=2'],
])('RFC 3323 §4.1: of the Reason %j of an anonymous party %j is said', (reason, kept) => {
  const bye = new SipRequest('BYE', 'sip:a@b');
  bye.headers.add(HeaderId.Reason, reason);
  const expected = kept === undefined ? [] : [kept];
  expect(reasonsOf(bye, { anonymous: true })).toEqual(expected);
  for (const relay of [relayRequestHeaders, relayResponseHeaders]) {
    const relayed = new Headers();
    relay(bye.headers, relayed, legWith(), legWith({ anonymous: true }));
    expect(relayed.fieldValues(HeaderId.Reason)).toEqual(expected);
  }
});

test.each([
  ['5', '5'],
  ['18000;duration=3600', '18000'],
  ['120 (Alice is in a meeting)', '120'],
  ['(Alice) 5', undefined],
  ['Alice', undefined],
])('RFC 3323 §4.1: of the Retry-After %j of an anonymous party %j is said, of another all', (written, kept) => {
  const from = fields({ 'Retry-After': written });
  const [anonymous, open] = [new Headers(), new Headers()];
  relayResponseHeaders(from, anonymous, legWith(), legWith({ anonymous: true }));
  relayResponseHeaders(from, open, legWith(), legWith());
  expect([anonymous.value(HeaderId.RetryAfter), open.value(HeaderId.RetryAfter)]).toEqual([kept, written]);
});

test.each([
  ['RFC 3325 §9.3', { Privacy: 'id' }],
  ['RFC 3323 §4.2', { Privacy: 'session; user' }],
  ['draft-ietf-sip-privacy-04 §5.2', { 'Remote-Party-ID': '<sip:101@x>;party=called;privacy=full' }],
])('%s: a party that asks for privacy in an answer is not told of in the tenant’s own fields: %o', (_section, wish) => {
  const response = new Headers();
  relayResponseHeaders(fields({ ...TELLING, ...wish }), response, legWith(RELAY), legWith());
  for (const name of ['X-Account', 'Organization', 'User-Agent']) expect(response.hasNamed(name), name).toBe(false);
  const open = new Headers();
  relayResponseHeaders(fields({ ...TELLING, Privacy: 'none' }), open, legWith(RELAY), legWith());
  expect(open.valueNamed('X-Account')).toBe('101');
});

test('nor in those of its later messages, whether they say so again or not; between nodes they go along', () => {
  const withheld = { ...legWith(), identityWithheld: true };
  for (const relay of [relayRequestHeaders, relayResponseHeaders]) {
    const [kept, passed] = [new Headers(), new Headers()];
    relay(fields(TELLING), kept, legWith(RELAY), withheld);
    expect(kept.hasNamed('X-Account')).toBe(false);
    relay(fields({ Privacy: 'id' }), passed, legWith({ relayHeaders: ['Privacy'], isBetweenNodes: true }), withheld);
    relay(fields(TELLING), passed, legWith(RELAY), { ...withheld, options: { isBetweenNodes: true } });
    expect([passed.valueNamed('Privacy'), passed.valueNamed('X-Account')]).toEqual(['id', '101']);
  }
});

/** A message of a party of another node's call, on to the node that has that call: what was asked of each name, and what crosses. */
function throughHalf(
  lines: readonly (readonly [string, string])[],
  options: Partial<LegOptions> = {},
  sender = legWith(),
) {
  const asked: string[] = [];
  const env = { env: { peers: { mayCross: (name: string) => name.startsWith('X-'), relayable } } };
  function relayable({ name, values }: { name: string; values: readonly string[] }) {
    asked.push(name);
    return values;
  }
  const taker = { ...legWith({ isBetweenNodes: true, ...options }), call: env as never };
  const from = new Headers();
  for (const [name, value] of lines) from.addNamed(name, value);
  const to = new Headers();
  relayRequestHeaders(from, to, taker, sender);
  const crossed: [string, string][] = [];
  to.forEach((name, value) => {
    crossed.push([name, value]);
  });
  return { asked, crossed };
}

const lines = (count: number, name: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => [name(index), `${index}`] as const);

test('the half of another node’s call asks of a name once, however many fields have it, and none is lost', () => {
  const { asked, crossed } = throughHalf(
    [...lines(250, (index) => (index % 2 === 0 ? 'X-A' : 'X-a')), ['X-B', 'b'], ['Y', 'stays']],
    { relayHeaders: ['x-b'] },
  );
  expect(asked).toEqual(['x-b', 'X-A']);
  expect(crossed.map(([, value]) => value)).toEqual(['b', ...lines(250, String).map(([, value]) => value)]);
  const many = throughHalf(lines(250, (index) => `X-${index}`));
  expect(many.asked).toHaveLength(150);
  expect(many.crossed).toEqual(lines(150, (index) => `X-${index}`));
});

test.each([
  ['one name', () => 'X-A'],
  ['a name each', (index: number) => `X-${1000 + index}`],
])('what a half does for a message grows with its fields, and no faster: %s', (_what, name) => {
  const cpuMs = (count: number) => {
    const message = lines(count, name);
    return leastCpuMs(0, () => {
      for (let times = 0; times < 50; times++) throughHalf(message);
    });
  };
  cpuMs(125);
  // Eight times as many: 64 times as long, were it quadratic.
  expect(cpuMs(1000) / cpuMs(125)).toBeLessThan(16);
});

test('RFC 3323 §4.1: of a party that asks for privacy a half passes on the wish and who it is, and no more', () => {
  const list = { relayHeaders: ['Privacy', 'P-Asserted-Identity', 'RPID-Privacy'] };
  const said = [
    ['P-Asserted-Identity', '<sip:101@x>'],
    ['X-Account', '101'],
  ] as const;
  const names = (...of: Parameters<typeof throughHalf>) => throughHalf(...of).crossed.map(([name]) => name);
  expect(names(said, list)).toEqual(['P-Asserted-Identity', 'X-Account']);
  for (const wish of [
    ['Privacy', 'id'],
    ['RPID-Privacy', 'party=calling;privacy=full'],
  ] as const)
    expect(names([...said, wish], list).sort()).toEqual(['P-Asserted-Identity', wish[0]]);
  expect(names(said, list, { ...legWith(), identityWithheld: true } as never)).toEqual(['P-Asserted-Identity']);
  // What comes from the node that has the call has been chosen there.
  const sent = { options: { isBetweenNodes: true }, identityWithheld: true } as never;
  expect(names([...said, ['Privacy', 'id']], { isBetweenNodes: undefined }, sent)).toEqual(['X-Account']);
});

test('which fields cross goes by whether their sender is on a trunk, where the leg has a list for that', () => {
  const taker = legWith({ relayHeaders: ['Organization'], relayTrunkHeaders: ['X-Account'] });
  for (const [sender, name] of [
    [legWith(), 'Organization'],
    [undefined, 'Organization'],
    [legWith({ trunkId: '1' }), 'X-Account'],
  ] as const) {
    const response = new Headers();
    relayResponseHeaders(fields({ 'X-Account': '1', Organization: '2' }), response, taker, sender);
    expect(namesOf(response)).toEqual([name]);
  }
});

test('a relayed field leaves once, though a list names it that passes anyway, or a fixed field has its name', () => {
  const request = fields({ 'User-Agent': 'tandem' });
  relayRequestHeaders(fields(TELLING), request, legWith(RELAY), undefined);
  for (const name of ['Subject', 'User-Agent', 'X-Account', 'Organization', 'Alert-Info'])
    expect(request.fieldValuesNamed(name), name).toHaveLength(1);
  expect(request.valueNamed('User-Agent')).toBe('Alice 1.0');
  const response = new Headers();
  relayResponseHeaders(fields(TELLING), response, legWith(RELAY), undefined);
  expect(response.fieldValuesNamed('Warning')).toHaveLength(1);
});

const SAID: Content = {
  headers: [
    [HeaderId.Subject, 'secret'],
    [HeaderId.Warning, '399 phone.local "secret"'],
    [HeaderId.AlertInfo, '<http://secret/>'],
    [HeaderId.UserAgent, 'secret'],
  ],
};

function texts(party: Party): string {
  const parts: string[] = [];
  for (const { headers } of party.received) headers.forEach((_, value) => void parts.push(value));
  return parts.join('\n');
}

test('an anonymous caller’s re-INVITE, UPDATE, INFO, MESSAGE and answers say nothing of it in the whole dialog', () => {
  const relays = { relayHeaders: ['Subject', 'Warning', 'User-Agent'] };
  const sides: readonly [caller: Partial<LegOptions>, callee: Partial<LegOptions>][] = [
    [{ anonymous: true }, relays],
    [{}, { ...relays, withholdsPeer: true }],
  ];
  for (const [caller, callee] of sides) {
    const { world, a, b, engine } = scene();
    engine.plan = (request) =>
      stages([{ branches: [branchTo(request, 'b', { options: { ...legOptions('b'), ...callee } })] }], {
        callerLeg: { ...legOptions('caller'), ...caller },
      });
    a.calls({ body: sdp('caller'), headers: [[HeaderId.Allow, 'INVITE, UPDATE']] });
    b.answers(200, { body: sdp('callee'), headers: [[HeaderId.Allow, 'INVITE, UPDATE']] });
    for (const party of [a, b])
      party.onRequest = (transaction, request) => {
        const described = request.method === 'INVITE' || request.method === 'UPDATE';
        if (request.method !== 'BYE') party.answer(transaction, 200, { ...SAID, ...(described && { body: sdp('x') }) });
      };
    a.sends('INVITE', { body: sdp('again'), ...SAID });
    a.sends('UPDATE', { body: sdp('again'), ...SAID });
    a.send('INFO', { body: 'x', type: 'text/x', ...SAID });
    a.sends('MESSAGE', { body: 'x', type: 'text/plain', ...SAID });
    expect(b.received.map(({ method }) => method)).toEqual(['INVITE', 'INVITE', 'UPDATE', 'INFO', 'MESSAGE']);
    expect(texts(b)).not.toContain('secret');
    const answers = [
      b.send('INVITE', { body: sdp('mine') }),
      b.send('INFO', { body: 'x', type: 'text/x' }),
      b.send('MESSAGE', { body: 'x', type: 'text/plain' }),
    ];
    world.run();
    for (const { final } of answers) {
      expect(final?.status).toBe(200);
      final?.headers.forEach((_, value) => {
        expect(value).not.toContain('secret');
      });
    }
    // The other party has nothing to hide.
    const shown = b.sends('INFO', { body: 'x', type: 'text/x', headers: [[HeaderId.Subject, 'hello']] });
    expect(shown.final?.status).toBe(200);
    expect(a.requests('INFO').at(-1)?.headers.value(HeaderId.Subject)).toBe('hello');
    expect(world.ends()).toBe(true);
  }
});

test.each([
  ['caller', {}, ['secret']],
  ['callee', {}, ['secret']],
  ['caller', { anonymous: true }, []],
])('a BYE takes fields of the tenant’s relay list along: of a %s %j', (from, of, told) => {
  const { world, a, b, engine } = scene();
  const relays = { relayHeaders: ['User-Agent'] };
  engine.plan = (request) =>
    stages([{ branches: [branchTo(request, 'b', { options: { ...legOptions('b'), ...relays } })] }], {
      callerLeg: { ...legOptions('caller'), ...relays, ...of },
    });
  a.calls();
  b.answers(200, { body: sdp('callee') });
  const [sender, taker] = from === 'caller' ? [a, b] : [b, a];
  sender.send('BYE', { headers: [...(SAID.headers ?? []), [HeaderId.Reason, 'Q.850;cause=16']] });
  world.run();
  const [bye] = taker.requests('BYE');
  expect(bye?.headers.fieldValues(HeaderId.UserAgent)).toEqual(told);
  expect(bye?.headers.fieldValues(HeaderId.Reason)).toEqual(['Q.850;cause=16']);
  expect(bye?.headers.has(HeaderId.AlertInfo)).toBe(false);
  expect(world.settles()).toBe(true);
});

test.each([
  ['caller', 'application/ISUP;version=itu-t92+', '\x0c\x02\0\x02\x80\x90', '\x0c\x02\0\x02\x80\x90'],
  ['callee', 'application/vnd.etsi.aoc+xml', '<aoc/>', '<aoc/>'],
  ['caller', 'application/sdp', 'v=0\r\n', ''],
])('a BYE takes its body along, unless that describes a session: of a %s, %s', (from, type, body, told) => {
  const { world, a, b } = scene();
  a.calls();
  b.answers(200, { body: sdp('callee') });
  const [sender, taker] = from === 'caller' ? [a, b] : [b, a];
  const disposition = 'signal;handling=optional';
  sender.send('BYE', { body, type, headers: [[HeaderId.ContentDisposition, disposition]] });
  world.run();
  const [bye] = taker.requests('BYE');
  const described = [HeaderId.ContentType, HeaderId.ContentDisposition].map((id) => bye?.headers.value(id));
  expect([bye?.body, described]).toEqual([told, told === '' ? [undefined, undefined] : [type, disposition]]);
  expect(world.settles()).toBe(true);
});

test.each([
  ...[400, 413, 415, 488, 493, 513, 606].map((status) => [status, '<aoc/>', ['<aoc/>', '']] as const),
  [481, '<aoc/>', ['<aoc/>']],
  [415, '', ['']],
] as const)(
  'RFC 5621 §3.3: a BYE that %i meets, with body %j, is sent with %j: once more without a body, which may be all that is refused',
  (status, body, told) => {
    const { world, a, b } = scene();
    world.connect();
    b.onRequest = (transaction, { method }) => method === 'BYE' && b.answer(transaction, status);
    const type = 'application/vnd.etsi.aoc+xml';
    a.send('BYE', body === '' ? {} : { body, type });
    expect(world.settles()).toBe(true);
    const byes = b.requests('BYE');
    expect(byes.map((bye) => [bye.body, bye.headers.value(HeaderId.ContentType)])).toEqual(
      told.map((each) => [each, each === '' ? undefined : type]),
    );
    expect(new Set(byes.map((bye) => bye.cseq().sequence)).size).toBe(told.length);
  },
);

test.each([
  [undefined, 'v=0\r\ns=-\r\n', 'application/sdp'],
  ['', 'v=0\r\ns=-\r\n', 'application/sdp'],
  ['*/*', 'v=0\r\ns=-\r\n', 'application/sdp'],
  ['text/plain', 'v=0\r\ns=-\r\n', 'text/plain'],
  ['', 'hello', undefined],
  [undefined, 'hello', undefined],
])('RFC 3261 §20.15: a body that is said to be %j leaves as what it is: %j, %j', (said, body, type) => {
  const [from, to] = [new SipRequest('UPDATE', 'sip:a@h'), new SipRequest('UPDATE', 'sip:b@h')];
  from.body = body;
  if (said !== undefined) from.headers.addNamed('Content-Type', said);
  relayBody(from, to);
  expect([to.body, to.headers.value(HeaderId.ContentType)]).toEqual([body, type]);
});
