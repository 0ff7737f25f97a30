/** The console: who signs in to it other than with a password. */

import { z } from 'zod';
import { byDefault, optional } from '../base/schema.ts';
import { friendlyName, headerText, secret, tenantName } from '../provisioning/tenants/fields.ts';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** HTTPS, or HTTP on this machine, for trials. Without credentials, query and fragment, which no issuer and no console has. */
function isPlace(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname));
  return isSafe && `${username}${password}${search}${hash}` === '';
}

const place = headerText(1024).refine(isPlace, {
  error: 'must be an https URL without user, query and fragment (http only for an address of this machine)',
});
const claim = headerText(256).min(1);

const roleSchema = z
  .strictObject({
    value: headerText(512).min(1).describe('What the claim holds, in whole, or one of its values.'),
    role: z.enum(['system-admin', 'tenant-admin']).describe('What its holder may do.'),
    tenant: optional(tenantName, 'The tenant of a tenant admin.'),
    readOnly: byDefault(false, z.boolean(), 'Its holder sees what the role sees, and changes nothing.'),
  })
  .refine(({ role, tenant }) => (role === 'tenant-admin') === (tenant !== undefined), {
    error: 'a tenant-admin names its tenant, a system-admin none',
    path: ['tenant'],
  });

export const oidcSchema = z.strictObject({
  name: byDefault('Single sign-on', friendlyName, 'What the button on the sign-in page says.'),
  issuer: place.describe(
    'The identity provider, exactly as it names itself; below it is `/.well-known/openid-configuration`.',
  ),
  consoleUrl: place
    .refine((text) => URL.canParse(text) && new URL(text).pathname === '/', { error: 'must have no path' })
    .describe(
      'Where browsers reach this interface. The provider must know `CONSOLEURL/console/oidc/callback` to come back to, and `CONSOLEURL/console/sign-in` for after a sign-out.',
    ),
  clientId: headerText(256).min(1).describe('By which the provider knows this console.'),
  clientSecret: optional(secret, 'What it proves itself with; left out for a public client (PKCE is always used).'),
  scopes: byDefault(
    ['openid', 'profile', 'email'],
    z
      .array(
        headerText(256).regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'must be scopes without spaces and quotes' }),
      )
      .max(20)
      .refine((scopes) => scopes.includes('openid'), { error: 'must have openid' }),
    'What is asked for.',
  ),
  userClaim: byDefault(
    'preferred_username',
    claim,
    'The claim that names somebody in the audit log; where it is missing, `email`, then `sub`.',
  ),
  roleClaim: byDefault(
    'groups',
    claim,
    'The claim that says what somebody may do: in the ID token, else in the answer of the userinfo endpoint.',
  ),
  roles: z
    .array(roleSchema)
    .min(1)
    .max(1000)
    .describe('What its values mean here; the first that fits counts. Who has none is refused.'),
});
/** Sign-in by an identity provider, complete. */
export type OidcSettings = z.infer<typeof oidcSchema>;

export const consoleSchema = z.strictObject({
  oidc: optional(oidcSchema, 'Sign-in by an identity provider (OpenID Connect); default: by password alone.'),
});
