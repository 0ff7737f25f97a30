import { isSipUri, parseUri, type SipRequest, type Uri, unescapeUser } from '../message/index.ts';

/** Whom a request claims to be of, before anything is proven: the user of To in a REGISTER, of From in any other. */
export function claimedUser(request: SipRequest): string | undefined {
  try {
    return userOf((request.method === 'REGISTER' ? request.to() : request.from()).uri);
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
    claimed = parseUri(bracketed(text));
    asked = request.uri();
  } catch {
    return false;
  }
  const user = userOf(claimed);
  if (user !== undefined && !sameUser(user, claimed, userOf(asked) ?? registeredUser(request), asked)) return false;
  if (claimed.scheme === 'tel') return true;
  if (!isSipUri(claimed)) return false;
  const host = claimed.host.toLowerCase();
  return (isSipUri(asked) && asked.host.toLowerCase() === host) || servesHost?.(host) === true;
}

/** `sip:2001:db8::1:5060` as `sip:[2001:db8::1]:5060`: so does SIPp write the address that it sends to. */
function bracketed(text: string): string {
  return text.replace(/^(sips?:)([0-9a-f:]*:[0-9a-f:.]*):([0-9]{1,5})$/i, '$1[$2]:$3');
}

/** Some phones sign a REGISTER for the address that they register. */
function registeredUser(request: SipRequest): string | undefined {
  return request.method === 'REGISTER' ? claimedUser(request) : undefined;
}

/** The user part as it reads, without what a `;` in it adds (RFC 3261 §19.1.6); the number of a `tel:` URI. */
function userOf(uri: Uri): string | undefined {
  if (uri.scheme === 'tel') return uri.number;
  if (!isSipUri(uri) || uri.user === undefined) return undefined;
  const semicolon = uri.user.indexOf(';');
  return unescapeUser(semicolon < 0 ? uri.user : uri.user.slice(0, semicolon));
}

function sameUser(user: string, claimed: Uri, wanted: string | undefined, asked: Uri): boolean {
  if (user === wanted) return true;
  // RFC 3966 §5.1.1: visual separators carry no meaning.
  if (wanted === undefined || (claimed.scheme !== 'tel' && asked.scheme !== 'tel')) return false;
  return user.replace(/[-.()]/g, '') === wanted.replace(/[-.()]/g, '');
}
