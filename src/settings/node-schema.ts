/**
 * How one node runs: `config/tandem.yaml`. Units are last in each name.
 */
import { z } from 'zod';
import {
  digestAlgorithms,
  friendlyName,
  headerText,
  host,
  isNetwork,
  listenPort,
  network,
  secret,
  tenantName,
} from '../provisioning/tenants/fields.ts';
import { consoleSchema } from './console-schema.ts';
import { count, nodeLimitsSchema, timersSchema } from './limits-schema.ts';

const path = headerText(4096).min(1);

export const listenSchema = z
  .strictObject({
    name: friendlyName
      .optional()
      .describe('Name, unique on the node, by which trunks choose the listener (`options.listener`).'),
    transport: z.enum(['udp', 'tcp', 'tls']).describe('Transport.'),
    host: host.describe('Address to listen on; `0.0.0.0` and `::` mean all.'),
    port: listenPort.describe('Port; 0 lets the system choose.'),
    certificate: path.optional().describe('TLS: file of the certificate chain.'),
    key: path.optional().describe('TLS: file of the private key.'),
    selfSigned: z
      .boolean()
      .default(false)
      .describe('TLS: make a self-signed pair when both files are missing, for trials.'),
    ca: path
      .optional()
      .describe("TLS: file of the authorities that may sign client certificates; default: the system's."),
    clientCertificate: z
      .enum(['none', 'optional', 'required'])
      .default('none')
      .describe('TLS: whether clients show a certificate.'),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('TLS: lowest version.'),
    publicHost: host
      .optional()
      .describe('What Via and Contact say on this listener toward public peers; default: `advertise`.'),
    publicPort: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe("Port that Via and Contact say; default: the listener's."),
  })
  .refine((listen) => listen.transport !== 'tls' || (listen.certificate !== undefined && listen.key !== undefined), {
    error: 'a tls listener needs certificate and key',
  });
export type Listen = z.infer<typeof listenSchema>;

export const storeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('embedded').describe('One node: a database in files.'),
    path: path.default('data').describe('Folder of the files.'),
  }),
  z.strictObject({
    kind: z.literal('redis').describe('Several nodes: Redis.'),
    url: headerText(1024)
      .regex(/^rediss?:\/\//, { error: 'must begin with redis:// or rediss://' })
      .describe('Address of the server, or of one cluster member.'),
    cluster: z.boolean().default(false).describe('The server is a member of a Redis Cluster.'),
    sentinel: z
      .strictObject({
        name: headerText(128).min(1).describe('Name of the master.'),
        nodes: z
          .array(
            z.strictObject({
              host: host.describe('Host.'),
              port: z.int().min(1).max(65_535).default(26_379).describe('Port.'),
            }),
          )
          .min(1)
          .describe('The Sentinels.'),
      })
      .optional()
      .describe('Find the master through Sentinels.'),
    tls: z
      .strictObject({
        ca: path.optional().describe("File of the authorities that are believed; default: the system's."),
        certificate: path.optional().describe('File of the certificate chain that is shown to Redis.'),
        key: path.optional().describe('File of its private key.'),
        serverName: host
          .optional()
          .describe('Name that the certificate of Redis must have; default: the host that is connected to.'),
      })
      .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
        error: 'a certificate needs its key, and a key its certificate',
      })
      .optional()
      .describe('With `rediss://`: whom to believe, and what to show.'),
    username: headerText(128).optional().describe('User.'),
    password: secret.optional().describe('Password.'),
    keyPrefix: headerText(64).default('tandem:').describe('What all keys begin with.'),
    path: path.default('data').describe("Folder of this node's own files: token, call records, last known copy."),
  }),
]);

export const registrarSchema = z.strictObject({
  minExpiresSeconds: z.int().min(1).max(86_400).default(60).describe('Shorter registrations are refused (423).'),
  defaultExpiresSeconds: z.int().min(1).max(86_400).default(3_600).describe('Granted when the phone asks for nothing.'),
  maxExpiresSeconds: z.int().min(1).max(604_800).default(3_600).describe('Longest registration that is granted.'),
});

export const digestSchema = z.strictObject({
  algorithms: digestAlgorithms
    .default(['MD5'])
    .describe('Algorithms offered to phones and gateways, most preferred first; every phone answers MD5 alone.'),
  nonceSeconds: z.int().min(10).max(86_400).default(300).describe('How long a nonce is good.'),
});

export const dnsSchema = z.strictObject({
  servers: z
    .array(headerText(128).refine(isServer, { error: 'must be an IP address, with :port if it is not 53' }))
    .default([])
    .describe('DNS servers; default: those of the system.'),
  timeoutMs: z.int().min(50).max(60_000).default(2_000).describe('How long one server may take.'),
  maxTtlSeconds: z.int().min(1).max(604_800).default(3_600).describe('Longest time an answer is kept.'),
  minTtlSeconds: z.int().min(0).max(3_600).default(5).describe('Shortest time an answer is kept.'),
});

export const apiSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Serve HTTP.'),
    host: host.default('127.0.0.1').describe('Address to listen on.'),
    port: listenPort.default(8080).describe('Port; 0 lets the system choose.'),
    certificate: path.optional().describe('HTTPS: file of the certificate chain.'),
    key: path.optional().describe('HTTPS: file of the private key.'),
    trustedProxies: z.array(network).default([]).describe('Reverse proxies whose X-Forwarded-For is believed.'),
    requestsPerMinute: z
      .int()
      .min(1)
      .default(600)
      .describe('Requests a minute of all admins of a tenant together, and of each token of a system admin (429).'),
    tokensPerTenant: z
      .int()
      .min(1)
      .max(10_000)
      .default(100)
      .describe('Tokens of a tenant that are good at once (409).'),
    trunksPerTenant: z
      .int()
      .min(1)
      .max(10_000)
      .default(200)
      .describe(
        'Trunks of its own that a tenant admin may make (409); a system admin may make a tenant more. All that name one carrier are looked at for each call from there.',
      ),
    usersPerTenant: z.int().min(1).max(10_000).default(200).describe('Users of a tenant, whoever makes them (409).'),
    webhooksPerTenant: z
      .int()
      .min(1)
      .max(1_000)
      .default(20)
      .describe(
        'Webhooks of a tenant, whoever makes them (409). Each event asks all that there are whether they want it.',
      ),
    bytesPerTenant: z
      .int()
      .min(1_024)
      .default(16_777_216)
      .describe(
        'Octets of JSON that a tenant admin may make of its tenant: settings, extensions, groups, services, rules, its own trunks and certificates (409); an extension is 300 to 600. What makes it no longer is always taken; system admins and files are free.',
      ),
    auditBytesPerTenant: z
      .int()
      .min(1_024)
      .default(67_108_864)
      .describe(
        "Octets that changes by a tenant's admins may put into a node's audit log in an hour; once they are reached further ones are refused until it is over (429), but for what only deletes or disables.",
      ),
    bodyBytes: z
      .int()
      .min(1_024)
      .default(33_554_432)
      .describe('Longest provisioning document of a system admin (413); all other bodies have at most 1 MiB.'),
    publicUrl: z
      .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
      .max(1024)
      .optional()
      .describe(
        'Where phones and Meta reach it, as links to files of messages say: a reverse proxy, say. Default: the address that it listens on.',
      ),
    hosts: z
      .array(host)
      .default([])
      .describe(
        'Names by which it is asked, beside addresses and `localhost`; a request under any other name is refused (421), `/healthz` and `/readyz` aside.',
      ),
    connections: z
      .int()
      .min(10)
      .max(100_000)
      .default(1_000)
      .describe(
        'Connections at once; at most 250 of one address, half of all (250 at least) of one /64 of IPv6; before their first request 50 of one address or /64. Over TLS 250 of one address or /64 may begin in five seconds. When all are taken, the one that has been idle longest gives way, else the one that is slowest to send its body or to read its answer.',
      ),
    requestTimeoutMs: z
      .int()
      .min(1_000)
      .max(600_000)
      .default(30_000)
      .describe(
        'How long a TLS handshake, and a request with its body, may take to arrive before the connection is closed, a tenth (at least 1 s) later at most.',
      ),
    docs: z
      .boolean()
      .optional()
      .describe('Serve /docs, and /openapi.json without a token; default: only where `host` is a loopback address.'),
    metricsAccess: z
      .enum(['public', 'system'])
      .optional()
      .describe(
        'Who may read /metrics: anybody, or system admins with a token; default: `public` where `host` is a loopback address, else `system`.',
      ),
  })
  .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
    error: 'HTTPS needs certificate and key',
  });

export const egressSchema = z.strictObject({
  allow: z
    .array(network)
    .max(1_000)
    .default([])
    .describe(
      "Addresses and networks that are not public and that tenants' trunks and webhooks may nevertheless lead to; system trunks and configured webhooks may lead anywhere.",
    ),
});

export const continuitySchema = z.strictObject({
  contactToken: z
    .boolean()
    .default(false)
    .describe(
      'Put into the Contacts of calls, as a parameter of at most 200 octets, what another node, or this one after a restart, needs to go on with them when the store has lost them too.',
    ),
});

export const messagesSchema = z.strictObject({
  keepDays: z
    .int()
    .min(7)
    .max(3_650)
    .default(30)
    .describe(
      'How long messages are kept after there is nothing left to do for them; Meta repeats what it posts for days.',
    ),
  bytesPerTenant: z
    .int()
    .min(1_024)
    .default(67_108_864)
    .describe(
      'Octets of new messages that a node stores of one tenant in an hour; once they are reached it takes no further ones until it is over (503). A text is 500 to 1,000.',
    ),
});

export const stirSchema = z.strictObject({
  trustAnchors: z
    .array(path)
    .max(100)
    .default([])
    .describe(
      'Files (PEM or DER) of the authorities whose certificates sign calls. With one or more, calls from trunks are verified (`options.stirVerify` of the trunk).',
    ),
  crls: z
    .array(path)
    .max(100)
    .default([])
    .describe('Files (PEM or DER) of certificate revocation lists, read again by a reload.'),
  fetch: z
    .strictObject({
      timeoutMs: z
        .int()
        .min(100)
        .max(10_000)
        .default(2_000)
        .describe(
          "How long a caller's certificate may take to come, redirects included (436); its icon comes in what is left of it, or is not shown.",
        ),
      maxOctets: z
        .int()
        .min(1_024)
        .max(1_048_576)
        .default(65_536)
        .describe('Longest answer with a certificate (436) or an icon.'),
      waitingCalls: count(
        1_000,
        'Calls that may wait for certificates at once, three quarters of them of one tenant; further ones do not wait (436). As many may wait for icons.',
      ),
      allow: z
        .array(network)
        .max(1_000)
        .default([])
        .describe('Addresses and networks that are not public and that certificates may nevertheless be fetched from.'),
      authorities: z
        .array(path)
        .max(100)
        .default([])
        .describe("Files (PEM) of authorities that may sign the certificates of https servers, beside the system's."),
    })
    .prefault({})
    .describe("How callers' certificates are fetched."),
});
export type StirSettings = z.infer<typeof stirSchema>;

export const webhookSchema = z.strictObject({
  name: friendlyName.describe('Name of the hook.'),
  url: headerText(2048)
    .regex(/^https?:\/\//, { error: 'must begin with http:// or https://' })
    .describe('Where events are posted.'),
  secret: secret.describe('Key of the signature.'),
  events: z.array(headerText(64)).default([]).describe('Kinds of events; empty: all.'),
});

export const mediaRelaySchema = z.strictObject({
  url: headerText(256)
    .refine(isRelayUrl, { error: 'must be udp://address:port with an IP address' })
    .describe('Where rtpengine takes its ng protocol: `udp://address:port`.'),
  weight: z.int().min(1).max(1_000).default(1).describe('Its share of the calls, beside the weights of the others.'),
});

const NO_TLS = { selfSigned: false, clientCertificate: 'none', minVersion: 'TLSv1.2' } as const;

export const nodeSchema = z.strictObject({
  node: z
    .string()
    .regex(/^([A-Za-z0-9][A-Za-z0-9-]{0,31})?$/, { error: 'must be 1 to 32 letters, digits or dashes' })
    .default('')
    .describe(
      "Name of this node, unique among nodes on one store; empty: one is made at the first start and kept in the store's folder (`node.name`).",
    ),
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(128)])
    .default(1)
    .describe(
      'Processes that share the ports of this node, for machines with several cores; `auto`: one for each core. At most two for each core.',
    ),
  listen: z
    .array(listenSchema)
    .min(1)
    .default([
      { transport: 'udp', host: '127.0.0.1', port: 5060, ...NO_TLS },
      { transport: 'tcp', host: '127.0.0.1', port: 5060, ...NO_TLS },
    ])
    .describe('Where SIP is served.'),
  udpBatching: z
    .boolean()
    .default(false)
    .describe(
      'Receive and send many datagrams with one call of the kernel (recvmmsg, sendmmsg), through `node:ffi`, which is experimental: Linux on x64 and arm64. Where that cannot be had, datagrams go one by one, and `/readyz` says so.',
    ),
  allowDemoPasswords: z
    .boolean()
    .default(false)
    .describe(
      "Start although extensions have passwords that the demo's files print and a listener is no loopback address: where something else keeps strangers out.",
    ),
  defaultTenant: tenantName
    .optional()
    .describe(
      "The tenant of requests to the node's own addresses, for phones that register by address; default: none. Who says in From to be one of its numbers there is asked for its password, also at `trustedAddresses` of another tenant.",
    ),
  advertise: z
    .strictObject({
      publicHost: host.optional().describe('Public address: what Via and Contact say to trunks and phones.'),
      privateHost: host
        .optional()
        .describe(
          'Private address: what they say to trunks with `usePrivateIp`; where the other nodes of the store send SIP to, and see it come from.',
        ),
    })
    .prefault({})
    .describe('What Via and Contact say; default: the listen host.'),
  frontProxies: z
    .array(network)
    .max(100)
    .default([])
    .describe(
      'SIP proxies of the operator in front of the nodes, e.g. a dispatcher: the address in their X-Auth-IP (and the port in X-Auth-Port) counts as the sender, what names no sender there comes from nobody that is known, and the Path that they add to a REGISTER is taken from any phone.',
    ),
  store: storeSchema.prefault({ kind: 'embedded' }).describe('Where state is kept.'),
  provisioning: z.array(path).default([]).describe('Provisioning files, applied at start, idempotent.'),
  provisioningMode: z
    .enum(['managed', 'seed'])
    .default('managed')
    .describe(
      'managed: what the files hold is theirs; they are applied at each start and reload, and the HTTP interface refuses to change it. seed: they fill an empty store once.',
    ),
  api: apiSchema.prefault({}).describe('HTTP.'),
  console: consoleSchema.prefault({}).describe('The console.'),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
        .default('info')
        .describe('Lowest level that is written.'),
    })
    .prefault({})
    .describe('Log.'),
  limits: nodeLimitsSchema.prefault({}).describe('Limits.'),
  timers: timersSchema.prefault({}).describe('Timers.'),
  registrar: registrarSchema.prefault({}).describe('Registrations of phones and gateways.'),
  digest: digestSchema.prefault({}).describe('Digest authentication.'),
  dns: dnsSchema.prefault({}).describe('DNS.'),
  egress: egressSchema.prefault({}).describe('Where tenants may make the node send to.'),
  continuity: continuitySchema.prefault({}).describe('What outlives a node.'),
  messages: messagesSchema.prefault({}).describe('Messages from and to WhatsApp.'),
  mediaRelays: z
    .array(mediaRelaySchema)
    .max(32)
    .refine((relays) => new Set(relays.map(({ url }) => url)).size === relays.length, {
      error: 'must name each relay once',
    })
    .default([])
    .describe('Media relays (rtpengine) that calls go through whose parties cannot reach or read each other.'),
  stir: stirSchema.prefault({}).describe("Verification of callers' numbers (STIR/SHAKEN)."),
  records: z
    .strictObject({
      file: path.optional().describe("JSONL file of call records; default: calls.jsonl in the store's folder."),
    })
    .prefault({})
    .describe('Call records.'),
  webhooks: z.array(webhookSchema).max(100).default([]).describe('Receivers of events.'),
});
/** Configuration of one node, complete. */
export type NodeSettings = z.infer<typeof nodeSchema>;
/** Configuration as it may be written. */
export type NodeSettingsInput = z.input<typeof nodeSchema>;

/** An address, `address:port` or `[IPv6]:port`. */
function isServer(text: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(text);
  if (match === null) return isNetwork(text) && !text.includes('/');
  return isNetwork(match[1] ?? match[2] ?? '') && Number(match[3]) >= 1 && Number(match[3]) <= 65_535;
}

function isRelayUrl(text: string): boolean {
  const match = /^udp:\/\/(?:\[([^\]]+)\]|([^:/]+)):([0-9]{1,5})$/.exec(text);
  if (match === null) return false;
  return isNetwork(match[1] ?? match[2] ?? '') && Number(match[3]) >= 1 && Number(match[3]) <= 65_535;
}
