import { isSipUri, textFromOctets, type Uri, unescapeUser } from '../sip/message/index.ts';

/** The key of an address-of-record: user and domain, as people write them. */
export function aorKey(user: string, domain: string): string {
  return `${user}@${domain.toLowerCase()}`;
}

export interface AorParts {
  readonly user: string;
  readonly host: string;
}

/**
 * The canonical form of an address-of-record (RFC 3261 §10.3 step 5): no parameters, nothing escaped, host in lower case.
 * Undefined for what is no SIP address. DEVIATION: password and port are dropped too; a domain is served on whatever port it is
 * asked for, and phones put their proxy's port there. A dot of the root, and a user part that repeats the domain (`102%40acme.example.com`, of
 * who was given an address for a user name), say nothing more. A sips URI names the same bindings as its sip form.
 */
export function aorParts(uri: Uri): AorParts | undefined {
  if (!isSipUri(uri)) return undefined;
  const host = (uri.host.endsWith('.') ? uri.host.slice(0, -1) : uri.host).toLowerCase();
  const user = uri.user === undefined ? '' : textFromOctets(unescapeUser(uri.user));
  const own = `@${host}`;
  return { user: user.toLowerCase().endsWith(own) ? user.slice(0, -own.length) : user, host };
}

/** An address-of-record key (`user@domain`) back into its parts; the user part may hold an `@`. */
export function splitAor(aor: string): { readonly user: string; readonly domain: string } {
  const at = aor.lastIndexOf('@');
  return { user: aor.slice(0, at), domain: aor.slice(at + 1) };
}
