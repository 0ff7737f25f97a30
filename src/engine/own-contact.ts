/** Our own Contacts: which place they name, and the same with another one. */
import { KnownTexts } from '../base/known-texts.ts';
import { joined } from '../base/text.ts';
import { hostPort, isSipUri, parseNameAddr, type SipUri, transportParameter } from '../sip/message/index.ts';
import type { HostPort, TransportName } from '../sip/transport/index.ts';

/** URI parameter in which a Contact carries its call, sealed for the dialog that the Contact is told in and no other. */
export const CALL_PARAMETER = 'tdm';

/**
 * One text of its own, which the leg keeps.
 * @param user as it stands in a URI; '' for none
 * @param sips the peer is called, or calls, by a SIPS URI: then the Contact is one (RFC 3261 §8.1.1.8, §12.1.1), where its way is TLS
 */
export function ownContact(user: string, { host, port }: HostPort, transport: TransportName, sips = false): string {
  const isSecure = sips && transport === 'tls';
  const end = ENDS.of(hostPort(host, port), isSecure ? '' : transportParameter(transport));
  const scheme = isSecure ? '<sips:' : '<sip:';
  return user === '' ? joined(scheme, end) : joined(scheme, user, '@', end);
}
const ENDS = new KnownTexts((place, parameter: string) => `${place}${parameter}>`);

/**
 * A Contact that another node drafted, as this one shows it: with the way from here, whatever else its URI says (`ob`, RFC 5626). What it
 * carries is good between the two nodes alone.
 * @param own the place of this node; undefined: the one that it names stays
 * @param sips as of {@link ownContact}
 */
export function contactFrom(
  drafted: SipUri,
  own: HostPort | undefined,
  transport: TransportName,
  sips = false,
): string {
  const user = drafted.user === undefined || drafted.user === '' ? '' : `${drafted.user}@`;
  const { host, port } = own ?? drafted;
  const place = `${user}${hostPort(host, port)}`;
  const others = drafted.params.clone();
  others.delete('transport');
  others.delete(CALL_PARAMETER);
  return sips && transport === 'tls'
    ? `<sips:${place}${others}>`
    : `<sip:${place}${transportParameter(transport)}${others}>`;
}

export function isSips(uri: string): boolean {
  return SIPS.test(uri);
}
const SIPS = /^sips:/i;

/** Up to the host of the URI in one of our own Contacts, and the host with its port. */
const CONTACT_HOST = /^(<sips?:(?:[^@>]*@)?)(?:\[[^\]]*\]|[^:;>]*)(?::\d+)?/;

/** One of our own Contacts, with another place in it. */
export function contactAt(contact: string, { host, port }: HostPort): string {
  return contact.replace(CONTACT_HOST, `$1${hostPort(host, port)}`);
}

/** Whether a Contact names this place. */
export function namesInContact(contact: string, place: HostPort): boolean {
  const { uri } = parseNameAddr(contact);
  return isSipUri(uri) && uri.host === place.host && (uri.port ?? place.port) === place.port;
}
