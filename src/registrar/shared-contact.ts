/**
 * Phones of one address-of-record that write the same Contact: behind the routers of two homes both are 192.168.1.10.
 *
 * DEVIATION from RFC 3261 §10.3 step 7, by which they are one binding and only the phone that registered last rings: the URI that is kept of each further one
 * has a mark. So whoever compares contacts (updates, the store, other nodes, removals) tells them apart. No phone and no admin is shown it.
 */
import type { SipUri } from '../sip/message/index.ts';
import { plainAddress } from './addresses.ts';
import type { RegistrarFlow, StoredBinding } from './ports.ts';
import type { AskedContact, RegisterAsk } from './register-request.ts';

const MARK = ';tandem-from=';

type KeptContact = Pick<StoredBinding, 'contactUri'>;

/** The Contact as its phone wrote it. */
export function contactOf({ contactUri }: KeptContact): string {
  return unmarked(contactUri);
}

/** What names this binding alone of those of its address-of-record, among nodes. */
export function nameOf({ contactUri, requestUri }: KeptContact & { readonly requestUri: string }): string {
  return contactUri.includes(MARK) ? contactUri : requestUri;
}

export function unmarked(contactUri: string): string {
  const at = contactUri.indexOf(MARK);
  return at < 0 ? contactUri : contactUri.slice(0, at);
}

/** The contact with the mark of the binding that it refreshes, or one of its own where another phone has its URI. */
export function asKept(
  contact: AskedContact,
  previous: KeptContact | undefined,
  isShared: boolean,
  { remoteAddress, remotePort }: Pick<RegistrarFlow, 'remoteAddress' | 'remotePort'>,
): AskedContact {
  const { contactUri = '' } = previous ?? {};
  const at = contactUri.indexOf(MARK);
  if (at < 0 && !(isShared && previous === undefined)) return contact;
  const mark = at < 0 ? `${MARK}${remoteAddress}:${remotePort}` : contactUri.slice(at);
  // What a phone writes that looks like one is none.
  return { ...contact, uriText: unmarked(contact.uriText) + mark };
}

/**
 * Whether a binding with the URI of a contact is of another phone: neither its Call-ID, its instance nor its address is that one's, and the URI does not say
 * where the phone is. One that moves keeps its Call-ID (RFC 3261 §10.2.4).
 */
export function isOfAnother(
  binding: StoredBinding,
  { uri, instance }: AskedContact,
  { callId, path }: RegisterAsk,
  { remoteAddress }: Pick<RegistrarFlow, 'remoteAddress'>,
): boolean {
  if (binding.callId === callId || path.length > 0 || binding.path.length > 0 || isAt(uri, remoteAddress)) return false;
  return instance === undefined || binding.instance === undefined
    ? binding.source.address !== remoteAddress
    : binding.instance !== instance;
}

/** A URI with header fields ends with them; nothing is put behind these. */
function isAt({ host, headers }: SipUri, address: string): boolean {
  return headers !== '' || plainAddress(host) === plainAddress(address);
}
