/**
 * A trunk as an operator writes it ({@link TrunkSettings}) and as the engine uses it ({@link Trunk}): between them stand the
 * brand's preset and the defaults, applied by `effective.ts`. What the operator left out stays out of the written form, so that
 * a preset can be changed and `explain` can name the source of each value.
 */
import { z } from 'zod';
import type { List } from '../../base/chunked-list.ts';
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
  authName: headerText(128).min(1).optional().describe('Authentication name; default: `username`.'),
  username: headerText(128)
    .min(1)
    .optional()
    .describe('User name: user part of the registered address; default: `authName`.'),
  password: secret.optional().describe('Password; `{ env: NAME }` and `{ file: PATH }` work in files.'),
  registerSeconds: z
    .int()
    .min(5)
    .max(86_400)
    .optional()
    .describe('Registration interval that the engine asks for. Default 600.'),
  realm: headerText(255)
    .min(1)
    .optional()
    .describe('The only realm that is answered; short for `realms` with one entry.'),
  realms: z
    .array(headerText(255).min(1))
    .min(1)
    .max(50)
    .optional()
    .describe("Realms that are answered, compared octet for octet; default: any that the trunk's own targets ask for."),
  digest: digestPolicy
    .optional()
    .describe("Accept-register trunks: how the gateway signs in, where that differs from the node's `digest`."),
});

const statusCode = z.int().min(400).max(699);

export const keepAliveSchema = z.strictObject({
  enabled: z.boolean().optional().describe('Send OPTIONS. Default off.'),
  intervalSeconds: z.int().min(5).max(86_400).optional().describe('Interval. Default 360.'),
  accept: z
    .union(
      [z.literal(200), z.literal('200'), z.literal('2xx'), z.literal('any'), z.array(z.int().min(100).max(699)).min(1)],
      {
        error: 'must be 200, 2xx, any or a list of status codes',
      },
    )
    .optional()
    .describe('Answers that count as alive: `200`, `2xx`, `any` or a list of codes. Default 200.'),
  downAfter: z.int().min(1).max(100).optional().describe('Failures in a row until the trunk is offline. Default 1.'),
  upAfter: z.int().min(1).max(100).optional().describe('Successes in a row until it is online again. Default 1.'),
});

export const sessionTimerSchema = z.strictObject({
  mode: z
    .enum(['off', 'accept', 'request', 'require'])
    .optional()
    .describe(
      '`off`: not offered; `accept`: only when the peer asks; `request`: offered; `require`: demanded. Default request.',
    ),
  expiresSeconds: z.int().min(90).max(86_400).optional().describe('Session-Expires. Default 300.'),
  minSeconds: z.int().min(90).max(86_400).optional().describe('Min-SE. Default 90.'),
  refresher: z
    .enum(['auto', 'uac', 'uas'])
    .optional()
    .describe('Who refreshes; `auto` leaves it to the peer. Default auto.'),
});

export const optionsSchema = z.strictObject({
  usePrivateIp: z
    .boolean()
    .optional()
    .describe(
      'Via and Contact say the private address (`advertise.privateHost`, else the local one) in place of the public one. Default off.',
    ),
  rewriteViaHost: z
    .boolean()
    .optional()
    .describe('Put the public address into Via, on a trunk with `usePrivateIp` too. Default off.'),
  verifyPort: z.boolean().optional().describe('Match the source port too when identifying the trunk. Default off.'),
  singleVia: z
    .boolean()
    .optional()
    .describe('Keep only one Via. On: this engine ends every call leg. Off is refused, for it would have no effect.'),
  telUriRequestLine: z.boolean().optional().describe('`tel:` URI in the Request-Line. Default off.'),
  telUriTo: z.boolean().optional().describe('`tel:` URI in To. Default off.'),
  stirShaken: z
    .boolean()
    .optional()
    .describe('Sign calls with a certificate of the tenant or of the system (STIR/SHAKEN). Default off.'),
  stirWhenUnsignable: z
    .enum(['refuse', 'unsigned'])
    .optional()
    .describe(
      'What becomes of a call that cannot be signed on a trunk with `stirShaken`: `refuse` (403; the next route is tried), or it goes out `unsigned`. Emergency calls are never refused. Takes `stirShaken`. Default refuse.',
    ),
  stirRichCallData: z
    .enum(['off', 'rcd', 'shaken'])
    .optional()
    .describe(
      "Sign how the caller is shown (`richCallData`), with a certificate of the tenant's own that allows it: `rcd` in a token beside the one that attests, `shaken` inside of that. Takes `stirShaken`. Default off.",
    ),
  stirVerify: z
    .enum(['auto', 'off', 'tag', 'reject'])
    .optional()
    .describe(
      'Calls from the trunk, by their Identity fields (STIR/SHAKEN): `off`; `tag` verifies and tells phone, rules and records; `reject` also refuses what fails; `auto` is `tag` where the node has `stir.trustAnchors`, else `off`. Default auto.',
    ),
  removePlus: z.boolean().optional().describe('Remove the + in front of the called number. Default off.'),
  keepAlive: keepAliveSchema.optional().describe('OPTIONS pings.'),
  registration: z
    .enum(['on', 'off'])
    .optional()
    .describe('`off`: never send REGISTER, only answer digest challenges. Default on.'),
  registeredNodeOnly: z
    .boolean()
    .optional()
    .describe(
      'Register trunks, on several nodes: calls leave through the node that is registered, whichever node has them, for a provider that takes calls from nowhere else. Takes `registration: on`. Default off.',
    ),
  bnc: z
    .boolean()
    .optional()
    .describe('Bulk registration (RFC 6140): Contact with `bnc`, `Require: gin`. Default off.'),
  trust: z
    .enum(['binding', 'digest'])
    .optional()
    .describe("Accept-register trunks: admit calls by the gateway's binding or challenge each. Default digest."),
  mutualTls: z
    .boolean()
    .optional()
    .describe('Identify the trunk by its TLS client certificate in place of its addresses. Default off.'),
  callerIdOutsidePool: z
    .enum(['pass', 'reject'])
    .optional()
    .describe(
      "When no caller ID candidate is in the pool: `pass` sends the extension's number, `reject` answers 403. Default pass.",
    ),
  trusted: z
    .boolean()
    .optional()
    .describe(
      'The trunk is inside the trust domain (RFC 3325): on anonymous calls it still gets P-Asserted-Identity. Default on.',
    ),
  numberMayShow: z
    .boolean()
    .optional()
    .describe(
      "Allows a trunk whose `privacy` cannot hide the caller's number. A call with a dial code for anonymity is still refused there (403). Default off.",
    ),
  anonymousHost: host.optional().describe('Host of the anonymous From. Default anonymous.invalid.'),
  diversion: z
    .enum(['none', 'diversion', 'history-info', 'both'])
    .optional()
    .describe('Headers that tell of forwarding. Default none.'),
  redirects: z
    .enum(['reject', 'follow'])
    .optional()
    .describe("3xx from the trunk: `reject`, or `follow` within the tenant's rules. Default reject."),
  largeRequests: z
    .enum(['tcp', 'udp'])
    .optional()
    .describe(
      'UDP trunks: requests over 1,300 octets go over TCP where the provider answers there (RFC 3261 §18.1.1), or always over UDP. Default tcp.',
    ),
  contactToken: z
    .boolean()
    .optional()
    .describe(
      "The Contact of its calls carries the call's token where the node's `continuity.contactToken` is on; off for a provider that does not keep, or does not take, a parameter of 200 octets. Default on, off for teams and whatsapp trunks.",
    ),
  listener: friendlyName
    .optional()
    .describe(
      "Name of the node's listener that requests to the trunk leave from, whose address Via and Contact say; default: the first one of the trunk's transport and address family.",
    ),
  internalHeaders: z.boolean().optional().describe('Send X-Trunk-Name, X-Session-Id and X-CID. Default off.'),
  failoverCodes: z
    .array(statusCode)
    .max(100)
    .optional()
    .describe('Codes after which the next route is tried. Default 402, 403, 408, 488, 500, 502, 503, 504.'),
  earlyMediaFailover: z
    .boolean()
    .optional()
    .describe('Try the next route even after early media was relayed. Default off.'),
  sessionTimer: sessionTimerSchema.optional().describe('Session timers (RFC 4028).'),
  media: mediaMode
    .optional()
    .describe(
      'Whether calls over the trunk go through a media relay (`mediaRelays` of the node): `auto` where it is needed, `always`, `never`; `srtp`: the trunk talks SRTP with keys in SDP; `webrtc`: DTLS-SRTP and ICE. Default auto.',
    ),
  mediaFallback: z
    .enum(['refuse', 'pass'])
    .optional()
    .describe(
      'A call that needs a media relay while none answers: `refuse` (the next route is tried, at last 503), or `pass` the descriptions as they are. Emergency calls always pass. Default refuse.',
    ),
  codecs: z
    .array(codecName)
    .max(30)
    .optional()
    .describe(
      'The only audio codecs that are offered to the trunk, and of what it offers, by their SDP names, most preferred first; telephone events stay. Default: all, in the order that each side gives.',
    ),
});
/** Options as written. */
export type TrunkOptionsSettings = z.infer<typeof optionsSchema>;

export const tlsSchema = z.strictObject({
  certificate: headerText(1024)
    .min(1)
    .optional()
    .describe("File of the client certificate shown to the trunk; default: the listener's."),
  key: headerText(1024).min(1).optional().describe('File of its private key.'),
  ca: headerText(1024)
    .min(1)
    .optional()
    .describe("File of the certificate authorities that may sign the trunk's certificate; default: the system's."),
  serverName: host.optional().describe("Name that is checked and sent as SNI; default: the trunk's host."),
  allowWildcard: z
    .boolean()
    .optional()
    .describe(
      "Take a wildcard in the trunk's certificate (`*.example.com`) for one label of that name, which RFC 5922 §7.2 forbids. Default: off.",
    ),
  peerNames: z
    .array(host)
    .max(20)
    .optional()
    .describe("Names in the trunk's client certificate that identify it (`mutualTls`); default: the trunk's host."),
});

export const assignmentSchema = z.strictObject({
  tenant: tenantName.describe('The tenant that may use the trunk.'),
  didPool: headerText(64_000_000).describe(
    'Its DID pool: numbers and ranges separated by `;`, without +, 0 or 00 in front.',
  ),
  concurrentCalls: z
    .int()
    .min(0)
    .optional()
    .describe('Calls in progress of this tenant on this trunk; no limit when left out.'),
  verified: z
    .boolean()
    .optional()
    .describe(
      'The system admin has verified that the tenant may use the numbers of this pool: signed calls that show one get attestation A in place of B. Default off.',
    ),
});
/** A tenant's right to use a trunk, with its DID pool there. */
export type Assignment = z.infer<typeof assignmentSchema>;

export const trunkSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[0-9]{1,18}$/, { error: 'must be 1 to 18 digits' })
    .optional()
    .describe(
      'Digits; when left out, derived from owner and name. Only a system admin or a file chooses another one. X-Outbound-Cli names it.',
    ),
  name: friendlyName.describe("The trunk's name."),
  type: z.enum(TRUNK_TYPES).describe('Who registers with whom, if anybody.'),
  owner: z
    .union([z.literal('system'), tenantName], { error: 'must be "system" or a tenant\'s name' })
    .default('system')
    .describe('`system`, or the tenant whose own trunk it is.'),
  enabled: z.boolean().default(true).describe('A disabled trunk neither registers nor takes calls.'),
  brand: headerText(64).default('generic').describe('Brand whose preset fills what is left out.'),
  host: host
    .optional()
    .describe("The provider's host; on accept-register trunks a label that is never resolved. A brand may give it."),
  anotherAccount: z
    .boolean()
    .default(false)
    .describe('A further ip trunk of a provider that has one already (same host or brand): it is for another account.'),
  port: port.optional().describe('Port; left out, DNS decides (RFC 3263). A brand may give it.'),
  transport: z.enum(TRANSPORTS).optional().describe("Transport. Default: the brand's, else udp."),
  outboundProxy: z
    .strictObject({
      host: host.describe('Host of the proxy.'),
      port: port.optional().describe('Its port.'),
      route: z.boolean().default(false).describe('Also name it in a Route header.'),
    })
    .optional()
    .describe('Where requests go in place of the host.'),
  associatedIps: z
    .array(network)
    .max(1000)
    .optional()
    .describe('Further addresses and networks that the provider sends from.'),
  credentials: credentialsSchema.optional().describe('Digest credentials.'),
  tls: tlsSchema.optional().describe('TLS settings of this trunk.'),
  teams: teamsSchema.optional().describe('Microsoft Teams Direct Routing: needed by teams trunks, and theirs alone.'),
  whatsapp: whatsappSchema.optional().describe('The number at the WhatsApp Cloud API; of whatsapp trunks.'),
  options: optionsSchema.prefault({}).describe('Switches.'),
  limits: z
    .strictObject({
      concurrentCalls: z.int().min(0).optional().describe('Calls in progress; no limit when left out.'),
      callsPerSecond: z
        .number()
        .positive()
        .max(100_000)
        .optional()
        .describe('Calls begun per second; no limit when left out.'),
    })
    .prefault({})
    .describe('Capacity, both directions together.'),
  addHeaders: z
    .array(
      z.strictObject({
        name: freeHeaderName.describe('Header name.'),
        value: headerValue.describe('Fixed value.'),
      }),
    )
    .max(20)
    .default([])
    .describe('Headers with fixed values that the provider asks for, e.g. a token.'),
  numberFormat: z
    .string()
    .regex(NUMBER_FORMAT, { error: 'must be e164, or national and a country code such as "national 49"' })
    .optional()
    .describe(
      'How the carrier writes numbers: `e164`, or `national` and its country code (`national 49`), which are compared with the same pool. Default e164.',
    ),
  outboundParameters: outboundParametersSchema.prefault({}).describe('What fills the fields of outbound INVITEs.'),
  inboundParameters: inboundParametersSchema.prefault({}).describe('Where inbound INVITEs are read.'),
  didPool: headerText(64_000_000).optional().describe('DID pool of the owning tenant: short for its one assignment.'),
  tenants: z
    .array(assignmentSchema)
    .max(100_000)
    .default([])
    .describe('Who may use the trunk, each with its DID pool.'),
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
  tenants: z.array(tenantSchema).default([]).describe('Tenants.'),
  trunks: z.array(trunkSchema).default([]).describe('Trunks.'),
  certificates: z
    .array(certificateSchema)
    .default([])
    .describe('Certificates that calls are signed with, or TLS is spoken with.'),
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
