import { randomBytes } from 'node:crypto';
import { fnv1a } from '../../base/fnv.ts';
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
  readonly #viaSeed = randomBytes(4).readInt32LE();
  readonly #callSeed = randomBytes(4).readInt32LE();
  readonly #mac = new MessageAuthenticator(randomBytes(32));

  /** Never throws: what cannot be read as a field is taken as it is. */
  of({ headers, method }: SipRequest): string {
    const via = headers.value(HeaderId.Via);
    const copies = `${method} ${via}\n${headers.value(HeaderId.From)}\n${headers.value(HeaderId.CallId)}\n${headers.value(HeaderId.CSeq)}`;
    return PREFIX + this.#mac.hex(copies).slice(0, MAC_DIGITS);
  }

  /**
   * One in the same form for a request that is refused unread, while there is no time for a MAC: who could guess it has an ACK absorbed,
   * which the form alone does.
   */
  ofUnread(topVia: string, callId: string): string {
    return PREFIX + digits(fnv1a(topVia) ^ this.#viaSeed, 8) + digits(fnv1a(callId) ^ this.#callSeed, MAC_DIGITS - 8);
  }

  /** Whether a To tag has the form of these. */
  static has(tag: string | undefined): boolean {
    return tag !== undefined && tag.length === PREFIX.length + MAC_DIGITS && tag.startsWith(PREFIX);
  }
}

function digits(value: number, count: number): string {
  return (value >>> 0).toString(16).padStart(count, '0').slice(-count);
}
