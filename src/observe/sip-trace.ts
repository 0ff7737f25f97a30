import { fnv1a } from '../base/fnv.ts';
import type { Clock } from '../base/scheduler.ts';
import { SharedBudget } from '../base/shared-budget.ts';
import type { NamedLeg } from '../call/index.ts';
import type { TraceMessage } from './call-facts.ts';
import { readableText, redactText } from './redact.ts';
import { matchesTrace, type TraceFilter } from './trace-filter.ts';
import { type BegunBy, joined, type KeptMessage, messagesOfCall, type TracedLeg, tracedLeg } from './trace-legs.ts';

/** Where a message went or came from; a transport flow fits as it is. */
export interface TraceFlow {
  readonly transport: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** Says that a SIP Call-ID is a leg of a call, who its peer is and what its messages are told by. */
interface Link extends TracedLeg {
  readonly callId: string;
  readonly sipCallId: string;
}

export interface SipTraceOptions {
  /** Octets of message text kept in all; memory of that size is taken once. Default 16 MiB. */
  readonly maxOctets?: number;
  /** Messages shown per SIP Call-ID: the first half and the latest. Default 60. */
  readonly maxMessagesPerCallId?: number;
}

/** The latest messages that a filter lets through, oldest first, and where to go on reading. */
export interface TracePage {
  readonly messages: readonly TraceMessage[];
  /** Number of the next message that will be recorded; as `after` it asks for what came since. */
  readonly next: number;
}

/** Messages looked at in one turn of the event loop: a search through a full trace must not hold up calls. */
const SEARCH_STEP = 200;

/** Places are as many as messages of this size would fill; more small ones than that are not kept. */
const OCTETS_PER_PLACE = 160;
/** The longest message of UDP, and of TCP unless `limits.messageBytes` says more. */
const MAX_TEXT_LENGTH = 65_535;
/** So much of a message has its place in the ring, whoever sends it. */
const SURE_TEXT_LENGTH = 16_384;
/** What may stand there of messages beyond that, of the ring: else long ones of whoever floods would empty it four times as fast. */
const LONG_PART = 1 / 8;
const NONE: ReadonlyMap<string, NamedLeg> = new Map();

/**
 * The latest SIP messages by Call-ID, for `tandem trace`. Texts are copied as they are into one ring of octets, with a hash of their
 * Call-ID beside them, so that recording is a copy and nothing of a message stays on the heap. Whoever reads pays: the hashes are
 * searched and secrets are masked then. The oldest message goes first.
 */
export class SipTrace {
  readonly #clock: Clock;
  readonly #maxOctets: number;
  readonly #maxMessages: number;
  readonly #placeCount: number;
  /** Made with the first message. */
  #octetRing: Buffer | undefined = undefined;
  // What is known of message n stands at place n modulo the number of places. A link takes a place too, so that links are as many as
  // places at most; it has no text.
  readonly #links: (Link | undefined)[];
  readonly #flows: (TraceFlow | undefined)[];
  readonly #atMs: Float64Array;
  /** Where the text starts, counted from the first octet ever written. */
  readonly #start: Float64Array;
  readonly #length: Uint32Array;
  readonly #sent: Uint8Array;
  readonly #callIdHash: Uint32Array;
  /** Where the Call-ID stands in the text. */
  readonly #callIdStart: Uint16Array;
  readonly #callIdEnd: Uint16Array;
  /** Octets beyond {@link SURE_TEXT_LENGTH} of each message, by the address of the peer: one that sends long ones leaves room for others'. */
  readonly #long: SharedBudget;
  /** Number of the oldest message kept, and of the next one. */
  #oldest = 0;
  #next = 0;
  /** Where the next text starts. */
  #end = 0;

  constructor(clock: Clock, options: SipTraceOptions = {}) {
    this.#clock = clock;
    this.#maxOctets = options.maxOctets ?? 16 * 1024 * 1024;
    this.#maxMessages = options.maxMessagesPerCallId ?? 60;
    this.#long = new SharedBudget(LONG_PART * this.#maxOctets);
    this.#placeCount = Math.ceil(this.#maxOctets / OCTETS_PER_PLACE);
    this.#links = new Array(this.#placeCount).fill(undefined);
    this.#flows = new Array(this.#placeCount).fill(undefined);
    this.#atMs = new Float64Array(this.#placeCount);
    this.#start = new Float64Array(this.#placeCount);
    this.#length = new Uint32Array(this.#placeCount);
    this.#sent = new Uint8Array(this.#placeCount);
    this.#callIdHash = new Uint32Array(this.#placeCount);
    this.#callIdStart = new Uint16Array(this.#placeCount);
    this.#callIdEnd = new Uint16Array(this.#placeCount);
  }

  /** Octets between the oldest text kept and the latest. */
  get octets(): number {
    return this.#oldest === this.#next ? 0 : this.#end - (this.#start[this.#oldest % this.#placeCount] as number);
  }

  /**
   * Keeps a message, of up to 65,535 octets whole as long as others of its peer's address, and of all, leave room for what it has beyond
   * 16,384. One whose Call-ID cannot be seen (there is none, or only after what is kept) has an empty one.
   */
  record(text: string, sent: boolean, flow: TraceFlow): void {
    const length = this.#lengthOf(text, flow);
    let start = callIdStart(text);
    let end = start < 0 ? 0 : callIdEnd(text, start);
    if (start < 0 || end > length) start = end = 0;
    const place = this.#claim(length);
    this.#octetRing ??= Buffer.allocUnsafeSlow(this.#maxOctets);
    this.#octetRing.write(text, (this.#start[place] as number) % this.#maxOctets, length, 'latin1');
    this.#flows[place] = flow;
    this.#sent[place] = sent ? 1 : 0;
    this.#callIdHash[place] = fnv1a(text, start, end);
    this.#callIdStart[place] = start;
    this.#callIdEnd[place] = end;
  }

  #lengthOf(text: string, { remoteAddress }: TraceFlow): number {
    const length = Math.min(text.length, MAX_TEXT_LENGTH, this.#maxOctets);
    if (length <= SURE_TEXT_LENGTH) return length;
    if (this.#long.hasShare(remoteAddress, 1)) return SURE_TEXT_LENGTH;
    this.#long.change(remoteAddress, length - SURE_TEXT_LENGTH);
    return length;
  }

  /**
   * Says that a SIP Call-ID is a leg of a call and who its peer is.
   *
   * @param tags of ours in its dialogs; undefined: the engine began it, under a Call-ID that it drew
   * @param begunBy the INVITE that the call begins by
   */
  link(callId: string, sipCallId: string, label?: string, tags?: readonly string[], begunBy?: BegunBy): void {
    this.#links[this.#claim(0)] = { callId, sipCallId, label, tags, begunBy };
  }

  /**
   * The messages of a call (every leg, in order of time), by the engine's call id or by the SIP Call-ID of any leg; where no call is known
   * by it, all messages of this SIP Call-ID, whosesoever they are.
   */
  find(id: string): TraceMessage[] {
    const links = this.#keptLinks();
    const isCall = links.some(({ callId }) => callId === id);
    const call = isCall ? id : links.findLast(({ sipCallId }) => sipCallId === id)?.callId;
    if (call !== undefined) return this.findCall(call);
    const messages = this.#messagesOf(id);
    const first = this.#maxMessages >> 1;
    if (messages.length > this.#maxMessages) messages.splice(first, messages.length - this.#maxMessages);
    return messages.map((message) => this.#read(message, undefined));
  }

  /**
   * The messages of a call (every leg, in order of time) and of no other, by the engine's call id. `known` are legs that it has too, by
   * their SIP Call-IDs: a call may outlive the links that were kept of it.
   */
  findCall(callId: string, known: ReadonlyMap<string, NamedLeg> = NONE): TraceMessage[] {
    const legs = new Map<string, TracedLeg>();
    for (const [sipCallId, leg] of known) legs.set(sipCallId, tracedLeg(leg));
    for (const link of this.#keptLinks())
      if (link.callId === callId) legs.set(link.sipCallId, joined(legs.get(link.sipCallId), link));
    const found = messagesOfCall(
      legs,
      this.#maxMessages,
      (sipCallId) => this.#messagesOf(sipCallId),
      (message) => this.#keptMessage(message),
    );
    found.sort((a, b) => a - b);
    return found.map((message) => this.#read(message, legs.get(this.#callIdAt(message % this.#placeCount))?.label));
  }

  /**
   * The latest messages that `filter` lets through, at most `limit`, oldest first; with `after` only those recorded since a page was
   * read. Looks at the newest first and lets the event loop go on between steps.
   */
  async search(filter: TraceFilter, limit: number, after = 0): Promise<TracePage> {
    const next = this.#next;
    const legs = this.#legNames();
    const found: TraceMessage[] = [];
    for (let message = next - 1; message >= Math.max(this.#oldest, after) && found.length < limit; message--) {
      if ((next - message) % SEARCH_STEP === 0) await new Promise(setImmediate);
      if (message < this.#oldest || this.#flows[message % this.#placeCount] === undefined) continue;
      const candidate = this.#read(message, legs.get(this.#callIdAt(message % this.#placeCount)));
      if (matchesTrace(filter, candidate)) found.push(candidate);
    }
    return { messages: found.reverse(), next };
  }

  /** Who the peer of each SIP Call-ID is, where it is known. */
  #legNames(): Map<string, string | undefined> {
    const names = new Map<string, string | undefined>();
    for (let message = this.#oldest; message < this.#next; message++) {
      const link = this.#links[message % this.#placeCount];
      if (link !== undefined) names.set(link.sipCallId, link.label ?? names.get(link.sipCallId));
    }
    return names;
  }

  #keptLinks(): Link[] {
    const links: Link[] = [];
    for (let at = this.#oldest; at < this.#next; at++) {
      const link = this.#links[at % this.#placeCount];
      if (link !== undefined) links.push(link);
    }
    return links;
  }

  #keptMessage(message: number): KeptMessage {
    const place = message % this.#placeCount;
    const { remoteAddress: address } = this.#flows[place] as TraceFlow;
    return { text: this.#textOf(message), isSent: this.#sent[place] === 1, address };
  }

  /** Numbers of the messages with this Call-ID, oldest first. */
  #messagesOf(sipCallId: string): number[] {
    const hash = fnv1a(sipCallId);
    const found: number[] = [];
    for (let message = this.#oldest; message < this.#next; message++) {
      const place = message % this.#placeCount;
      if (this.#callIdHash[place] === hash && this.#flows[place] !== undefined && this.#callIdAt(place) === sipCallId)
        found.push(message);
    }
    return found;
  }

  /** Makes room for a text, in one piece, and gives its place. */
  #claim(length: number): number {
    const offset = this.#end % this.#maxOctets;
    if (offset + length > this.#maxOctets) this.#end += this.#maxOctets - offset;
    while (this.#next - this.#oldest === this.#placeCount || this.octets + length > this.#maxOctets)
      this.#evictOldest();
    const place = this.#next % this.#placeCount;
    this.#atMs[place] = this.#clock.wallMs();
    this.#start[place] = this.#end;
    this.#length[place] = length;
    this.#next++;
    this.#end += length;
    return place;
  }

  #evictOldest(): void {
    const place = this.#oldest % this.#placeCount;
    const beyond = (this.#length[place] as number) - SURE_TEXT_LENGTH;
    if (beyond > 0) this.#long.change((this.#flows[place] as TraceFlow).remoteAddress, -beyond);
    this.#links[place] = undefined;
    this.#flows[place] = undefined;
    this.#oldest++;
  }

  #callIdAt(place: number): string {
    const offset = (this.#start[place] as number) % this.#maxOctets;
    return this.#text(offset + (this.#callIdStart[place] as number), offset + (this.#callIdEnd[place] as number));
  }

  #textOf(message: number): string {
    const place = message % this.#placeCount;
    const offset = (this.#start[place] as number) % this.#maxOctets;
    return this.#text(offset, offset + (this.#length[place] as number));
  }

  #text(from: number, to: number): string {
    return this.#octetRing?.toString('latin1', from, to) ?? '';
  }

  #read(message: number, leg: string | undefined): TraceMessage {
    const place = message % this.#placeCount;
    const sipCallId = this.#callIdAt(place);
    const flow = this.#flows[place] as TraceFlow;
    const atMs = this.#atMs[place] as number;
    const octets = this.#textOf(message);
    return new TracedMessage(octets, {
      at: new Date(atMs).toISOString(),
      atMs,
      direction: this.#sent[place] === 1 ? 'sent' : 'received',
      transport: flow.transport,
      local: hostPort(flow.localAddress, flow.localPort),
      remote: hostPort(flow.remoteAddress, flow.remotePort),
      sipCallId,
      ...(leg === undefined ? {} : { leg }),
      text: redactText(readableText(octets)),
    });
  }
}

/** A message with its octets at hand for those who ask; they are no part of what is listed. */
class TracedMessage implements TraceMessage {
  declare readonly at: string;
  declare readonly atMs: number;
  declare readonly direction: 'sent' | 'received';
  declare readonly transport: string;
  declare readonly local: string;
  declare readonly remote: string;
  declare readonly sipCallId: string;
  declare readonly text: string;
  readonly #octets: string;

  constructor(octets: string, listed: TraceMessage) {
    Object.assign(this, listed);
    this.#octets = octets;
  }

  get octets(): string {
    return redactText(this.#octets);
  }
}

/** Where the Call-ID of a message on the wire starts, without parsing it; -1 when there is none to be seen. */
function callIdStart(text: string): number {
  let start = text.indexOf('\r\nCall-ID: ');
  if (start >= 0) return start + 11;
  start = text.search(CALL_ID_NAME);
  if (start < 0) return -1;
  start = text.indexOf(':', start) + 1;
  while (text[start] === ' ' || text[start] === '\t') start++;
  return start;
}

const CALL_ID_NAME = /\r\n(?:call-id|i)[ \t]*:/i;

function callIdEnd(text: string, start: number): number {
  let end = text.indexOf('\r\n', start);
  if (end < 0) end = text.length;
  while (end > start && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
  return end;
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
