/** What would become of a message. Loaded only where the OpenAPI document is made: others need the types alone. */
import { z } from 'zod';
import type { Given } from '../base/given.ts';

export const messageExplanation = z.object({
  tenant: z.string(),
  direction: z.enum(['inbound', 'outbound']),
  trunk: z.string().optional(),
  rule: z.string().optional().describe('The outbound or inbound rule that decides.'),
  peer: z.string().optional().describe('The user.'),
  steps: z.array(
    z.object({
      step: z.enum(['rule', 'sender', 'window', 'pace', 'recipients']),
      outcome: z.enum(['continue', 'reject']),
      reason: z.string(),
    }),
  ),
  refusal: z
    .object({ status: z.int(), warning: z.string() })
    .optional()
    .describe('What the phone is answered when nothing goes; left out: it goes.'),
  recipients: z.array(z.string()).optional().describe('Phones that a message from WhatsApp is for.'),
});

export type MessageExplanation = Given<typeof messageExplanation>;
export type MessageStep = MessageExplanation['steps'][number];
