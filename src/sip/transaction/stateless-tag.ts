import { randomBytes } from 'node:crypto';
import { MessageAuthenticator } from '../../base/message-authenticator.ts';
import { HeaderId, type SipRequest } from '../message/index.ts';

/** No tag of a dialog begins with it: those are hexadecimal. */
const PREFIX = 'z';
const MAC_DIGITS = 12;

/**
 * To tags for requests that are answered without keeping anything (RFC 3261 §8.2.7): the same for each copy of a request, and made by
 * nobody else. The tag alone tells an ACK to such an answer from one of a call, so that it is absorbed by nothing but a look.
 */
export class StatelessTags {
  readonly #mac = new MessageAuthenticator(randomBytes(32));

  /** Never throws: what cannot be read as a field is taken as it is. */
  of({ headers, method }: SipRequest): string {
    const via = headers.value(HeaderId.Via);
    const copies = `${method} ${via}\n${headers.value(HeaderId.From)}\n${headers.value(HeaderId.CallId)}\n${headers.value(HeaderId.CSeq)}`;
    return this.ofText(copies);
  }

  /** The same over whatever the copies of a request have in common. */
  ofText(text: string): string {
    return PREFIX + this.#mac.hex(text).slice(0, MAC_DIGITS);
  }

  /** Whether a To tag has the form of these. */
  static has(tag: string | undefined): boolean {
    return tag !== undefined && tag.length === PREFIX.length + MAC_DIGITS && tag.startsWith(PREFIX);
  }
}
