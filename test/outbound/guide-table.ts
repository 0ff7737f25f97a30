import type { Forwarding } from '../../src/outbound/index.ts';
import { type CallOptions, type TenantInput, type TrunkInput, tenantWith, trunkWith } from './world.ts';

/**
 * The outbound guide as data: one row per field x variable x trunk type, and one per row of its prose. A row says how the system is
 * provisioned, what is dialled by whom, and what stands in the INVITE; it says nothing of how that is found out, so that the same
 * rows serve the pipeline here and a carrier on the wire.
 */
export interface GuideRow {
  readonly name: string;
  readonly call: CallOptions;
  /** `Request-Line`, or a header field: its only value; a list: all its values; null: not sent. Tags are left out of From. */
  readonly expect: Readonly<Record<string, string | readonly string[] | null>>;
  /** The call is refused with this status in place of an INVITE. */
  readonly refusedWith?: number;
}

export const TRUNK_KINDS = ['ip', 'register', 'accept-register'] as const;
type TrunkKind = (typeof TRUNK_KINDS)[number];

const COMPANY = '14155550100';
const OWN = '14155550101';

/** A tenant whose extension has a caller ID of its own, and a trunk of each type whose host parts all differ. */
const tenant: TenantInput = tenantWith({
  outboundCallerId: COMPANY,
  extensions: [{ number: '101', name: 'Alice', outboundCallerId: OWN }],
});

function trunkOf(kind: TrunkKind, outboundParameters: NonNullable<TrunkInput['outboundParameters']>): TrunkInput {
  return trunkWith({
    type: kind,
    outboundProxy: { host: 'proxy.twillio.com', port: 5070 },
    ...(kind !== 'ip' && { credentials: { authName: 'auth-7', password: 'x' } }),
    outboundParameters,
  });
}

interface Field {
  readonly name: string;
  readonly header: string;
  readonly params: string;
  readonly hasName: boolean;
  /** What the user and host parts say by default. */
  readonly user: string;
  readonly host: string;
  readonly displayName: string;
}

const TRUNK_HOST = 'pstn.twillio.com:5060';
const CONTACT = '192.168.0.11:5060';
const DOMAIN = 'sip.portsip.io';
const CALLED = '88888888';

const field = (name: string, header: string, user: string, host: string, more: Partial<Field> = {}): Field => ({
  name,
  header,
  params: '',
  hasName: true,
  displayName: '',
  user,
  host,
  ...more,
});

export const FIELDS: readonly Field[] = [
  field('requestUri', 'Request-Line', CALLED, TRUNK_HOST, { hasName: false }),
  field('contact', 'Contact', '101', CONTACT, { hasName: false }),
  field('to', 'To', CALLED, TRUNK_HOST),
  field('from', 'From', OWN, DOMAIN, { displayName: 'Alice' }),
  field('remotePartyIdCalled', 'Remote-Party-ID', CALLED, TRUNK_HOST, {
    params: ';party=called;privacy=off;screen=yes',
  }),
  field('remotePartyIdCalling', 'Remote-Party-ID', OWN, DOMAIN, { params: ';party=calling;privacy=off;screen=yes' }),
  field('pAssertedIdentity', 'P-Asserted-Identity', OWN, DOMAIN),
  field('pPreferredIdentity', 'P-Preferred-Identity', OWN, DOMAIN),
  field('pCalledPartyId', 'P-Called-Party-ID', CALLED, TRUNK_HOST),
];

/** What each variable says on this call; '' makes the field fall to its default (behaviour 5). */
const USER_VALUES = (kind: TrunkKind): Readonly<Record<string, string>> => ({
  AuthID: kind === 'ip' ? '' : 'auth-7',
  CalledNum: CALLED,
  CallerNum: '101',
  CallerDispName: 'Desk',
  OriginatorCallerID: '101',
  OutboundCallerId: OWN,
  OutboundCallerIdAndOriginatorCallerID: OWN,
  Anonymous: '',
});
const HOST_VALUES: Readonly<Record<string, string>> = {
  TrunkHostPort: TRUNK_HOST,
  OutHostPort: 'proxy.twillio.com:5070',
  ContactUri: CONTACT,
  SipDomain: DOMAIN,
};

function write({ header, params }: Field, displayName: string, user: string, host: string): string {
  if (header === 'Request-Line') return `INVITE sip:${user}@${host} SIP/2.0`;
  const uri = `<sip:${user}@${host}${header === 'Contact' ? ';ob' : ''}>`;
  return (displayName === '' ? uri : `"${displayName}" ${uri}`) + params;
}

function mappedRow(
  kind: TrunkKind,
  target: Field,
  part: 'user' | 'host' | 'displayName',
  source: string | { custom: string },
  expected: { displayName?: string; user?: string; host?: string },
): GuideRow {
  const text = typeof source === 'string' ? source : `custom "${source.custom}"`;
  const displayName = expected.displayName ?? (target.displayName === '' ? '' : 'Desk');
  const params = { [target.name]: { [part]: source } } as NonNullable<TrunkInput['outboundParameters']>;
  return {
    name: `${kind} trunk: ${target.name}.${part} = ${text}`,
    call: { tenants: [tenant], trunks: [trunkOf(kind, params)], from: '"Desk" <sip:101@sip.portsip.io>' },
    expect: { [target.header]: write(target, displayName, expected.user ?? target.user, expected.host ?? target.host) },
  };
}

/** Every field x variable x trunk type that the guide allows, and a custom value for each part. */
export function variableRows(): GuideRow[] {
  const rows: GuideRow[] = [];
  for (const kind of TRUNK_KINDS) {
    for (const target of FIELDS) {
      for (const [variable, value] of Object.entries(USER_VALUES(kind))) {
        rows.push(mappedRow(kind, target, 'user', variable, value === '' ? {} : { user: value }));
        if (!target.hasName) continue;
        rows.push(mappedRow(kind, target, 'displayName', variable, value === '' ? {} : { displayName: value }));
      }
      for (const [variable, host] of Object.entries(HOST_VALUES))
        rows.push(mappedRow(kind, target, 'host', variable, { host }));
      rows.push(mappedRow(kind, target, 'user', { custom: 'a%20b' }, { user: 'a%20b' }));
      rows.push(mappedRow(kind, target, 'host', { custom: '[2001:db8::1]:5066' }, { host: '[2001:db8::1]:5066' }));
      if (target.hasName)
        rows.push(mappedRow(kind, target, 'displayName', { custom: 'Front Desk' }, { displayName: 'Front Desk' }));
    }
  }
  return rows;
}

const full = (changes: Partial<TenantInput> = {}): TenantInput =>
  tenantWith({
    outboundCallerId: '14155550105',
    extensions: [{ number: '101', name: 'Alice', outboundCallerId: '14155550102' }],
    groups: [{ name: 'sales', members: ['101'], outboundCallerId: '14155550104' }],
    outboundRules: [
      {
        name: 'world',
        match: { groups: ['sales'] },
        outboundCallerId: '14155550103',
        routes: [{ trunk: 'CallCentric' }],
      },
    ],
    ...changes,
  });
const noOwn = { extensions: [{ number: '101', name: 'Alice' }] };
const fromOf = (user: string): string => `"Alice" <sip:${user}@sip.portsip.io>`;
const call = (tenantRow: TenantInput, more: CallOptions = {}): CallOptions => ({ tenants: [tenantRow], ...more });
const ruleWithout = (match: object) => [{ name: 'world', match, routes: [{ trunk: 'CallCentric' }] }];

/** "Outbound Caller ID Priority" and "Outbound Caller ID for PBX Services". */
/** Another trunk of the tenant, with a pool of its own. */
const OTHER_TRUNK = trunkWith({
  id: '7',
  name: 'Other',
  host: 'pstn.other.example',
  tenants: [{ tenant: 'acme', didPool: '4930123' }],
});

export const PRIORITY_ROWS: readonly GuideRow[] = [
  {
    name: '1: the caller ID that the app specifies comes first',
    call: call(full(), { headers: ['P-Preferred-Identity: <sip:14155550101@sip.portsip.io>'] }),
    expect: { From: fromOf('14155550101'), 'P-Preferred-Identity': null },
  },
  ...[
    ['of several the first in the pool', '<sip:Alice@sip.portsip.io>, <tel:+1-415-555-0101>', '+14155550101'],
    ['the own number of the phone is no wish', '<sip:101@sip.portsip.io>, <tel:14155550101>', '14155550101'],
    ['a number as somebody typed it', '14155550101', '14155550101'],
    ['a local number with its context', '<tel:4155550101;phone-context=+1>', '+14155550101'],
  ].map(([what, value, shown = '']) => ({
    name: `1: the caller ID that the app specifies: ${what}`,
    call: call(full(), { headers: [`P-Preferred-Identity: ${value}`] }),
    expect: { From: fromOf(shown), 'P-Preferred-Identity': null },
  })),
  { name: "2: then the extension's", call: call(full()), expect: { From: fromOf('14155550102') } },
  { name: "3: then the outbound rule's", call: call(full(noOwn)), expect: { From: fromOf('14155550103') } },
  {
    name: "4: then the user group's, when the rule matched by group",
    call: call(full({ ...noOwn, outboundRules: ruleWithout({ groups: ['sales'] }) })),
    expect: { From: fromOf('14155550104') },
  },
  {
    name: '4: but not when the rule did not match by group',
    call: call(full({ ...noOwn, outboundRules: ruleWithout({}) })),
    expect: { From: fromOf('14155550105') },
  },
  {
    name: "5: then the company's",
    call: call(
      full({
        ...noOwn,
        groups: [{ name: 'sales', members: ['101'] }],
        outboundRules: ruleWithout({ groups: ['sales'] }),
      }),
    ),
    expect: { From: fromOf('14155550105') },
  },
  {
    name: '4: a group with DIDs and no caller ID shows its first DID',
    call: call(
      full({
        ...noOwn,
        groups: [{ name: 'sales', members: ['101'], dids: ['14155550120', '14155550121'] }],
        outboundRules: ruleWithout({ groups: ['sales'] }),
      }),
    ),
    expect: { From: fromOf('14155550120') },
  },
  {
    name: "4: a DID of the group that is outside this trunk's pool is none of its DIDs here",
    call: call(
      full({
        ...noOwn,
        groups: [{ name: 'sales', members: ['101'], dids: ['4930123', '14155550121'] }],
        outboundRules: ruleWithout({ groups: ['sales'] }),
      }),
      {
        trunks: [trunkWith({}), OTHER_TRUNK],
      },
    ),
    expect: { From: fromOf('14155550121') },
  },
  {
    name: "none left: the extension's number",
    call: call(tenantWith({})),
    expect: { From: fromOf('101') },
  },
  {
    name: 'a candidate outside the DID pool is passed over',
    call: call(full({ extensions: [{ number: '101', name: 'Alice', outboundCallerId: '4930123' }] }), {
      trunks: [trunkWith({}), OTHER_TRUNK],
    }),
    expect: { From: fromOf('14155550103') },
  },
  ...(['+', '00', '0', '+00'] as const).map((prefix) => ({
    name: `a caller ID may begin with ${prefix}; it is sent as entered`,
    call: call(full({ extensions: [{ number: '101', name: 'Alice', outboundCallerId: `${prefix}14155550102` }] })),
    expect: { From: fromOf(`${prefix}14155550102`) },
  })),
  ...(['ring-group', 'queue', 'virtual-receptionist', 'meeting'] as const).flatMap((kind): GuideRow[] => {
    const service = (outboundCallerId?: string) => ({
      kind,
      number: '600',
      name: 'Desk',
      ...(kind === 'ring-group' && { members: ['101'] }),
      ...(outboundCallerId !== undefined && { outboundCallerId }),
    });
    const services = (outboundCallerId?: string) => [service(outboundCallerId)] as NonNullable<TenantInput['services']>;
    const rules = { outboundRules: ruleWithout({}) };
    return [
      {
        name: `a ${kind} calls with its own caller ID`,
        call: call(full({ ...rules, services: services('14155550130') }), { caller: '600' }),
        expect: { From: '"Desk" <sip:14155550130@sip.portsip.io>' },
      },
      {
        name: `a ${kind} without one calls with the company's`,
        call: call(full({ ...rules, services: services() }), { caller: '600' }),
        expect: { From: '"Desk" <sip:14155550105@sip.portsip.io>' },
      },
    ];
  }),
];

const cli = (...headers: string[]): CallOptions =>
  call(full(), { headers: headers.map((value) => `X-Outbound-Cli: ${value}`) });
const PAI = (user: string): string => `<sip:${user}@sip.portsip.io>`;
const RPI = (user: string): string => `<sip:${user}@sip.portsip.io>;party=calling;privacy=off;screen=yes`;
const UNTOUCHED = { From: fromOf('14155550102'), 'P-Asserted-Identity': null, 'Remote-Party-ID': null };

/** "Bypassing the Outbound Caller ID Settings": the guide's own examples first. */
export const OUTBOUND_CLI_ROWS: readonly GuideRow[] = [
  { name: 'rewrite-from=123', call: cli('rewrite-from=123'), expect: { ...UNTOUCHED, From: fromOf('123') } },
  {
    name: 'rewrite-pai=456',
    call: cli('rewrite-pai=456'),
    expect: { ...UNTOUCHED, 'P-Asserted-Identity': PAI('456') },
  },
  { name: 'rewrite-rpi=789', call: cli('rewrite-rpi=789'), expect: { ...UNTOUCHED, 'Remote-Party-ID': RPI('789') } },
  {
    name: 'rewrite-from=123; trunk-id of this trunk',
    call: cli('rewrite-from=123; trunk-id=235468356'),
    expect: { ...UNTOUCHED, From: fromOf('123') },
  },
  {
    name: 'all three directives and the trunk-id',
    call: cli('rewrite-from=123; rewrite-rpi=789; rewrite-pai=456; trunk-id=235468356'),
    expect: { From: fromOf('123'), 'P-Asserted-Identity': PAI('456'), 'Remote-Party-ID': RPI('789') },
  },
  { name: 'another trunk-id', call: cli('rewrite-from=123; trunk-id=999'), expect: UNTOUCHED },
  {
    name: 'trunk-name of v16',
    call: cli('rewrite-from=123; trunk-name=CallCentric'),
    expect: { ...UNTOUCHED, From: fromOf('123') },
  },
  ...[
    ['rewrite-from=456', 'rewrite-from=123; trunk-id=235468356'],
    ['rewrite-from=123; trunk-name=CallCentric', 'rewrite-from=456'],
  ].map((fields) => ({
    name: `the directive for this trunk beats a general one: ${fields.join(', ')}`,
    call: cli(...fields),
    expect: { ...UNTOUCHED, From: fromOf('123') },
  })),
  {
    name: 'a directive for this trunk that may not be used leaves the general one in force',
    call: cli('rewrite-from=14155559999; trunk-id=235468356', 'rewrite-from=123'),
    expect: { ...UNTOUCHED, From: fromOf('123') },
  },
  { name: 'another trunk-name', call: cli('rewrite-from=123; trunk-name=callcentric'), expect: UNTOUCHED },
  {
    name: 'several header fields',
    call: cli('rewrite-from=123', 'rewrite-pai=456; trunk-id=235468356', 'rewrite-rpi=789; trunk-id=1'),
    expect: { From: fromOf('123'), 'P-Asserted-Identity': PAI('456'), 'Remote-Party-ID': null },
  },
  {
    name: 'names in any case',
    call: cli('Rewrite-FROM = 123 ; TRUNK-ID = 235468356'),
    expect: { ...UNTOUCHED, From: fromOf('123') },
  },
  {
    name: 'a value outside the pool is ignored',
    call: cli('rewrite-from=14155559999; rewrite-pai=456'),
    expect: { ...UNTOUCHED, 'P-Asserted-Identity': PAI('456') },
  },
  {
    name: 'unknown directives are ignored',
    call: cli('rewrite-to=123; __proto__=1; rewrite-from=123'),
    expect: { ...UNTOUCHED, From: fromOf('123') },
  },
  { name: 'the header is never sent on', call: cli('rewrite-from=123'), expect: { 'X-Outbound-Cli': null } },
  {
    name: 'callerIdOutsidePool: reject refuses the call',
    call: { ...cli('rewrite-from=14155559999'), trunks: [trunkWith({ options: { callerIdOutsidePool: 'reject' } })] },
    expect: {},
    refusedWith: 403,
  },
];

const identities = {
  pAssertedIdentity: { user: 'OutboundCallerId' },
  pPreferredIdentity: { user: 'OutboundCallerId' },
  pCalledPartyId: { user: 'CalledNum' },
} as const;
const withParameters = (
  outboundParameters: NonNullable<TrunkInput['outboundParameters']>,
  options: TrunkInput['options'] = {},
) => [trunkWith({ outboundParameters, options })];

/** "Remove SIP Headers on Outbound Messages". */
export const REMOVAL_ROWS: readonly GuideRow[] = (
  [
    ['P-Asserted-Identity', 'pAssertedIdentity'],
    ['P-Preferred-Identity', 'pPreferredIdentity'],
    ['P-Called-Party-ID', 'pCalledPartyId'],
  ] as const
).flatMap(([header, name]): GuideRow[] => [
  {
    name: `removeHeaders: ${header} is not sent though mapped, sent and asked for`,
    call: call(full(), {
      trunks: withParameters({ ...identities, removeHeaders: [header] }),
      headers: [`${header}: <sip:456@sip.portsip.io>`, 'X-Outbound-Cli: rewrite-pai=456'],
    }),
    expect: { [header]: null },
  },
  {
    name: `the custom user "remove" drops ${header}`,
    call: call(full(), { trunks: withParameters({ ...identities, [name]: { user: { custom: 'remove' } } }) }),
    expect: { [header]: null },
  },
  {
    name: `${header} of the endpoint does not pass through unmapped`,
    call: call(full(), { headers: [`${header}: <sip:5@sip.portsip.io>`] }),
    expect: { [header]: null },
  },
]);

const anonymousFrom = '"Anonymous" <sip:anonymous@anonymous.invalid>';
const informational = [
  'Subject: lunch',
  'Call-Info: <http://example.com/101>',
  'Organization: Acme',
  'Reply-To: <sip:101@sip.portsip.io>',
  'In-Reply-To: abc@example.com',
];
const relayAll = {
  headers: { relay: { trunk: ['Subject', 'Call-Info', 'Organization', 'Reply-To', 'In-Reply-To', 'X-Account'] } },
};

/** "Privacy Types Supported". */
export const PRIVACY_ROWS: readonly GuideRow[] = [
  {
    name: 'user: informational headers go and From is anonymous',
    call: call(full(relayAll), {
      trunks: withParameters({ privacy: ['user'] }),
      headers: ['Privacy: user', ...informational],
    }),
    expect: {
      From: anonymousFrom,
      Privacy: 'user',
      Subject: null,
      'Call-Info': null,
      Organization: null,
      'User-Agent': null,
      'Reply-To': null,
      'In-Reply-To': null,
    },
  },
  {
    name: 'the same headers pass on a call that is not anonymous',
    call: call(full(relayAll), { headers: informational }),
    expect: { Subject: 'lunch', Organization: 'Acme', 'User-Agent': 'tandem', Privacy: null },
  },
  {
    name: 'header: Contact still routes here and names nobody',
    call: call(full(relayAll), {
      trunks: withParameters({ privacy: ['header'] }, { numberMayShow: true }),
      headers: ['Privacy: header', 'X-Account: 101'],
    }),
    expect: {
      Contact: '<sip:anonymous@192.168.0.11:5060;ob>',
      Privacy: 'header',
      'X-Account': null,
      'Referred-By': null,
    },
  },
  {
    name: 'id: the asserted identity stays for a trusted trunk',
    call: call(full(), { trunks: withParameters({ ...identities, privacy: ['id'] }), headers: ['Privacy: id'] }),
    expect: { 'P-Asserted-Identity': PAI('14155550102'), Privacy: 'id', 'P-Preferred-Identity': null },
  },
  {
    name: 'id: the asserted identity is kept from a trunk that is not trusted',
    call: call(full(), {
      trunks: withParameters({ ...identities, privacy: ['id'] }, { trusted: false, numberMayShow: true }),
      headers: ['Privacy: id'],
    }),
    expect: { 'P-Asserted-Identity': null, Privacy: 'id' },
  },
  {
    name: 'none is honoured, even against the extension setting',
    call: call(
      full({ extensions: [{ number: '101', name: 'Alice', anonymousCalls: true, outboundCallerId: '14155550102' }] }),
      {
        headers: ['Privacy: none'],
      },
    ),
    expect: { From: fromOf('14155550102'), Privacy: 'none' },
  },
  {
    name: 'critical that the trunk cannot meet is refused',
    call: call(full(), { trunks: withParameters({ privacy: ['user'] }), headers: ['Privacy: id;critical'] }),
    expect: {},
    refusedWith: 500,
  },
  ...['session;critical', 'critical;session', 'unheard-of;critical'].map((privacy) => ({
    name: `critical of what no trunk gives is refused, though the caller is not anonymous: ${privacy}`,
    call: call(full(), { headers: [`Privacy: ${privacy}`] }),
    expect: {},
    refusedWith: 500,
  })),
  {
    name: 'critical of a history that is not sent goes on',
    call: call(full(), { headers: ['Privacy: history;critical'] }),
    expect: { Privacy: null },
  },
  {
    name: 'critical of a history that is sent as it is is refused',
    call: call(full(), {
      trunks: [trunkWith({ options: { diversion: 'both' } })],
      headers: ['Privacy: history;critical'],
    }),
    expect: {},
    refusedWith: 500,
  },
  {
    name: 'critical that the trunk meets goes on',
    call: call(full(), {
      trunks: withParameters({ privacy: ['user', 'header', 'id'] }),
      headers: ['Privacy: id;critical'],
    }),
    expect: { From: anonymousFrom, Privacy: 'user;header;id;critical' },
  },
  {
    name: 'anonymous by the extension setting',
    call: call(full({ extensions: [{ number: '101', anonymousCalls: true }] })),
    expect: { From: anonymousFrom, Privacy: 'user;header;id' },
  },
  {
    name: 'anonymous by an anonymous From',
    call: call(full(), { from: '"Anonymous" <sip:anonymous@anonymous.invalid>' }),
    expect: { From: anonymousFrom, Privacy: 'user;header;id' },
  },
  {
    name: 'anonymous by dial code: OriginatorCallerID and Anonymous say so',
    call: call(full(), {
      trunks: withParameters(
        { from: { displayName: 'Anonymous', user: 'OriginatorCallerID' }, privacy: [] },
        { numberMayShow: true },
      ),
      dialled: '*6788888888',
    }),
    expect: {
      'Request-Line': 'INVITE sip:88888888@pstn.twillio.com:5060 SIP/2.0',
      From: '"anonymous" <sip:anonymous@sip.portsip.io>',
    },
  },
  ...(['*6788888888', '*5288888888'] as const).map((dialled) => ({
    name: `${dialled}: refused where the trunk cannot hide the number, though it may show`,
    call: call(full(), { trunks: withParameters({ privacy: [] }, { numberMayShow: true }), dialled }),
    expect: {},
    refusedWith: 403,
  })),
  {
    name: 'numberMayShow: a call that is anonymous by the extension setting goes out with its number',
    call: call(full({ extensions: [{ number: '101', anonymousCalls: true, outboundCallerId: '14155550102' }] }), {
      trunks: withParameters({ privacy: [] }, { numberMayShow: true }),
    }),
    expect: { From: '"Anonymous" <sip:14155550102@sip.portsip.io>', Privacy: null },
  },
  {
    name: 'host of the anonymous From per trunk',
    call: call(full(), {
      trunks: withParameters({}, { anonymousHost: 'carrier.example' }),
      headers: ['Privacy: user'],
    }),
    expect: { From: '"Anonymous" <sip:anonymous@carrier.example>' },
  },
  {
    name: 'an IPv6 host of the anonymous From is bracketed',
    call: call(full(), {
      trunks: withParameters({}, { anonymousHost: '2001:db8::7' }),
      headers: ['Privacy: user'],
    }),
    expect: { From: '"Anonymous" <sip:anonymous@[2001:db8::7]>' },
  },
  {
    name: 'an IPv6 host of a mapping is bracketed',
    call: call(full(), { trunks: withParameters({ pAssertedIdentity: { host: { custom: '2001:db8::7' } } }) }),
    expect: { 'P-Asserted-Identity': '<sip:14155550102@[2001:db8::7]>' },
  },
  {
    name: 'X-Outbound-Cli never lifts privacy',
    call: call(full(), { headers: ['Privacy: id', 'X-Outbound-Cli: rewrite-from=123; rewrite-rpi=789'] }),
    expect: { From: anonymousFrom, 'Remote-Party-ID': null },
  },
];

const forwarded = (more: Partial<Forwarding> = {}): Forwarding => ({
  kind: 'forward',
  originator: { number: '+4930123456', displayName: 'Zoe', anonymous: false },
  diversions: [{ number: '14155550110', reason: 'no-answer' }],
  ...more,
});

/** A node behind NAT: what it is called from outside and from inside. */
const everywhere = (host: string) => ({
  udp: { host, port: 5060 },
  tcp: { host, port: 5060 },
  tls: { host, port: 5061 },
});
const NATTED = { addresses: everywhere('203.0.113.7'), privateAddresses: everywhere('10.0.0.5') };

/** Options and prose of the rest of the guides. */
export const OPTION_ROWS: readonly GuideRow[] = [
  {
    name: 'displayName: none leaves the display name out, whatever the endpoint sends',
    call: call(full(), {
      trunks: withParameters({
        from: { displayName: 'none' },
        to: { displayName: 'none' },
        pAssertedIdentity: { displayName: 'none' },
      }),
      from: '"Desk" <sip:101@sip.portsip.io>',
    }),
    expect: {
      From: '<sip:14155550102@sip.portsip.io>',
      To: '<sip:88888888@pstn.twillio.com:5060>',
      'P-Asserted-Identity': '<sip:14155550102@sip.portsip.io>',
    },
  },
  {
    name: 'tel URI in the Request-Line',
    call: call(full(), { trunks: withParameters({}, { telUriRequestLine: true }), dialled: '+12345678' }),
    expect: { 'Request-Line': 'INVITE tel:+12345678 SIP/2.0', To: '<sip:+12345678@pstn.twillio.com:5060>' },
  },
  {
    name: 'tel URI in To',
    call: call(full(), { trunks: withParameters({}, { telUriTo: true }), dialled: '+12345678' }),
    expect: { 'Request-Line': 'INVITE sip:+12345678@pstn.twillio.com:5060 SIP/2.0', To: '<tel:+12345678>' },
  },
  {
    name: 'removePlus acts on Request-URI and To, tel URIs too',
    call: call(full(), {
      trunks: withParameters({ pCalledPartyId: {} }, { removePlus: true, telUriTo: true }),
      dialled: '+12345678',
    }),
    expect: {
      'Request-Line': 'INVITE sip:12345678@pstn.twillio.com:5060 SIP/2.0',
      To: '<tel:12345678>',
      'P-Called-Party-ID': '<sip:+12345678@pstn.twillio.com:5060>',
    },
  },
  {
    name: 'strip, then prepend',
    call: call(full({ outboundRules: [{ name: 'w', routes: [{ trunk: 'CallCentric', strip: 1, prepend: '+' }] }] }), {
      dialled: '94930123',
    }),
    expect: { 'Request-Line': 'INVITE sip:+4930123@pstn.twillio.com:5060 SIP/2.0' },
  },
  {
    name: 'the public address in Contact, the private one with usePrivateIp',
    call: call(full(), { node: NATTED }),
    expect: { Contact: '<sip:101@203.0.113.7:5060;ob>' },
  },
  {
    name: 'usePrivateIp',
    call: call(full(), {
      node: NATTED,
      trunks: withParameters({}, { usePrivateIp: true }),
    }),
    expect: { Contact: '<sip:101@10.0.0.5:5060;ob>', Via: 'SIP/2.0/UDP 10.0.0.5:5060' },
  },
  {
    name: 'rewriteViaHost puts the public address into Via',
    call: call(full(), { node: NATTED, trunks: withParameters({}, { rewriteViaHost: true }) }),
    expect: { Via: 'SIP/2.0/UDP 203.0.113.7:5060' },
  },
  {
    name: 'rewriteViaHost with usePrivateIp: the public address in Via, the private one in Contact',
    call: call(full(), { node: NATTED, trunks: withParameters({}, { usePrivateIp: true, rewriteViaHost: true }) }),
    expect: { Contact: '<sip:101@10.0.0.5:5060;ob>', Via: 'SIP/2.0/UDP 203.0.113.7:5060' },
  },
  {
    name: 'over TLS Contact names the transport',
    call: call(full(), { trunks: [trunkWith({ transport: 'tls' })] }),
    expect: { Contact: '<sip:101@192.168.0.11:5061;transport=tls;ob>', Via: 'SIP/2.0/TLS 192.168.0.11:5061' },
  },
  {
    name: 'internal headers are off',
    call: call(full()),
    expect: { 'X-Trunk-Name': null, 'X-Session-Id': null, 'X-CID': null },
  },
  {
    name: 'internalHeaders',
    call: call(full(), { trunks: withParameters({}, { internalHeaders: true }) }),
    expect: {
      'X-Trunk-Name': 'CallCentric',
      'X-Session-Id': '678271070897180672',
      'X-CID': 'QERh8-brREchTYRqTSTALQ..',
    },
  },
  {
    name: 'outboundProxy.route names the proxy in Route',
    call: call(full(), { trunks: [trunkWith({ outboundProxy: { host: '2001:db8::9', port: 5070, route: true } })] }),
    expect: { Route: '<sip:[2001:db8::9]:5070;lr>' },
  },
  {
    name: 'session timer off',
    call: call(full(), { trunks: withParameters({}, { sessionTimer: { mode: 'off' } }) }),
    expect: { 'Session-Expires': null, 'Min-SE': null, Supported: 'replaces, norefersub' },
  },
  {
    name: 'session timer required',
    call: call(full(), {
      trunks: withParameters({}, { sessionTimer: { mode: 'require', expiresSeconds: 1800, refresher: 'uac' } }),
    }),
    expect: { 'Session-Expires': '1800;refresher=uac', 'Min-SE': '90', Require: 'timer' },
  },
  {
    name: 'when: anonymous holds back PAI on other calls',
    call: call(full(), { trunks: withParameters({ pAssertedIdentity: { when: 'anonymous' } }) }),
    expect: { 'P-Asserted-Identity': null },
  },
  {
    name: 'when: anonymous sends PAI on anonymous calls',
    call: call(full(), {
      trunks: withParameters({ pAssertedIdentity: { when: 'anonymous' } }),
      headers: ['Privacy: id'],
    }),
    expect: { 'P-Asserted-Identity': PAI('14155550102'), From: anonymousFrom },
  },
  {
    name: 'when: forwarded and a second mapping for the rest',
    call: call(full(), {
      trunks: withParameters({ from: [{ when: 'forwarded', user: 'OriginatorCallerID' }, { user: 'CallerNum' }] }),
      forwarding: forwarded(),
    }),
    expect: { From: '"Zoe" <sip:+4930123456@sip.portsip.io>' },
  },
  {
    name: 'a forwarded call shows the forwarder by default and says nothing of forwarding',
    call: call(full(), { forwarding: forwarded() }),
    expect: { From: '"Zoe" <sip:14155550102@sip.portsip.io>', Diversion: null, 'History-Info': null },
  },
  {
    name: 'Diversion (RFC 5806), the latest first',
    call: call(full(), {
      trunks: withParameters({}, { diversion: 'diversion' }),
      forwarding: forwarded({
        diversions: [
          { number: '14155550110', reason: 'user-busy' },
          { number: '102', reason: 'unconditional' },
        ],
      }),
    }),
    expect: {
      Diversion: [
        '<sip:14155550102@sip.portsip.io>;reason=unconditional;counter=1',
        '<sip:14155550110@sip.portsip.io>;reason=user-busy;counter=1',
      ],
      'History-Info': null,
    },
  },
  {
    name: 'History-Info (RFC 7044) ends with the Request-URI as sent',
    call: call(full(), {
      trunks: withParameters({}, { diversion: 'history-info', removePlus: true }),
      forwarding: forwarded(),
      dialled: '+88888888',
    }),
    expect: {
      Diversion: null,
      'History-Info': [
        '<sip:14155550110@sip.portsip.io>;index=1',
        '<sip:88888888@pstn.twillio.com:5060;cause=408>;index=1.1;mp=1',
      ],
    },
  },
  {
    name: 'a forwarded anonymous caller stays anonymous, the trail included',
    call: call(full(), {
      trunks: withParameters({}, { diversion: 'both' }),
      forwarding: forwarded({ originator: { number: '', displayName: '', anonymous: true } }),
    }),
    expect: { From: anonymousFrom, Diversion: null, 'History-Info': null },
  },
  {
    name: 'relayed and added headers; everything else stays',
    call: call(
      full({
        headers: {
          relay: { all: ['X-Account'], user: ['X-Inner'] },
          add: [{ name: 'X-Site', value: 'hq', on: 'trunk' }],
        },
      }),
      {
        trunks: [trunkWith({ addHeaders: [{ name: 'X-Token', value: 'k7' }] })],
        headers: ['X-Account: 7', 'X-Account: 8', 'X-Inner: 1', 'X-Other: 2'],
      },
    ),
    expect: { 'X-Account': ['7', '8'], 'X-Site': 'hq', 'X-Token': 'k7', 'X-Inner': null, 'X-Other': null },
  },
  {
    name: 'a caller ID for one trunk brings its display name',
    call: call(
      full({
        extensions: [
          {
            number: '101',
            name: 'Alice',
            outboundCallerId: '14155550102',
            outboundCallerIds: [{ trunk: 'CallCentric', callerId: '14155550106', displayName: 'Acme Sales' }],
          },
        ],
      }),
    ),
    expect: { From: '"Acme Sales" <sip:14155550106@sip.portsip.io>' },
  },
  {
    name: 'digits of another script (as octets) are dialled as those of ASCII',
    call: call(full(), { dialled: '+\u00d9\u00a1\u00d9\u00a2345678' }),
    expect: { 'Request-Line': 'INVITE sip:+12345678@pstn.twillio.com:5060 SIP/2.0' },
  },
];

/** Exits: one per status of the life cycle. */
export const REFUSAL_ROWS: readonly GuideRow[] = [
  { name: 'no rule', call: call(full({ outboundRules: [] })), expect: {}, refusedWith: 404 },
  { name: 'letters', call: call(full(), { dialled: 'alice' }), expect: {}, refusedWith: 404 },
  { name: '40 digits', call: call(full(), { dialled: '1'.repeat(40) }), expect: {}, refusedWith: 404 },
  {
    name: 'a letter beside digits of another script (as octets)',
    call: call(full(), { dialled: '\u00d9\u00a1\u00d9\u00a2a' }),
    expect: {},
    refusedWith: 404,
  },
  { name: 'a dial code without a number', call: call(full(), { dialled: '*67' }), expect: {}, refusedWith: 484 },
  {
    name: 'nothing left after strip',
    call: call(full({ outboundRules: [{ name: 'w', routes: [{ trunk: 'CallCentric', strip: 9 }] }] })),
    expect: {},
    refusedWith: 484,
  },
  {
    name: 'a barred destination',
    call: call(full({ limits: { barred: { prefixes: ['8888'] } } })),
    expect: {},
    refusedWith: 403,
  },
  { name: 'outbound calls stopped', call: call(full({ stopOutbound: true })), expect: {}, refusedWith: 403 },
  {
    name: 'callerIdOutsidePool: reject and no candidate',
    call: call(tenantWith({}), { trunks: withParameters({}, { callerIdOutsidePool: 'reject' }) }),
    expect: {},
    refusedWith: 403,
  },
  {
    name: 'no trunk has room',
    call: call(full(), { trunkState: () => ({ up: true, full: true, reason: 'full' }) }),
    expect: {},
    refusedWith: 503,
  },
];

export const PROSE_ROWS: readonly GuideRow[] = [
  ...PRIORITY_ROWS,
  ...OUTBOUND_CLI_ROWS,
  ...REMOVAL_ROWS,
  ...PRIVACY_ROWS,
  ...OPTION_ROWS,
  ...REFUSAL_ROWS,
];
