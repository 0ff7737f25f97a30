/** What the API answers beside the provisioned resources, as schemas: for the OpenAPI document, held to the types of the ports. */
import { z } from 'zod';
import { MESSAGE_STATES } from '../messages/index.ts';
import type {
  AuditEntry,
  CallRecord,
  EventData,
  EventType,
  MessageFacts,
  TraceMessage,
  WebhookStatus,
} from '../observe/index.ts';
import type { Explanation, Whereabouts } from '../outbound/index.ts';
import { CHECKS, type Examination, OUTCOMES } from '../trunks/examination.ts';
import { inboundParametersSchema, outboundParametersSchema } from '../trunks/mappings.ts';
import { optionsSchema, TRUNK_TYPES } from '../trunks/schema.ts';
import type { TrunkStatus } from '../trunks/trunk-line.ts';
import type { LiveCall, PlayedCalls, RegistrationView, ReloadReport, StoreStatus } from './ports.ts';

const time = z.iso.datetime({ offset: true });
const optionalText = z.string().optional();
const DIRECTION = z.enum(['outbound', 'inbound', 'internal']);
export const TRUNK_STATES = ['online', 'offline', 'registering', 'rejected', 'unknown'] as const;

export const trunkStatusAnswer = z.object({
  trunkId: z.string(),
  name: z.string(),
  type: z.string(),
  state: z.enum(TRUNK_STATES),
  since: time.describe('Since when it has this state.'),
  lastCode: z.int().optional().describe('The latest SIP status of its registration or ping.'),
  reason: z.string().optional().describe('Why it is not online, in words.'),
  activeCalls: z.int(),
  alarms: z
    .array(
      z.object({
        code: z.literal('sources-coincide').describe('By the DNS it is of one provider with another trunk.'),
        message: z.string(),
        since: time,
      }),
    )
    .optional()
    .describe('What somebody has to look at though calls go on; left out when there is nothing.'),
}) satisfies z.ZodType<Loose<TrunkStatus>>;

export const examinationAnswer = z.object({
  trunkId: z.string(),
  name: z.string(),
  type: z.string(),
  healthy: z.boolean().describe('False when anything has failed.'),
  findings: z
    .array(
      z.object({
        check: z.enum(CHECKS),
        outcome: z.enum(OUTCOMES),
        subject: z.string().optional().describe('What was looked at: a host, a target, a certificate, a tenant.'),
        message: z.string(),
        advice: z.string().optional().describe('What to do about it.'),
      }),
    )
    .describe('In the order in which a call meets them.'),
}) satisfies z.ZodType<Loose<Examination>>;

export const certificateFactsAnswer = z
  .object({
    subject: z.string(),
    issuer: z.string(),
    serialNumber: z.string(),
    fingerprint256: z.string(),
    notBefore: time,
    notAfter: time,
    names: z.array(z.string()).optional().describe('Host names that it has; of certificates for TLS.'),
    codes: z.array(z.string()).describe('Service provider codes of its TNAuthList (RFC 8226).'),
    numbers: z.array(z.string()).describe('Numbers and ranges of its TNAuthList.'),
    servedAt: z.string().optional().describe('Path at which this node serves the chain.'),
  })
  .describe('What the certificate itself says.');

export const registrationAnswer = z.object({
  addressOfRecord: z.string(),
  tenant: optionalText,
  extension: optionalText,
  trunkId: z.string().optional().describe('Of a gateway: its trunk.'),
  contact: z.string(),
  transport: z.string(),
  source: z.string().describe('Where it came from, as `address:port`.'),
  userAgent: optionalText,
  expiresAt: time,
}) satisfies z.ZodType<Loose<RegistrationView>>;

export const messageAnswer = z.object({
  id: z.string(),
  tenant: z.string(),
  trunkId: z.string(),
  trunk: optionalText,
  direction: z.enum(['inbound', 'outbound']),
  state: z
    .enum(MESSAGE_STATES)
    .describe(
      '`received`: not with all phones yet; `queued` and `sending`: on its way to WhatsApp; then as WhatsApp tells.',
    ),
  from: z.string(),
  to: z.string(),
  name: z.string().optional().describe('What the user calls itself.'),
  extension: z.string().optional().describe('Who sent it.'),
  type: z
    .string()
    .describe(
      '`text`, `image`, `audio`, `video`, `document`, `sticker`, `template`, `location`, `reaction` or what else WhatsApp has.',
    ),
  text: z.string().optional().describe('What it says; of a file its caption, of a template its name.'),
  mimeType: optionalText,
  filename: optionalText,
  url: z.string().optional().describe('Where the file is, good for seven days.'),
  latitude: z.number().optional(),
  longitude: z.number().optional(),
  remoteId: z.string().optional().describe('Its id at WhatsApp.'),
  contextId: z.string().optional().describe('WhatsApp id of the message that it answers.'),
  rule: z.string().optional().describe('The inbound rule that said whom it is for.'),
  recipients: z
    .array(z.object({ number: z.string(), state: z.enum(['waiting', 'delivered', 'refused', 'expired']) }))
    .optional()
    .describe('Whom it is for, and how far it has come to each.'),
  createdAt: time,
  sentAt: time.optional(),
  deliveredAt: time.optional(),
  readAt: time.optional(),
  retryAt: time.optional().describe('When it is tried again.'),
  error: z.object({ code: z.int().describe("WhatsApp's code; 0: none."), message: z.string() }).optional(),
}) satisfies z.ZodType<Loose<MessageFacts>>;

export const liveCallAnswer = z.object({
  callId: z.string(),
  sipCallIds: z.array(z.string()).describe("The SIP Call-IDs of its legs, the caller's first."),
  tenant: optionalText,
  direction: DIRECTION,
  from: z.string(),
  to: z.string(),
  state: z.enum(['calling', 'ringing', 'answered', 'ending']),
  trunkId: optionalText,
  trunk: optionalText,
  startedAt: time,
  answeredAt: time.optional(),
}) satisfies z.ZodType<Loose<LiveCall>>;

const attemptAnswer = z.object({
  trunkId: optionalText,
  trunk: optionalText,
  extension: optionalText,
  target: z.string().optional().describe('Where it was sent, as `transport:address:port`.'),
  status: z.int().optional(),
  reason: optionalText,
  cause: z.string().optional().describe("The peer's Reason header field, or why nothing was sent."),
  startedAt: time,
  durationMs: z.number(),
});

const streamAnswer = z.object({
  packets: z.int().describe('RTP packets that came from the party.'),
  octets: z.int(),
  lost: z.int().optional().describe('Packets of the party that the other side missed, as the reports (RTCP) say.'),
  jitterMs: z.number().optional(),
  mos: z.number().optional().describe('Mean opinion score, 1 to 5, as the relay works it out.'),
});

const verificationAnswer = z.object({
  result: z.enum(['passed', 'failed', 'none']),
  source: z.enum(['identity', 'carrier']).describe("Verified here, or by the carrier's word."),
  attestation: z.enum(['A', 'B', 'C']).optional(),
  number: z.string().optional().describe('The number that was signed.'),
  code: z.int().optional().describe('Why it failed: the status of RFC 8224.'),
  reason: optionalText,
  originationId: optionalText,
  signer: z.string().optional().describe('Subject of the certificate.'),
  divertedFrom: z.array(z.string()).optional().describe('Numbers that others sent the call on from.'),
  shown: z
    .object({
      name: z.string().describe('Empty: no name was signed.'),
      icon: z.string().optional().describe('URL; what is there has the digest that was signed.'),
      callReason: optionalText,
      signer: z.string().describe('Subject of the certificate that says so.'),
    })
    .optional()
    .describe('How the caller is to be shown (rich call data), verified.'),
  findings: z.array(z.string()).describe('What was found of each Identity value.'),
});

export const callRecordAnswer = z.object({
  callId: z.string(),
  sipCallIds: z.array(z.string()),
  tenant: optionalText,
  direction: DIRECTION,
  callerNumber: z.string().describe('As it came.'),
  callerNumberSent: z.string().optional().describe('As the called side was shown it.'),
  calledNumber: z.string().describe('As dialled.'),
  calledNumberSent: z.string().optional().describe('As sent.'),
  extension: optionalText,
  outboundCallerId: optionalText,
  outboundCallerIdSource: z
    .string()
    .optional()
    .describe('Which setting gave it: app, extension, rule, group, company.'),
  anonymous: z.boolean().optional(),
  signed: z
    .enum(['A', 'B', 'C', 'div'])
    .optional()
    .describe('How it was signed on the trunk tried last: the attestation, or `div` of a call that was sent on.'),
  signedWith: optionalText.describe('Name of the certificate that signed it.'),
  originId: optionalText.describe('`origid` of the token (RFC 8588 §5).'),
  outboundRule: optionalText,
  inboundRule: optionalText,
  verification: verificationAnswer.optional().describe("What was found of the caller's number (STIR/SHAKEN)."),
  trunkId: optionalText,
  trunk: optionalText,
  attempts: z.array(attemptAnswer).describe('Every trunk or phone that was tried, in order.'),
  startedAt: time,
  ringingAt: time.optional(),
  answeredAt: time.optional(),
  endedAt: time,
  durationMs: z.number(),
  talkMs: z.number().describe('From answer to end; 0 when it was not answered.'),
  status: z.int(),
  reason: z.string(),
  hungUpBy: z.enum(['caller', 'callee', 'engine']),
  media: z
    .array(z.object({ caller: streamAnswer, callee: streamAnswer }))
    .optional()
    .describe('What the media relay has counted, of each pair of parties in turn: a transfer makes another one.'),
}) satisfies z.ZodType<Loose<CallRecord>>;

export const traceMessageAnswer = z.object({
  at: time,
  atMs: z.number().describe('The same as milliseconds since 1970.'),
  direction: z.enum(['sent', 'received']),
  transport: z.string(),
  local: z.string().describe('`address:port` of the engine.'),
  remote: z.string().describe('`address:port` of the peer.'),
  sipCallId: z.string(),
  leg: z.string().optional().describe('What the peer is to the call: `caller`, a trunk, an extension.'),
  text: z.string().describe('The message, secrets masked.'),
}) satisfies z.ZodType<Loose<TraceMessage>>;

export const callTraceAnswer = z.object({
  callId: z.string(),
  messages: z.array(traceMessageAnswer),
  ladder: z.string().describe('The messages drawn for a terminal.'),
});

export const tracePageAnswer = z.object({
  messages: z.array(
    traceMessageAnswer.extend({
      summary: z.string().describe('Method or status, e.g. `INVITE (SDP)` or `200 OK`.'),
      from: z.string().describe('User of the From URI.'),
      to: z.string().describe('User of the To URI.'),
    }),
  ),
  next: z.int().describe('As `after` of the next request: what came since.'),
});

export const tokenAnswer = z.object({
  id: z.string(),
  role: z.enum(['system-admin', 'tenant-admin']),
  tenant: optionalText,
  readOnly: z.boolean().optional().describe('It reads and changes nothing.'),
  label: optionalText,
  createdAt: time,
  createdBy: z.string(),
  expiresAt: time.optional(),
  revokedAt: time.optional(),
});
export const userAnswer = z.object({
  id: z.string().describe('The name to sign in with.'),
  role: z.enum(['system-admin', 'tenant-admin']),
  tenant: optionalText,
  readOnly: z.boolean().describe('It sees what its role sees, and changes nothing.'),
  enabled: z.boolean(),
  codes: z.boolean().describe('Whether a sign-in needs a code of an authenticator app.'),
  createdAt: time,
  createdBy: z.string(),
  passwordChangedAt: time,
});
export const newTotpAnswer = z.object({
  secret: z.string().describe('To be typed into the app (Base32). Shown this once.'),
  uri: z.string().describe('The same for a link or a picture.'),
});
export const sessionAnswer = z.object({
  signedIn: z.boolean(),
  firstRun: z.boolean().describe('There is no user yet: make one with the token of the owner.'),
  actor: optionalText.describe('As the audit log names it.'),
  user: optionalText,
  codes: z.boolean().optional().describe('Whether a sign-in of this user needs a code.'),
  role: z.enum(['system-admin', 'tenant-admin']).optional(),
  tenant: optionalText,
  readOnly: z.boolean().optional(),
  csrfToken: optionalText.describe('What each change by this browser has to say in the header field X-CSRF-Token.'),
  expiresAt: time.optional(),
});
export const newSignInLinkAnswer = z.object({
  path: z.string().describe('To be opened in a browser, on the address of this interface; good once.'),
  expiresAt: time,
});

export const newTokenAnswer = tokenAnswer.extend({ token: z.string().describe('Shown this once.') });

const deliveriesAnswer = z.object({
  waiting: z.int(),
  delivered: z.int(),
  lost: z.int(),
  lastStatus: z.int().optional(),
  lastError: optionalText,
}) satisfies z.ZodType<Loose<WebhookStatus>>;

export const webhookAnswer = z.object({
  id: z.string(),
  url: z.string(),
  topics: z.array(z.string()),
  tenant: optionalText,
  enabled: z.boolean(),
  allowPrivate: z.boolean(),
  secretSet: z.boolean().optional(),
  deliveries: deliveriesAnswer.optional(),
});
export const newWebhookAnswer = webhookAnswer.extend({
  secret: z.string().optional().describe('The key that was made for it; shown this once.'),
});

export const auditEntryAnswer = z.object({
  at: time,
  actor: z.string().describe('Who: `token:…`, `owner`, `file:…`.'),
  action: z.enum(['create', 'update', 'delete']),
  resource: z.string().describe("The API's path of what was changed."),
  tenant: optionalText,
  before: z.record(z.string(), z.unknown()).optional().describe('The resource before, without secrets.'),
  after: z.record(z.string(), z.unknown()).optional(),
}) satisfies z.ZodType<Loose<AuditEntry>>;

export const healthAnswer = z.object({ status: z.literal('ok'), version: z.string() });
export const readinessAnswer = z.object({ status: z.enum(['ready', 'not-ready']), reasons: z.array(z.string()) });
export const reloadAnswer = z.object({
  applied: z.array(z.string()).describe('In force now: settings, tenants and trunks, by path.'),
  needsRestart: z.array(z.string()).describe('Settings that were changed since the start and wait for a restart.'),
}) satisfies z.ZodType<Loose<ReloadReport>>;

export const storeAnswer = z.object({
  kind: z.enum(['embedded', 'redis']),
  problems: z.array(z.string()).describe('What is wrong, as in `/readyz`.'),
  clockOffsetMs: z.int().describe("How far this node's clock is ahead of the store's, in milliseconds."),
  nodes: z
    .array(
      z.object({
        node: z.string(),
        store: z.string().optional().describe('Which store its copy is of.'),
        version: z.int().optional().describe('How new its copy is.'),
      }),
    )
    .describe('The node that is asked first.'),
}) satisfies z.ZodType<Loose<StoreStatus>>;

export const applySummaryAnswer = z.object({ created: z.int(), updated: z.int(), unchanged: z.int() });

const stepNote = z.object({
  step: z.string(),
  outcome: z.enum(['continue', 'reject']),
  status: z.int().optional(),
  reason: z.string(),
});
const refusal = z.object({ status: z.int(), reason: z.string(), code: z.string() });

const whereabouts = z.object({
  kind: z.enum(['outside', 'inside', 'stored', 'refused']),
  trunks: z.array(z.string()).describe('By name, in the order in which they are tried.'),
  refusal: refusal.optional(),
}) satisfies z.ZodType<Loose<Whereabouts>>;

export const planAnswer = applySummaryAnswer.extend({
  callsPlayed: z.int().describe('The latest outbound calls, as many as `limits.explainedCalls` keeps.'),
  callsChanged: z.int().describe('Of these, how many would leave differently.'),
  calls: z
    .array(
      z.object({
        callId: z.string(),
        at: z.string(),
        tenant: z.string(),
        caller: z.string(),
        dialled: z.string(),
        before: whereabouts,
        after: whereabouts,
        fields: z.array(
          z.object({
            trunk: z.string(),
            field: z.string(),
            before: z.string().optional(),
            after: z.string().optional(),
            reason: z.string().optional(),
          }),
        ),
      }) satisfies z.ZodType<Loose<PlayedCalls['changed'][number]>>,
    )
    .describe('The latest 100 of them.'),
});

const explainedRoute = z.object({
  trunk: z.object({ id: z.string(), name: z.string(), type: z.string(), brand: z.string() }),
  refusal: refusal.optional(),
  calledNumber: z.string(),
  outboundCallerId: z.string(),
  callerIdSource: z.string(),
  candidates: z.array(
    z.object({
      source: z.string(),
      value: optionalText,
      verdict: z.enum(['taken', 'passed-over']),
      reason: z.string(),
    }),
  ),
  steps: z.array(stepNote),
  fields: z.array(
    z.object({
      field: z.string().describe('Header field and part, e.g. `From.user`.'),
      value: z.string(),
      source: z.string(),
      origin: z.enum(['trunk', 'brand', 'default', 'call', 'tenant', 'engine']),
      reason: z.string(),
      overruled: z.literal(true).optional().describe('A later decision about the same field took its place.'),
    }),
  ),
  nextHop: z.string(),
  invite: z.string().describe('The INVITE as text.'),
  inviteBase64: z.string().describe('The same, octet for octet.'),
  ifAnswered: z.array(z.string()).describe('What answers of the other side lead to.'),
  warnings: z.array(z.string()),
  events: z.array(
    z.object({
      kind: z.enum([
        'caller-id-rejected',
        'outbound-cli-ignored',
        'foreign-number-blocked',
        'number-would-show',
        'call-not-signed',
      ]),
      trunkId: z.string(),
      value: z.string(),
      source: z.string(),
      reason: z.string(),
    }),
  ),
});

export const explanationAnswer = z.object({
  tenant: z.string(),
  caller: z.object({ kind: z.string(), number: z.string(), name: z.string() }),
  dialled: z.string(),
  number: z.string().describe('After dial code and number processing.'),
  anonymous: z.boolean(),
  anonymousReason: z.string(),
  emergency: z.boolean(),
  rule: optionalText,
  steps: z.array(stepNote),
  refusal: refusal.extend({ retryAfterSeconds: z.int().optional() }).optional(),
  storedSetting: z
    .object({
      extension: z.string(),
      set: z.union([
        z.object({ anonymousCalls: z.boolean() }),
        z.object({ rejectAnonymousCallers: z.boolean() }),
        z.object({ outboundCallerId: z.string() }),
      ]),
    })
    .optional(),
  routes: z.array(explainedRoute),
  skipped: z.array(
    z.object({
      trunkName: z.string(),
      position: z.int(),
      code: z.enum(['unknown-trunk', 'not-assigned', 'disabled', 'not-for-calls', 'down', 'full', 'repeated']),
      reason: z.string(),
    }),
  ),
  legs: z
    .array(
      z.object({
        to: z.string().describe("The trunk's name or the extension's number."),
        target: z.string().describe('As `transport:address:port`; empty when no address is known now.'),
        invite: z.string().describe('Octet for octet but for random tokens.'),
        inviteBase64: z.string(),
        answer: optionalText.describe(
          'Of a call that is only thought through: what the other side is taken to answer.',
        ),
        media: z
          .object({
            relay: z.boolean(),
            reason: z.enum(['never', 'always', 'nat', 'profile', 'address-family', 'not-needed']),
          })
          .optional()
          .describe(
            'Whether its media goes through a media relay, which then puts its own addresses into the description.',
          ),
        at: time.optional().describe('When it was sent, for a placed call.'),
      }),
    )
    .optional()
    .describe('Every INVITE that leaves, in order, repeated and redirected ones and those to phones too.'),
  answer: z.object({ status: z.int(), reason: z.string() }).optional().describe('What the caller gets, or got.'),
}) satisfies z.ZodType<Loose<Explanation>>;

export const brandAnswer = z.object({
  id: z.string(),
  name: z.string(),
  types: z.array(z.enum(TRUNK_TYPES)),
  hosts: z.array(
    z.object({
      host: z.string().describe('A host, or a pattern whose `{…}` the operator fills in.'),
      types: z.array(z.enum(TRUNK_TYPES)).optional(),
      region: optionalText,
      default: z.boolean().optional(),
    }),
  ),
  port: z.int().optional(),
  tlsPort: z.int().optional(),
  transport: z.enum(['udp', 'tcp', 'tls']).optional(),
  transports: z.array(z.enum(['udp', 'tcp', 'tls'])),
  registerSeconds: z.int().optional(),
  associatedIps: z.array(z.string()).optional(),
  numberFormat: z.object({ called: optionalText, caller: optionalText, inbound: optionalText }),
  options: optionsSchema.partial().optional(),
  outboundParameters: outboundParametersSchema.optional(),
  inboundParameters: inboundParametersSchema.optional(),
  sources: z.array(z.string()).describe('Where the values were read.'),
  notes: z.array(z.string()).describe('What the operator has to know or to fill in.'),
});

/** The facts of each event; an event of the stream has `at` beside them. */
export const eventAnswers = {
  'trunk-state': z.object({
    trunkId: z.string(),
    trunk: z.string(),
    state: z.enum(TRUNK_STATES),
    previous: optionalText,
    lastCode: z.int().optional(),
    reason: optionalText,
  }),
  'trunk-ambiguous': z.object({ source: z.string(), candidates: z.array(z.string()) }),
  'trunk-coincidence': z.object({
    state: z.enum(['began', 'ended']),
    trunkId: z.string(),
    trunk: z.string(),
    numbers: z.string(),
    otherTrunkId: z.string(),
    otherTrunk: z.string(),
    otherNumbers: z.string(),
  }),
  'media-relay': z.object({ url: z.string(), state: z.enum(['up', 'down']) }),
  registration: z.object({
    action: z.enum(['added', 'refreshed', 'removed', 'expired', 'refused']),
    addressOfRecord: z.string(),
    contact: optionalText,
    source: optionalText,
    userAgent: optionalText,
    expiresInSeconds: z.number().optional(),
    reason: optionalText,
  }),
  call: z.object({
    callId: z.string(),
    state: z.enum(['started', 'ringing', 'answered', 'ended']),
    direction: DIRECTION,
    from: z.string(),
    to: z.string(),
    trunkId: optionalText,
    status: z.int().optional(),
    reason: optionalText,
    durationMs: z.number().optional(),
  }),
  'caller-id-rejected': z.object({
    callId: optionalText,
    extension: optionalText,
    trunkId: z.string(),
    source: z.string(),
    value: z.string(),
    reason: z.string(),
  }),
  'verification-failed': z.object({
    callId: z.string(),
    trunkId: optionalText,
    from: z.string(),
    to: z.string(),
    code: z.int(),
    reason: z.string(),
  }),
  'call-not-signed': z.object({
    extension: z.string(),
    trunkId: z.string(),
    outcome: z.enum(['refused', 'unsigned']),
    reason: z.string(),
  }),
  'certificate-expiring': z.object({
    certificate: z.string(),
    owner: z.string().describe('`system` or a tenant.'),
    notAfter: time,
    daysLeft: z.union([z.literal(0), z.literal(1), z.literal(7), z.literal(30)]).describe('At most; 0: it has ended.'),
  }),
  fraud: z.object({ guard: z.string(), extension: optionalText, callId: optionalText, detail: z.string() }),
  message: messageAnswer,
  audit: z.object({ actor: z.string(), action: z.string(), resource: z.string() }),
} satisfies { [T in EventType]: z.ZodType<Loose<EventData[T]>> };

/** What is posted to a webhook: an event, or a call record under the topic `call-record`. */
export function webhookPayload(topic: string, data: z.ZodType): z.ZodType {
  return z.object({
    id: z.string().describe('The same on every try of one delivery.'),
    at: time,
    type: z.literal(topic),
    data,
  });
}

/** Fields that may be undefined may be absent: JSON does not tell the two apart. */
type Loose<T> = T extends readonly (infer I)[] ? readonly Loose<I>[] : T extends object ? LooseObject<T> : T;
type LooseObject<T> = {
  readonly [K in keyof T as undefined extends T[K] ? never : K]: Loose<T[K]>;
} & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Loose<Exclude<T[K], undefined>> | undefined;
};
