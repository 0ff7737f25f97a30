/** The facts of what the engine tells the outside as it happens. Loaded only where the OpenAPI document is made: others need the types alone. */

import { z } from 'zod';
import type { Given } from '../base/given.ts';
import { optional } from '../base/schema.ts';
import { DIRECTION, optionalText, time } from './fields.ts';

/** A message as it is shown. */
export const messageFacts = z.object({
  id: z.string(),
  tenant: z.string(),
  trunkId: z.string(),
  trunk: optionalText,
  direction: z.enum(['inbound', 'outbound']),
  state: z
    .enum(['queued', 'sending', 'sent', 'delivered', 'read', 'failed', 'received', 'expired'])
    .describe(
      '`received`: not with all phones yet; `queued` and `sending`: on its way to WhatsApp; then as WhatsApp tells.',
    ),
  from: z.string(),
  to: z.string(),
  name: optional(z.string(), 'What the user calls itself.'),
  extension: optional(z.string(), 'Who sent it.'),
  type: z
    .string()
    .describe(
      '`text`, `image`, `audio`, `video`, `document`, `sticker`, `template`, `location`, `reaction` or what else WhatsApp has.',
    ),
  text: optional(z.string(), 'What it says; of a file its caption, of a template its name.'),
  mimeType: optionalText,
  filename: optionalText,
  url: optional(z.string(), 'Where the file is, good for seven days.'),
  latitude: z.number().optional(),
  longitude: z.number().optional(),
  remoteId: optional(z.string(), 'Its id at WhatsApp.'),
  contextId: optional(z.string(), 'WhatsApp id of the message that it answers.'),
  rule: optional(z.string(), 'The inbound rule that said whom it is for.'),
  recipients: optional(
    z.array(z.object({ number: z.string(), state: z.enum(['waiting', 'delivered', 'refused', 'expired']) })),
    'Whom it is for, and how far it has come to each.',
  ),
  createdAt: time,
  sentAt: time.optional(),
  deliveredAt: time.optional(),
  readAt: time.optional(),
  retryAt: optional(time, 'When it is tried again.'),
  error: z.object({ code: z.int().describe("WhatsApp's code; 0: none."), message: z.string() }).optional(),
});

export type MessageFacts = Given<typeof messageFacts>;

/** The facts of each event. Tenants are named by their name, trunks by id and name. An event of the stream has `at` and `node` beside them. */
export const EVENT_FACTS = {
  'trunk-state': z.object({
    trunkId: z.string(),
    trunk: z.string(),
    state: z.enum(['online', 'offline', 'registering', 'rejected', 'unknown']),
    previous: optionalText,
    lastCode: z.int().optional(),
    reason: optionalText,
  }),
  /** A datacentre of a teams trunk does otherwise than before. */
  'trunk-datacentre': z.object({
    trunkId: z.string(),
    trunk: z.string(),
    target: z.string(),
    address: optionalText,
    state: z.enum(['up', 'down', 'held', 'unknown']),
    previous: z.string(),
    lastCode: z.int().optional(),
    reason: optionalText,
    heldUntil: optionalText,
  }),
  /** A request that several trunks may have sent; it was refused. */
  'trunk-ambiguous': z.object({ source: z.string(), candidates: z.array(z.string()) }),
  /** By the DNS, trunks of two tenants with a number in common have come to be of one provider, or are not any more. */
  'trunk-coincidence': z.object({
    state: z.enum(['began', 'ended']),
    trunkId: z.string(),
    trunk: z.string(),
    numbers: z.string(),
    otherTrunkId: z.string(),
    otherTrunk: z.string(),
    otherNumbers: z.string(),
  }),
  /** A media relay has stopped answering, or answers again. */
  'media-relay': z.object({ url: z.string(), state: z.enum(['up', 'down']) }),
  /** The node has more to do than time and refuses new calls, or has had none to refuse for ten seconds. */
  overload: z.object({
    state: z.enum(['began', 'ended']),
    /** So many since it began. */
    refused: z.int(),
    /** From its first second to its last. */
    seconds: z.int().optional(),
  }),
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
    /** Of a call that has ended. */
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
  /** The signature of a caller's number (STIR/SHAKEN) is wrong, or missing where one is demanded. */
  'verification-failed': z.object({
    callId: z.string(),
    trunkId: optionalText,
    from: z.string(),
    to: z.string(),
    code: z.int(),
    reason: z.string(),
  }),
  /** A trunk asks for signed calls, and this one could not be signed. */
  'call-not-signed': z.object({
    extension: z.string(),
    trunkId: z.string(),
    outcome: z.enum(['refused', 'unsigned']),
    reason: z.string(),
  }),
  /** A certificate ends in 30, 7 or 1 days, or (0) has ended. */
  'certificate-expiring': z.object({
    certificate: z.string(),
    owner: z.string().describe('`system` or a tenant.'),
    notAfter: time,
    daysLeft: z.union([z.literal(0), z.literal(1), z.literal(7), z.literal(30)]).describe('At most; 0: it has ended.'),
  }),
  fraud: z.object({ guard: z.string(), extension: optionalText, callId: optionalText, detail: z.string() }),
  /** A message from or to WhatsApp is new, or has come further. */
  message: messageFacts,
  audit: z.object({ actor: z.string(), action: z.string(), resource: z.string() }),
};

/** How the deliveries of a webhook have gone. */
export const deliveries = z.object({
  waiting: z.int(),
  delivered: z.int(),
  lost: z.int(),
  lastAt: optional(time, 'When the last try ended.'),
  lastStatus: z.int().optional(),
  lastError: optionalText,
});
export type WebhookStatus = Given<typeof deliveries>;

/** What came of a test delivery. */
export const webhookTest = z.object({
  status: optional(z.int(), 'What the receiver answered.'),
  error: optionalText.describe('Why nobody answered.'),
});
export type WebhookTestOutcome = Given<typeof webhookTest>;

/** One change that somebody made (or tried and was refused is not here: only what happened). */
export const auditEntry = z.object({
  at: time,
  actor: z.string().describe('Who: `token:…`, `owner`, `file:…`.'),
  action: z.enum(['create', 'update', 'delete']),
  resource: z.string().describe("The API's path of what was changed."),
  tenant: optionalText.describe("Whose admins may read it; left out: the system's own."),
  before: optional(
    z.record(z.string(), z.unknown()),
    'Without secrets: what was deleted, or, of a change, the fields that were otherwise; of lists of more than 50 items those that were, then the order, where it was another.',
  ),
  after: optional(z.record(z.string(), z.unknown()), 'What was created, or the same of a change.'),
});
export type AuditEntry = Given<typeof auditEntry>;
