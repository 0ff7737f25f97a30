/**
 * A trunk as an operator writes it ({@link TrunkSettings}) and as the engine uses it ({@link Trunk}): between them stand the
 * brand's preset and the defaults, applied by `effective.ts`. What the operator left out stays out of the written form, so that
 * a preset can be changed and `explain` can name the source of each value.
 */

import { z } from 'zod';
import type { List } from '../../base/chunked-list.ts';
import { byDefault, optional, whole } from '../../base/schema.ts';
import {
  codecName,
  type DigestPolicySettings,
  digestPolicy,
  freeHeaderName,
  friendlyName,
  headerText,
  headerValue,
  host,
  mediaMode,
  network,
  port,
  secret,
  tenantName,
} from '../tenants/fields.ts';
import { NUMBER_FORMAT, type NumberFormat } from '../tenants/number-format.ts';
import { type Tenant, tenantSchema } from '../tenants/schema.ts';
import { type CertificateSettings, certificateSchema } from './certificate-schema.ts';
import {
  type InboundParameters,
  inboundParametersSchema,
  type OutboundParameters,
  outboundParametersSchema,
} from './mappings.ts';
import { type TeamsSide, teamsSchema } from './teams-schema.ts';
import { type WhatsappSettings, whatsappSchema } from './whatsapp-schema.ts';

export type * from './mappings.ts';

export const TRUNK_TYPES = ['ip', 'register', 'accept-register', 'teams', 'whatsapp'] as const;
export type TrunkType = (typeof TRUNK_TYPES)[number];
export const TRANSPORTS = ['udp', 'tcp', 'tls'] as const;
export type TrunkTransport = (typeof TRANSPORTS)[number];

export const credentialsSchema = z.strictObject({
  authName: optional(headerText(128).min(1), 'Authentication name; default: `username`.'),
  username: optional(headerText(128).min(1), 'User name: user part of the registered address; default: `authName`.'),
  password: optional(secret, 'Password; `{ env: NAME }` and `{ file: PATH }` work in files.'),
  registerSeconds: optional(whole(5, 86_400), 'Registration interval that the engine asks for. Default 600.'),
  realm: optional(headerText(255).min(1), 'The only realm that is answered; short for `realms` with one entry.'),
  realms: optional(
    z.array(headerText(255).min(1)).min(1).max(50),
    "Realms that are answered, compared octet for octet; default: any that the trunk's own targets ask for.",
  ),
  digest: optional(
    digestPolicy,
    "Accept-register trunks: how the gateway signs in, where that differs from the node's `digest`.",
  ),
});

const statusCode = whole(400, 699);

export const keepAliveSchema = z.strictObject({
  enabled: optional(z.boolean(), 'Send OPTIONS. Default off.'),
  intervalSeconds: optional(whole(5, 86_400), 'Interval. Default 360.'),
  accept: optional(
    z.union([z.literal(200), z.literal('200'), z.literal('2xx'), z.literal('any'), z.array(whole(100, 699)).min(1)], {
      error: 'must be 200, 2xx, any or a list of status codes',
    }),
    'Answers that count as alive: `200`, `2xx`, `any` or a list of codes. Default 200.',
  ),
  downAfter: optional(whole(1, 100), 'Failures in a row until the trunk is offline. Default 1.'),
  upAfter: optional(whole(1, 100), 'Successes in a row until it is online again. Default 1.'),
});

export const sessionTimerSchema = z.strictObject({
  mode: optional(
    z.enum(['off', 'accept', 'request', 'require']),
    '`off`: not offered; `accept`: only when the peer asks; `request`: offered; `require`: demanded. Default request.',
  ),
  expiresSeconds: optional(whole(90, 86_400), 'Session-Expires. Default 300.'),
  minSeconds: optional(whole(90, 86_400), 'Min-SE. Default 90.'),
  refresher: optional(z.enum(['auto', 'uac', 'uas']), 'Who refreshes; `auto` leaves it to the peer. Default auto.'),
});

export const optionsSchema = z.strictObject({
  usePrivateIp: optional(
    z.boolean(),
    'Via and Contact say the private address (`advertise.privateHost`, else the local one) in place of the public one. Default off.',
  ),
  rewriteViaHost: optional(
    z.boolean(),
    'Put the public address into Via, on a trunk with `usePrivateIp` too. Default off.',
  ),
  verifyPort: optional(z.boolean(), 'Match the source port too when identifying the trunk. Default off.'),
  singleVia: optional(
    z.boolean(),
    'Keep only one Via. On: this engine ends every call leg. Off is refused, for it would have no effect.',
  ),
  telUriRequestLine: optional(z.boolean(), '`tel:` URI in the Request-Line. Default off.'),
  telUriTo: optional(z.boolean(), '`tel:` URI in To. Default off.'),
  stirShaken: optional(
    z.boolean(),
    'Sign calls with a certificate of the tenant or of the system (STIR/SHAKEN). Default off.',
  ),
  stirWhenUnsignable: optional(
    z.enum(['refuse', 'unsigned']),
    'What becomes of a call that cannot be signed on a trunk with `stirShaken`: `refuse` (403; the next route is tried), or it goes out `unsigned`. Emergency calls are never refused. Takes `stirShaken`. Default refuse.',
  ),
  stirRichCallData: optional(
    z.enum(['off', 'rcd', 'shaken']),
    "Sign how the caller is shown (`richCallData`), with a certificate of the tenant's own that allows it: `rcd` in a token beside the one that attests, `shaken` inside of that. Takes `stirShaken`. Default off.",
  ),
  stirVerify: optional(
    z.enum(['auto', 'off', 'tag', 'reject']),
    'Calls from the trunk, by their Identity fields (STIR/SHAKEN): `off`; `tag` verifies and tells phone, rules and records; `reject` also refuses what fails; `auto` is `tag` where the node has `stir.trustAnchors`, else `off`. Default auto.',
  ),
  removePlus: optional(z.boolean(), 'Remove the + in front of the called number. Default off.'),
  keepAlive: optional(keepAliveSchema, 'OPTIONS pings.'),
  registration: optional(
    z.enum(['on', 'off']),
    '`off`: never send REGISTER, only answer digest challenges. Default on.',
  ),
  registeredNodeOnly: optional(
    z.boolean(),
    'Register trunks, on several nodes: calls leave through the node that is registered, whichever node has them, for a provider that takes calls from nowhere else. Takes `registration: on`. Default off.',
  ),
  bnc: optional(z.boolean(), 'Bulk registration (RFC 6140): Contact with `bnc`, `Require: gin`. Default off.'),
  trust: optional(
    z.enum(['binding', 'digest']),
    "Accept-register trunks: admit calls by the gateway's binding or challenge each. Default digest.",
  ),
  mutualTls: optional(
    z.boolean(),
    'Identify the trunk by its TLS client certificate in place of its addresses. Default off.',
  ),
  callerIdOutsidePool: optional(
    z.enum(['pass', 'reject']),
    "When no caller ID candidate is in the pool: `pass` sends the extension's number, `reject` answers 403. Default pass.",
  ),
  trusted: optional(
    z.boolean(),
    'The trunk is inside the trust domain (RFC 3325): on anonymous calls it still gets P-Asserted-Identity. Default on.',
  ),
  numberMayShow: optional(
    z.boolean(),
    "Allows a trunk whose `privacy` cannot hide the caller's number. A call with a dial code for anonymity is still refused there (403). Default off.",
  ),
  anonymousHost: optional(host, 'Host of the anonymous From. Default anonymous.invalid.'),
  diversion: optional(
    z.enum(['none', 'diversion', 'history-info', 'both']),
    'Headers that tell of forwarding. Default none.',
  ),
  redirects: optional(
    z.enum(['reject', 'follow']),
    "3xx from the trunk: `reject`, or `follow` within the tenant's rules. Default reject.",
  ),
  largeRequests: optional(
    z.enum(['tcp', 'udp']),
    'UDP trunks: requests over 1,300 octets go over TCP where the provider answers there (RFC 3261 §18.1.1), or always over UDP. Default tcp.',
  ),
  contactToken: optional(
    z.boolean(),
    "The Contact of its calls carries the call's token where the node's `continuity.contactToken` is on; off for a provider that does not keep, or does not take, a parameter of 200 octets. Default on, off for teams and whatsapp trunks.",
  ),
  listener: optional(
    friendlyName,
    "Name of the node's listener that requests to the trunk leave from, whose address Via and Contact say; default: the first one of the trunk's transport and address family.",
  ),
  internalHeaders: optional(z.boolean(), 'Send X-Trunk-Name, X-Session-Id and X-CID. Default off.'),
  failoverCodes: optional(
    z.array(statusCode).max(100),
    'Codes after which the next route is tried. Default 402, 403, 408, 488, 500, 502, 503, 504.',
  ),
  earlyMediaFailover: optional(z.boolean(), 'Try the next route even after early media was relayed. Default off.'),
  sessionTimer: optional(sessionTimerSchema, 'Session timers (RFC 4028).'),
  media: optional(
    mediaMode,
    'Whether calls over the trunk go through a media relay (`mediaRelays` of the node): `auto` where it is needed, `always`, `never`; `srtp`: the trunk talks SRTP with keys in SDP; `webrtc`: DTLS-SRTP and ICE. Default auto.',
  ),
  mediaFallback: optional(
    z.enum(['refuse', 'pass']),
    'A call that needs a media relay while none answers: `refuse` (the next route is tried, at last 503), or `pass` the descriptions as they are. Emergency calls always pass. Default refuse.',
  ),
  codecs: optional(
    z.array(codecName).max(30),
    'The only audio codecs that are offered to the trunk, and of what it offers, by their SDP names, most preferred first; telephone events stay. Default: all, in the order that each side gives.',
  ),
});
/** Options as written. */
export type TrunkOptionsSettings = z.infer<typeof optionsSchema>;

export const tlsSchema = z.strictObject({
  certificate: optional(
    headerText(1024).min(1),
    "File of the client certificate shown to the trunk; default: the listener's.",
  ),
  key: optional(headerText(1024).min(1), 'File of its private key.'),
  ca: optional(
    headerText(1024).min(1),
    "File of the certificate authorities that may sign the trunk's certificate; default: the system's.",
  ),
  serverName: optional(host, "Name that is checked and sent as SNI; default: the trunk's host."),
  allowWildcard: optional(
    z.boolean(),
    "Take a wildcard in the trunk's certificate (`*.example.com`) for one label of that name, which RFC 5922 §7.2 forbids. Default: off.",
  ),
  peerNames: optional(
    z.array(host).max(20),
    "Names in the trunk's client certificate that identify it (`mutualTls`); default: the trunk's host.",
  ),
});

export const assignmentSchema = z.strictObject({
  tenant: tenantName.describe('The tenant that may use the trunk.'),
  didPool: headerText(64_000_000).describe(
    'Its DID pool: numbers and ranges separated by `;`, without +, 0 or 00 in front.',
  ),
  concurrentCalls: optional(z.int().min(0), 'Calls in progress of this tenant on this trunk; no limit when left out.'),
  verified: optional(
    z.boolean(),
    'The system admin has verified that the tenant may use the numbers of this pool: signed calls that show one get attestation A in place of B. Default off.',
  ),
});
/** A tenant's right to use a trunk, with its DID pool there. */
export type Assignment = z.infer<typeof assignmentSchema>;

export const trunkSchema = z.strictObject({
  id: optional(
    z.string().regex(/^[0-9]{1,18}$/, { error: 'must be 1 to 18 digits' }),
    'Digits; when left out, derived from owner and name. X-Outbound-Cli names it.',
  ),
  name: friendlyName.describe("The trunk's name."),
  type: z.enum(TRUNK_TYPES).describe('Who registers with whom, if anybody.'),
  owner: byDefault(
    'system',
    z.union([z.literal('system'), tenantName], { error: 'must be "system" or a tenant\'s name' }),
    '`system`, or the tenant whose own trunk it is.',
  ),
  enabled: byDefault(true, z.boolean(), 'A disabled trunk neither registers nor takes calls.'),
  brand: byDefault('generic', headerText(64), 'Brand whose preset fills what is left out.'),
  host: optional(
    host,
    "The provider's host; on accept-register trunks a label that is never resolved. A brand may give it.",
  ),
  anotherAccount: byDefault(
    false,
    z.boolean(),
    'A further ip trunk of a provider that has one already (same host or brand): it is for another account.',
  ),
  port: optional(port, 'Port; left out, DNS decides (RFC 3263). A brand may give it.'),
  transport: optional(z.enum(TRANSPORTS), "Transport. Default: the brand's, else udp."),
  outboundProxy: optional(
    z.strictObject({
      host: host.describe('Host of the proxy.'),
      port: optional(port, 'Its port.'),
      route: byDefault(false, z.boolean(), 'Also name it in a Route header.'),
    }),
    'Where requests go in place of the host.',
  ),
  associatedIps: optional(z.array(network).max(1000), 'Further addresses and networks that the provider sends from.'),
  credentials: optional(credentialsSchema, 'Digest credentials.'),
  tls: optional(tlsSchema, 'TLS settings of this trunk.'),
  teams: optional(teamsSchema, 'Microsoft Teams Direct Routing: needed by teams trunks, and theirs alone.'),
  whatsapp: optional(whatsappSchema, 'The number at the WhatsApp Cloud API; of whatsapp trunks.'),
  options: optionsSchema.prefault({}).describe('Switches.'),
  limits: z
    .strictObject({
      concurrentCalls: optional(z.int().min(0), 'Calls in progress; no limit when left out.'),
      callsPerSecond: optional(z.number().positive().max(100_000), 'Calls begun per second; no limit when left out.'),
    })
    .prefault({})
    .describe('Capacity, both directions together.'),
  addHeaders: byDefault(
    [],
    z
      .array(
        z.strictObject({
          name: freeHeaderName.describe('Header name.'),
          value: headerValue.describe('Fixed value.'),
        }),
      )
      .max(20),
    'Headers with fixed values that the provider asks for, e.g. a token.',
  ),
  numberFormat: optional(
    z.string().regex(NUMBER_FORMAT, { error: 'must be e164, or national and a country code such as "national 49"' }),
    'How the carrier writes numbers: `e164`, or `national` and its country code (`national 49`), which are compared with the same pool. Default e164.',
  ),
  outboundParameters: outboundParametersSchema.prefault({}).describe('What fills the fields of outbound INVITEs.'),
  inboundParameters: inboundParametersSchema.prefault({}).describe('Where inbound INVITEs are read.'),
  didPool: optional(headerText(64_000_000), 'DID pool of the owning tenant: short for its one assignment.'),
  tenants: byDefault([], z.array(assignmentSchema).max(100_000), 'Who may use the trunk, each with its DID pool.'),
});
/** A trunk as written and stored. */
export type TrunkSettings = z.infer<typeof trunkSchema>;
/** A trunk as it may be written: everything with a default may be left out. */
export type TrunkInput = z.input<typeof trunkSchema>;

export interface TrunkCredentials {
  readonly authName: string;
  readonly username: string;
  readonly password: string;
  readonly registerSeconds: number;
  /** Realms that are answered; undefined: any. */
  readonly realms: readonly string[] | undefined;
  /** Of an accept-register trunk. */
  readonly digest: DigestPolicySettings | undefined;
}

export interface KeepAliveOptions {
  readonly enabled: boolean;
  readonly intervalSeconds: number;
  readonly accept: '200' | '2xx' | 'any' | readonly number[];
  readonly downAfter: number;
  readonly upAfter: number;
}

export interface SessionTimerPolicy {
  readonly mode: 'off' | 'accept' | 'request' | 'require';
  readonly expiresSeconds: number;
  readonly minSeconds: number;
  readonly refresher: 'auto' | 'uac' | 'uas';
}

type Simple = Omit<TrunkOptionsSettings, 'keepAlive' | 'sessionTimer'>;
/** Options as they take effect: nothing left out. */
export type TrunkOptions = { readonly [K in keyof Simple]-?: Exclude<Simple[K], undefined> } & {
  readonly keepAlive: KeepAliveOptions;
  readonly sessionTimer: SessionTimerPolicy;
};

/** A trunk as it takes effect: brand preset and defaults filled in. Immutable. */
export interface Trunk {
  readonly id: string;
  readonly name: string;
  readonly type: TrunkType;
  /** `system` or a tenant's name. */
  readonly owner: string;
  readonly enabled: boolean;
  readonly brand: string;
  readonly host: string;
  readonly anotherAccount: boolean;
  /** Undefined: DNS decides (RFC 3263). */
  readonly port: number | undefined;
  readonly transport: TrunkTransport;
  readonly outboundProxy:
    | { readonly host: string; readonly port: number | undefined; readonly route: boolean }
    | undefined;
  readonly associatedIps: readonly string[];
  readonly credentials: TrunkCredentials | undefined;
  readonly tls: {
    readonly certificate: string | undefined;
    readonly key: string | undefined;
    readonly ca: string | undefined;
    readonly serverName: string | undefined;
    readonly allowWildcard: boolean;
    readonly peerNames: readonly string[];
  };
  /** Of a teams trunk. */
  readonly teams: TeamsSide | undefined;
  /** Of a whatsapp trunk that carries messages. */
  readonly whatsapp: WhatsappSettings | undefined;
  readonly options: TrunkOptions;
  readonly limits: { readonly concurrentCalls: number | undefined; readonly callsPerSecond: number | undefined };
  readonly addHeaders: readonly { readonly name: string; readonly value: string }[];
  readonly numberFormat: NumberFormat;
  readonly outboundParameters: OutboundParameters;
  readonly inboundParameters: InboundParameters;
  /** One entry per tenant that may use the trunk; a tenant's own trunk has exactly its owner's. */
  readonly assignments: readonly Assignment[];
  /** Where each value came from, by path (`options.singleVia`): `trunk`, `brand NAME` or `default`. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Everything provisioned, as written: what YAML files, `tandem export` and the store hold. */
export const provisioningSchema = z.strictObject({
  tenants: byDefault([], z.array(tenantSchema), 'Tenants.'),
  trunks: byDefault([], z.array(trunkSchema), 'Trunks.'),
  certificates: byDefault(
    [],
    z.array(certificateSchema),
    'Certificates that calls are signed with, or TLS is spoken with.',
  ),
});
export type Provisioning = z.infer<typeof provisioningSchema>;
/** The same as a state holds it: a change of one of very many copies little of it. */
export interface Provisioned {
  readonly tenants: List<Tenant>;
  readonly trunks: List<TrunkSettings>;
  readonly certificates: List<CertificateSettings>;
}
/** A state as it may be written. */
export type ProvisioningInput = z.input<typeof provisioningSchema>;
