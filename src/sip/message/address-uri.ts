import { isIPv6 } from 'node:net';
import { PeerError } from '../../base/errors.ts';
import { skipSpace, trimEnd } from './characters.ts';
import { parseUri, type Uri } from './uri.ts';

/**
 * The URI of an address field. DEVIATION: what nobody can read in two ways is read though the grammar has it otherwise, since a peer is
 * reached where it came from, whatever it says there: white space beside the colon of the scheme (`Sip : 102@host`), no scheme before a user
 * or an IP address (`102@host`), two schemes of which the second is meant, spaces in a user part (`sip:John Smith@host`), in an international
 * number or beside a semicolon, and an IPv6 address without its brackets, of which nobody can tell whether a port ends it: none does. A
 * Request-URI is read as it should be (RFC 4475 §3.1.2.8, RFC 5118 §4.2). Throws PeerError SIP_PEER_URI.
 */
export function parseAddressUri(text: string): Uri {
  try {
    return parseUri(text);
  } catch (error) {
    const meant = error instanceof PeerError ? asMeant(text) : undefined;
    if (meant === undefined) throw error;
    return parseUri(meant);
  }
}

const SCHEME = /^(sips?|tel)[ \t]*:[ \t]*/i;
/** What can begin a SIP URI that has lost its scheme: a user before an `@`, or an IP address. */
const WITHOUT_SCHEME = /^(?:[^@:;?/\s][^@;?\s]*@|\d{1,3}(?:\.\d{1,3}){3}(?=[:;?]|$)|\[)/;

/** What is meant, as the grammar has it; undefined when that is what it says already, or nobody can tell. */
function asMeant(text: string): string | undefined {
  const [written = '', scheme = 'sip'] = SCHEME.exec(text) ?? [];
  const behind = text.slice(written.length);
  if (written === '' && !WITHOUT_SCHEME.test(behind)) return undefined;
  const rest = withoutSpaces(behind, scheme.toLowerCase() === 'tel');
  const meant = behindTwoSchemes(scheme, rest) ?? withScheme(scheme, rest);
  return meant === text ? undefined : meant;
}

/**
 * Spaces beside semicolons and around the user part say nothing, in an international number neither (a local one may be two); one within a
 * user part is a part of it.
 */
function withoutSpaces(text: string, isTel: boolean): string {
  if (!text.includes(' ') || (isTel && !text.startsWith('+'))) return text;
  const tight = text.split(';').map(trimmed).join(';');
  const end = (isTel ? `${tight};` : tight).indexOf(isTel ? ';' : '@');
  return end < 0 ? tight : trimmed(tight.slice(0, end)).replaceAll(' ', isTel ? '' : '%20') + tight.slice(end);
}

const trimmed = (text: string): string => text.slice(skipSpace(text, 0), trimEnd(text, 0, text.length));

/**
 * Of two schemes the second is meant where a user, an IP address, or what is no port of a host of that name follows it; undefined: the first
 * is. What can be read as it stands does not come here: `sip:sip:102@h` is a user with a password.
 */
function behindTwoSchemes(first: string, behind: string): string | undefined {
  const [written, scheme] = SCHEME.exec(behind) ?? [];
  if (written === undefined || scheme === undefined) return undefined;
  const rest = behind.slice(written.length);
  const isTel = scheme.toLowerCase() === 'tel';
  return WITHOUT_SCHEME.test(rest) || (isTel && !PORT.test(rest)) || first.toLowerCase() === 'tel'
    ? withScheme(scheme, rest)
    : undefined;
}
const PORT = /^\d{1,5}(?:[;?]|$)/;

function withScheme(scheme: string, rest: string): string {
  return `${scheme}:${scheme.toLowerCase() === 'tel' ? rest : withBrackets(rest)}`;
}

const MAX_ADDRESS_LENGTH = 80;

function withBrackets(rest: string): string {
  const start = rest.indexOf('@') + 1;
  const length = rest.slice(start).search(/[;?]|$/);
  const end = start + length;
  // No more than an address and its zone: what is searched here may be long.
  if (length > MAX_ADDRESS_LENGTH || !isIPv6(rest.slice(start, end))) return rest;
  return `${rest.slice(0, start)}[${rest.slice(start, end)}]${rest.slice(end)}`;
}
