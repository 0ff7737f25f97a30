import { HeaderId, refuseExtensions, type SipMessage, type SipRequest } from '../sip/message/index.ts';
import type { LegOptions } from './plan.ts';
import type { ServerTransaction } from './ports.ts';

/** Methods served within a dialog. */
export const ALLOW = 'INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, OPTIONS, MESSAGE, NOTIFY, REFER';
export const SUPPORTED = '100rel, timer, replaces, norefersub';

const SUPPORTED_TAGS: ReadonlySet<string> = new Set(SUPPORTED.split(', '));

/** Within a re-INVITE no reliable provisional responses are asked for: there is no early dialog that needs them. */
const SUPPORTED_WITHIN = 'timer, replaces, norefersub';

/** Says on a message that makes or refreshes a dialog what this engine can do, and where it is. */
export function addCapabilities(message: SipMessage, options: LegOptions): void {
  const { headers } = message;
  if (!headers.has(HeaderId.Contact)) headers.add(HeaderId.Contact, options.contact);
  if (!headers.has(HeaderId.Allow)) headers.add(HeaderId.Allow, ALLOW);
  if (!headers.has(HeaderId.Supported)) headers.add(HeaderId.Supported, SUPPORTED);
}

/** The same within a session, where INVITE and UPDATE refresh the target. */
export function addReinviteCapabilities(message: SipMessage, options: LegOptions): void {
  if (!message.headers.has(HeaderId.Supported)) message.headers.add(HeaderId.Supported, SUPPORTED_WITHIN);
  addCapabilities(message, options);
}

export function addOwnHeaders(message: SipMessage, options: LegOptions): void {
  if (options.headers === undefined) return;
  for (const [name, value] of options.headers) message.headers.addNamed(name, value);
}

/** RFC 3261 §8.2.2.3: an extension that is required and not supported is refused with 420, which lists it. True when refused. */
export function refuseUnsupported(transaction: ServerTransaction, request: SipRequest): boolean {
  const refusal = refuseExtensions(request, SUPPORTED_TAGS);
  if (refusal === undefined) return false;
  transaction.reply(refusal.status, undefined, refusal.headers);
  return true;
}
