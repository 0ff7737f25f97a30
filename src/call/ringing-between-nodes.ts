/**
 * Who rings a phone for another node says in its provisional responses by which CANCEL that ends. When it has ended itself, or is cut off, the
 * other one cancels the phone in its name before it calls it at its own address: else the phone rings twice for one call, and on when
 * one of the two is answered.
 */
import { PeerError } from '../base/errors.ts';
import {
  createResponse,
  HeaderId,
  parseMessage,
  SipRequest,
  type SipResponse,
  serialize,
} from '../sip/message/index.ts';
import type { WaitingCancel } from './waiting.ts';

const RINGING = 'X-Tandem-Ringing';
/** What goes into one packet whatever the way is (RFC 3261 §18.1.1). */
const MOST_OCTETS = 1_300;

/**
 * Puts it into a provisional response to the INVITE of the other node, where one phone rings, and not over a connection that is ours alone.
 * Where that has no room for it, as with a long description, it goes into a 100, which nobody relays: to be sent before the response.
 */
export function tellRinging(
  response: SipResponse,
  invite: SipRequest,
  cancels: readonly WaitingCancel[],
): SipResponse | undefined {
  const [cancel, ...others] = cancels;
  if (cancel === undefined || others.length > 0) return undefined;
  const text = Buffer.from(cancel.text, 'latin1').toString('base64url');
  if (addWhereRoom(response, text)) return undefined;
  const trying = createResponse(invite, 100);
  return addWhereRoom(trying, text) ? trying : undefined;
}

function addWhereRoom(response: SipResponse, text: string): boolean {
  const hasRoom = serialize(response).length + RINGING.length + text.length + 4 <= MOST_OCTETS;
  if (hasRoom) response.headers.addNamed(RINGING, text);
  return hasRoom;
}

/** The INVITE that rings there, as far as its CANCEL needs it; undefined: the other node does not say. */
export function ringingOf({ headers }: SipResponse): SipRequest | undefined {
  const text = headers.valueNamed(RINGING);
  if (text === undefined) return undefined;
  try {
    const message = parseMessage(Buffer.from(text, 'base64url').toString('latin1'));
    if (message.kind !== 'request' || message.method !== 'CANCEL') return undefined;
    const invite = new SipRequest('INVITE', message.requestUri);
    message.headers.forEach((name, value, id) => {
      if (id !== HeaderId.ContentLength) invite.headers.addNamed(name, value);
    });
    invite.headers.set(HeaderId.CSeq, `${message.cseq().sequence} INVITE`);
    return invite;
  } catch (error) {
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}
