/**
 * What a node passes on in the name of its sender says that a node has: by an HMAC with the secret that the nodes share, over what the
 * request ends. An address says it only of a node that the others have heard of lately. One that was cut off is in no roster of theirs for a
 * moment after it is back, and for as long as it has lost the store alone.
 */
import { timingSafeEqual } from 'node:crypto';
import { MessageAuthenticator } from '../../base/message-authenticator.ts';
import { parseVia, type SipRequest } from '../../sip/message/index.ts';

const MARK = 'X-Tandem-Passed';
/**
 * Of what is passed on, its sender's: it says where it came from, and by it the INVITE of a CANCEL is found. A response with two Via is none
 * (RFC 3261 §8.1.3.3).
 */
export const SENDERS_VIA = 'X-Tandem-Via';

/** The sender's Via and address, of what a node has passed on; undefined: it says none, or several. Throws PeerError SIP_PEER_VIA. */
export function sendersVia({ headers }: SipRequest): { readonly via: string; readonly from: string } | undefined {
  const [via, ...others] = headers.fieldValuesNamed(SENDERS_VIA);
  if (via === undefined || others.length > 0) return undefined;
  const { params, host } = parseVia(via);
  return { via, from: params.get('received') ?? host };
}

export class NodeMark {
  readonly #mac: MessageAuthenticator;

  constructor(secret: Uint8Array) {
    this.#mac = new MessageAuthenticator(secret);
  }

  /** Of a request that is about to be sent to another node, which is not changed afterwards but for its Via. */
  put(request: SipRequest): void {
    // Whatever its sender says in it.
    request.headers.removeNamed(MARK);
    request.headers.addNamed(MARK, this.#of(request));
  }

  /** Whether a node of the store has passed it on. Sent once more by somebody else it ends the same, and nothing but that. */
  isOn(request: SipRequest): boolean {
    const [mark, ...others] = request.headers.fieldValuesNamed(MARK);
    if (mark === undefined || others.length > 0) return false;
    const [given, due] = [Buffer.from(mark), Buffer.from(this.#of(request))];
    return given.length === due.length && timingSafeEqual(given, due);
  }

  #of(request: SipRequest): string {
    const { method, headers } = request;
    const dialog = [request.callId(), request.fromTag() ?? '', request.toTag() ?? '', request.cseq().sequence];
    return this.#mac.base64url(['passed', method, ...dialog, ...headers.fieldValuesNamed(SENDERS_VIA)].join('\n'));
  }
}
