/** What Teams accepts and what it refuses, each fact once; README.md has the list with where it is from. */
import { isIP } from 'node:net';
import { fieldOf, methodOf, tagOf, uriOf, valuesOf, type WireMessage } from '../../end-to-end/outbound/wire-message.ts';

export interface Tenant {
  /** The FQDN of its session border controller, or the domain that those are in: `sbc1.acme.test` or `acme.test`. */
  readonly name: string;
  /** Numbers of its users, with `+`. */
  readonly numbers: readonly string[];
}

export interface Refusal {
  readonly status: string;
  /** Which fact, for the test. */
  readonly fact: string;
}

export interface Facts {
  /** Name of this datacentre. */
  readonly host: string;
  readonly tenants: readonly Tenant[];
  /** Names in the peer's certificate. */
  readonly certificateNames: readonly string[];
}

const E164 = /^\+[1-9][0-9]{6,14}$/;

export interface SipUri {
  readonly scheme: string;
  readonly user: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly params: ReadonlyMap<string, string>;
}

export function readUri(text: string): SipUri {
  const [, scheme = '', user = '', host = '', port, rest = ''] =
    /^([a-z]+):(?:([^@]*)@)?(\[[^\]]*\]|[^:;?]*)(?::([0-9]+))?(.*)$/i.exec(text) ?? [];
  const params = new Map(
    (rest.split('?')[0] ?? '')
      .split(';')
      .filter((param) => param !== '')
      .map((param) => {
        const [name = '', value = ''] = param.split('=');
        return [name.toLowerCase(), value] as const;
      }),
  );
  return {
    scheme: scheme.toLowerCase(),
    user,
    host: host.toLowerCase(),
    port: port === undefined ? undefined : Number(port),
    params,
  };
}

/** The tenant that a Contact names: by the whole FQDN, else without its first label. */
export function tenantOf(message: WireMessage, tenants: readonly Tenant[]): Tenant | undefined {
  const { host } = readUri(uriOf(fieldOf(message, 'Contact')));
  return (
    tenants.find(({ name }) => name === host) ?? tenants.find(({ name }) => name === host.slice(host.indexOf('.') + 1))
  );
}

/** A wildcard stands for one label. */
function certified(host: string, names: readonly string[]): boolean {
  return names.some(
    (name) => name === host || (name.startsWith('*.') && name.slice(1) === host.slice(host.indexOf('.'))),
  );
}

/** Why a request outside a dialog is refused; undefined: it is not. */
export function refusalOf(message: WireMessage, facts: Facts): Refusal | undefined {
  const contact = readUri(uriOf(fieldOf(message, 'Contact')));
  if (fieldOf(message, 'Contact') === '') return { status: '400 Bad Request', fact: 'contact-missing' };
  if (isIP(contact.host.replace(/^\[|\]$/g, '')) !== 0) return { status: '403 Forbidden', fact: 'address-in-contact' };
  if (contact.scheme === 'sips' || /^\S+ sips:/i.test(message.startLine))
    return { status: '416 Unsupported URI Scheme', fact: 'sips' };
  if (tenantOf(message, facts.tenants) === undefined) return { status: '403 Forbidden', fact: 'unknown-fqdn' };
  if (!certified(contact.host, facts.certificateNames)) return { status: '403 Forbidden', fact: 'certificate-names' };
  return methodOf(message) === 'OPTIONS' ? refusedOptions(message, contact) : refusedInvite(message, facts);
}

function refusedOptions(message: WireMessage, contact: SipUri): Refusal | undefined {
  if (contact.user !== '') return { status: '400 Bad Request', fact: 'user-in-contact-of-options' };
  if (contact.params.get('transport') !== 'tls')
    return { status: '400 Bad Request', fact: 'contact-without-transport' };
  if (fieldOf(message, 'Max-Forwards') === '') return { status: '400 Bad Request', fact: 'max-forwards-missing' };
  if (!/\bOPTIONS$/.test(fieldOf(message, 'CSeq'))) return { status: '400 Bad Request', fact: 'cseq' };
  return undefined;
}

function refusedInvite(message: WireMessage, { host, tenants }: Facts): Refusal | undefined {
  const to = readUri(message.startLine.split(' ')[1] ?? '');
  const from = readUri(uriOf(fieldOf(message, 'From')));
  const isReferred = to.params.has('x-m') || to.params.has('x-t');
  const isInDialog = tagOf(fieldOf(message, 'To')) !== '';
  if (!/\bNOTIFY\b/.test(valuesOf(message, 'Allow').join()))
    return { status: '400 Bad Request', fact: 'notify-not-allowed' };
  if (valuesOf(message, 'Replaces').length > 0) return { status: '403 Forbidden', fact: 'replaces-from-sbc' };
  const sdp = refusedDescription(message);
  if (sdp !== undefined || isInDialog) return sdp;
  if (to.host !== host) return { status: '404 Not Found', fact: 'request-uri-of-another-datacentre' };
  if (!isReferred && !E164.test(to.user)) return { status: '404 Not Found', fact: 'called-number-not-e164' };
  const isAnonymous = from.host === 'anonymous.invalid';
  if (!isAnonymous && !E164.test(from.user)) return { status: '403 Forbidden', fact: 'calling-number-not-e164' };
  const contact = readUri(uriOf(fieldOf(message, 'Contact')));
  if (!isAnonymous && from.host !== contact.host) return { status: '403 Forbidden', fact: 'from-host' };
  const tenant = tenantOf(message, tenants);
  if (!isReferred && tenant?.numbers.includes(to.user) !== true)
    return { status: '404 Not Found', fact: 'unknown-number' };
  return undefined;
}

/** SRTP with keys in SDP, in every offer; a hold is `inactive`. */
function refusedDescription({ body }: WireMessage): Refusal | undefined {
  if (body === '') return { status: '488 Not Acceptable Here', fact: 'no-offer' };
  if (!/^m=audio \d+ RTP\/SAVP /m.test(body) || !/^a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 inline:/m.test(body))
    return { status: '488 Not Acceptable Here', fact: 'no-srtp' };
  if (/^a=(?:sendonly|recvonly)/m.test(body) || /^c=IN IP4 0\.0\.0\.0/m.test(body))
    return { status: '488 Not Acceptable Here', fact: 'hold-other-than-inactive' };
  return undefined;
}
