/**
 * How one node runs: `config/tandem.yaml`. Units are last in each name.
 */

import { z } from 'zod';
import { byDefault, optional, whole } from '../base/schema.ts';
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
    name: optional(friendlyName, 'Name, unique on the node, by which trunks choose the listener (`options.listener`).'),
    transport: z.enum(['udp', 'tcp', 'tls']).describe('Transport.'),
    host: host.describe('Address to listen on; `0.0.0.0` and `::` mean all.'),
    port: listenPort.describe('Port; 0 lets the system choose.'),
    certificate: optional(path, 'TLS: file of the certificate chain.'),
    key: optional(path, 'TLS: file of the private key.'),
    selfSigned: byDefault(false, z.boolean(), 'TLS: make a self-signed pair when both files are missing, for trials.'),
    ca: optional(path, "TLS: file of the authorities that may sign client certificates; default: the system's."),
    clientCertificate: byDefault(
      'none',
      z.enum(['none', 'optional', 'required']),
      'TLS: whether clients show a certificate.',
    ),
    minVersion: byDefault('TLSv1.2', z.enum(['TLSv1.2', 'TLSv1.3']), 'TLS: lowest version.'),
    publicHost: optional(host, 'What Via and Contact say on this listener toward public peers; default: `advertise`.'),
    publicPort: optional(whole(1, 65_535), "Port that Via and Contact say; default: the listener's."),
  })
  .refine((listen) => listen.transport !== 'tls' || (listen.certificate !== undefined && listen.key !== undefined), {
    error: 'a tls listener needs certificate and key',
  });
export type Listen = z.infer<typeof listenSchema>;

export const storeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('embedded').describe('One node: a database in files.'),
    path: byDefault('data', path, 'Folder of the files.'),
  }),
  z.strictObject({
    kind: z.literal('redis').describe('Several nodes: Redis.'),
    url: headerText(1024)
      .regex(/^rediss?:\/\//, { error: 'must begin with redis:// or rediss://' })
      .describe('Address of the server, or of one cluster member.'),
    cluster: byDefault(false, z.boolean(), 'The server is a member of a Redis Cluster.'),
    sentinel: optional(
      z.strictObject({
        name: headerText(128).min(1).describe('Name of the master.'),
        nodes: z
          .array(
            z.strictObject({
              host: host.describe('Host.'),
              port: byDefault(26_379, whole(1, 65_535), 'Port.'),
            }),
          )
          .min(1)
          .describe('The Sentinels.'),
      }),
      'Find the master through Sentinels.',
    ),
    tls: optional(
      z
        .strictObject({
          ca: optional(path, "File of the authorities that are believed; default: the system's."),
          certificate: optional(path, 'File of the certificate chain that is shown to Redis.'),
          key: optional(path, 'File of its private key.'),
          serverName: optional(
            host,
            'Name that the certificate of Redis must have; default: the host that is connected to.',
          ),
        })
        .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
          error: 'a certificate needs its key, and a key its certificate',
        }),
      'With `rediss://`: whom to believe, and what to show.',
    ),
    username: optional(headerText(128), 'User.'),
    password: optional(secret, 'Password.'),
    keyPrefix: byDefault('tandem:', headerText(64), 'What all keys begin with.'),
    path: byDefault('data', path, "Folder of this node's own files: token, call records, last known copy."),
  }),
]);

export const registrarSchema = z.strictObject({
  minExpiresSeconds: byDefault(60, whole(1, 86_400), 'Shorter registrations are refused (423).'),
  defaultExpiresSeconds: byDefault(3_600, whole(1, 86_400), 'Granted when the phone asks for nothing.'),
  maxExpiresSeconds: byDefault(3_600, whole(1, 604_800), 'Longest registration that is granted.'),
});

export const digestSchema = z.strictObject({
  algorithms: byDefault(
    ['MD5'],
    digestAlgorithms,
    'Algorithms offered to phones and gateways, most preferred first; every phone answers MD5 alone.',
  ),
  nonceSeconds: byDefault(300, whole(10, 86_400), 'How long a nonce is good.'),
});

export const dnsSchema = z.strictObject({
  servers: byDefault(
    [],
    z.array(headerText(128).refine(isServer, { error: 'must be an IP address, with :port if it is not 53' })),
    'DNS servers; default: those of the system.',
  ),
  timeoutMs: byDefault(2_000, whole(50, 60_000), 'How long one server may take.'),
  maxTtlSeconds: byDefault(3_600, whole(1, 604_800), 'Longest time an answer is kept.'),
  minTtlSeconds: byDefault(5, whole(0, 3_600), 'Shortest time an answer is kept.'),
});

export const apiSchema = z
  .strictObject({
    enabled: byDefault(true, z.boolean(), 'Serve HTTP.'),
    host: byDefault('127.0.0.1', host, 'Address to listen on.'),
    port: byDefault(8080, listenPort, 'Port; 0 lets the system choose.'),
    certificate: optional(path, 'HTTPS: file of the certificate chain.'),
    key: optional(path, 'HTTPS: file of the private key.'),
    trustedProxies: byDefault([], z.array(network), 'Reverse proxies whose X-Forwarded-For is believed.'),
    requestsPerMinute: byDefault(
      600,
      z.int().min(1),
      'Requests a minute of all admins of a tenant together, and of each token of a system admin (429).',
    ),
    tokensPerTenant: byDefault(100, whole(1, 10_000), 'Tokens of a tenant that are good at once (409).'),
    trunksPerTenant: byDefault(
      200,
      whole(1, 10_000),
      'Trunks of its own that a tenant admin may make (409); a system admin may make a tenant more. All that name one carrier are looked at for each call from there.',
    ),
    usersPerTenant: byDefault(200, whole(1, 10_000), 'Users of a tenant, whoever makes them (409).'),
    webhooksPerTenant: byDefault(
      20,
      whole(1, 1_000),
      'Webhooks of a tenant, whoever makes them (409). Each event asks all that there are whether they want it.',
    ),
    bytesPerTenant: byDefault(
      16_777_216,
      z.int().min(1_024),
      'Octets of JSON that a tenant admin may make of its tenant: settings, extensions, groups, services, rules, its own trunks and certificates (409); an extension is 300 to 600. What makes it no longer is always taken; system admins and files are free.',
    ),
    auditBytesPerTenant: byDefault(
      67_108_864,
      z.int().min(1_024),
      "Octets that changes by a tenant's admins may put into a node's audit log in an hour; once they are reached further ones are refused until it is over (429), but for what only deletes or disables.",
    ),
    bodyBytes: byDefault(
      33_554_432,
      z.int().min(1_024),
      'Longest provisioning document of a system admin (413); all other bodies have at most 1 MiB.',
    ),
    publicUrl: optional(
      z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(1024),
      'Where phones and Meta reach it, as links to files of messages say: a reverse proxy, say. Default: the address that it listens on.',
    ),
    hosts: byDefault(
      [],
      z.array(host),
      'Names by which it is asked, beside addresses and `localhost`; a request under any other name is refused (421), `/healthz` and `/readyz` aside.',
    ),
    connections: byDefault(
      1_000,
      whole(10, 100_000),
      'Connections at once; at most 250 of one address, half of all (250 at least) of one /64 of IPv6; before their first request 50 of one address or /64. Over TLS 250 of one address or /64 may begin in five seconds. When all are taken, the one that has been idle longest gives way, else the one that is slowest to send its body or to read its answer.',
    ),
    requestTimeoutMs: byDefault(
      30_000,
      whole(1_000, 600_000),
      'How long a TLS handshake, and a request with its body, may take to arrive before the connection is closed, a tenth (at least 1 s) later at most.',
    ),
    docs: optional(
      z.boolean(),
      'Serve /docs, and /openapi.json without a token; default: only where `host` is a loopback address.',
    ),
    metricsAccess: optional(
      z.enum(['public', 'system']),
      'Who may read /metrics: anybody, or system admins with a token; default: `public` where `host` is a loopback address, else `system`.',
    ),
  })
  .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
    error: 'HTTPS needs certificate and key',
  });

export const egressSchema = z.strictObject({
  allow: byDefault(
    [],
    z.array(network).max(1_000),
    "Addresses and networks that are not public and that tenants' trunks and webhooks may nevertheless lead to; system trunks and configured webhooks may lead anywhere.",
  ),
});

export const continuitySchema = z.strictObject({
  contactToken: byDefault(
    false,
    z.boolean(),
    'Put into the Contacts of calls, as a parameter of at most 200 octets, what another node, or this one after a restart, needs to go on with them when the store has lost them too.',
  ),
});

export const messagesSchema = z.strictObject({
  keepDays: byDefault(
    30,
    whole(7, 3_650),
    'How long messages are kept after there is nothing left to do for them; Meta repeats what it posts for days.',
  ),
  bytesPerTenant: byDefault(
    67_108_864,
    z.int().min(1_024),
    'Octets of new messages that a process of a node (one, or each worker) stores of one tenant in an hour; once they are reached it takes no further ones until it is over (503). A text is 500 to 1,000.',
  ),
});

export const stirSchema = z.strictObject({
  trustAnchors: byDefault(
    [],
    z.array(path).max(100),
    'Files (PEM or DER) of the authorities whose certificates sign calls. With one or more, calls from trunks are verified (`options.stirVerify` of the trunk).',
  ),
  crls: byDefault(
    [],
    z.array(path).max(100),
    'Files (PEM or DER) of certificate revocation lists, read again by a reload.',
  ),
  fetch: z
    .strictObject({
      timeoutMs: byDefault(
        2_000,
        whole(100, 10_000),
        "How long a caller's certificate may take to come, redirects included (436); its icon comes in what is left of it, or is not shown.",
      ),
      maxOctets: byDefault(65_536, whole(1_024, 1_048_576), 'Longest answer with a certificate (436) or an icon.'),
      waitingCalls: count(
        1_000,
        'Calls that may wait for certificates at once, three quarters of them of one tenant; further ones do not wait (436). As many may wait for icons.',
      ),
      allow: byDefault(
        [],
        z.array(network).max(1_000),
        'Addresses and networks that are not public and that certificates may nevertheless be fetched from.',
      ),
      authorities: byDefault(
        [],
        z.array(path).max(100),
        "Files (PEM) of authorities that may sign the certificates of https servers, beside the system's.",
      ),
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
  events: byDefault([], z.array(headerText(64)), 'Kinds of events; empty: all.'),
});

export const mediaRelaySchema = z.strictObject({
  url: headerText(256)
    .refine(isRelayUrl, { error: 'must be udp://address:port with an IP address' })
    .describe('Where rtpengine takes its ng protocol: `udp://address:port`.'),
  weight: byDefault(1, whole(1, 1_000), 'Its share of the calls, beside the weights of the others.'),
});

const NO_TLS = { selfSigned: false, clientCertificate: 'none', minVersion: 'TLSv1.2' } as const;

export const nodeSchema = z.strictObject({
  node: byDefault(
    '',
    z.string().regex(/^([A-Za-z0-9][A-Za-z0-9-]{0,31})?$/, { error: 'must be 1 to 32 letters, digits or dashes' }),
    "Name of this node, unique among nodes on one store; empty: one is made at the first start and kept in the store's folder (`node.name`).",
  ),
  workers: byDefault(
    1,
    z.union([z.literal('auto'), whole(1, 128)]),
    'Processes that share the ports of this node, for machines with several cores; `auto`: one for each core. At most two for each core.',
  ),
  listen: byDefault(
    [
      { transport: 'udp', host: '127.0.0.1', port: 5060, ...NO_TLS },
      { transport: 'tcp', host: '127.0.0.1', port: 5060, ...NO_TLS },
    ],
    z.array(listenSchema).min(1),
    'Where SIP is served.',
  ),
  udpBatching: byDefault(
    false,
    z.boolean(),
    'Receive and send many datagrams with one call of the kernel (recvmmsg, sendmmsg), through `node:ffi`, which is experimental: Linux on x64 and arm64. Where that cannot be had, datagrams go one by one, and `/readyz` says so.',
  ),
  allowDemoPasswords: byDefault(
    false,
    z.boolean(),
    "Start although extensions have passwords that the demo's files print and a listener is no loopback address: where something else keeps strangers out.",
  ),
  defaultTenant: optional(
    tenantName,
    "The tenant of requests to the node's own addresses, for phones that register by address; default: none. Who says in From to be one of its numbers there is asked for its password, also at `trustedAddresses` of another tenant.",
  ),
  advertise: z
    .strictObject({
      publicHost: optional(host, 'Public address: what Via and Contact say to trunks and phones.'),
      privateHost: optional(
        host,
        'Private address: what they say to trunks with `usePrivateIp`; where the other nodes of the store send SIP to, and see it come from.',
      ),
    })
    .prefault({})
    .describe('What Via and Contact say; default: the listen host.'),
  frontProxies: byDefault(
    [],
    z.array(network).max(100),
    'SIP proxies of the operator in front of the nodes, e.g. a dispatcher: the address in their X-Auth-IP (and the port in X-Auth-Port) counts as the sender, what names no sender there comes from nobody that is known, and the Path that they add to a REGISTER is taken from any phone.',
  ),
  store: storeSchema.prefault({ kind: 'embedded' }).describe('Where state is kept.'),
  provisioning: byDefault([], z.array(path), 'Provisioning files, applied at start, idempotent.'),
  provisioningMode: byDefault(
    'managed',
    z.enum(['managed', 'seed']),
    'managed: what the files hold is theirs; they are applied at each start and reload, and the HTTP interface refuses to change it. seed: they fill an empty store once.',
  ),
  api: apiSchema.prefault({}).describe('HTTP.'),
  console: consoleSchema.prefault({}).describe('The console.'),
  log: z
    .strictObject({
      level: byDefault(
        'info',
        z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
        'Lowest level that is written.',
      ),
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
  mediaRelays: byDefault(
    [],
    z
      .array(mediaRelaySchema)
      .max(32)
      .refine((relays) => new Set(relays.map(({ url }) => url)).size === relays.length, {
        error: 'must name each relay once',
      }),
    'Media relays (rtpengine) that calls go through whose parties cannot reach or read each other.',
  ),
  stir: stirSchema.prefault({}).describe("Verification of callers' numbers (STIR/SHAKEN)."),
  records: z
    .strictObject({
      file: optional(path, "JSONL file of call records; default: calls.jsonl in the store's folder."),
    })
    .prefault({})
    .describe('Call records.'),
  webhooks: byDefault([], z.array(webhookSchema).max(100), 'Receivers of events.'),
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
