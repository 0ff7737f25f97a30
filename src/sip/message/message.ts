import { PeerError } from '../../base/errors.ts';
import { decimalAt, endOfAddress, findSeparator, splitAddresses } from './characters.ts';
import { type CSeq, parseCSeq } from './cseq.ts';
import { HeaderId, headerName } from './header-id.ts';
import { Headers } from './headers.ts';
import { type NameAddr, parseNameAddr, readTrailingParams } from './name-addr.ts';
import type { Params } from './params.ts';
import { parseUri, type Uri } from './uri.ts';
import { parseVia, type Via } from './via.ts';

/** A fault of a received message that could still be represented; the validator turns it into the response owed. */
export interface Defect {
  readonly status: number;
  readonly reason: string;
  /**
   * A field was left out, or is no number; nothing else of the message could be meant differently. What needs few fields (an answer,
   * BYE, CANCEL, ACK) goes on without it.
   */
  readonly isMild: boolean;
}

/** What was received, for verbatim relay. */
export interface Received {
  readonly text: string;
  readonly bodyStart: number;
  readonly body: string;
}

/** Typed fields that are known to say what their header field says now; flags. */
const VIA = 1;
const FROM = 2;
const TO = 4;
const CSEQ = 8;

/**
 * What requests and responses share. Typed fields are read on first use and kept until their field changes; what they return belongs
 * to the message and is read-only: clone `params` before changing them.
 */
abstract class Message {
  readonly headers: Headers;
  body: string;
  /** `SIP/2.0`, or what the peer wrote. */
  version = 'SIP/2.0';
  defect: Defect | undefined = undefined;
  /** Set on received messages by the parser; tells the serializer what it may relay as it is. */
  received: Received | undefined = undefined;
  /** The header fields' revision that `#current` holds for. */
  #revision = -1;
  #current = 0;
  #viaText: string | undefined = undefined;
  #via: Via | undefined = undefined;
  #fromText: string | undefined = undefined;
  #from: NameAddr | undefined = undefined;
  #toText: string | undefined = undefined;
  #to: NameAddr | undefined = undefined;
  #contactText: string | undefined = undefined;
  #contact: NameAddr | undefined = undefined;
  /** False when the field that holds the first Contact lists more. */
  #contactIsAlone = true;
  #cseqText: string | undefined = undefined;
  #cseq: CSeq | undefined = undefined;

  constructor(headers: Headers, body: string) {
    this.headers = headers;
    this.body = body;
  }

  /** Throws PeerError SIP_PEER_MISSING when there is none; so do the other accessors of mandatory fields. */
  callId(): string {
    return this.#required(HeaderId.CallId);
  }

  cseq(): CSeq {
    if (this.#isCurrent(CSEQ)) return this.#cseq as CSeq;
    const text = this.#required(HeaderId.CSeq);
    if (this.#cseq === undefined || text !== this.#cseqText) {
      this.#cseq = parseCSeq(text);
      this.#cseqText = text;
    }
    this.#current |= CSEQ;
    return this.#cseq;
  }

  from(): NameAddr {
    if (this.#isCurrent(FROM)) return this.#from as NameAddr;
    const text = this.#required(HeaderId.From);
    if (this.#from === undefined || text !== this.#fromText) {
      this.#from = parseNameAddr(text);
      this.#fromText = text;
    }
    this.#current |= FROM;
    return this.#from;
  }

  to(): NameAddr {
    if (this.#isCurrent(TO)) return this.#to as NameAddr;
    const text = this.#required(HeaderId.To);
    if (this.#to === undefined || text !== this.#toText) {
      this.#to = parseNameAddr(text);
      this.#toText = text;
    }
    this.#current |= TO;
    return this.#to;
  }

  /** Undefined when there is none or it is empty; throws when there are two. The tag of an address that cannot be read is read all the same. */
  fromTag(): string | undefined {
    return tagOf(this.#fromParams());
  }

  /** Like {@link fromTag}. */
  toTag(): string | undefined {
    return tagOf(this.#toParams());
  }

  #fromParams(): Params | undefined {
    try {
      return this.from().params;
    } catch (error) {
      return trailingParams(error, this.headers.value(HeaderId.From));
    }
  }

  #toParams(): Params | undefined {
    try {
      return this.to().params;
    } catch (error) {
      return trailingParams(error, this.headers.value(HeaderId.To));
    }
  }

  topVia(): Via {
    if (this.#isCurrent(VIA)) return this.#via as Via;
    const text = this.#required(HeaderId.Via);
    if (this.#via === undefined || text !== this.#viaText) {
      const end = findSeparator(text, 0x2c, 0);
      this.#via = parseVia(end === text.length ? text : text.slice(0, end));
      this.#viaText = text;
    }
    this.#current |= VIA;
    return this.#via;
  }

  /** Puts `text` in the place of the first Via field; `top` is what its first value says, so that nobody reads it again. */
  replaceTopVia(text: string, top: Via): void {
    this.headers.replaceFirst(HeaderId.Via, text);
    this.#via = top;
    this.#viaText = text;
  }

  vias(): Via[] {
    return this.headers.listValues(HeaderId.Via).map(parseVia);
  }

  /** Undefined when there is none; throws when it is no number from 0 to 255 (§20.22). */
  maxForwards(): number | undefined {
    const text = this.headers.value(HeaderId.MaxForwards);
    if (text === undefined) return undefined;
    const value = decimalAt(text, 0, text.length);
    if (value < 0 || value > 255)
      throw new PeerError(
        'SIP_PEER_MAX_FORWARDS',
        `Max-Forwards ${JSON.stringify(text.slice(0, 20))}: expected 0 to 255`,
      );
    return value;
  }

  /** Every Contact; a `*` is left out. */
  contacts(): NameAddr[] {
    if (this.headers.countOf(HeaderId.Contact) === 1) {
      const contact = this.contact();
      if (contact !== undefined && this.#contactIsAlone) return [contact];
    }
    return addressValues(this.headers, HeaderId.Contact)
      .filter((text) => text !== '*')
      .map(parseNameAddr);
  }

  /** The first Contact; undefined when there is none or it is `*`. */
  contact(): NameAddr | undefined {
    const text = this.headers.value(HeaderId.Contact);
    if (text === undefined || text === '*') return undefined;
    if (this.#contact === undefined || text !== this.#contactText) {
      const end = endOfAddress(text, 0);
      this.#contact = parseNameAddr(end === text.length ? text : text.slice(0, end));
      this.#contactIsAlone = end === text.length;
      this.#contactText = text;
    }
    return this.#contact;
  }

  /** True while what was read of a field holds: its header fields are as they were then. */
  #isCurrent(field: number): boolean {
    const { revision } = this.headers;
    if (revision === this.#revision) return (this.#current & field) !== 0;
    this.#revision = revision;
    this.#current = 0;
    return false;
  }

  #required(id: HeaderId): string {
    const text = this.headers.value(id);
    if (text === undefined) throw new PeerError('SIP_PEER_MISSING', `no ${headerName(id)} header field`);
    return text;
  }
}

export class SipRequest extends Message {
  readonly kind = 'request';
  readonly method: string;
  requestUri: string;
  #uriText: string | undefined = undefined;
  #uri: Uri | undefined = undefined;

  constructor(method: string, requestUri: string, headers = new Headers(), body = '') {
    super(headers, body);
    this.method = method;
    this.requestUri = requestUri;
  }

  /** The Request-URI. Throws PeerError SIP_PEER_URI. */
  uri(): Uri {
    if (this.#uri === undefined || this.#uriText !== this.requestUri) {
      this.#uri = parseUri(this.requestUri);
      this.#uriText = this.requestUri;
    }
    return this.#uri;
  }
}

export class SipResponse extends Message {
  readonly kind = 'response';
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, headers = new Headers(), body = '') {
    super(headers, body);
    this.status = status;
    this.reason = reason;
  }
}

export type SipMessage = SipRequest | SipResponse;

/** Every name-addr of a list field such as Route, Record-Route, Path or P-Asserted-Identity. */
export function parseNameAddrList(headers: Headers, id: HeaderId): NameAddr[] {
  return addressValues(headers, id).map(parseNameAddr);
}

/** The same of an answer, without those that cannot be read. */
export function readableNameAddrs(headers: Headers, id: HeaderId): NameAddr[] {
  const found: NameAddr[] = [];
  for (const value of addressValues(headers, id)) {
    try {
      found.push(parseNameAddr(value));
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
    }
  }
  return found;
}

/** The same as they are written, one text an address. */
export function addressValues(headers: Headers, id: HeaderId): string[] {
  const values: string[] = [];
  for (const field of headers.fieldValues(id)) for (const value of splitAddresses(field)) values.push(value);
  return values;
}

function trailingParams(error: unknown, text: string | undefined): Params | undefined {
  if (error instanceof PeerError && text !== undefined) return readTrailingParams(text);
  throw error;
}

/** DEVIATION: an empty tag is none; senders without a tag of their own write one. */
function tagOf(params: Params | undefined): string | undefined {
  if (params?.hasDuplicates('tag') === true) throw new PeerError('SIP_PEER_PARAMS', 'two tags');
  return params?.get('tag') || undefined;
}
