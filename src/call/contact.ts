/** Where the messages of a call say that it is: Contacts that carry what another process needs to go on with it (`call-token.ts`). */
import { isFlow, MAX_UDP_REQUEST_OCTETS } from '../sip/endpoint/index.ts';
import { HeaderId, type SipMessage, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { LegOptions } from './plan.ts';
import type { CallEnvironment, ContactParty, ContactQuestion, Destination } from './ports.ts';

/** A leg, as its Contact is made; `Leg` is it. */
interface NamedLeg extends ContactParty {
  readonly env: Pick<CallEnvironment, 'contacts'>;
  readonly state: string;
  readonly dialog: ContactParty['dialog'] & { localContact: string };
  readonly call: Pick<ContactQuestion, 'record' | 'sessionLimitMs'>;
}

/** Via with its branch, and Content-Length: what is added to a message that is ready otherwise. */
const ADDED_OCTETS = 140;

/** Of the next message that refreshes the peer's target: of a confirmed leg with its call as it is now. */
export function contactOf(leg: NamedLeg & { readonly peer: NamedLeg | undefined }): string {
  const { contacts } = leg.env;
  const { state, peer, dialog } = leg;
  if (contacts !== undefined && state === 'confirmed' && peer?.state === 'confirmed')
    dialog.localContact = contacts.of({ ...calledSo(leg.call), near: leg, far: peer });
  return dialog.localContact;
}

/** The caller's 2xx carries the call whole: by then all is known of both. */
export function carryCall(answer: SipResponse, leg: NamedLeg, callee: ContactParty): void {
  const { env, dialog, options, destination } = leg;
  const { contacts } = env;
  if (contacts === undefined) return;
  const contact = contacts.of({ ...calledSo(leg.call), near: leg, far: callee });
  if (contact === options.contact || !carry(answer, destination, options.contact, contact, contacts)) return;
  dialog.localContact = contact;
}

/** An INVITE carries the caller's side; what it does not know of the called one, that one's own requests say. */
export function carryCaller(
  invite: SipRequest,
  to: Destination,
  options: LegOptions,
  call: Pick<ContactQuestion, 'record' | 'sessionLimitMs'> & {
    readonly env: Pick<CallEnvironment, 'contacts'>;
    readonly caller: { readonly contactParty: ContactParty } | undefined;
  },
): void {
  const { contacts } = call.env;
  if (contacts === undefined || call.caller === undefined) return;
  const { headers } = invite;
  const dialog: ContactParty['dialog'] = {
    role: 'uac',
    callId: invite.callId(),
    localTag: invite.fromTag() ?? '',
    remoteTag: '',
    localAddress: headers.value(HeaderId.From) ?? '',
    remoteAddress: headers.value(HeaderId.To) ?? '',
    remoteTarget: invite.requestUri,
    routeSet: [],
    localSequence: invite.cseq().sequence,
  };
  const near: ContactParty = { options, destination: to, dialog, session: undefined, methods: undefined };
  const contact = contacts.of({ ...calledSo(call), near, far: call.caller.contactParty });
  if (contact !== options.contact) carry(invite, to, options.contact, contact, contacts);
}

/**
 * A message within the dialog that would not go into a datagram with the Contact that carries the call goes with the plain one; the peer
 * then keeps that. @param to where it goes
 */
export function fitDatagram(
  message: SipMessage,
  to: Destination,
  leg: Pick<NamedLeg, 'env' | 'dialog' | 'options'>,
): void {
  const { env, dialog, options } = leg;
  const { contacts } = env;
  if (contacts === undefined || dialog.localContact === options.contact) return;
  if (message.headers.value(HeaderId.Contact) !== dialog.localContact) return;
  if (!isDatagram(to) || lengthOf(message) + ADDED_OCTETS <= MAX_UDP_REQUEST_OCTETS) return;
  contacts.noteTooLarge(dialog.callId);
  dialog.localContact = options.contact;
  message.headers.set(HeaderId.Contact, options.contact);
}

function calledSo({ record, sessionLimitMs }: Pick<ContactQuestion, 'record' | 'sessionLimitMs'>) {
  return { record, sessionLimitMs };
}

function isDatagram(to: Destination): boolean {
  return isFlow(to) ? !to.reliable : to.transport === 'udp';
}

/** Whether the message carries the call: a datagram that would be too large for it leaves without. */
function carry(
  message: SipMessage,
  to: Destination,
  plain: string,
  contact: string,
  contacts: NonNullable<CallEnvironment['contacts']>,
): boolean {
  const grows = contact.length - plain.length;
  const isCarried = !isDatagram(to) || lengthOf(message) + grows + ADDED_OCTETS <= MAX_UDP_REQUEST_OCTETS;
  if (isCarried) message.headers.set(HeaderId.Contact, contact);
  else contacts.noteTooLarge(message.callId());
  return isCarried;
}

/** Octets of header fields and body, without what is added on the way out. */
function lengthOf({ headers, body }: SipMessage): number {
  let length = body.length;
  headers.forEach((name, value) => {
    length += name.length + value.length + 4;
  });
  return length;
}
