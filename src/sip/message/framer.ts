import { PeerError } from '../../base/errors.ts';
import { decimalAt, isTokenCode, skipSpace, trimEnd } from './characters.ts';
import { HeaderId, headerIdAt } from './header-id.ts';
import { DEFAULT_LIMITS, type MessageLimits } from './limits.ts';
import { withCrlf } from './line-ends.ts';

/** What a framer tells its connection. */
export interface FrameSink {
  /** One whole message, start line to last octet of the body. */
  onMessage(text: string): void;
  /** A double CRLF between messages: the peer wants a single CRLF back (RFC 5626 §3.5.1). */
  onPing(): void;
  /**
   * A single CRLF between messages: the answer to our ping, or the first half of a ping in two segments. Returns true when an answer
   * was awaited; the CRLF then counts for nothing else, so that two answers in a row are not taken for a ping.
   */
  onPong(): unknown;
  /**
   * The stream cannot be framed any more: answer `head` (the start line and header section, when they were read) with `error.status`
   * where that is possible, then close. Nothing is reported after this.
   */
  onBroken(error: PeerError, head: string | undefined): void;
}

/**
 * Cuts a byte stream into messages by Content-Length (RFC 3261 §18.3).
 *
 * Octets that do not complete anything are kept as the chunks they came in and joined once, so that a message that comes one octet at
 * a time costs no more than its length. The end of a head is found by a four-state match of CRLF CRLF, or of what ends it for a reader of
 * LFs, that survives chunk borders. Two LFs end a head whose lines all end with one (`line-ends.ts`). Where a CR or LF alone ends a head
 * for one reader and not for another, what follows is a body to the one and a message to the other: the stream cannot be framed.
 */
export class StreamFramer {
  readonly #sink: FrameSink;
  readonly #limits: MessageLimits;
  #chunks: string[] = [];
  #heldOctets = 0;
  /** Octets of CRLF CRLF matched so far while a head is read; 2 as well behind an LF that ends a line by itself. */
  #matched = 0;
  /** The first line of the head ended with a bare LF: so do all others, or the stream cannot be framed. Undefined before its end. */
  #endsBare: boolean | undefined = undefined;
  /** CRs of the head without an LF behind them, and LFs without a CR before them. */
  #strays = 0;
  /** Octets of the whole message once its head is complete; -1 before. */
  #messageOctets = -1;
  /** Octets of CRLFs seen between messages. */
  #idleMatched = 0;
  #broken = false;

  constructor(sink: FrameSink, limits: MessageLimits = DEFAULT_LIMITS) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Octets held for a message that is not complete. */
  get heldOctets(): number {
    return this.#heldOctets;
  }

  /** Takes what was received; reports whatever it completes before returning. */
  push(chunk: string): void {
    let at = 0;
    while (at < chunk.length && !this.#broken) {
      if (this.#messageOctets >= 0) at = this.#takeBody(chunk, at);
      else if (this.#heldOctets === 0) at = this.#takeIdle(chunk, at);
      else at = this.#takeHead(chunk, at);
    }
  }

  /**
   * Between messages: CRLFs are keep-alives (§7.5, RFC 5626 §4.4.1), and a CR or LF alone is an empty line, as to every other reader (a
   * body that is an LF longer than was said leaves one over); anything else starts a message.
   */
  #takeIdle(chunk: string, at: number): number {
    for (; at < chunk.length; at++) {
      const code = chunk.charCodeAt(at);
      if (code !== 0x0d && code !== 0x0a) break;
      const isWithinCrlf = (this.#idleMatched & 1) === 1;
      if (code !== (isWithinCrlf ? 0x0a : 0x0d)) {
        this.#idleMatched = isWithinCrlf ? 1 : 0;
        continue;
      }
      this.#idleMatched++;
      if (this.#idleMatched === 4) {
        this.#idleMatched = 0;
        this.#sink.onPing();
        if (this.#broken) return chunk.length;
      } else if (this.#idleMatched === 2 && at + 1 === chunk.length && this.#sink.onPong() === true)
        this.#idleMatched = 0;
    }
    if (at >= chunk.length) return at;
    // Both start lines begin with a token (§7.1, §7.2): a TLS greeting or other noise is not worth waiting for.
    if (!isTokenCode(chunk.charCodeAt(at))) return this.#break('no start line', undefined);
    this.#idleMatched = 0;
    return this.#takeHead(chunk, at);
  }

  #takeHead(chunk: string, start: number): number {
    let at = start;
    let matched = this.#matched;
    const room = this.#limits.headOctets - this.#heldOctets;
    for (; at < chunk.length && matched < 4; at++) {
      const code = chunk.charCodeAt(at);
      if (code === 0x0d) matched = this.#matchCr(matched);
      else if (code === 0x0a) matched = this.#matchLf(matched);
      else matched = 0;
    }
    this.#matched = matched;
    if (at - start > room) return this.#break('a header section over the limit', undefined, 513);
    this.#hold(chunk, start, at);
    if (matched < 4) return at;
    this.#matched = 0;
    return this.#endHead() ? at : chunk.length;
  }

  #matchCr(matched: number): number {
    this.#strays++;
    return matched === 2 ? 3 : 1;
  }

  #matchLf(matched: number): number {
    const isBare = matched !== 1 && matched !== 3;
    this.#endsBare ??= isBare;
    this.#strays += isBare ? 1 : -1;
    if (!isBare) return matched + 1;
    return matched === 2 ? 4 : 2;
  }

  #endHead(): boolean {
    const received = this.#join();
    const head = withCrlf(received);
    const endsBare = this.#endsBare === true;
    this.#endsBare = undefined;
    const hasStrays = this.#strays > 0;
    this.#strays = 0;
    if (!head.endsWith('\r\n\r\n') || (endsBare && head === received)) {
      this.#break('a head that ends with LF, and a CR in it', undefined);
      return false;
    }
    if (!hasVersion(head)) {
      this.#break('no SIP start line', undefined);
      return false;
    }
    if (hasStrays && head.split('\r\n').some(isReadInTwoWays)) {
      this.#break('a CR or LF alone that may end the head or begin its Content-Length', head);
      return false;
    }
    const length = contentLengthOf(head);
    if (length < 0) {
      this.#break(length === -1 ? 'no Content-Length' : 'a malformed or repeated Content-Length', head);
      return false;
    }
    // As it came: the CRs are not the peer's.
    if (received.length + length > this.#limits.messageOctets) {
      this.#break('a message over the limit', head, 513);
      return false;
    }
    this.#chunks.push(head);
    this.#heldOctets = head.length;
    this.#messageOctets = head.length + length;
    if (length === 0) this.#emit();
    return true;
  }

  #takeBody(chunk: string, start: number): number {
    const end = Math.min(chunk.length, start + this.#messageOctets - this.#heldOctets);
    this.#hold(chunk, start, end);
    if (this.#heldOctets === this.#messageOctets) this.#emit();
    return end;
  }

  #emit(): void {
    const text = this.#join();
    this.#messageOctets = -1;
    this.#sink.onMessage(text);
  }

  #hold(chunk: string, start: number, end: number): void {
    this.#chunks.push(start === 0 && end === chunk.length ? chunk : chunk.slice(start, end));
    this.#heldOctets += end - start;
  }

  #join(): string {
    const text = this.#chunks.length === 1 ? (this.#chunks[0] as string) : this.#chunks.join('');
    this.#chunks = [];
    this.#heldOctets = 0;
    return text;
  }

  #break(found: string, head: string | undefined, status = 400): number {
    this.#broken = true;
    this.#chunks = [];
    this.#heldOctets = 0;
    this.#sink.onBroken(new PeerError('SIP_PEER_FRAMING', `stream: found ${found}`, status), head);
    return Number.MAX_SAFE_INTEGER;
  }
}

/** True when the start line names a SIP version; the parser judges the rest. */
function hasVersion(head: string): boolean {
  return head.slice(0, head.indexOf('\r\n')).toUpperCase().includes('SIP/');
}

/**
 * Whether a line with a CR or LF alone in it tells of another end of the message to who takes that for the end of a line, for white space
 * or for nothing: a part of the line is empty, or names Content-Length.
 */
function isReadInTwoWays(line: string): boolean {
  if (!/[\r\n]/.test(line)) return false;
  // First: with no two of them side by side the others are linear.
  if (/^\s*[\r\n]|[\r\n]\s*(?:[\r\n]|$)/.test(line)) return true;
  return /(?:^|[\r\n])\s*l\s*:/i.test(line) || /content-length:/i.test(line.replaceAll(/\s/g, ''));
}

/** The value of Content-Length in `head`; -1 when there is none (§18.3 demands it on streams), -2 when it is malformed or there are different ones. */
function contentLengthOf(head: string): number {
  let length = -1;
  for (let start = head.indexOf('\r\n') + 2; start < head.length; ) {
    const end = head.indexOf('\r\n', start);
    if (end <= start) break;
    const letter = head.charCodeAt(start) | 0x20;
    if (letter === 0x63 || letter === 0x6c) {
      // Not beyond the line: of many lines without a colon each would search the rest of the head.
      let colon = start;
      while (colon < end && head.charCodeAt(colon) !== 0x3a) colon++;
      const nameEnd = colon === end ? start : trimEnd(head, start, colon);
      if (headerIdAt(head, start, nameEnd) === HeaderId.ContentLength) {
        const valueStart = skipSpace(head, colon + 1, end);
        const value = decimalAt(head, valueStart, trimEnd(head, valueStart, end));
        if (value < 0 || (length >= 0 && length !== value)) return -2;
        length = value;
      }
    }
    start = end + 2;
  }
  return length;
}
