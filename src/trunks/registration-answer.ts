/** What a response to REGISTER says. A field that cannot be read counts as absent: the rest of the answer still holds. */
import { PeerError } from '../base/errors.ts';
import {
  HeaderId,
  isSipUri,
  type NameAddr,
  parseDeltaSeconds,
  parseNameAddrList,
  parseRetryAfter,
  type SipResponse,
} from '../sip/message/index.ts';
import { TOKEN_PARAMETER } from './trunk-requests.ts';

const MAX_GRANTED_SECONDS = 86_400;
const MAX_ROUTES = 10;

/** Seconds that the registration lasts: of our Contact, else of the message, else what was asked for (RFC 3261 §10.2.4, §10.3 step 8). */
export function grantedSeconds(response: SipResponse, token: string, askedSeconds: number): number {
  const contacts = readable(() => parseNameAddrList(response.headers, HeaderId.Contact)) ?? [];
  const own =
    contacts.find((contact) => carriesToken(contact, token)) ?? (contacts.length === 1 ? contacts[0] : undefined);
  const text = own?.params.get('expires');
  const ofContact = text === undefined ? undefined : readable(() => parseDeltaSeconds(text, 'expires'));
  const granted = ofContact ?? delta(response, HeaderId.Expires) ?? askedSeconds;
  return Math.min(granted, MAX_GRANTED_SECONDS);
}

export function minExpiresSeconds(response: SipResponse): number | undefined {
  const seconds = delta(response, HeaderId.MinExpires);
  return seconds === undefined || seconds > MAX_GRANTED_SECONDS ? undefined : seconds;
}

export function retryAfterSeconds(response: SipResponse): number | undefined {
  const value = response.headers.value(HeaderId.RetryAfter);
  return value === undefined ? undefined : readable(() => parseRetryAfter(value).seconds);
}

/** RFC 3608 §5: the routes of calls, first hop first; none of them unless all can be used. */
export function serviceRoutes(response: SipResponse): readonly string[] {
  const routes = readable(() => parseNameAddrList(response.headers, HeaderId.ServiceRoute));
  if (routes === undefined || routes.length > MAX_ROUTES || !routes.every(({ uri }) => isSipUri(uri))) return [];
  return response.headers.listValues(HeaderId.ServiceRoute);
}

/** RFC 5626 §3.5: how often the server wants to hear something on the flow. */
export function flowTimerSeconds(response: SipResponse): number | undefined {
  const value = response.headers.valueNamed('Flow-Timer');
  const seconds = value === undefined ? undefined : readable(() => parseDeltaSeconds(value, 'Flow-Timer'));
  return seconds === undefined || seconds < 1 || seconds > MAX_GRANTED_SECONDS ? undefined : seconds;
}

function carriesToken({ uri }: NameAddr, token: string): boolean {
  return isSipUri(uri) && (uri.user === token || uri.params.get(TOKEN_PARAMETER) === token);
}

function delta(response: SipResponse, id: HeaderId): number | undefined {
  const value = response.headers.value(id);
  return value === undefined ? undefined : readable(() => parseDeltaSeconds(value, 'expires'));
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}
