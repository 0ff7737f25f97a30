import {
  HeaderId,
  isSipUri,
  parseUri,
  readUserAndHost,
  type SipRequest,
  type SipUri,
  type Uri,
  unescapeUser,
} from '../message/index.ts';

/** Whom a request claims to be of, before anything is proven: the user of To in a REGISTER, of From in any other. */
export function claimedUser(request: SipRequest): string | undefined {
  try {
    if (request.method !== 'REGISTER') return userOf(request.from().uri);
    const plain = request.headers.read(HeaderId.To, readUserAndHost);
    return plain === undefined ? userOf(request.to().uri) : plainUser(plain.user);
  } catch {
    return undefined;
  }
}

/**
 * Whether the `uri` of credentials asks for the same as the request that carries them (RFC 7616 §3.4.6). Proxies and gateways rewrite
 * Request-URIs, and phones sign them without port or parameters, or with the server's address alone, so equivalence is not that of
 * RFC 3261 §19.1.4: the user is the one asked for or is left out, and the host is the Request-URI's or one that is served here. The
 * hash is over the `uri` as given.
 */
export function asksTheSame(text: string, request: SipRequest, servesHost?: (host: string) => boolean): boolean {
  let claimed: Uri;
  let asked: Uri;
  try {
    claimed = parseUri(tidied(text));
    asked = request.uri();
  } catch {
    return false;
  }
  const user = userOf(claimed);
  if (user !== undefined && !sameUser(user, userOf(asked) ?? registeredUser(request))) return false;
  if (claimed.scheme === 'tel') return true;
  if (!isSipUri(claimed)) return false;
  const host = hostOf(claimed);
  return (isSipUri(asked) && hostOf(asked) === host) || servesHost?.(host) === true;
}

/**
 * The URI without spaces and angle brackets around it, `acme.example.com` and `101@acme.example.com` as the SIP URIs that they stand
 * for, and `sip:2001:db8::1:5060` as `sip:[2001:db8::1]:5060`: so does SIPp write the address that it sends to.
 */
function tidied(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length > MAX_TIDIED_LENGTH) return trimmed;
  const uri = trimmed.startsWith('<') && trimmed.endsWith('>') ? trimmed.slice(1, -1).trim() : trimmed;
  const withScheme = SCHEMELESS.test(uri) ? `sip:${uri}` : uri;
  return withScheme.replace(BARE_IPV6, '$1[$2]:$3');
}

/** Longer ones are read as they are: the expressions below look at some characters more than once. */
const MAX_TIDIED_LENGTH = 256;
const SCHEMELESS = /^(?:[^@:;?<> ]+@)?[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+\.?(?::[0-9]+)?(?:;.*)?$/i;
const BARE_IPV6 = /^(sips?:)([0-9a-f:]*:[0-9a-f:.]*):([0-9]{1,5})$/i;

/** The dot at the end of a domain name is the root's (RFC 1034 §3.1). */
function hostOf({ host }: SipUri): string {
  return host.toLowerCase().replace(/\.$/, '');
}

/** Some phones sign a REGISTER for the address that they register. */
function registeredUser(request: SipRequest): string | undefined {
  return request.method === 'REGISTER' ? claimedUser(request) : undefined;
}

/** The user part as it reads, without what a `;` in it adds (RFC 3261 §19.1.6); the number of a `tel:` URI. */
function userOf(uri: Uri): string | undefined {
  if (uri.scheme === 'tel') return uri.number;
  if (!isSipUri(uri) || uri.user === undefined) return undefined;
  return plainUser(uri.user);
}

function plainUser(user: string): string {
  const semicolon = user.indexOf(';');
  return unescapeUser(semicolon < 0 ? user : user.slice(0, semicolon));
}

function sameUser(user: string, wanted: string | undefined): boolean {
  if (user === wanted) return true;
  if (wanted === undefined || !isDialled(user) || !isDialled(wanted)) return false;
  // RFC 3966 §5.1.1: visual separators carry no meaning.
  return user.replace(SEPARATORS, '') === wanted.replace(SEPARATORS, '');
}

const SEPARATORS = /[-.() ]/g;

function isDialled(user: string): boolean {
  return /^\+?[0-9*#\-.() ]+$/.test(user);
}
