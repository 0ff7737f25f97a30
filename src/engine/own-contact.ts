/** Our own Contacts: which place they name, and the same with another one. */
import { formatHost, isSipUri, parseNameAddr, transportParameter } from '../sip/message/index.ts';
import type { HostPort, TransportName } from '../sip/transport/index.ts';

/** @param user as it stands in a URI; '' for none */
export function ownContact(user: string, { host, port }: HostPort, transport: TransportName): string {
  const userPart = user === '' ? '' : `${user}@`;
  return `<sip:${userPart}${formatHost(host)}:${port}${transportParameter(transport)}>`;
}

/** Up to the host of the URI in one of our own Contacts, and the host with its port. */
const CONTACT_HOST = /^(<sips?:(?:[^@>]*@)?)(?:\[[^\]]*\]|[^:;>]*)(?::\d+)?/;

/** One of our own Contacts, with another place in it. */
export function contactAt(contact: string, { host, port }: HostPort): string {
  return contact.replace(CONTACT_HOST, `$1${formatHost(host)}:${port}`);
}

/** Whether a Contact names this place. */
export function namesInContact(contact: string, place: HostPort): boolean {
  const { uri } = parseNameAddr(contact);
  return isSipUri(uri) && uri.host === place.host && (uri.port ?? place.port) === place.port;
}
