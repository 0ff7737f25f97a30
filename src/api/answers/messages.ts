/** Messages from and to WhatsApp, as the API answers them. */
import { z } from 'zod';
import { optionalText } from './shared.ts';

export const messageExplanationAnswer = z.object({
  tenant: z.string(),
  direction: z.enum(['inbound', 'outbound']),
  trunk: optionalText,
  rule: optionalText.describe('The outbound or inbound rule that decides.'),
  peer: optionalText.describe('The user.'),
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
