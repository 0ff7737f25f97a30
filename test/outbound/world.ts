import type { z } from 'zod';
import {
  endpointRequest,
  type Forwarding,
  type NodeFacts,
  type OutboundFacts,
  type OutboundPlan,
  type PlacedCall,
  packedFacts,
  placedCall,
  type Refusal,
} from '../../src/outbound/index.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import type { Party } from '../../src/provisioning/tenants/party.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { parseMessage, SipRequest } from '../../src/sip/message/index.ts';

/** Facts of calls for tests: a provisioning as YAML would write it, and an endpoint's INVITE as a phone would send it. */
export type ProvisioningInput = z.input<typeof provisioningSchema>;
export type TenantInput = NonNullable<ProvisioningInput['tenants']>[number];
export type TrunkInput = NonNullable<ProvisioningInput['trunks']>[number];

export const ACME: TenantInput = {
  name: 'acme',
  domain: 'sip.portsip.io',
  extensions: [
    { number: '101', name: 'Alice' },
    { number: '102', name: 'Bob' },
  ],
  outboundRules: [{ name: 'world', routes: [{ trunk: 'CallCentric' }] }],
};

export const TRUNK: TrunkInput = {
  id: '235468356',
  name: 'CallCentric',
  type: 'ip',
  host: 'pstn.twillio.com',
  port: 5060,
  tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199; 123; 456; 789' }],
};

export const NODE: NodeFacts = {
  addresses: {
    udp: { host: '192.168.0.11', port: 5060 },
    tcp: { host: '192.168.0.11', port: 5060 },
    tls: { host: '192.168.0.11', port: 5061 },
  },
  privateAddresses: {
    udp: { host: '192.168.0.11', port: 5060 },
    tcp: { host: '192.168.0.11', port: 5060 },
    tls: { host: '192.168.0.11', port: 5061 },
  },
  userAgent: 'tandem',
  allow: 'INVITE, ACK, CANCEL, OPTIONS, BYE',
  supported: ['replaces', 'norefersub'],
  acceptLanguage: 'en',
};

export const SDP =
  'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

/** What a phone sends; `headers` are lines of their own. */
export function phoneInvite(
  headers: readonly string[] = [],
  from = '<sip:101@sip.portsip.io>',
  body = SDP,
): SipRequest {
  const text = [
    'INVITE sip:88888888@sip.portsip.io SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1',
    'Max-Forwards: 20',
    `From: ${from};tag=a`,
    'To: <sip:88888888@sip.portsip.io>',
    'Call-ID: QERh8-brREchTYRqTSTALQ..',
    'CSeq: 1 INVITE',
    'Contact: <sip:101@192.0.2.1:5060>',
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    ...headers,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
  const message = parseMessage(text);
  if (!(message instanceof SipRequest)) throw new TypeError('not a request');
  return message;
}

export interface CallOptions {
  readonly tenants?: readonly TenantInput[];
  readonly trunks?: readonly TrunkInput[];
  readonly certificates?: ProvisioningInput['certificates'];
  /** Name of the calling tenant. */
  readonly tenant?: string;
  /** Number of the calling extension or service. */
  readonly caller?: string;
  readonly dialled?: string;
  readonly headers?: readonly string[];
  readonly from?: string;
  readonly body?: string;
  readonly forwarding?: Forwarding;
  readonly trunkState?: OutboundFacts['trunkState'];
  readonly node?: Partial<NodeFacts>;
  readonly wallMs?: number;
  readonly randomSeed?: number;
}

export function directoryOf(
  tenants: readonly TenantInput[],
  trunks: readonly TrunkInput[],
  certificates: ProvisioningInput['certificates'] = [],
): Directory {
  return new Directory(provisioningSchema.parse({ tenants, trunks, certificates }));
}

export function factsOf(options: CallOptions = {}): OutboundFacts {
  const directory = directoryOf(options.tenants ?? [ACME], options.trunks ?? [TRUNK], options.certificates);
  return factsIn(directory, options);
}

/** A call as it is kept, read again. */
export function placed(plan: OutboundPlan, refusal?: Refusal): PlacedCall {
  const { request } = plan.facts;
  const call = placedCall(packedFacts(plan, refusal), plan.facts, request.text === '' ? request : request.text);
  if (call === undefined) throw new TypeError('not a call of its directory');
  return call;
}

export function factsIn(directory: Directory, options: CallOptions): OutboundFacts {
  const tenant = directory.tenantByName(options.tenant ?? 'acme');
  if (tenant === undefined) throw new TypeError('no such tenant');
  return {
    directory,
    tenant,
    caller: callerOf(directory, tenant.name, options.caller ?? '101'),
    dialled: options.dialled ?? '88888888',
    forwarding: options.forwarding,
    request: endpointRequest(phoneInvite(options.headers, options.from, options.body)),
    trunkState: options.trunkState ?? (() => ({ up: true, full: false, reason: '' })),
    wallMs: options.wallMs ?? Date.UTC(2026, 10, 18, 12),
    node: { ...NODE, ...options.node },
    randomSeed: options.randomSeed ?? 1,
    sessionId: '678271070897180672',
  };
}

function callerOf(directory: Directory, tenant: string, number: string): Party {
  const party = directory.party(tenant, number);
  if (party === undefined) throw new TypeError(`no ${number} in ${tenant}`);
  return party;
}

/** `base` with some properties of the trunk replaced. */
export function trunkWith(changes: Partial<TrunkInput>): TrunkInput {
  return { ...TRUNK, ...changes };
}

export function tenantWith(changes: Partial<TenantInput>): TenantInput {
  return { ...ACME, ...changes };
}
