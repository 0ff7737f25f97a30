import { randomBytes } from 'node:crypto';
import { combined, fnv1a } from '../../base/fnv.ts';
import { MessageAuthenticator } from '../../base/message-authenticator.ts';
import { HeaderId, type Headers, type SipRequest } from '../message/index.ts';

/** No tag of a dialog begins with it: those are hexadecimal. */
const PREFIX = 'z';
const MAC_DIGITS = 12;
export const TAG_LENGTH = PREFIX.length + MAC_DIGITS;
const PREFIX_CODE = PREFIX.charCodeAt(0);
const DIGITS = Buffer.from('0123456789abcdef', 'latin1');

/**
 * To tags for requests that are answered without keeping anything (RFC 3261 §8.2.7): the same for each copy of a request, and made by
 * nobody else. The tag alone tells an ACK to such an answer from one of a call, so that it is absorbed by nothing but a look.
 */
export class StatelessTags {
  readonly #viaSeed = randomBytes(4).readInt32LE();
  readonly #callSeed = randomBytes(4).readInt32LE();
  readonly #mac = new MessageAuthenticator(randomBytes(32));

  /** Never throws: what cannot be read as a field is taken as it is. */
  of({ headers }: SipRequest): string {
    const sender = hashOf(headers, HeaderId.Via, HeaderId.From);
    const sent = hashOf(headers, HeaderId.CallId, HeaderId.CSeq);
    return PREFIX + this.#mac.short(`${sender} ${sent}`, 'hex', MAC_DIGITS);
  }

  /**
   * One in the same form for a request that is refused unread, while there is no time for a MAC: who could guess it has an ACK absorbed,
   * which the form alone does. Writes {@link TAG_LENGTH} octets.
   *
   * @param viaHash of the request's topmost Via
   * @param callIdHash of its Call-ID
   * @returns a number of this tag, for what else is to be the same for each copy of the request and nobody's to foresee
   */
  writeUnread(viaHash: number, callIdHash: number, to: Uint8Array, at: number): number {
    const first = (viaHash ^ this.#viaSeed) >>> 0;
    const second = (callIdHash ^ this.#callSeed) >>> 0;
    to[at] = PREFIX_CODE;
    for (let digit = 0; digit < 8; digit++) to[at + 1 + digit] = DIGITS[(first >>> (4 * digit)) & 15] as number;
    for (let digit = 0; digit < MAC_DIGITS - 8; digit++)
      to[at + 9 + digit] = DIGITS[(second >>> (4 * digit)) & 15] as number;
    // The low bits of such hashes say little.
    return Math.imul(first ^ Math.imul(second, 0x9e3779b1), 0x85ebca6b) >>> 20;
  }

  /** Whether the octets from here to there are a tag in the form of these. */
  static isAt(octets: Uint8Array, start: number, end: number): boolean {
    if (end - start !== TAG_LENGTH || octets[start] !== PREFIX_CODE) return false;
    for (let at = start + 1; at < end; at++) if (!DIGITS.includes(octets[at] as number)) return false;
    return true;
  }

  /** Whether a To tag has the form of these. */
  static has(tag: string | undefined): boolean {
    return tag !== undefined && tag.length === TAG_LENGTH && tag.startsWith(PREFIX);
  }
}

/** 32 bits of two fields. */
function hashOf(headers: Headers, first: HeaderId, second: HeaderId): number {
  return combined(headers.read(first, fnv1a) ?? 0, headers.read(second, fnv1a) ?? 0);
}
