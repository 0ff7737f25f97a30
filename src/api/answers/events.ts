/** What is told: events of the stream, webhooks and what is posted to them. */

import { z } from 'zod';
import { optional } from '../../base/schema.ts';
import { deliveries } from '../../observe/event-facts.ts';
import { optionalText, time } from './shared.ts';

export const webhookAnswer = z.object({
  id: z.string(),
  url: z.string(),
  topics: z.array(z.string()),
  tenant: optionalText,
  enabled: z.boolean(),
  allowPrivate: z.boolean(),
  secretSet: z.boolean().optional(),
  deliveries: deliveries.optional(),
});

export const newWebhookAnswer = webhookAnswer.extend({
  secret: optional(z.string(), 'The key that was made for it; shown this once.'),
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

/** What is posted to a webhook: an event, or a call record under the topic `call-record`. */
export function webhookPayload(topic: string, data: z.ZodType): z.ZodType {
  return z.object({
    id: z.string().describe('The same on every try of one delivery.'),
    at: time,
    type: z.literal(topic),
    data,
  });
}
