/** Reads of a request's octets what an answer to it repeats, for the time when there is none to parse it: no object, no string, one look. */
import type { MessageLimits } from '../message/index.ts';
import {
  fieldOf,
  HOST,
  hashOf,
  IPV6,
  isDigit,
  isNamed,
  isOf,
  NAME,
  NamedField,
  startsWith,
  TEXT,
  TOKEN,
  USER,
  word,
} from './octet-names.ts';

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const DIGIT_0 = 0x30;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const LESS = 0x3c;
const EQUALS = 0x3d;
const GREATER = 0x3e;
const AT = 0x40;
const LEFT_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const RIGHT_BRACKET = 0x5d;

/** What may be refused before it was read. */
const METHODS = ['INVITE', 'REGISTER', 'MESSAGE', 'SUBSCRIBE'].map((name) => ({ name, octets: word(`${name} `) }));
const VERSION = word(' SIP/2.0');
const VIA_START = word('SIP/2.0/');
const COOKIE = word('z9hG4bK');
const BRANCH = word('branch');
const RPORT = word('rport');
const TAG = word('tag');
const WRITTEN_BY_US = [word('received'), word('maddr')];
const SCHEMES = [word('sip:'), word('sips:')];
const TRANSPORTS = [word('UDP '), word('TCP '), word('TLS ')];

const MOST_FIELDS = 48;
const MOST_VIAS = 8;
const MOST_PARAMS = 12;
/** A longer head is not usual. */
const MOST_OCTETS = 8_192;
const MOST_LINE_OCTETS = 1_024;

/**
 * A request of which nothing is known but its octets. {@link read} says whether it is written as nearly all are; what is not is the parser's.
 * Its strictness is the point: whatever it takes, the parser takes and the validator finds nothing wrong with, so that a refusal made from it
 * is the one that would be made of the parsed request. It is one object for all requests; what it holds is of the last one.
 */
export class UnreadRequest {
  octets: Buffer = Buffer.alloc(0);
  method = '';
  uriStart = 0;
  uriEnd = 0;
  /** In the Request-URI; empty when there is none. */
  userStart = 0;
  userEnd = 0;
  /** Each Via value, as start and end; the topmost first. */
  readonly vias = new Int32Array(2 * MOST_VIAS);
  viaCount = 0;
  /** Of the topmost Via; the host without brackets. Port -1: none. */
  hostStart = 0;
  hostEnd = 0;
  port = -1;
  branchStart = 0;
  branchEnd = 0;
  /** Behind its bare `;rport`; -1: there is none. */
  rportEnd = -1;
  fromStart = 0;
  fromEnd = 0;
  /** The host in From. */
  fromHostStart = 0;
  fromHostEnd = 0;
  toStart = 0;
  toEnd = 0;
  callIdStart = 0;
  callIdEnd = 0;
  cseqStart = 0;
  cseqEnd = 0;
  readonly #limits: MessageLimits;
  /** Hashes of the names that were there; none may come twice but Via. */
  readonly #seen = new Int32Array(MOST_FIELDS);
  readonly #params = new Int32Array(MOST_PARAMS);
  // What the latest plain URI and the latest parameters were.
  #uriUserStart = 0;
  #uriUserEnd = 0;
  #uriHostStart = 0;
  #uriHostEnd = 0;
  #hasTag = false;
  #isBracketed = false;
  #fields = 0;
  #contentLength = -1;

  constructor(limits: MessageLimits) {
    this.#limits = limits;
  }

  /** True: a request outside of dialogs that is written as usual. */
  read(octets: Buffer): boolean {
    const { messageOctets, uriOctets, headerCount, viaCount, lineOctets, headOctets } = this.#limits;
    if (octets.length > Math.min(MOST_OCTETS, messageOctets, headOctets)) return false;
    this.octets = octets;
    const line = this.#startLine();
    if (line < 0 || this.uriEnd - this.uriStart > Math.min(uriOctets, lineOctets)) return false;
    this.viaCount = 0;
    this.#contentLength = -1;
    this.fromStart = this.toStart = this.callIdStart = this.cseqStart = 0;
    const body = this.#readFields(line, Math.min(MOST_LINE_OCTETS, lineOctets));
    if (body < 0 || this.#fields > headerCount || this.viaCount > viaCount) return false;
    if (this.#contentLength > octets.length - body) return false;
    return this.viaCount > 0 && this.fromStart > 0 && this.toStart > 0 && this.callIdStart > 0 && this.cseqStart > 0;
  }

  /** The same octets as text. */
  text(start: number, end: number): string {
    return this.octets.toString('latin1', start, end);
  }

  /** The number that it is for, when that is written in digits alone. */
  get number(): string | undefined {
    const { octets, userStart, userEnd } = this;
    const start = octets[userStart] === PLUS ? userStart + 1 : userStart;
    return start < userEnd && this.#skipDigits(start, userEnd) === userEnd ? this.text(userStart, userEnd) : undefined;
  }

  /** Whether octets are those of a text. */
  isText(start: number, end: number, text: string): boolean {
    if (end - start !== text.length) return false;
    for (let index = 0; index < text.length; index++)
      if (this.octets[start + index] !== text.charCodeAt(index)) return false;
    return true;
  }

  /** Where the first header line begins; -1: no start line of a request. */
  #startLine(): number {
    const { octets } = this;
    const method = METHODS.find((each) => startsWith(octets, 0, each.octets));
    if (method === undefined) return -1;
    this.method = method.name;
    this.uriStart = method.octets.length;
    let end = this.uriStart;
    while (isOf(octets, end, TEXT) && octets[end] !== SPACE) end++;
    this.uriEnd = end;
    if (!startsWith(octets, end, VERSION) || !this.#isPlainUri(this.uriStart, end)) return -1;
    this.userStart = this.#uriUserStart;
    this.userEnd = this.#uriUserEnd;
    const at = end + VERSION.length;
    return octets[at] === CR && octets[at + 1] === LF ? at + 2 : -1;
  }

  /** Where the body begins; -1: a field is missing, folded, or written in another way. */
  #readFields(start: number, mostOctets: number): number {
    const { octets } = this;
    let at = start;
    this.#fields = 0;
    while (octets[at] !== CR) {
      let colon = at;
      while (isOf(octets, colon, TOKEN)) colon++;
      if (colon === at || octets[colon] !== COLON || this.#fields === MOST_FIELDS) return -1;
      let valueStart = colon + 1;
      while (octets[valueStart] === SPACE || octets[valueStart] === TAB) valueStart++;
      let lineEnd = valueStart;
      while (isOf(octets, lineEnd, TEXT)) lineEnd++;
      if (octets[lineEnd] !== CR || octets[lineEnd + 1] !== LF || lineEnd - at > mostOctets) return -1;
      // A line that goes on in the next one.
      if (octets[lineEnd + 2] === SPACE || octets[lineEnd + 2] === TAB) return -1;
      let valueEnd = lineEnd;
      while (valueEnd > valueStart && (octets[valueEnd - 1] === SPACE || octets[valueEnd - 1] === TAB)) valueEnd--;
      if (!this.#readField(at, colon, valueStart, valueEnd)) return -1;
      at = lineEnd + 2;
    }
    return octets[at + 1] === LF ? at + 2 : -1;
  }

  #readField(at: number, colon: number, start: number, end: number): boolean {
    const field = fieldOf(this.octets, at, colon);
    // Of the other compact forms nobody knows here which field they repeat.
    if (field === NamedField.Other && colon - at === 1) return false;
    const name = field === NamedField.Other ? hashOf(this.octets, at, colon) : field;
    if (field !== NamedField.Via)
      for (let index = 0; index < this.#fields; index++) if (this.#seen[index] === name) return false;
    this.#seen[this.#fields++] = name;
    switch (field) {
      case NamedField.Via:
        return this.#readVia(start, end);
      case NamedField.From:
        this.fromStart = start;
        this.fromEnd = end;
        if (!this.#isAddress(start, end)) return false;
        this.fromHostStart = this.#uriHostStart;
        this.fromHostEnd = this.#uriHostEnd;
        return true;
      case NamedField.To:
        this.toStart = start;
        this.toEnd = end;
        return this.#isAddress(start, end) && !this.#hasTag;
      case NamedField.CallId:
        this.callIdStart = start;
        this.callIdEnd = end;
        return this.#isWord(start, end);
      case NamedField.CSeq:
        this.cseqStart = start;
        this.cseqEnd = end;
        return this.#isCSeq(start, end);
      case NamedField.MaxForwards:
        return end - start <= 3 && this.#number(start, end) > 0 && this.#number(start, end) <= 255;
      case NamedField.Contact:
        return this.#isAddress(start, end) && this.#isBracketed;
      case NamedField.RecordRoute:
        // What a dialog would be made of.
        return false;
      case NamedField.Length:
        this.#contentLength = end - start > 6 ? -1 : this.#number(start, end);
        return this.#contentLength >= 0;
      default:
        return true;
    }
  }

  #readVia(start: number, end: number): boolean {
    if (this.viaCount === MOST_VIAS) return false;
    this.vias[2 * this.viaCount] = start;
    this.vias[2 * this.viaCount + 1] = end;
    const isTop = this.viaCount++ === 0;
    const { octets } = this;
    if (!startsWith(octets, start, VIA_START)) return false;
    const transportAt = start + VIA_START.length;
    if (!TRANSPORTS.some((word) => startsWith(octets, transportAt, word))) return false;
    const hostAt = transportAt + 4;
    const isBracketed = octets[hostAt] === LEFT_BRACKET;
    const hostStart = isBracketed ? hostAt + 1 : hostAt;
    let at = this.#skip(hostStart, end, isBracketed ? IPV6 : HOST);
    const hostEnd = at;
    if (hostEnd === hostStart || (isBracketed && octets[at++] !== RIGHT_BRACKET)) return false;
    let port = -1;
    if (octets[at] === COLON && at < end) {
      const portStart = at + 1;
      at = this.#skipDigits(portStart, end);
      port = this.#port(portStart, at);
      if (port < 0) return false;
    }
    const found = this.#readParams(at, end, isTop);
    if (!isTop || !found) return found;
    this.hostStart = hostStart;
    this.hostEnd = hostEnd;
    this.port = port;
    return this.branchEnd > 0;
  }

  /** `;name=value` or `;name`, each name once. Of the topmost Via where branch and rport stand, else whether there is a tag. */
  #readParams(start: number, end: number, isTopVia = false): boolean {
    const { octets } = this;
    this.#hasTag = false;
    if (isTopVia) {
      this.branchEnd = 0;
      this.rportEnd = -1;
    }
    let count = 0;
    for (let at = start; at < end; ) {
      if (octets[at] !== SEMICOLON || count === MOST_PARAMS) return false;
      const nameStart = at + 1;
      const nameEnd = this.#skip(nameStart, end, TOKEN);
      if (nameEnd === nameStart) return false;
      const hash = hashOf(octets, nameStart, nameEnd);
      for (let index = 0; index < count; index++) if (this.#params[index] === hash) return false;
      this.#params[count++] = hash;
      const hasValue = nameEnd < end && octets[nameEnd] === EQUALS;
      at = hasValue ? this.#skip(nameEnd + 1, end, TOKEN) : nameEnd;
      if (hasValue && at === nameEnd + 1) return false;
      if (isTopVia) {
        if (!this.#readViaParam(nameStart, nameEnd, hasValue, at)) return false;
      } else if (isNamed(octets, nameStart, nameEnd, TAG)) {
        this.#hasTag = true;
        if (!hasValue) return false;
      }
    }
    return true;
  }

  #readViaParam(nameStart: number, nameEnd: number, hasValue: boolean, end: number): boolean {
    const { octets } = this;
    if (isNamed(octets, nameStart, nameEnd, RPORT)) {
      this.rportEnd = nameEnd;
      return !hasValue && startsWith(octets, nameStart, RPORT);
    }
    if (isNamed(octets, nameStart, nameEnd, BRANCH)) {
      this.branchStart = nameEnd + 1;
      this.branchEnd = end;
      return startsWith(octets, this.branchStart, COOKIE) && end > this.branchStart + COOKIE.length;
    }
    return !WRITTEN_BY_US.some((word) => isNamed(octets, nameStart, nameEnd, word));
  }

  /** A URI with or without angle brackets, a display name before it, parameters behind. */
  #isAddress(start: number, end: number): boolean {
    const { octets } = this;
    let at = start;
    if (octets[at] === QUOTE) {
      at++;
      while (at < end && octets[at] !== QUOTE && octets[at] !== BACKSLASH) at++;
      if (octets[at] !== QUOTE || at >= end) return false;
      at++;
      while (octets[at] === SPACE) at++;
      if (octets[at] !== LESS) return false;
    } else {
      const nameEnd = this.#skip(at, end, NAME);
      if (octets[nameEnd] === LESS && nameEnd < end) at = nameEnd;
    }
    this.#isBracketed = octets[at] === LESS;
    if (!this.#isBracketed) {
      // Without brackets parameters are the field's (§20).
      let uriEnd = at;
      while (uriEnd < end && octets[uriEnd] !== SEMICOLON) uriEnd++;
      return this.#isPlainUri(at, uriEnd) && this.#readParams(uriEnd, end);
    }
    let uriEnd = at + 1;
    while (uriEnd < end && octets[uriEnd] !== GREATER) uriEnd++;
    return uriEnd < end && this.#isPlainUri(at + 1, uriEnd) && this.#readParams(uriEnd + 1, end);
  }

  /** `sip:user@host:port;name=value`, all but the host optional, in characters that mean themselves. */
  #isPlainUri(start: number, end: number): boolean {
    const { octets } = this;
    const scheme = SCHEMES.find((word) => startsWith(octets, start, word));
    if (scheme === undefined) return false;
    const userStart = start + scheme.length;
    const userEnd = this.#skip(userStart, end, USER);
    let hostStart = userStart;
    this.#uriUserStart = this.#uriUserEnd = userStart;
    if (octets[userEnd] === AT && userEnd < end) {
      if (userEnd === userStart) return false;
      hostStart = userEnd + 1;
      this.#uriUserEnd = userEnd;
    }
    let at = this.#skip(hostStart, end, HOST);
    if (at === hostStart) return false;
    this.#uriHostStart = hostStart;
    this.#uriHostEnd = at;
    if (octets[at] === COLON && at < end) {
      const portStart = at + 1;
      at = this.#skipDigits(portStart, end);
      if (this.#port(portStart, at) <= 0) return false;
    }
    return this.#readParams(at, end);
  }

  #isWord(start: number, end: number): boolean {
    for (let at = start; at < end; at++) if (this.octets[at] === SPACE || this.octets[at] === TAB) return false;
    return end > start;
  }

  #isCSeq(start: number, end: number): boolean {
    const digitsEnd = this.#skipDigits(start, end);
    if (digitsEnd === start || digitsEnd - start > 9 || this.octets[digitsEnd] !== SPACE) return false;
    return this.isText(digitsEnd + 1, end, this.method);
  }

  #skip(start: number, end: number, flag: number): number {
    let at = start;
    while (at < end && isOf(this.octets, at, flag)) at++;
    return at;
  }

  #skipDigits(start: number, end: number): number {
    let at = start;
    while (at < end && isDigit(this.octets[at] as number)) at++;
    return at;
  }

  /** -1: none, or none that a port can be. */
  #port(start: number, end: number): number {
    const port = end - start > 5 ? -1 : this.#number(start, end);
    return port > 65_535 ? -1 : port;
  }

  /** -1: no digits, or something else. */
  #number(start: number, end: number): number {
    let value = 0;
    for (let at = start; at < end; at++) {
      const code = this.octets[at] as number;
      if (!isDigit(code)) return -1;
      value = value * 10 + code - DIGIT_0;
    }
    return end > start ? value : -1;
  }
}
