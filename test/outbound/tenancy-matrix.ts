import type { Forwarding } from '../../src/outbound/index.ts';
import { normalizeNumber } from '../../src/provisioning/tenants/number.ts';
import type { CallOptions, TenantInput, TrunkInput } from './world.ts';

/** Every way by which another tenant's number can try to get into an INVITE, as data: for the pipeline here and for the wire. */

/** Tenant B's pool; A's is 14155550100-14155550199. */
export const B_FIRST = 14155550200;
export const B_LAST = 14155550299;
export const B_NUMBER = '14155550250';

/** What all numbers of tenant B have in common, whatever stands between the digits. */
const LIKE_B = /1[ .()-]*4[ .()-]*1[ .()-]*5[ .()-]*5[ .()-]*5[ .()-]*5[ .()-]*0[ .()-]*2/;

/** Every run of digits in the octets, separators left aside, that compares as a number of tenant B. */
export function numbersOfB(octets: string): string[] {
  const found: string[] = [];
  if (!LIKE_B.test(octets)) return found;
  for (const text of [octets, octets.replaceAll(/(?<=\d)[ .()-]+(?=\d)/g, '')]) {
    for (const [run] of text.matchAll(/\d{7,}/g)) {
      const number = normalizeNumber(run) ?? 0;
      if (number >= B_FIRST && number <= B_LAST) found.push(run);
    }
  }
  return found;
}

export const FORMS = (n: string): readonly string[] => [
  n,
  `+${n}`,
  `00${n}`,
  `0${n}`,
  `+00${n}`,
  `${n.slice(0, 1)} (${n.slice(1, 4)}) ${n.slice(4, 7)}-${n.slice(7)}`,
];

/** Where the provider's other number comes from: the same trunk, another trunk to the same host, another host of the same brand. */
export const PROVIDERS = ['same-trunk', 'same-host', 'same-brand'] as const;

/** Which variable the trunk maps into every identity field. */
export const MAPPINGS = [
  'default',
  'OutboundCallerId',
  'OriginatorCallerID',
  'CallerDispName',
  'CallerNum',
  'AuthID',
] as const;

export interface Setup {
  readonly tenant?: Partial<TenantInput>;
  readonly trunk?: Partial<TrunkInput>;
  readonly parameters?: NonNullable<TrunkInput['outboundParameters']>;
  readonly call?: CallOptions;
}

const extension = (changes: object) => ({ tenant: { extensions: [{ number: '101', name: 'Alice', ...changes }] } });
const rule = (changes: object) => ({
  tenant: { outboundRules: [{ name: 'w', routes: [{ trunk: 't' }], ...changes }] },
});
const headers = (...lines: string[]): Setup => ({ call: { headers: lines } });
const digits = (n: string): string => n.replaceAll(/[ ()-]/g, '');
const forwarding = (changes: Partial<Forwarding>): Setup => ({
  call: {
    forwarding: {
      kind: 'forward',
      originator: undefined,
      diversions: [{ number: '14155550110', reason: 'no-answer' }],
      ...changes,
    },
  },
});

/** Every way by which a number can try to get into the INVITE. */
export const CHANNELS: Readonly<Record<string, (n: string) => Setup>> = {
  'P-Preferred-Identity sip': (n) => headers(`P-Preferred-Identity: <sip:${digits(n)}@x>`),
  'P-Preferred-Identity tel': (n) => headers(`P-Preferred-Identity: <tel:${digits(n)}>`),
  'P-Preferred-Identity escaped': (n) => headers(`P-Preferred-Identity: <sip:%31${digits(n).slice(1)}@x>`),
  'X-Outbound-Cli rewrite-from': (n) => headers(`X-Outbound-Cli: rewrite-from=${n}`),
  'X-Outbound-Cli rewrite-pai': (n) => headers(`X-Outbound-Cli: rewrite-pai="${n}"`),
  'X-Outbound-Cli rewrite-rpi': (n) => headers(`x-outbound-cli: REWRITE-RPI=${n}; trunk-id=1`),
  'From display name': (n) => ({ call: { from: `"${n}" <sip:101@a.example>` } }),
  'From display name, embedded': (n) => ({ call: { from: `"Call ${n} now" <sip:101@a.example>` } }),
  'From user': (n) => ({ call: { from: `<sip:${digits(n)}@a.example>` } }),
  'identity headers of the endpoint': (n) =>
    headers(
      `P-Asserted-Identity: <sip:${digits(n)}@x>`,
      `Remote-Party-ID: <sip:${digits(n)}@x>;party=calling`,
      `Contact: <sip:${digits(n)}@x>`,
    ),
  'forwarding headers of the endpoint': (n) =>
    headers(
      `Diversion: <sip:${digits(n)}@x>;reason=unknown`,
      `History-Info: <sip:${digits(n)}@x>;index=1`,
      `Referred-By: <sip:${digits(n)}@x>`,
    ),
  'extension caller ID': (n) => extension({ outboundCallerId: n }),
  'extension caller ID for the trunk': (n) =>
    extension({ outboundCallerIds: [{ trunk: 't', callerId: n, displayName: n }] }),
  'extension name': (n) => extension({ name: n }),
  'extension number': (n) => ({
    ...extension({ number: digits(n).replace('+', '').slice(0, 15) }),
    call: { caller: digits(n).replace('+', '').slice(0, 15) },
  }),
  'rule caller ID': (n) => rule({ outboundCallerId: n }),
  'route caller ID': (n) => rule({ routes: [{ trunk: 't', outboundCallerId: n }] }),
  'group caller ID': (n) => ({
    tenant: {
      groups: [{ name: 'g', members: ['101'], outboundCallerId: n }],
      ...rule({ match: { groups: ['g'] } }).tenant,
    },
  }),
  'company caller ID': (n) => ({ tenant: { outboundCallerId: n, outboundCallerIds: [{ trunk: 't', callerId: n }] } }),
  'service caller ID': (n) => ({
    tenant: { services: [{ kind: 'queue', number: '600', name: 'Queue', outboundCallerId: n }] },
    call: { caller: '600' },
  }),
  'custom value of the trunk': (n) => {
    const custom = { user: { custom: digits(n) } };
    return { parameters: { from: custom, contact: custom, pAssertedIdentity: custom, remotePartyIdCalling: custom } };
  },
  'custom display name of the trunk': (n) => ({
    parameters: { from: { displayName: { custom: n } }, pAssertedIdentity: { displayName: { custom: n } } },
  }),
  'authentication name of the trunk': (n) => ({
    trunk: { type: 'register', credentials: { authName: digits(n), password: 'x' } },
  }),
  'number of a forwarded caller': (n) => forwarding({ originator: { number: n, displayName: '', anonymous: false } }),
  'name of a forwarded caller': (n) =>
    forwarding({ originator: { number: '+4930123456', displayName: n, anonymous: false } }),
  diverter: (n) => forwarding({ diversions: [{ number: n, reason: 'user-busy' }] }),
  'relayed header': (n) => ({
    tenant: { headers: { relay: { all: ['Subject', 'X-Account'] } } },
    ...headers(`Subject: ${n}`, `X-Account: <sip:${digits(n)}@x>;a=1`),
  }),
  'added header': (n) => ({
    tenant: { headers: { add: [{ name: 'X-Site', value: n }] } },
    trunk: { addHeaders: [{ name: 'X-Token', value: `a ${n}` }] },
  }),
};

export function callOf(
  provider: (typeof PROVIDERS)[number],
  mapping: (typeof MAPPINGS)[number],
  setup: Setup,
): CallOptions {
  const user = mapping === 'default' ? undefined : { user: mapping, displayName: 'CallerDispName' as const };
  const mapped =
    user === undefined
      ? {}
      : {
          from: user,
          contact: { user: user.user },
          pAssertedIdentity: user,
          pPreferredIdentity: user,
          remotePartyIdCalling: user,
          remotePartyIdCalled: user,
          pCalledPartyId: user,
        };
  const brand = provider === 'same-brand' ? 'twilio' : 'generic';
  const poolOfB = { tenant: 'b', didPool: `${B_FIRST}-${B_LAST}` };
  const trunk: TrunkInput = {
    id: '1',
    name: 't',
    type: 'ip',
    brand,
    host: 'carrier.example',
    port: 5060,
    options: { diversion: 'both', internalHeaders: true },
    outboundParameters: { ...mapped, ...setup.parameters },
    ...setup.trunk,
    tenants: [{ tenant: 'a', didPool: '14155550100-14155550199' }, ...(provider === 'same-trunk' ? [poolOfB] : [])],
  };
  const other: TrunkInput = {
    id: '2',
    name: 'u',
    type: 'register',
    brand,
    host: provider === 'same-host' ? 'CARRIER.example' : 'other.example',
    credentials: { authName: 'b', password: 'x' },
    tenants: [poolOfB],
  };
  return {
    tenant: 'a',
    tenants: [
      {
        name: 'a',
        domain: 'a.example',
        extensions: [{ number: '101', name: 'Alice' }],
        outboundRules: [{ name: 'w', routes: [{ trunk: 't' }] }],
        ...setup.tenant,
      },
      { name: 'b', domain: 'b.example' },
    ],
    trunks: provider === 'same-trunk' ? [trunk] : [trunk, other],
    dialled: '4930123456',
    ...setup.call,
  };
}
