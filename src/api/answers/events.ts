/** What is told: events of the stream, webhooks and what is posted to them. */
import { z } from 'zod';
import type { EventData, EventType, WebhookStatus, WebhookTestOutcome } from '../../observe/index.ts';
import { TRUNK_STATES } from '../trunk-states.ts';
import { messageAnswer } from './messages.ts';
import { DIRECTION, type Loose, optionalText, time } from './shared.ts';

const deliveriesAnswer = z.object({
  waiting: z.int(),
  delivered: z.int(),
  lost: z.int(),
  lastAt: time.optional(),
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

export const webhookTestAnswer = z.object({
  status: z.int().optional().describe('What the receiver answered.'),
  error: optionalText.describe('Why nobody answered.'),
}) satisfies z.ZodType<Loose<WebhookTestOutcome>>;

export const newWebhookAnswer = webhookAnswer.extend({
  secret: z.string().optional().describe('The key that was made for it; shown this once.'),
});

export const eventPageAnswer = z.object({
  events: z.array(
    z.object({
      id: z.string(),
      at: time,
      type: z.string(),
      node: z.string(),
      data: z.looseObject({}).describe('The facts, by the type.'),
    }),
  ),
  next: z.string().describe('As `lastEventId` of the next request.'),
  gap: z.boolean().describe('Events in between are not kept any more.'),
  isMore: z.boolean().describe('There are more by now.'),
});

/** The facts of each event; an event of the stream has `at` and `node` beside them. */
export const eventAnswers = {
  'trunk-state': z.object({
    trunkId: z.string(),
    trunk: z.string(),
    state: z.enum(TRUNK_STATES),
    previous: optionalText,
    lastCode: z.int().optional(),
    reason: optionalText,
  }),
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
  overload: z.object({
    state: z.enum(['began', 'ended']),
    refused: z.int(),
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
