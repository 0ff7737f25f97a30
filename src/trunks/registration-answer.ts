/** What a response to REGISTER says. A field that cannot be read counts as absent: the rest of the answer still holds. */
import { PeerError } from '../base/errors.ts';
import { canonicalHost } from '../provisioning/trunk-settings/sources.ts';
import {
  addressValues,
  HeaderId,
  inBrackets,
  isSipUri,
  parseDeltaSeconds,
  parseNameAddr,
  parseNameAddrList,
  parseRetryAfter,
  type SipResponse,
  type Uri,
} from '../sip/message/index.ts';
import type { HostPort } from '../sip/transport/index.ts';
import { tokenIn } from './contact-token.ts';

const MAX_GRANTED_SECONDS = 86_400;
const MAX_ROUTES = 10;
const MAX_FORMER = 4;
const DEFAULT_PORT = 5060;
/** RFC 3261 §20.19. */
const MAX_DELTA_SECONDS = 2 ** 32 - 1;

/**
 * Seconds that the registration lasts: of our Contact, else of the message, else what was asked for (RFC 3261 §10.2.4, §10.3 step 8).
 * A registrar that rewrote our Contact, or whose Contacts cannot be read, has granted at least the smallest time above 0 that it names.
 */
export function grantedSeconds(response: SipResponse, token: string, askedSeconds: number): number {
  const contacts = addressValues(response.headers, HeaderId.Contact).map(readBinding);
  const own = contacts.find(({ uri }) => uri !== undefined && carriesToken(uri, token));
  const ofMessage = delta(response, HeaderId.Expires);
  const granted =
    own === undefined
      ? (smallest(contacts.map(({ seconds }) => seconds ?? ofMessage)) ?? ofMessage ?? only(contacts)?.seconds)
      : (own.seconds ?? ofMessage);
  return Math.min(granted ?? askedSeconds, MAX_GRANTED_SECONDS);
}

/**
 * Where else than at `own` the registrar has us, when it has us there: Contacts of a node or process that has ended. None where it lists our
 * Contact otherwise than as we wrote it, for then the others may be ours as well.
 */
export function formerPlaces(response: SipResponse, token: string, own: HostPort): readonly HostPort[] {
  const places = addressValues(response.headers, HeaderId.Contact).flatMap((text) => {
    const { uri } = readBinding(text);
    if (uri === undefined || !isSipUri(uri) || !carriesToken(uri, token)) return [];
    return { host: uri.host, port: uri.port ?? DEFAULT_PORT };
  });
  const isOwn = ({ host, port }: HostPort) => canonicalHost(host) === canonicalHost(own.host) && port === own.port;
  return places.some(isOwn) ? places.filter((place) => !isOwn(place)).slice(0, MAX_FORMER) : [];
}

interface ListedBinding {
  /** Undefined when it cannot be read. */
  readonly uri: Uri | undefined;
  readonly seconds: number | undefined;
}

const EXPIRES = /;\s*expires\s*=\s*([^;,\s]*)/i;

function readBinding(text: string): ListedBinding {
  const address = readable(() => parseNameAddr(text));
  if (address === undefined) return { uri: undefined, seconds: leadingSeconds(EXPIRES.exec(text)?.[1] ?? '') };
  const ofUri = isSipUri(address.uri) ? address.uri.params : undefined;
  // Some write it inside the brackets.
  const expires = address.params.get('expires') ?? ofUri?.get('expires');
  return { uri: address.uri, seconds: expires === undefined ? undefined : leadingSeconds(expires) };
}

/** Whole seconds at the start of what registrars write: `90`, `"90"`, `90.0`, `90s`. More digits than a number of 32 bits are the most there is. */
function leadingSeconds(text: string): number | undefined {
  const digits = /^"?\s*([0-9]+)/.exec(text.trim())?.[1];
  return digits === undefined ? undefined : Math.min(Number(digits), MAX_DELTA_SECONDS);
}

function only<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined;
}

function smallest(seconds: readonly (number | undefined)[]): number | undefined {
  let least: number | undefined;
  for (const each of seconds) if (each !== undefined && each > 0 && each < (least ?? Infinity)) least = each;
  return least;
}

export function minExpiresSeconds(response: SipResponse): number | undefined {
  const seconds = delta(response, HeaderId.MinExpires);
  return seconds === undefined || seconds > MAX_GRANTED_SECONDS ? undefined : seconds;
}

export function retryAfterSeconds(response: SipResponse): number | undefined {
  const value = response.headers.value(HeaderId.RetryAfter);
  return value === undefined ? undefined : readable(() => parseRetryAfter(value));
}

/** RFC 3608 §5: the routes of calls, first hop first; none of them unless all can be used. */
export function serviceRoutes(response: SipResponse): readonly string[] {
  const routes = readable(() => parseNameAddrList(response.headers, HeaderId.ServiceRoute));
  if (routes === undefined || routes.length > MAX_ROUTES || !routes.every(({ uri }) => isSipUri(uri))) return [];
  return response.headers.listValues(HeaderId.ServiceRoute).map(inBrackets);
}

/** RFC 5626 §3.5: how often the server wants to hear something on the flow. */
export function flowTimerSeconds(response: SipResponse): number | undefined {
  const value = response.headers.valueNamed('Flow-Timer');
  const seconds = value === undefined ? undefined : readable(() => parseDeltaSeconds(value, 'Flow-Timer'));
  return seconds === undefined || seconds < 1 || seconds > MAX_GRANTED_SECONDS ? undefined : seconds;
}

/**
 * Whether the registrar saw the REGISTER come from elsewhere than from `own`, where it left (RFC 3581 §4): through a NAT, which forgets the way back.
 */
export function isTranslated(response: SipResponse, own: HostPort): boolean {
  const params = readable(() => response.topVia().params);
  const [host, port] = [params?.get('received') ?? '', params?.get('rport') ?? ''];
  return (host !== '' && canonicalHost(host) !== canonicalHost(own.host)) || (port !== '' && Number(port) !== own.port);
}

function carriesToken(uri: Uri, token: string): boolean {
  return isSipUri(uri) && tokenIn(uri) === token;
}

function delta(response: SipResponse, id: HeaderId): number | undefined {
  const value = response.headers.value(id);
  return value === undefined ? undefined : leadingSeconds(value);
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}
