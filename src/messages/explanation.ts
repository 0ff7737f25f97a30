/** What would become of a message. Loaded only where the OpenAPI document is made: others need the types alone. */

import { z } from 'zod';
import type { Given } from '../base/given.ts';
import { optional } from '../base/schema.ts';

export const messageExplanation = z.object({
  tenant: z.string(),
  direction: z.enum(['inbound', 'outbound']),
  trunk: z.string().optional(),
  rule: optional(z.string(), 'The outbound or inbound rule that decides.'),
  peer: optional(z.string(), 'The user.'),
  steps: z.array(
    z.object({
      step: z.enum(['rule', 'sender', 'window', 'pace', 'recipients']),
      outcome: z.enum(['continue', 'reject']),
      reason: z.string(),
    }),
  ),
  refusal: optional(
    z.object({ status: z.int(), warning: z.string() }),
    'What the phone is answered when nothing goes; left out: it goes.',
  ),
  recipients: optional(z.array(z.string()), 'Phones that a message from WhatsApp is for.'),
});

export type MessageExplanation = Given<typeof messageExplanation>;
export type MessageStep = MessageExplanation['steps'][number];
