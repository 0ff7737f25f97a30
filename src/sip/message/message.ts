import { PeerError } from '../../base/errors.ts';
import { holdsComma, splitAddresses } from './characters.ts';
import { type CSeq, parseCSeq, readCSeqMethod, readSequence } from './cseq.ts';
import type { Defect } from './defect.ts';
import { HeaderId, headerName } from './header-id.ts';
import { Headers } from './headers.ts';
import {
  type FirstAddress,
  type NameAddr,
  parseClosedNameAddr,
  parseFirstAddress,
  parseNameAddr,
  readableNameAddr,
  readTag,
  readTrailingParams,
  readUriText,
} from './name-addr.ts';
import { Params } from './params.ts';
import { readTypedAddress } from './typed-address.ts';
import { isSipUri, parseUri, type Uri } from './uri.ts';
import { parseFirstVia, parseVia, readBranch, splitVias, type Via } from './via.ts';

/** Max-Forwards of a request that begins here, and of one that says nothing (§8.1.1.6). */
export const FIRST_HOPS = 70;

/** What ends or acknowledges something. */
export const ENDING: ReadonlySet<string> = new Set(['BYE', 'CANCEL', 'ACK']);

/** Whether a message goes on in spite of the defect that it may have. */
export function isSpared(message: SipMessage): boolean {
  const { defect } = message;
  if (defect === undefined || defect.spares === 'all') return true;
  return defect.spares === 'ending' && (message.kind === 'response' || ENDING.has(message.method));
}

/**
 * What requests and responses share: a message is the table of its header fields, with a body. Typed fields are read on first use and, of a
 * received message, kept beside their header field until that changes; what they return belongs to the message and is read-only: clone
 * `params` before changing them.
 *
 * A call has a dozen of these, so private methods are `private`: a `#method` takes a place in each object.
 */
abstract class Message extends Headers {
  body: string;

  /**
   * @param source the received text that it is, or repeats fields of
   * @param room how many fields will be added, where it is known to be many
   */
  constructor(source: string, room: number, body: string) {
    super(source, room);
    this.body = body;
  }

  /** The message as its header fields. */
  get headers(): Headers {
    return this;
  }

  /** `SIP/2.0`, or what the peer wrote. */
  get version(): string {
    return this.oddities?.version ?? 'SIP/2.0';
  }

  set version(version: string) {
    if (version !== this.version) this.odd().version = version;
  }

  get defect(): Defect | undefined {
    return this.oddities?.defect;
  }

  set defect(defect: Defect) {
    this.odd().defect = defect;
  }

  /** What came, octet for octet; undefined for a message made here. */
  get receivedText(): string | undefined {
    return this.isReceived ? this.source : undefined;
  }

  /** Throws PeerError SIP_PEER_MISSING when there is none; so do the other accessors of mandatory fields. */
  callId(): string {
    return this.required(HeaderId.CallId, asItIs);
  }

  cseq(): CSeq {
    return this.required(HeaderId.CSeq, parseCSeq);
  }

  /** Its number alone: what was made here keeps nothing that was read of it. */
  sequence(): number {
    const sequence = this.read(HeaderId.CSeq, readSequence);
    if (sequence === undefined) throw missing(HeaderId.CSeq);
    return sequence;
  }

  /**
   * A From that cannot be read, not even as {@link readTypedAddress} reads a number without scheme or host, names nobody: its URI is of
   * scheme `other`, whose text is the field.
   */
  from(): NameAddr {
    return this.required(HeaderId.From, parseSender);
  }

  /** A To whose URI cannot be read names nobody, like {@link from}; whom a request is for says its Request-URI (§8.2.2.1). */
  to(): NameAddr {
    return this.required(HeaderId.To, parseAddressee);
  }

  /** Undefined when there is none or it is empty; throws when there are two. The tag of an address that cannot be read is read all the same. */
  fromTag(): string | undefined {
    return this.tag(HeaderId.From);
  }

  /** Like {@link fromTag}. */
  toTag(): string | undefined {
    return this.tag(HeaderId.To);
  }

  topVia(): Via {
    return this.required(HeaderId.Via, parseFirstVia);
  }

  vias(): Via[] {
    return viaValues(this).map((text) => parseVia(text));
  }

  /** From 0 to 255. DEVIATION from §20.22: what is beyond counts as the nearest, and undefined is what cannot be read, as where there is none. */
  maxForwards(): number | undefined {
    const value = this.decimal(HeaderId.MaxForwards);
    if (value === undefined) return undefined;
    if (value >= 0) return Math.min(value, 255);
    return this.value(HeaderId.MaxForwards)?.startsWith('-') ? 0 : undefined;
  }

  /**
   * Hops left for the request that this one becomes (§16.6 item 3), across the dialogs of both sides, so that a loop through B2BUAs ends.
   * One with none left has been refused by the validator.
   */
  hopsAfter(): number {
    return (this.maxForwards() ?? FIRST_HOPS) - 1;
  }

  /** Every Contact; a `*` is left out. */
  contacts(): NameAddr[] {
    const first = this.firstContact();
    if (first?.isAlone === true && this.countOf(HeaderId.Contact) === 1) return [first.address];
    return addressValues(this, HeaderId.Contact)
      .filter((text) => !isEveryContact(text))
      .map((text) => parseNameAddr(text));
  }

  /** The first Contact; undefined when there is none, or it is empty or `*`. */
  contact(): NameAddr | undefined {
    return this.firstContact()?.address;
  }

  /** The URI of the first Contact, as a request to it says it; undefined like {@link contact}, without reading what is plain. */
  contactUri(): string | undefined {
    const text = this.parsedPart(HeaderId.Contact, readUriText);
    return text === '' ? undefined : text;
  }

  private firstContact(): FirstAddress | undefined {
    const value = this.value(HeaderId.Contact);
    if (value === '' || (value !== undefined && isEveryContact(value))) return undefined;
    return this.parsed(HeaderId.Contact, parseFirstAddress);
  }

  private tag(id: HeaderId): string | undefined {
    const tag = this.parsedPart(id, readTag);
    if (tag === undefined) throw missing(id);
    return tag === '' ? undefined : tag;
  }

  private required<T>(id: HeaderId, parse: (text: string, start: number, end: number) => T): T {
    const value = this.parsed(id, parse);
    if (value === undefined) throw missing(id);
    return value;
  }
}

export class SipRequest extends Message {
  readonly method: string;
  #requestUri: string;
  #uri: Uri | undefined = undefined;

  constructor(method: string, requestUri: string, body = '', room = 0, source = '') {
    super(source, room, body);
    this.method = method;
    this.#requestUri = requestUri;
  }

  get requestUri(): string {
    return this.#requestUri;
  }

  set requestUri(text: string) {
    this.#requestUri = text;
    this.#uri = undefined;
  }

  get kind(): 'request' {
    return 'request';
  }

  /** The Request-URI. Throws PeerError SIP_PEER_URI. */
  uri(): Uri {
    this.#uri ??= parseUri(this.#requestUri);
    return this.#uri;
  }
}

export class SipResponse extends Message {
  readonly status: number;
  readonly reason: string;
  #branch: string | undefined = undefined;
  #method: string | undefined = undefined;

  constructor(status: number, reason: string, body = '', room = 0, source = '') {
    super(source, room, body);
    this.status = status;
    this.reason = reason;
  }

  get kind(): 'response' {
    return 'response';
  }

  /** The branch of the top Via as it was received; empty when it has none. Throws when it has two. */
  topBranch(): string {
    this.#branch ??= this.read(HeaderId.Via, readBranch);
    if (this.#branch === undefined) throw missing(HeaderId.Via);
    return this.#branch;
  }

  /** The method that it answers, as its CSeq was received. */
  method(): string {
    this.#method ??= this.read(HeaderId.CSeq, readCSeqMethod);
    if (this.#method === undefined) throw missing(HeaderId.CSeq);
    return this.#method;
  }

  /** An answer finds its transaction without From and To. */
  override fromTag(): string | undefined {
    return this.has(HeaderId.From) ? super.fromTag() : undefined;
  }

  override toTag(): string | undefined {
    return this.has(HeaderId.To) ? super.toTag() : undefined;
  }
}

export type SipMessage = SipRequest | SipResponse;

/** The Via values as they are written, topmost first. */
export function viaValues(headers: Headers): string[] {
  return headers.fieldValues(HeaderId.Via).flatMap((field) => splitVias(field));
}

/** Every name-addr of a list field such as Route, Record-Route, Path or P-Asserted-Identity. */
export function parseNameAddrList(headers: Headers, id: HeaderId): NameAddr[] {
  return addressValues(headers, id).map((text) => parseNameAddr(text));
}

/** The same of an answer, without those that cannot be read. */
export function readableNameAddrs(headers: Headers, id: HeaderId): NameAddr[] {
  return addressValues(headers, id).flatMap((value) => readableNameAddr(value) ?? []);
}

/** `*` (§10.2.2). DEVIATION: in brackets, behind a name and with parameters, as some phones write it. */
export function isEveryContact(value: string): boolean {
  return value.includes('*') && EVERY_CONTACT.test(value);
}
const EVERY_CONTACT = /^(?:\*|(?:"[^"]*"[ \t]*|[^"<>;,*]*)<[ \t]*\*[ \t]*>)[ \t]*(?:;|$)/;

/** The same as they are written, one text an address. */
export function addressValues(headers: Headers, id: HeaderId): string[] {
  // Nearly always one field without a comma, which cannot be a list.
  if (headers.countOf(id) === 1 && headers.read(id, holdsComma) === false) {
    const value = headers.value(id);
    return value === undefined || value === '' ? [] : [value];
  }
  const values: string[] = [];
  for (const field of headers.fieldValues(id)) for (const value of splitAddresses(field)) values.push(value);
  return values;
}

function parseSender(text: string, start: number, end: number): NameAddr {
  try {
    const address = parseNameAddr(text, start, end);
    if (!isSipUri(address.uri) || address.uri.user !== undefined) return address;
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
  }
  const field = text.slice(start, end);
  const typed = readTypedAddress(field);
  if (typed !== undefined) return typed;
  return { uri: { scheme: 'other', name: '', text: field }, params: readTrailingParams(field) ?? new Params() };
}

/** What cannot be told apart into name, URI and parameters is refused (RFC 4475 §3.1.2.6). */
function parseAddressee(text: string, start: number, end: number): NameAddr {
  try {
    return parseClosedNameAddr(text, start, end);
  } catch (error) {
    if (!(error instanceof PeerError) || error.code !== 'SIP_PEER_URI') throw error;
    return parseSender(text, start, end);
  }
}

function asItIs(text: string, start: number, end: number): string {
  return text.slice(start, end);
}

function missing(id: HeaderId): PeerError {
  return new PeerError('SIP_PEER_MISSING', `no ${headerName(id)} header field`);
}
