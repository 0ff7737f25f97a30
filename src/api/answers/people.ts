/** Who may ask: users, sessions and tokens, and what they changed, as the API answers them. */

import { z } from 'zod';
import { optional } from '../../base/schema.ts';
import { auditEntry } from '../../observe/event-facts.ts';
import { NODE, optionalText, time } from './shared.ts';

export const tokenAnswer = z.object({
  id: z.string(),
  role: z.enum(['system-admin', 'tenant-admin']),
  tenant: optionalText,
  readOnly: optional(z.boolean(), 'It reads and changes nothing.'),
  label: optionalText,
  createdAt: time,
  createdBy: z.string(),
  expiresAt: time.optional(),
  revokedAt: time.optional(),
});

export const newTokenAnswer = tokenAnswer.extend({ token: z.string().describe('Shown this once.') });
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
  codes: optional(z.boolean(), 'Whether a sign-in of this user needs a code.'),
  role: z.enum(['system-admin', 'tenant-admin']).optional(),
  tenant: optionalText,
  readOnly: z.boolean().optional(),
  csrfToken: optionalText.describe('What each change by this browser has to say in the header field X-CSRF-Token.'),
  expiresAt: time.optional(),
  provider: optionalText.describe(
    'Of nobody: an identity provider that signs in too, as its button says; it begins at `/console/oidc/start`.',
  ),
  signOutUrl: optionalText.describe('After a sign-out: where the identity provider ends its own session.'),
});

export const newSignInLinkAnswer = z.object({
  path: z.string().describe('To be opened in a browser, on the address of this interface; good once.'),
  expiresAt: time,
});

export const auditEntryAnswer = auditEntry.extend({ node: NODE });
