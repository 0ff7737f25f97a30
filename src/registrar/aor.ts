import {
  HeaderId,
  isSipUri,
  plainUserAndHost,
  readUserAndHost,
  type SipRequest,
  textFromOctets,
  type Uri,
  type UserAndHost,
  unescapeUser,
} from '../sip/message/index.ts';

/** The key of an address-of-record: user and domain, as people write them. */
export function aorKey(user: string, domain: string): string {
  return `${user}@${domain.toLowerCase()}`;
}

export type AorParts = UserAndHost;

/**
 * The canonical form of an address-of-record (RFC 3261 §10.3 step 5): no parameters, nothing escaped, host in lower case.
 * Undefined for what is no SIP address. DEVIATION: password and port are dropped too; a domain is served on whatever port it is
 * asked for, and phones put their proxy's port there. A dot of the root, and a user part that repeats the domain (`102%40acme.example.com`, of
 * who was given an address for a user name), say nothing more. A sips URI names the same bindings as its sip form.
 */
export function aorParts(uri: Uri): AorParts | undefined {
  return isSipUri(uri) ? canonical(uri.user ?? '', uri.host) : undefined;
}

/** Whom a REGISTER is for. Throws PeerError where To cannot be read. */
export function addressee(request: SipRequest): AorParts | undefined {
  const plain = request.headers.read(HeaderId.To, readUserAndHost);
  return plain === undefined ? aorParts(request.to().uri) : canonical(plain.user, plain.host);
}

/** The host that a request was sent to. Throws PeerError where its Request-URI cannot be read. */
export function requestedHost(request: SipRequest): string | undefined {
  const { requestUri } = request;
  const plain = plainUserAndHost(requestUri, 0, requestUri.length);
  return plain === undefined ? aorParts(request.uri())?.host : canonicalHost(plain.host);
}

function canonical(escaped: string, hostAsWritten: string): AorParts {
  const host = canonicalHost(hostAsWritten);
  const user = textFromOctets(unescapeUser(escaped));
  if (!user.includes('@')) return { user, host };
  const own = `@${host}`;
  return { user: user.toLowerCase().endsWith(own) ? user.slice(0, -own.length) : user, host };
}

function canonicalHost(host: string): string {
  return (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase();
}

/** An address-of-record key (`user@domain`) back into its parts; the user part may hold an `@`. */
export function splitAor(aor: string): { readonly user: string; readonly domain: string } {
  const at = aor.lastIndexOf('@');
  return { user: aor.slice(0, at), domain: aor.slice(at + 1) };
}
