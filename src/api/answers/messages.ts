/** Messages from and to WhatsApp, as the API answers them. */
import { z } from 'zod';
import { MESSAGE_STATES } from '../../messages/index.ts';
import type { MessageFacts } from '../../observe/index.ts';
import { type Loose, optionalText, time } from './shared.ts';

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
