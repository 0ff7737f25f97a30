/** What a WhatsApp trunk needs beside its name and its numbers: the number at the Cloud API, and the secrets it is reached with. */

import { z } from 'zod';
import { optional, whole } from '../../base/schema.ts';
import { headerText, host } from '../tenants/fields.ts';

/** Identifiers of the Cloud API: digits. */
const identifier = z.string().regex(/^[0-9]{1,32}$/, { error: 'must be digits' });
/** Access tokens are longer than passwords. */
const longSecret = headerText(2048).min(1);

export const DEFAULT_API_BASE = 'https://graph.facebook.com/v23.0';

const callsSchema = z.strictObject({
  hostname: host.describe(
    "Name of this engine's TLS listener as it is entered at Meta: From says it, and calls from WhatsApp come to it.",
  ),
  password: longSecret.describe(
    "The number's SIP password, which Meta makes: for calls out, and for those that come in.",
  ),
});

export const whatsappSchema = z.strictObject({
  number: z
    .string()
    .regex(/^\+?[1-9][0-9]{5,14}$/, { error: "must be a number such as +14155550160 that is in the trunk's DID pool" })
    .describe("The business's number, which customers write to; in the DID pool."),
  phoneNumberId: identifier.describe('Id of the number at the Cloud API.'),
  accountId: identifier.describe('Id of the WhatsApp Business account; events of others are refused.'),
  accessToken: longSecret.describe(
    'Token that messages are sent with; `{ env: NAME }` and `{ file: PATH }` work in files.',
  ),
  appSecret: longSecret.describe('Secret of the app, which signs what comes in.'),
  verifyToken: longSecret.describe('The text that Meta is given with the address of the webhook.'),
  apiBase: optional(
    z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(1024),
    `Where the Cloud API is, with its version. Default ${DEFAULT_API_BASE}.`,
  ),
  keepSeconds: optional(
    whole(60, 2_592_000),
    'How long a message waits for a phone that is away, or for WhatsApp. Default 604800 (7 days).',
  ),
  reports: optional(
    z.enum(['asked', 'always']),
    'To which phones delivery and read reports go (RFC 5438): to those whose message asks for them, or `always`, which names the message by its Call-ID as linphone does, and addresses what comes in to the phone itself, with the number in P-Called-Party-ID. Default asked.',
  ),
  mediaBytes: optional(
    whole(1024, 104_857_600),
    'Largest file that is fetched for a phone. Default 16777216 (16 MiB).',
  ),
  calls: optional(callsSchema, 'Business calls over SIP. Left out: the trunk carries messages alone.'),
});
export type WhatsappSettings = z.infer<typeof whatsappSchema>;
