/** Why the Contact of an explained INVITE carries its call, or does not (`continuity.contactToken`). */
import type { FieldReason } from '../../outbound/index.ts';
import { MAX_UDP_REQUEST_OCTETS } from '../../sip/endpoint/index.ts';
import { HeaderId, type SipRequest, textFromOctets } from '../../sip/message/index.ts';
import { CARRIES, type LeftOut, MAX_PARAMETER, MAX_URI, type SealedContacts } from '../continuity/sealed-contacts.ts';

const OMITTED: Readonly<Record<LeftOut, string>> = {
  'too-long': `it would have more than ${MAX_PARAMETER} octets, or the URI more than ${MAX_URI}`,
  'too-large': `the INVITE would have more than the ${MAX_UDP_REQUEST_OCTETS} octets that go over UDP`,
  'not-for-others': 'another node has the other side of the call, or one of its sides is none that other nodes know',
};

/**
 * Nothing where no Contact carries its call.
 * @param trunkId undefined: it goes to a phone
 * @param leftOut of a call that is only thought through; of one that was placed the node knows it
 */
export function contactReasons(
  contacts: SealedContacts,
  invite: SipRequest,
  trunkId: string | undefined,
  leftOut: LeftOut | undefined = contacts.leftOut(invite.callId()),
): readonly FieldReason[] {
  if (!contacts.isOn) return [];
  const contact = invite.headers.value(HeaderId.Contact) ?? '';
  const parameter = parameterOf(contact);
  const value = textFromOctets(parameter === '' ? contact : parameter);
  const reason = parameter === '' ? omitted(contacts, trunkId, leftOut) : carried(parameter);
  return [{ field: 'Contact', value, source: 'contactToken', origin: 'engine', reason }];
}

function parameterOf(contact: string): string {
  const start = contact.indexOf(CARRIES);
  return start < 0 ? '' : (/^;[^;>?]*/.exec(contact.slice(start))?.[0] ?? '');
}

function carried(parameter: string): string {
  return `${parameter.length} octets of the Contact carry the call, sealed, so that it goes on when its node and the store are lost (continuity.contactToken)`;
}

function omitted(contacts: SealedContacts, trunkId: string | undefined, leftOut: LeftOut | undefined): string {
  if (leftOut !== undefined) return `it carries no call: the parameter is left out, for ${OMITTED[leftOut]}`;
  return contacts.isWanted(trunkId)
    ? 'it carries no call: the parameter is left out, and it is not known any more why'
    : "it carries no call: the trunk's options.contactToken is false";
}
