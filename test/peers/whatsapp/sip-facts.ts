/** What WhatsApp's SIP side accepts and what it refuses, each fact once; README.md has the list. */
import { type Challenge, credentials } from '../../end-to-end/outbound/digest.ts';
import { fieldOf, uriOf, type WireMessage } from '../../end-to-end/outbound/wire-message.ts';
import { readUri } from '../teams/facts.ts';

export interface BusinessNumber {
  /** With `+`. */
  readonly number: string;
  readonly hostname: string;
  readonly password: string;
  /** Who has allowed the business to call, with `+`. */
  readonly allowed: readonly string[];
}

interface Refusal {
  readonly status: string;
  /** Which fact, for the test. */
  readonly fact: string;
}

interface SipFacts extends BusinessNumber {
  /** WhatsApp's own domain. */
  readonly domain: string;
  readonly port: number;
  readonly challenge: Challenge;
}

/** Why an INVITE outside of a dialog is refused; undefined: it is not. */
export function refusalOf(message: WireMessage, facts: SipFacts): Refusal | undefined {
  const { domain, port, number, hostname, allowed } = facts;
  const to = readUri(message.startLine.split(' ')[1] ?? '');
  const from = readUri(uriOf(fieldOf(message, 'From')));
  if (to.scheme !== 'sip') return { status: '404 Not Found', fact: 'scheme' };
  if (to.host !== domain || (to.port !== undefined && to.port !== port))
    return { status: '404 Not Found', fact: 'request-uri-host' };
  if (to.params.get('transport') !== 'tls') return { status: '400 Bad Request', fact: 'request-uri-transport' };
  if (!/^\+[1-9][0-9]{6,14}$/.test(to.user)) return { status: '404 Not Found', fact: 'called-number-not-e164' };
  if (from.host !== hostname) return { status: '403 Forbidden', fact: 'from-host' };
  if (from.user !== number) return { status: '403 Forbidden', fact: 'from-user' };
  const signed = fieldOf(message, 'Proxy-Authorization');
  if (signed === '') return { status: '407 Proxy Authentication Required', fact: 'unsigned' };
  if (!isSigned(signed, facts, message)) return { status: '403 Forbidden', fact: 'wrong-signature' };
  if (!allowed.includes(to.user)) return { status: '403 Forbidden', fact: 'no-permission-138006' };
  return refusedOffer(message);
}

/** The user name is From's. */
function isSigned(value: string, { number: username, password, challenge }: SipFacts, message: WireMessage): boolean {
  const field = (name: string) => new RegExp(`\\b${name}="?([^",]+)`).exec(value)?.[1] ?? '';
  const count = Number.parseInt(field('nc'), 16) - 1;
  if (field('username') !== username || field('nonce') !== challenge.nonce || field('cnonce') === '') return false;
  const uri = message.startLine.split(' ')[1] ?? '';
  const own = credentials(
    { ...challenge, uses: count },
    { username, password, method: 'INVITE', uri },
    field('cnonce'),
  );
  return /response="([^"]+)"/.exec(own)?.[1] === field('response');
}

/** SRTP with keys in SDP, offered by who calls. */
function refusedOffer({ body }: WireMessage): Refusal | undefined {
  if (body === '') return { status: '488 Not Acceptable Here', fact: 'no-offer' };
  if (!/^m=audio \d+ RTP\/SAVP /m.test(body) || !/^a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 inline:/m.test(body))
    return { status: '488 Not Acceptable Here', fact: 'no-srtp' };
  return undefined;
}
