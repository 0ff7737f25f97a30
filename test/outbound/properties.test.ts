import fc from 'fast-check';
import { expect, test } from 'vitest';
import { draftForRoute, endpointRequest, explain, type OutboundFacts, planOutbound } from '../../src/outbound/index.ts';
import { renderInvite } from '../../src/outbound/render.ts';
import { parseMessage, SipRequest, serialize } from '../../src/sip/message/index.ts';
import { directoryOf, factsIn, factsOf, type TenantInput, type TrunkInput, tenantWith, trunkWith } from './world.ts';

const USER_VARIABLES = [
  'AuthID',
  'CalledNum',
  'CallerNum',
  'CallerDispName',
  'OriginatorCallerID',
  'OutboundCallerId',
  'OutboundCallerIdAndOriginatorCallerID',
  'Anonymous',
] as const;
const HOST_VARIABLES = ['TrunkHostPort', 'OutHostPort', 'ContactUri', 'SipDomain'] as const;
const WHEN = ['anonymous', 'not-anonymous', 'forwarded', undefined] as const;

const when = fc.constantFrom(...WHEN);
const user = fc.constantFrom(...USER_VARIABLES, { custom: '+49;ext=1' }, { custom: 'remove' });
const displayName = fc.constantFrom(...USER_VARIABLES, { custom: 'Zo\u00eb "x" \\' });
const host = fc.constantFrom(...HOST_VARIABLES, { custom: '[2001:db8::1]:5066' });
const named = fc.option(fc.record({ when, displayName, user, host }, { requiredKeys: [] }), { nil: undefined });
const plain = fc.option(fc.record({ when, user, host }, { requiredKeys: [] }), { nil: undefined });
const parameters = fc.record({
  requestUri: plain,
  contact: plain,
  to: named,
  from: named,
  pAssertedIdentity: named,
  pPreferredIdentity: named,
  pCalledPartyId: named,
  remotePartyIdCalled: named,
  remotePartyIdCalling: named,
  removeHeaders: fc.subarray(['P-Asserted-Identity', 'P-Preferred-Identity', 'P-Called-Party-ID'] as const),
  privacy: fc.option(fc.subarray(['id', 'user', 'header'] as const), { nil: undefined }),
});
const options = fc.record({
  telUriRequestLine: fc.boolean(),
  telUriTo: fc.boolean(),
  removePlus: fc.boolean(),
  internalHeaders: fc.boolean(),
  trusted: fc.boolean(),
  usePrivateIp: fc.boolean(),
  rewriteViaHost: fc.boolean(),
  diversion: fc.constantFrom('none', 'diversion', 'history-info', 'both'),
});
const trunk = fc.record({
  outboundParameters: parameters,
  options,
  transport: fc.constantFrom('udp', 'tcp', 'tls'),
  type: fc.constantFrom('ip', 'register', 'accept-register'),
  credentials: fc.record({
    authName: fc.string({ minLength: 1, unit: fc.constantFrom('a', '7', ' ', '"', '@', '\u00e9', '%', '<') }),
    password: fc.constant('x'),
  }),
  outboundProxy: fc.option(fc.constant({ host: '2001:db8::7', port: 5062, route: true }), { nil: undefined }),
}) as fc.Arbitrary<Partial<TrunkInput>>;

/** Octets of an endpoint, unlike anything a parser would let through: the pipeline must not rely on it. */
const octets = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 24 });
const hostile = fc.oneof(
  octets,
  fc.constantFrom(
    'a\r\nX-Evil: 1',
    '"\r\n\r\nINVITE sip:x SIP/2.0',
    '\u0000',
    '"><sip:evil@x>',
    '%0d%0aX: 1',
    '14155550123',
  ),
);
const endpoint = fc.record({
  fromDisplayName: hostile,
  preferredIdentities: fc.array(hostile, { maxLength: 2 }),
  privacy: fc.subarray(['id', 'user', 'header', 'none', 'critical', 'session']),
  outboundCli: fc.array(
    fc.oneof(
      hostile,
      hostile.map((value) => `rewrite-from=${value}; rewrite-pai=${value}`),
    ),
    { maxLength: 3 },
  ),
});
const dialled = fc.oneof(
  fc.constantFrom('88888888', '+4930123456', '*6788888888', '112'),
  fc.string({ unit: fc.constantFrom(...'0123456789+*#'), maxLength: 12 }),
  hostile,
);
const forwarding = fc.option(
  fc.record({
    kind: fc.constantFrom('forward', 'transfer', 'overflow'),
    originator: fc.option(fc.record({ number: hostile, displayName: hostile, anonymous: fc.boolean() }), {
      nil: undefined,
    }),
    diversions: fc.array(
      fc.record({ number: hostile, reason: fc.constantFrom('no-answer', 'user-busy', 'unconditional') }),
      { maxLength: 3 },
    ),
  }),
  { nil: undefined },
) as fc.Arbitrary<OutboundFacts['forwarding']>;

const tenants: TenantInput[] = [
  tenantWith({
    outboundCallerId: '14155550100',
    extensions: [{ number: '101', name: 'Zo\u00eb \u674e "A"' }],
    outboundRules: [{ name: 'w', routes: [{ trunk: 'CallCentric' }] }],
  }),
];
const SINGLE = [
  'Max-Forwards',
  'Contact',
  'To',
  'From',
  'Call-ID',
  'CSeq',
  'Content-Length',
  'P-Asserted-Identity',
  'P-Preferred-Identity',
  'P-Called-Party-ID',
  'Privacy',
  'Session-Expires',
  'Min-SE',
  'Content-Type',
  'User-Agent',
  'X-CID',
];
const TOKENS = {
  via: 'SIP/2.0/UDP 192.168.0.11:5060;branch=z9hG4bK1',
  callId: 'c',
  localTag: 't',
  sequence: 1,
  maxForwards: 9,
};

test('any facts: no CR, LF or NUL in a field, one value for single-value fields, always parseable, and explain shows the same', () => {
  let drafts = 0;
  const property = fc.property(trunk, endpoint, dialled, forwarding, (changes, wishes, number, sentOn) => {
    const facts = factsOf({
      tenants,
      trunks: [trunkWith(changes)],
      dialled: number,
      ...(sentOn !== undefined && { forwarding: sentOn }),
    });
    const asked = { ...facts, request: { ...facts.request, ...wishes } };
    const plan = planOutbound(asked);
    const explained = explain(asked, () => TOKENS);
    if (plan.refusal !== undefined) {
      expect(explained.refusal).toEqual(plan.refusal);
      return;
    }
    const route = draftForRoute(plan, 0);
    if (route.kind === 'refused') {
      expect(explained.routes[0]?.refusal).toMatchObject({ status: route.status, code: route.code });
      return;
    }
    drafts += 1;
    const request = renderInvite(route.draft, TOKENS);
    const unclean: string[] = [];
    request.headers.forEach((name, value) => {
      if (/[\r\n\u0000]/.test(`${name}: ${value}`)) unclean.push(name);
    });
    expect(unclean).toEqual([]);
    const text = serialize(request);
    const parsed = parseMessage(text) as SipRequest;
    expect(serialize(parsed)).toBe(text);
    let fields = 0;
    parsed.headers.forEach(() => {
      fields += 1;
    });
    // Content-Length is the serializer's.
    expect(fields).toBe(request.headers.count + (request.headers.hasNamed('Content-Length') ? 0 : 1));
    expect(SINGLE.filter((name) => parsed.headers.fieldValuesNamed(name).length > 1)).toEqual([]);
    expect(parsed.from().uri.scheme).toBe('sip');
    expect(parsed.contacts().length).toBe(1);
    expect(parsed.to().uri).toBeDefined();
    expect(parsed.uri()).toBeDefined();
    expect(parsed.fromTag()).toBe('t');
    expect(text).not.toMatch(/X-Evil: 1\r\n|X-Outbound-Cli/i);
    expect(Buffer.from(explained.routes[0]?.inviteBase64 ?? '', 'base64').toString('latin1')).toBe(text);
    for (const warning of route.warnings) expect(warning).toMatch(/^399 tandem "[\x20-\x21\x23-\x5b\x5d-\x7e]*"$/);
  });
  // A third of them end in an INVITE: about 1,030, and 800 is nine standard deviations less.
  fc.assert(property, { numRuns: 3_000 });
  expect(drafts).toBeGreaterThan(800);
}, 60_000);

test('privacy, octet search: with all types the caller stands nowhere but in an allowed P-Asserted-Identity', () => {
  const hidden = ['14155550123', '14155550100', '7654321', 'Alice', 'Desk', '4930123456'];
  const property = fc.property(
    parameters,
    options,
    fc.boolean(),
    fc.constantFrom('code', 'endpoint', 'extension'),
    (mapped, chosen, sentOn, how) => {
      // A custom value and a variable that is not mapped say nothing of the caller by themselves.
      const { privacy: _, ...rest } = mapped;
      const facts = factsOf({
        tenants: [
          tenantWith({
            outboundCallerId: '14155550100',
            extensions: [
              {
                number: '7654321',
                name: 'Alice',
                outboundCallerId: '14155550123',
                anonymousCalls: how === 'extension',
              },
            ],
            headers: { relay: { all: ['X-Account', 'Subject', 'Priority'] } },
          }),
        ],
        trunks: [
          trunkWith({
            outboundParameters: { ...rest, privacy: ['id', 'user', 'header'] } as TrunkInput['outboundParameters'],
            options: chosen as TrunkInput['options'],
          }),
        ],
        caller: '7654321',
        dialled: how === 'code' ? '*6788888888' : '88888888',
        from: '"Desk" <sip:7654321@sip.portsip.io>',
        body: '',
        headers: [
          'X-Account: 7654321',
          'Subject: Alice calls',
          'Priority: call 14155550123',
          ...(how === 'endpoint' ? ['Privacy: id'] : []),
        ],
        ...(sentOn && {
          forwarding: {
            kind: 'forward',
            originator: { number: '+4930123456', displayName: 'Desk', anonymous: false },
            diversions: [{ number: '14155550123', reason: 'no-answer' }],
          },
        }),
      });
      const plan = planOutbound(
        sentOn && how === 'code'
          ? { ...facts, dialled: '88888888', request: { ...facts.request, privacy: ['id'] } }
          : facts,
      );
      expect(plan.anonymous).toBe(true);
      const route = draftForRoute(plan, 0);
      if (route.kind === 'refused') throw new Error(route.reason);
      const request = renderInvite(route.draft, TOKENS);
      if (chosen.trusted) request.headers.removeNamed('P-Asserted-Identity');
      const text = serialize(request);
      for (const secret of hidden) expect(text).not.toContain(secret);
      expect(text).toContain('Privacy: user;header;id\r\n');
      expect(text).toContain('From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=t\r\n');
      expect(text).toMatch(/Contact: <sip:anonymous@[^@>]+;ob>\r\n/);
    },
  );
  fc.assert(property, { numRuns: 600 });
}, 60_000);

test('facts are left as they were: the same facts give the same INVITE, whatever was planned in between', () => {
  const directory = directoryOf(tenants, [trunkWith({ options: { internalHeaders: true } })]);
  const facts = factsIn(directory, { headers: ['X-Outbound-Cli: rewrite-from=123', 'Privacy: none'] });
  const once = explain(facts);
  explain({ ...facts, dialled: '*6712' });
  expect(explain(facts)).toEqual(once);
});

test('identity fields that cannot be read count as not sent', () => {
  const request = new SipRequest('INVITE', 'sip:1@x');
  const { headers } = request;
  headers.addNamed('From', '<sip:101@x>;tag=1');
  headers.addNamed('Call-ID', 'c');
  headers.addNamed('P-Preferred-Identity', '<<<');
  headers.addNamed('Privacy', ' ID ; user,none;;');
  const read = endpointRequest(request);
  expect(read).toMatchObject({
    preferredIdentities: [],
    privacy: ['id', 'user', 'none'],
    maxForwards: 70,
    fromDisplayName: '',
  });
});
