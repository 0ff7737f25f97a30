/** Certificates of the system or of a tenant, as written and stored: calls are signed with them, or TLS is spoken. */

import { z } from 'zod';
import { byDefault, optional } from '../../base/schema.ts';
import { headerText, tenantName } from '../tenants/fields.ts';

/** What a chain may have: leaf, intermediates, root; far more than any authority's. */
const MAX_CHAIN_CHARACTERS = 65_536;
const MAX_KEY_CHARACTERS = 16_384;

export const certificateName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
  error: 'must be 1 to 64 letters, digits, dots, underscores and hyphens, a letter or digit first',
});

export const certificateSchema = z.strictObject({
  name: certificateName.describe('Its name, unique in the system: part of `/stir/NAME.pem`.'),
  owner: byDefault(
    'system',
    z.union([z.literal('system'), tenantName], { error: 'must be "system" or a tenant\'s name' }),
    '`system`, for every tenant that has none of its own, or the tenant whose calls it signs, or who has the names in it.',
  ),
  use: z
    .enum(['stir', 'tls'], { error: 'must be stir or tls' })
    .describe(
      'What it is for: `stir` signs calls (STIR/SHAKEN); `tls` is shown to Microsoft Teams, as client and as server.',
    ),
  chain: z
    .string()
    .max(MAX_CHAIN_CHARACTERS)
    .describe('PEM, the certificate itself first, then those that issued it; `{ file: PATH }` works in files.'),
  key: z
    .string()
    .max(MAX_KEY_CHARACTERS)
    .optional()
    .meta({ writeOnly: true })
    .describe(
      'Its private key, PEM, not encrypted, on P-256 for `stir`; `{ file: PATH }` and `{ env: NAME }` work in files. Sealed where it is stored, shown to nobody; left out, the stored one stays.',
    ),
  x5u: optional(
    z.string().max(1024),
    '`stir` alone, needed there: https URL at which verifiers fetch the chain, port 443 or 8443. When its path is `/stir/NAME.pem`, this node serves it there.',
  ),
  numbers: optional(
    headerText(1_000_000),
    '`stir` alone: numbers and ranges that it signs for, separated by `;`, as in a DID pool; left out: all that its TNAuthList allows.',
  ),
});
/** A certificate as written and stored. */
export type CertificateSettings = z.infer<typeof certificateSchema>;
