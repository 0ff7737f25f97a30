/** Random configurations and calls for the differential test of `explain`. */
import fc from 'fast-check';
import type { SipRequest } from '../../src/sip/message/index.ts';
import type { ExplainedWorld, Reply } from './explained-world.ts';
import { CARRIER_PASSWORD, ENGINE, PASSWORD, SDP, type WorldOptions } from './world.ts';

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const user = fc.constantFrom('CalledNum', 'CallerNum', 'OutboundCallerId', 'OriginatorCallerID', 'Anonymous');
const mapping = fc.record(
  {
    when: fc.constantFrom('anonymous', 'not-anonymous', 'forwarded'),
    user,
    host: fc.constantFrom('TrunkHostPort', 'SipDomain', 'ContactUri'),
  },
  { requiredKeys: [] },
);

const options = fc.record(
  {
    removePlus: fc.boolean(),
    telUriRequestLine: fc.boolean(),
    telUriTo: fc.boolean(),
    internalHeaders: fc.boolean(),
    trusted: fc.boolean(),
    diversion: fc.constantFrom('none', 'diversion', 'history-info', 'both'),
    callerIdOutsidePool: fc.constantFrom('pass', 'reject'),
    redirects: fc.constantFrom('follow', 'reject'),
    largeRequests: fc.constantFrom('tcp', 'udp'),
    rewriteViaHost: fc.boolean(),
    usePrivateIp: fc.boolean(),
    numberMayShow: fc.boolean(),
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
        from: mapping,
        to: mapping,
        pAssertedIdentity: mapping,
        remotePartyIdCalling: mapping,
        remotePartyIdCalled: mapping,
        pPreferredIdentity: mapping,
        privacy: fc.subarray(['id', 'user', 'header']),
        removeHeaders: fc.subarray(['P-Asserted-Identity', 'P-Preferred-Identity']),
      },
      { requiredKeys: [] },
    ),
    inboundParameters: fc.constantFrom(
      {},
      { calledNumber: 'requestUri.user', callerNumber: ['pAssertedIdentity.user', 'from.user'] },
      {
        normalize: {
          calledNumber: { replacePrefix: [{ from: '00', to: '+' }] },
          callerNumber: { strip: 1, prepend: '00' },
        },
      },
    ),
    numberFormat: fc.constantFrom(undefined, undefined, 'e164', 'national 1'),
    addHeaders: fc.constantFrom([], [{ name: 'X-Site', value: 'hq 101' }]),
    limits: fc.constantFrom({}, {}, {}, { concurrentCalls: 0 }, { concurrentCalls: 1 }),
  })
  .map(({ transport, hasCredentials, options: switches, ...rest }) => ({
    ...rest,
    transport,
    port: transport === 'tls' ? 5061 : 5060,
    ...(hasCredentials
      ? {
          type: 'register',
          credentials: { authName: 'acme', password: CARRIER_PASSWORD },
          options: { ...switches, registration: 'off' },
        }
      : { options: switches }),
  }));

const forward = fc.constantFrom(
  {},
  { always: '1-800 5550111' },
  { always: '101' },
  { noAnswer: '18005550112' },
  { notRegistered: '18005550112' },
);
const routes = fc.constantFrom(
  [{ trunk: 'carrier-a' }, { trunk: 'carrier-b', prepend: '00' }],
  [{ trunk: 'carrier-b' }, { trunk: 'carrier-a', strip: 1 }, { trunk: 'carrier-b', prepend: '+' }],
  [{ trunk: 'gateway' }, { trunk: 'carrier-a', outboundCallerId: '14155550109' }],
  [{ trunk: 'carrier-a' }, { trunk: 'gateway', prepend: '0' }],
);

const tenant = fc.record({
  outboundCallerId: maybe(fc.constantFrom('+1 (415) 555-0100', '14155550101', '19995550000')),
  stopOutbound: fc.constantFrom(false, false, false, true),
  limits: fc.constantFrom({}, {}, { callsPerMinute: 3 }, { barred: { prefixes: ['1900'] } }),
  numberProcessing: maybe(fc.constantFrom({ countryCode: '1' }, { countryCode: '44', prefix: '9' })),
  headers: fc.constantFrom(
    {},
    { relay: { trunk: ['X-Order', 'Subject'] }, add: [{ name: 'X-Tenant', value: 'acme' }] },
    {
      relay: { user: ['X-Order'], all: ['Subject'] },
      add: [
        { name: 'X-Trunk-Only', value: 'a b', on: 'trunk' },
        { name: 'X-User-Only', value: '1', on: 'user' },
      ],
    },
  ),
  emergency: fc.constantFrom(
    {},
    {},
    { callbackNumber: '14155550105' },
    { routes: [{ trunk: 'carrier-b' }, { trunk: 'gateway' }], callbackNumber: '+1 415 555 0106' },
  ),
  forward102: forward,
  anonymousCalls: fc.boolean(),
  rejectAnonymousCallers: fc.boolean(),
  routing: fc.constantFrom('prioritized', 'prioritized', 'random'),
  routes,
});

const fields = {
  name: fc.constantFrom('', '"Alice \\"A\\"" ', 'Zo\u00c3\u00ab '),
  privacy: fc.constantFrom(undefined, undefined, 'id', 'none', 'user;critical', 'header'),
  order: fc.constantFrom(undefined, ['4711', '14155550100']),
  subject: fc.constantFrom(undefined, 'Hello 101'),
  maxForwards: fc.constantFrom('70', '70', '20', '1', '0'),
  supported: fc.constantFrom(undefined, '100rel', 'timer', 'nothing'),
  require: fc.constantFrom(undefined, undefined, undefined, 'no-such-thing'),
  expires: fc.constantFrom(undefined, undefined, '1800', '30'),
  // The last ones make requests that are too large for UDP, and ones that are just about so.
  body: fc.constantFrom(SDP, SDP, '', sdpOf(1_400), sdpOf(500), sdpOf(700)),
  replies: fc.array(
    fc.constantFrom<Reply>('challenge', 'challenge', 'redirect', 'silence', 404, 408, 480, 486, 503, 503, 503),
    { maxLength: 5 },
  ),
};

const out = fc.record({
  ...fields,
  dialled: fc.constantFrom(
    '18005550199',
    '+442079460123',
    '1-900-555-1234',
    '911',
    '9-1-1',
    '9911',
    '112',
    '102',
    '103',
    '999',
    '600',
    '610',
    '*6718005550199',
    '*67102',
    '*5218005550199',
    '*62+18005550199',
    '*31',
    '*32',
    'alice',
    '1'.repeat(40),
  ),
  cli: fc.constantFrom(
    undefined,
    undefined,
    'rewrite-from=14155550102',
    'rewrite-pai="+1 415 555 0103"; rewrite-rpi=7',
  ),
  identity: fc.constantFrom(undefined, '<sip:+1-415-555-0104@acme.example.com>', '<sip:101@acme.example.com>'),
});

const into = fc.record({
  ...fields,
  did: fc.constantFrom(
    '14155550100',
    '+14155550102',
    '(415)%20555-0103',
    '0014155550104',
    '4155550105',
    '14155550107',
    '19995550000',
  ),
  caller: fc.constantFrom('+442079460001', '0044%202079%20460002', '4155550001', 'anonymous', '14155550108', ''),
  asserted: fc.constantFrom(undefined, '"Zoe" <sip:+442079460009@192.0.2.10>', '<tel:+44-2079-460010>'),
});

const setting = { tenant, a: trunk, b: trunk, gateway: options, carriersTakeTcp: fc.boolean() };
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

export function worldOf({ tenant: of, a, b, gateway }: Chosen): WorldOptions {
  const { forward102, anonymousCalls, rejectAnonymousCallers, routing, routes: world, ...acme } = of;
  const dids = (did: string, destination: object) => ({ name: did, trunk: 'carrier-a', dids: did, destination });
  return {
    settings: {
      listen: [
        { transport: 'udp', host: ENGINE, port: 5060 },
        { transport: 'tcp', host: ENGINE, port: 5060 },
        { transport: 'tls', host: ENGINE, port: 5061, certificate: import.meta.filename, key: import.meta.filename },
      ],
    },
    acme: {
      ...acme,
      extensions: [
        { number: '101', name: 'Alice', password: PASSWORD, anonymousCalls, outboundCallerId: '14155550107' },
        { number: '102', name: 'Bob', password: PASSWORD, forward: forward102, rejectAnonymousCallers },
        { number: '103', name: 'Carol', password: PASSWORD, forward: { notRegistered: '18005550113' } },
      ],
      services: [
        { kind: 'queue', number: '600', name: 'Desk', overflow: '+1 800 555-0114' },
        {
          kind: 'ring-group',
          number: '610',
          name: 'All',
          members: ['102', '101'],
          strategy: 'in-order',
          ringSeconds: 5,
        },
      ],
      outboundRules: [
        { name: 'access', priority: 1, match: { prefixes: ['99'] }, routes: [{ trunk: 'carrier-a', strip: 1 }] },
        { name: 'world', routing, routes: world },
      ],
      inboundRules: [
        dids('14155550100', { extension: '101' }),
        dids('14155550102', { extension: '102' }),
        dids('14155550103', { number: '18005550115' }),
        dids('14155550104', { service: '600' }),
        dids('14155550105', { extension: '103' }),
        dids('14155550107', { service: '610' }),
      ],
    },
    trunks: { 'carrier-a': a, 'carrier-b': b, gateway: { options: gateway } },
  } as unknown as WorldOptions;
}

function fieldsOf(asked: Omit<CallOut, 'dialled' | 'cli' | 'identity'>) {
  return {
    Privacy: asked.privacy,
    'X-Order': asked.order,
    Subject: asked.subject,
    'Max-Forwards': asked.maxForwards,
    Supported: asked.supported,
    Require: asked.require,
    'Session-Expires': asked.expires,
  };
}

/** The INVITE of a phone. */
export function callOut({ alice, world }: ExplainedWorld, asked: CallOut): SipRequest {
  const fromPhone = {
    ...fieldsOf(asked),
    From: `${asked.name}${alice.address};tag=c${world.next()}`,
    'X-Outbound-Cli': asked.cli,
    'P-Preferred-Identity': asked.identity,
  };
  return alice.invite(asked.dialled, fromPhone, asked.body);
}

/** The INVITE of the first carrier. */
export function callIn({ peers, world }: ExplainedWorld, asked: CallIn): SipRequest {
  const [carrier] = peers;
  if (carrier === undefined) throw new Error('there is no carrier');
  const user = asked.caller === '' ? '' : `${asked.caller}@`;
  const fromCarrier = {
    ...fieldsOf(asked),
    From: `${asked.name}<sip:${user}${carrier.host}>;tag=i${world.next()}`,
    'P-Asserted-Identity': asked.asserted,
  };
  return carrier.request('INVITE', `sip:${asked.did}@${ENGINE}`, fromCarrier, asked.body);
}
