/**
 * The building blocks of every provisioning schema: what a name, a host, a number or a piece of header text may look like.
 * Whatever passes here may reach a SIP header, so CR, LF, NUL and every other control character stop at this border.
 */

import { isIP, isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { optional, whole } from '../../base/schema.ts';
import { normalizeNumber } from './number.ts';

const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const HOST_NAME =
  /^(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/;
const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~]{1,128}$/;

/** Says whether a text may stand inside a header field: no control characters, no line separators, no lone surrogates. */
export function isHeaderSafe(text: string): boolean {
  return !CONTROLS.test(text) && text.isWellFormed();
}

/** Says whether a text is an IPv4 or IPv6 address (brackets allowed) or a host name. */
export function isHost(text: string): boolean {
  // A zone (`fe80::1%eth0`) has a meaning on this machine alone, and no place in a URI.
  if (isIP(unbracket(text)) !== 0) return !text.includes('%');
  // A name whose last label is all digits is a mistyped IPv4 address (RFC 3696 §2: no top-level domain is all digits).
  return HOST_NAME.test(text) && !/(^|\.)[0-9]+$/.test(text);
}

/** An IPv6 address without the brackets that URIs put around it. */
export function unbracket(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** An IPv6 address as URIs have it, other hosts as they are. */
export function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** A network without the brackets that its IPv6 address may have. */
function unbracketNetwork(text: string): string {
  return text.replace(/^\[([0-9A-Fa-f:.]+)\](?=\/|$)/, '$1');
}

/** Says whether a text is an address or an address with a prefix length. */
export function isNetwork(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return isIP(text) !== 0;
  const address = text.slice(0, slash);
  const length = text.slice(slash + 1);
  if (!/^[0-9]{1,3}$/.test(length)) return false;
  if (isIPv4(address)) return Number(length) <= 32;
  return isIPv6(address) && Number(length) <= 128;
}

/** Text for people that may also stand in a display name. */
export function headerText(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .refine(isHeaderSafe, { error: 'must not contain control characters (CR, LF, NUL …) or broken Unicode' });
}

/** Name of a trunk, rule, group or service: for people, but also a directive's value and a path segment. */
export const friendlyName = headerText(64).regex(/^[^\s;,"<>\\/?#](?:[^;,"<>\\/?#]*[^\s;,"<>\\/?#])?$/, {
  error: 'must be 1 to 64 characters without ; , " < > \\ / ? # and without spaces at its ends',
});

/** Name of a tenant: a path segment and a key in logs. */
export const tenantName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    error: 'must be 1 to 63 letters, digits, dots, dashes or underscores and start with a letter or digit',
  })
  .refine((name) => name.toLowerCase() !== 'system', {
    error: '"system" is taken: it names the system admin as owner',
  });

/** The brackets of an IPv6 address belong to URIs: with or without them it is the same host, and is kept without. */
export const host = z
  .string()
  .refine(isHost, {
    error: 'must be a host name, an IPv4 address or an IPv6 address, without "sip:"; a port has its own field',
  })
  .overwrite(unbracket);

export const domain = z
  .string()
  .refine((text) => isHost(text), { error: 'must be a host name or an IP address' })
  .overwrite(unbracket);

export const port = whole(1, 65_535);

/** Port of a listener: 0 lets the system choose one. */
export const listenPort = whole(0, 65_535);

export const network = z
  .string()
  .overwrite(unbracketNetwork)
  .refine(isNetwork, { error: 'must be an IP address or a network such as 203.0.113.0/24' });

/** Number of an extension or service. */
export const extensionNumber = z.string().regex(/^[0-9]{1,15}$/, { error: 'must be 1 to 15 digits' });

/** A caller ID. It is sent as entered and compared without prefixes and punctuation, so it needs 1 to 15 digits. */
export const callerId = z
  .string()
  .max(32)
  .refine((text) => normalizeNumber(text) !== undefined, {
    error: 'must be a telephone number of 1 to 15 digits, e.g. "14155550100" or "+1 415 555 0100"',
  });

/** What somebody could dial: an extension, a service or an outside number. */
export const dialString = z.string().regex(/^\+?[0-9*#().\- ]{1,40}$/, {
  error: 'must be what can be dialled: digits, * and #, an optional leading + and separators, at most 40 characters',
});

/** A number or a range of numbers, for extensions ("101", "101-199"). */
export const extensionRange = z
  .string()
  .regex(/^[0-9]{1,15}(-[0-9]{1,15})?$/, { error: 'must be a number or a range such as "101-199"' })
  .refine(isAscendingRange, { error: 'the range is reversed: its first number must not exceed its last' });

function isAscendingRange(text: string): boolean {
  const dash = text.indexOf('-');
  return dash < 0 || Number(text.slice(0, dash)) <= Number(text.slice(dash + 1));
}

/** Secret as the schema sees it; files may say `{ env: NAME }` or `{ file: PATH }`, which the loader resolves before. */
export const secret = headerText(256).min(1);

/** Digest secrets (RFC 7616 §3.4.2 H(user:realm:password)) in place of a password, as `tandem hash` prints them. */
export const ha1 = z.strictObject({
  md5: optional(
    z.string().regex(/^[0-9a-f]{32}$/, { error: 'must be 32 lower-case hexadecimal digits' }),
    'H(A1) for MD5.',
  ),
  sha256: optional(
    z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be 64 lower-case hexadecimal digits' }),
    'H(A1) for SHA-256.',
  ),
  sha512256: optional(
    z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be 64 lower-case hexadecimal digits' }),
    'H(A1) for SHA-512-256.',
  ),
});
export type Ha1 = z.infer<typeof ha1>;

/** Digest algorithms (RFC 8760 §2.1) in the order in which they are offered. */
export const digestAlgorithms = z.array(z.enum(['MD5', 'SHA-256', 'SHA-512-256'])).min(1);

/** What is asked of phones that sign in, where it differs from what the tenant, or the node, says. */
export const digestPolicy = z.strictObject({
  algorithms: optional(
    digestAlgorithms,
    "Algorithms offered, most preferred first; default: the next wider setting's.",
  ),
  legacy: optional(
    z.boolean(),
    'Accept answers without qop (RFC 2069) and nonce counts of another width than eight digits, as old adapters and door phones send them. Such an answer is less well protected against a listener on the way. Default: off.',
  ),
});
export type DigestPolicySettings = z.infer<typeof digestPolicy>;

/** Header names that belong to SIP's own working or to identity and can be neither relayed nor added (behaviour 22). */
const RESERVED_HEADERS = new Set(
  (
    'via from to call-id cseq contact max-forwards route record-route path service-route content-length content-type ' +
    'content-encoding content-disposition content-language mime-version expires min-expires session-expires min-se rseq rack ' +
    'require proxy-require supported unsupported allow allow-events accept accept-encoding accept-language event ' +
    'subscription-state refer-to referred-by replaces target-dialog www-authenticate proxy-authenticate authorization ' +
    'proxy-authorization authentication-info privacy identity remote-party-id diversion history-info sip-etag sip-if-match ' +
    'x-outbound-cli x-trunk-name x-session-id x-cid attestation-info x-attestation-info i m f t v k u x o s l e c r b a j d n y'
  ).split(' '),
);

/** Says whether a header of this name may be relayed or added by configuration. */
export function isFreeHeaderName(name: string): boolean {
  const lower = name.toLowerCase();
  // The last ones are said between nodes.
  return TOKEN.test(name) && !RESERVED_HEADERS.has(lower) && !lower.startsWith('p-') && !lower.startsWith('x-tandem-');
}

/** Fields that speak of one leg's own peer, registration or dialog: another value on the next leg would be a lie there. */
const OF_ONE_LEG = new Set(
  'user-agent server retry-after identity-info join refer-sub info-package recv-info flow-timer max-breadth feature-caps'.split(
    ' ',
  ),
);

/** Says whether a header of this name can be passed from one leg of a call to the other. */
export function isRelayableHeaderName(name: string): boolean {
  return isFreeHeaderName(name) && !OF_ONE_LEG.has(name.toLowerCase());
}

export const relayedHeaderName = z.string().refine(isRelayableHeaderName, {
  error:
    "cannot be relayed: routing, dialog, authentication, identity (P-…) and internal headers, and what describes one leg's own peer (User-Agent, Server …), are made anew on each leg",
});

export const freeHeaderName = z.string().refine(isFreeHeaderName, {
  error:
    "must be a header name outside SIP's own working: routing, dialog, authentication, identity (P-…) and internal headers are the engine's",
});

/** Value of an added header: fixed text of one line. */
export const headerValue = headerText(512).min(1);

export const timeZone = z.string().refine(isTimeZone, { error: 'must be an IANA time zone such as Europe/Berlin' });

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Whether a party's media goes through a relay. */
export const mediaMode = z.enum(['auto', 'always', 'never', 'srtp', 'webrtc']);

/** Name of a codec in `a=rtpmap` (RFC 8866 §6.6). */
export const codecName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/, {
  error: 'must be the name of a codec as SDP has it, e.g. PCMA or opus',
});
