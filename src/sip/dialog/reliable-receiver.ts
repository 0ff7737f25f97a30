import { PeerError } from '../../base/errors.ts';
import { HeaderId, parseRSeq, type SipResponse } from '../message/index.ts';

/** What a provisional response asks of the calling side. */
export type ProvisionalVerdict =
  /** Not reliable: process it, no PRACK. */
  | 'unreliable'
  /** In order: process it and send a PRACK with `rack`. */
  | 'new'
  /** A retransmission, or one too early: neither processed nor acknowledged (RFC 3262 §4). */
  | 'ignore';

/** The calling side of RFC 3262 for one early dialog: takes reliable provisional responses in order, each once. */
export class ReliableReceiver {
  #last: number | undefined = undefined;
  #rack = '';

  /** The RAck value for the response last found `new`. */
  get rack(): string {
    return this.#rack;
  }

  receive(response: SipResponse): ProvisionalVerdict {
    const { status } = response;
    const text = response.headers.value(HeaderId.RSeq);
    if (status <= 100 || status >= 200 || text === undefined || !requires100rel(response)) return 'unreliable';
    const sequence = readable(text);
    if (sequence === undefined) return 'unreliable';
    // §4: RSeq must be one higher than the last one's; the first one sets the start.
    if (this.#last !== undefined && sequence !== this.#last + 1) return 'ignore';
    this.#last = sequence;
    this.#rack = `${sequence} ${response.cseq().sequence} INVITE`;
    return 'new';
  }
}

/** DEVIATION: a provisional response whose RSeq cannot be read is taken as unreliable; dropping it would drop its ringing. */
function readable(text: string): number | undefined {
  try {
    return parseRSeq(text);
  } catch (error) {
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}

function requires100rel(response: SipResponse): boolean {
  return response.headers.listValues(HeaderId.Require).some((option) => option.toLowerCase() === '100rel');
}
