/** Random configurations and calls for the differential test of `explain`. */
import fc from 'fast-check';
import type { SipRequest } from '../../src/sip/message/index.ts';
import { LONG, sharedAuthority, signer } from '../kit/stir/signed.ts';
import type { ExplainedWorld, Reply } from './explained-world.ts';
import { CARRIER_A, CARRIER_B, CARRIER_PASSWORD, ENGINE, PASSWORD, SDP, type WorldOptions } from './world.ts';

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
/** One of the values, and mostly nothing: a call that meets every oddity at once gets nowhere. */
const seldom = <T>(...values: readonly T[]) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(...values) });
/** What has most calls refused is drawn once in a while. */
const rarely = <T, U>(usual: T, ...values: readonly U[]) =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...values) });
const variable = fc.constantFrom(
  'AuthID',
  'CalledNum',
  'CallerNum',
  'CallerDispName',
  'OutboundCallerId',
  'OriginatorCallerID',
  'OutboundCallerIdAndOriginatorCallerID',
  'Anonymous',
);
const host = fc.oneof(
  fc.constantFrom('TrunkHostPort', 'OutHostPort', 'SipDomain', 'ContactUri'),
  fc.constant({ custom: 'sbc.example.net:5070' }),
);
const user = fc.oneof(
  { weight: 4, arbitrary: variable },
  { weight: 1, arbitrary: fc.constantFrom({ custom: 'acme%20trunk' }, { custom: '14155550100' }) },
);
const mapping = fc.record(
  { when: fc.constantFrom('anonymous', 'not-anonymous', 'forwarded'), user, host },
  { requiredKeys: [] },
);
const named = fc.record(
  {
    when: fc.constantFrom('anonymous', 'not-anonymous', 'forwarded'),
    displayName: fc.oneof(variable, fc.constantFrom('none', { custom: 'Acme, Inc.' })),
    user,
    host,
  },
  { requiredKeys: [] },
);
const mappings = fc.oneof(
  { weight: 4, arbitrary: mapping },
  { weight: 2, arbitrary: named },
  { weight: 1, arbitrary: fc.array(named, { minLength: 1, maxLength: 3 }) },
);

const options = fc.record(
  {
    removePlus: fc.boolean(),
    telUriRequestLine: fc.boolean(),
    telUriTo: fc.boolean(),
    internalHeaders: fc.boolean(),
    trusted: fc.boolean(),
    diversion: fc.constantFrom('none', 'diversion', 'history-info', 'both'),
    callerIdOutsidePool: fc.constantFrom('pass', 'pass', 'pass', 'reject'),
    redirects: fc.constantFrom('follow', 'reject'),
    largeRequests: fc.constantFrom('tcp', 'udp'),
    media: fc.constantFrom('auto', 'never', 'srtp'),
    mediaFallback: fc.constantFrom('refuse', 'pass'),
    codecs: fc.constantFrom([], ['PCMA', 'PCMU'], ['PCMU']),
    rewriteViaHost: fc.boolean(),
    usePrivateIp: fc.boolean(),
    stirShaken: fc.boolean(),
    stirRichCallData: fc.constantFrom('off', 'rcd', 'shaken'),
    stirWhenUnsignable: fc.constantFrom('unsigned', 'unsigned', 'unsigned', 'refuse'),
    numberMayShow: fc.constantFrom(true, true, false),
    anonymousHost: fc.constantFrom('hidden.example.net', '192.0.2.99'),
    failoverCodes: fc.constantFrom([404, 486, 503], [503]),
    earlyMediaFailover: fc.boolean(),
    sessionTimer: fc.record({
      mode: fc.constantFrom('off', 'request', 'require', 'accept'),
      refresher: fc.constantFrom('auto', 'uac', 'uas'),
      expiresSeconds: fc.constantFrom(90, 300, 1800),
    }),
  },
  { requiredKeys: [] },
);

const trunk = fc
  .record({
    options,
    transport: fc.constantFrom('udp', 'udp', 'tcp', 'tls'),
    /** It registers with nobody, and answers the carrier's challenges. */
    hasCredentials: fc.boolean(),
    outboundParameters: fc.record(
      {
        requestUri: mapping,
        contact: mapping,
        from: mappings,
        to: mappings,
        pAssertedIdentity: mappings,
        remotePartyIdCalling: mappings,
        remotePartyIdCalled: mappings,
        pPreferredIdentity: mappings,
        pCalledPartyId: mappings,
        privacy: fc.subarray(['id', 'user', 'header']),
        removeHeaders: fc.subarray(['P-Asserted-Identity', 'P-Preferred-Identity', 'P-Called-Party-ID']),
      },
      { requiredKeys: [] },
    ),
    inboundParameters: fc.constantFrom(
      {},
      {},
      { calledNumber: 'requestUri.user', callerNumber: ['pAssertedIdentity.user', 'from.user'] },
      {
        calledNumber: ['pCalledPartyId.user', 'diversion.user', 'to.user'],
        callerDisplayName: 'pAssertedIdentity.displayName',
      },
      { calledNumber: ['historyInfo.user', 'requestUri.user'], callerNumber: 'remotePartyIdCalling.user' },
      {
        normalize: {
          calledNumber: { replacePrefix: [{ from: '00', to: '+' }] },
          callerNumber: { strip: 1, prepend: '00' },
        },
      },
    ),
    numberFormat: fc.constantFrom(undefined, undefined, 'e164', 'national 1'),
    addHeaders: fc.constantFrom([], [{ name: 'X-Site', value: 'hq 101' }]),
    limits: fc.constantFrom({}, {}, {}, {}, { concurrentCalls: 0 }, { concurrentCalls: 1 }, { callsPerSecond: 0.01 }),
    enabled: rarely(true, false),
    proxy: seldom({ route: true }, { port: 5060 }),
    /** It registers, which nobody answers: it is down. */
    isDown: rarely(false, true),
  })
  .map(({ transport, hasCredentials, isDown, options: switches, ...rest }) => ({
    ...rest,
    transport,
    port: transport === 'tls' ? 5061 : 5060,
    ...(hasCredentials || isDown
      ? {
          type: 'register',
          credentials: { authName: 'acme', password: CARRIER_PASSWORD },
          options: { ...switches, registration: isDown ? 'on' : 'off' },
        }
      : { options: switches }),
  }));

const SIGNERS = [
  signer('acme-stir', { owner: 'acme' }),
  signer('few', { owner: 'acme', numbers: '14155550101-14155550107' }),
  signer('shared', {}, sharedAuthority().leaf([{ start: '14155550100', count: 50 }], LONG)),
];
const tokenPart = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** What a carrier's call comes with; nobody looks whether it verifies. */
const identityOf = (orig: string, dest: string) =>
  `${tokenPart({ alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u: 'https://a.example/a.pem' })}.${tokenPart({
    attest: 'A',
    dest: { tn: [dest] },
    iat: 1,
    orig: { tn: orig },
    origid: 'o',
  })}.c2ln;info=<https://a.example/a.pem>;alg=ES256;ppt=shaken`;

const forward = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  {
    weight: 3,
    arbitrary: fc.record(
      {
        always: fc.constantFrom('1-800 5550111', '101', '610', '*6718005550111'),
        busy: fc.constantFrom('18005550116', '101', '600'),
        noAnswer: fc.constantFrom('18005550112', '103'),
        notRegistered: fc.constantFrom('18005550113', '600'),
        noAnswerSeconds: fc.constantFrom(5, 30),
      },
      { requiredKeys: [] },
    ),
  },
);
const route = fc.record(
  {
    trunk: fc.constantFrom('carrier-a', 'carrier-a', 'carrier-b', 'carrier-b', 'gateway', 'nowhere'),
    strip: fc.constantFrom(0, 1, 2),
    prepend: fc.constantFrom('0', '+', '00', '*1'),
    outboundCallerId: fc.constantFrom('14155550109', '+1 415 555-0110', '19995550000'),
  },
  { requiredKeys: ['trunk'] },
);
const routes = fc.oneof(
  fc.constantFrom(
    [{ trunk: 'carrier-a' }, { trunk: 'carrier-b', prepend: '00' }],
    [{ trunk: 'carrier-b' }, { trunk: 'carrier-a', strip: 1 }, { trunk: 'carrier-b', prepend: '+' }],
  ),
  fc.array(route, { minLength: 1, maxLength: 4 }),
);
const always = [{ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '00:00', to: '23:59' }];
const hours = seldom(
  { open: always },
  { open: [{ days: ['mon'], from: '00:00', to: '00:01' }], timeZone: 'Europe/Berlin' },
);
const rule = fc.record(
  {
    outboundCallerId: fc.constantFrom('14155550111', '19995550000'),
    hours,
    match: fc.constantFrom(
      {},
      { lengths: [11, 12, 13] },
      { extensions: ['101-102'] },
      { groups: ['sales'] },
      { prefixes: ['+', '1', '9'] },
    ),
  },
  { requiredKeys: [] },
);
const destination = fc.constantFrom(
  { extension: '101' },
  { extension: '102' },
  { service: '600' },
  { service: '610' },
  { service: '620' },
  { number: '18005550115' },
  { number: '+1 800 555-0118' },
  { number: '103' },
  { hangUp: true },
);
const inbound = fc.record(
  {
    enabled: fc.constantFrom(true, true, true, false),
    hours,
    outsideHours: destination,
    holidays: rarely([], ['01-01/12-31']),
    onHolidays: destination,
  },
  { requiredKeys: [] },
);
const numberProcessing = fc.oneof(
  fc.constantFrom({ countryCode: '1' }, { countryCode: '44', prefix: '9' }),
  fc.record(
    {
      countryCode: fc.constantFrom('1', '44'),
      areaCode: fc.constantFrom('800', '20'),
      internationalCode: fc.constantFrom('00', '011'),
      nationalCode: fc.constantFrom('0', '1'),
      processPlus: fc.boolean(),
      dropSameCountryCode: fc.boolean(),
      dropSameAreaCode: fc.boolean(),
      removeCharacters: fc.constantFrom('() ', '-'),
    },
    { requiredKeys: [] },
  ),
);
const callerIds = seldom(
  [{ trunk: 'carrier-a', callerId: '14155550120', displayName: 'Acme "A"' }],
  [
    { trunk: 'carrier-b', callerId: '+14155550121' },
    { trunk: 'gateway', callerId: '14155550151' },
  ],
);
const limits = rarely(
  {},
  { callsPerMinute: 3 },
  { concurrentCalls: 1 },
  { concurrentCalls: 0 },
  { dailyMinutes: 0 },
  { barred: { prefixes: ['1900'] } },
  { allowed: { classes: ['domestic'] } },
  { barred: { countries: ['44'] } },
);

const tenant = fc.record({
  outboundCallerId: maybe(fc.constantFrom('+1 (415) 555-0100', '14155550101', '19995550000')),
  outboundCallerIds: callerIds,
  stopOutbound: rarely(false, true),
  limits,
  numberProcessing: maybe(numberProcessing),
  headers: fc.constantFrom(
    {},
    { relay: { trunk: ['X-Order', 'Subject', 'Organization'] }, add: [{ name: 'X-Tenant', value: 'acme' }] },
    {
      relay: { user: ['X-Order'], all: ['Subject', 'Call-Info'] },
      add: [
        { name: 'X-Trunk-Only', value: 'a b', on: 'trunk' },
        { name: 'X-User-Only', value: '1', on: 'user' },
      ],
    },
  ),
  emergencyNumbers: seldom(['112', '911', '999'], []),
  dialCodes: seldom({ blockCallerId: '#31#', anonymous: null }, { enabled: false }),
  emergency: fc.constantFrom(
    {},
    {},
    { callbackNumber: '14155550105' },
    { routes: [{ trunk: 'carrier-b' }, { trunk: 'gateway' }], callbackNumber: '+1 415 555 0106' },
    {
      routes: [
        { trunk: 'carrier-a', prepend: '0' },
        { trunk: 'carrier-a', outboundCallerId: '14155550108' },
      ],
    },
  ),
  forward102: forward,
  bobHasTwoPhones: fc.boolean(),
  bobEnabled: rarely(true, false),
  alice: fc.record({ outboundCallerIds: callerIds, limits: fc.constantFrom({}, {}, { callsPerMinute: 2 }) }),
  group: fc.constantFrom(
    { dids: ['14155550130'] },
    { outboundCallerId: '14155550131' },
    { outboundCallerIds: [{ trunk: 'carrier-a', callerId: '14155550132' }] },
  ),
  overflow: fc.constantFrom('+1 800 555-0114', '+1 800 555-0114', '102', '999', undefined),
  queueCallerId: seldom('14155550133'),
  strategy: fc.constantFrom('in-order', 'simultaneous'),
  anonymousCalls: fc.boolean(),
  rejectAnonymousCallers: fc.constantFrom(false, false, true),
  routing: fc.constantFrom('prioritized', 'prioritized', 'prioritized', 'random'),
  routes,
  rule,
  inbound,
  advertise: seldom({ publicHost: '198.51.100.77', privateHost: '10.0.0.7' }, { publicHost: 'sip.example.org' }),
});

const fields = {
  name: fc.constantFrom('', '"Alice \\"A\\"" ', 'Zo\u00c3\u00ab ', '"14155550200" '),
  privacy: fc.constantFrom(undefined, undefined, undefined, 'id', 'none', 'user;critical', 'header', 'id;critical'),
  order: fc.constantFrom(undefined, ['4711', '14155550100']),
  subject: fc.constantFrom(undefined, 'Hello 101', 'call 14155550200'),
  userAgent: seldom('phone/1.0'),
  organization: seldom('Acme'),
  maxForwards: rarely('70', '20', '1', '0', undefined),
  supported: fc.constantFrom(undefined, '100rel', 'timer', 'nothing', 'timer, 100rel, replaces'),
  require: rarely(undefined, 'no-such-thing', '100rel', 'timer'),
  expires: rarely(undefined, '1800', '1800', '30', '120;refresher=uac'),
  minSe: seldom('120'),
  expiresField: seldom('20'),
  diversion: seldom(
    ['<sip:14155550140@acme.example.com>;reason=user-busy'],
    ['<sip:+14155550141@192.0.2.10>;reason=unconditional;privacy=full', '<tel:+14155550102>;reason=no-answer'],
  ),
  historyInfo: seldom(['<sip:14155550102@acme.example.com>;index=1, <sip:103@acme.example.com?Reason=SIP>;index=1.1']),
  partyId: seldom('"Al" <sip:101@acme.example.com>;party=calling;privacy=full', '<sip:14155550104@x>;party=calling'),
  contentType: seldom('application/sdp; charset=x', 'multipart/mixed;boundary=b'),
  // The last ones make requests that are too large for UDP, and ones that are just about so.
  body: fc.constantFrom(SDP, SDP, SDP, '', sdpOf(1_400), sdpOf(500), sdpOf(700)),
  replies: fc.array(
    fc.constantFrom<Reply>(
      'challenge',
      'challenge',
      'redirect',
      'redirect-inside',
      'silence',
      401,
      404,
      408,
      420,
      422,
      480,
      486,
      491,
      503,
      503,
      503,
      600,
    ),
    { maxLength: 6 },
  ),
};

const out = fc.record({
  ...fields,
  dialled: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        '18005550199',
        '+442079460123',
        '1-900-555-1234',
        '+1%20800%20555%200198',
        '0018005550197',
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom('911', '9-1-1', '9911', '112', '*67911', '1%31%32') },
    { weight: 2, arbitrary: fc.constantFrom('102', '103', '999', '600', '610', '620', '1%302') },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '*6718005550199',
        '*67102',
        '*5218005550199',
        '*6518005550199',
        '*62+18005550199',
        '%23316718005550199',
        '%2331%2318005550199',
        '*67',
        '*67*6718005550199',
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom('*31', '*32', '*76', '*77', '*6414155550107', '*6419995550000') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'alice',
        '1'.repeat(40),
        '',
        'tel:+1-800-555-0196',
        'tel:0501;phone-context=+1800555',
        'tel:911',
        'urn:service:sos',
        'sip:18005550199@203.0.113.77;user=phone',
        'sip:18005550199;phone-context=acme.example.com@acme.example.com;user=phone',
      ),
    },
  ),
  cli: fc.constantFrom(
    undefined,
    undefined,
    undefined,
    'rewrite-from=14155550102',
    'rewrite-pai="+1 415 555 0103"; rewrite-rpi=7',
    'rewrite-from=14155550200',
    'Rewrite-From=14155550112; trunk-id=100000001',
    'rewrite-from=14155550113;trunk-name=carrier-b',
    ['rewrite-from=14155550114; trunk-name=carrier-a', 'rewrite-from=14155550115;rewrite-pai=14155550116'],
    'nonsense;;=',
  ),
  identity: fc.constantFrom(
    undefined,
    undefined,
    '<sip:+1-415-555-0104@acme.example.com>',
    '<sip:101@acme.example.com>',
    '"B" <sip:14155550200@acme.example.com>',
    '<tel:+14155550117>',
  ),
  asserted: seldom('<sip:14155550118@acme.example.com>'),
  isAnonymous: fc.constantFrom(false, false, false, false, true),
});

const into = fc.record({
  ...fields,
  did: fc.constantFrom(
    '14155550100',
    '14155550100',
    '+14155550102',
    '(415)%20555-0103',
    '0014155550104',
    '4155550105',
    '14155550107',
    '14155550142',
    '14155550200',
    '19995550000',
  ),
  /** What To says, where that is another number. */
  to: seldom('14155550102', '+14155550104', 'main'),
  caller: fc.constantFrom(
    '+442079460001',
    '0044%202079%20460002',
    '4155550001',
    '2079460003',
    'anonymous',
    '14155550108',
    '102',
    '',
  ),
  asserted: fc.constantFrom(undefined, '"Zoe" <sip:+442079460009@192.0.2.10>', '<tel:+44-2079-460010>'),
  calledParty: seldom('<sip:14155550105@192.0.2.10>'),
  identity: fc.constantFrom(
    undefined,
    [identityOf('442079460001', '14155550100')],
    [identityOf('442079460009', '14155550102')],
    [identityOf('442079460001', '18005550115'), identityOf('442079460001', '14155550103')],
  ),
});

const setting = {
  certificates: fc.subarray(SIGNERS),
  isVerified: fc.boolean(),
  tenant,
  a: trunk,
  b: trunk,
  gateway: options,
  carriersTakeTcp: fc.boolean(),
  seed: fc.nat(),
};
const chosenOf = (calls: number) =>
  fc.record({
    ...setting,
    calls: fc.array(fc.oneof({ weight: 3, arbitrary: out }, { weight: 1, arbitrary: into }), {
      minLength: calls,
      maxLength: calls,
    }),
  });

type ValueOf<A> = A extends fc.Arbitrary<infer T> ? T : never;
/** A configuration, and the calls that are placed under it. */
export type Chosen = ValueOf<ReturnType<typeof chosenOf>>;
type CallOut = ValueOf<typeof out>;
type CallIn = ValueOf<typeof into>;

export const chosen: (calls: number) => fc.Arbitrary<Chosen> = chosenOf;

function sdpOf(octets: number): string {
  return `${SDP}a=x-pad:${'p'.repeat(octets)}\r\n`;
}

export function worldOf({ tenant: of, a, b, gateway, certificates, isVerified, seed }: Chosen): WorldOptions {
  const { forward102, anonymousCalls, rejectAnonymousCallers, routing, routes: world, ...rest } = of;
  const {
    bobEnabled,
    bobHasTwoPhones: _two,
    alice,
    group,
    overflow,
    queueCallerId,
    strategy,
    rule: third,
    ...more
  } = rest;
  const { inbound: first, advertise, ...acme } = more;
  const dids = (did: string, destination: object) => ({ name: did, trunk: 'carrier-a', dids: did, destination });
  return {
    settings: {
      listen: [
        { transport: 'udp', host: ENGINE, port: 5060 },
        { transport: 'tcp', host: ENGINE, port: 5060 },
        { transport: 'tls', host: ENGINE, port: 5061, certificate: import.meta.filename, key: import.meta.filename },
      ],
      ...(advertise !== undefined && { advertise }),
      // Without a draw of its own: the other draws of a seed stay what they were.
      continuity: { contactToken: seed % 2 === 1 },
    },
    acme: {
      ...defined(acme),
      extensions: [
        {
          number: '101',
          name: 'Alice',
          password: PASSWORD,
          anonymousCalls,
          outboundCallerId: '14155550107',
          ...defined(alice),
        },
        {
          number: '102',
          name: 'Bob',
          password: PASSWORD,
          forward: forward102,
          rejectAnonymousCallers,
          enabled: bobEnabled,
        },
        { number: '103', name: 'Carol', password: PASSWORD, forward: { notRegistered: '18005550113' } },
      ],
      groups: [{ name: 'sales', members: ['101'], ...group }],
      services: [
        {
          kind: 'queue',
          number: '600',
          name: 'Desk',
          ...defined({ overflow, outboundCallerId: queueCallerId }),
        },
        { kind: 'ring-group', number: '610', name: 'All', members: ['102', '101'], strategy, ringSeconds: 5 },
        { kind: 'meeting', number: '620', name: 'Room', enabled: false },
      ],
      outboundRules: [
        { name: 'access', priority: 1, match: { prefixes: ['99'] }, routes: [{ trunk: 'carrier-a', strip: 1 }] },
        { name: 'chosen', priority: 2, ...defined(third), routing, routes: world },
        { name: 'world', routing, routes: world },
      ],
      inboundRules: [
        { ...dids('14155550100', { extension: '101' }), ...defined(first) },
        { ...dids('14155550102', { extension: '102' }), callers: '44**********' },
        { ...dids('14155550102', { extension: '102' }), name: 'anybody' },
        dids('14155550103', { number: '18005550115' }),
        dids('14155550104', { service: '600' }),
        dids('14155550105', { extension: '103' }),
        dids('14155550107', { service: '610' }),
        dids('14155550141-14155550143', { extensions: '101-103' }),
      ],
    },
    certificates,
    trunks: {
      'carrier-a': {
        ...trunkOf(a, CARRIER_A),
        tenants: [
          { tenant: 'acme', didPool: '14155550100-14155550199', verified: isVerified },
          { tenant: 'globex', didPool: '14155550200-14155550299' },
        ],
      },
      'carrier-b': trunkOf(b, CARRIER_B),
      gateway: { options: gateway },
    },
  } as unknown as WorldOptions;
}

function trunkOf({ proxy, ...trunk }: Chosen['a'], host: string) {
  return {
    ...defined(trunk),
    ...(proxy !== undefined && trunk.transport !== 'tls' && { outboundProxy: { host, ...proxy } }),
  };
}

/** The INVITE of a phone. */
export function callOut({ alice, world }: ExplainedWorld, asked: CallOut): SipRequest {
  const from = asked.isAnonymous ? '"Anonymous" <sip:anonymous@anonymous.invalid>' : `${asked.name}${alice.address}`;
  const fromPhone = {
    ...fieldsOf(asked),
    From: `${from};tag=c${world.next()}`,
    'X-Outbound-Cli': asked.cli,
    'P-Preferred-Identity': asked.identity,
    'P-Asserted-Identity': asked.asserted,
  };
  const isUri = /^(sip|tel|urn):/.test(asked.dialled);
  const request = alice.invite(isUri ? '9' : asked.dialled, fromPhone, asked.body);
  if (!isUri) return request;
  const uri = asked.dialled;
  return alice.request('INVITE', uri, { ...fromPhone, To: `<${uri}>`, Contact: `<sip:101@${alice.host}>` }, asked.body);
}

/** The INVITE of the first carrier. */
export function callIn({ peers, world }: ExplainedWorld, asked: CallIn): SipRequest {
  const [carrier] = peers;
  if (carrier === undefined) throw new Error('there is no carrier');
  const user = asked.caller === '' ? '' : `${asked.caller}@`;
  const fromCarrier = {
    ...fieldsOf(asked),
    From: `${asked.name}<sip:${user}${carrier.host}>;tag=i${world.next()}`,
    To: `<sip:${asked.to ?? asked.did}@${ENGINE}>`,
    'P-Asserted-Identity': asked.asserted,
    'P-Called-Party-ID': asked.calledParty,
    Identity: asked.identity,
  };
  return carrier.request('INVITE', `sip:${asked.did}@${ENGINE}`, fromCarrier, asked.body);
}

function fieldsOf(asked: Pick<CallOut, keyof typeof fields>) {
  return {
    Privacy: asked.privacy,
    'X-Order': asked.order,
    Subject: asked.subject,
    'User-Agent': asked.userAgent,
    Organization: asked.organization,
    'Max-Forwards': asked.maxForwards,
    Supported: asked.supported,
    Require: asked.require,
    'Session-Expires': asked.expires,
    'Min-SE': asked.minSe,
    Expires: asked.expiresField,
    Diversion: asked.diversion,
    'History-Info': asked.historyInfo,
    'Remote-Party-ID': asked.partyId,
    ...(asked.body !== '' && asked.contentType !== undefined && { 'Content-Type': asked.contentType }),
  };
}

function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
