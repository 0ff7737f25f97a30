import { fnv1a } from '../base/fnv.ts';
import type { Clock } from '../base/scheduler.ts';
import { SharedBudget } from '../base/shared-budget.ts';
import type { NamedLeg } from '../call/index.ts';
import type { TraceMessage } from './call-facts.ts';
import { readableText, redactText } from './redact.ts';
import { matchesTrace, type TraceFilter } from './trace-filter.ts';
import {
  type BegunBy,
  isKnown,
  joined,
  type KeptMessage,
  messagesOfCall,
  type TracedLeg,
  tracedLeg,
} from './trace-legs.ts';
import { type RecordedMessage, type TraceFlow, TraceShares } from './trace-shares.ts';

/** Says that a SIP Call-ID is a leg of a call, who its peer is and what its messages are told by. */
interface Link extends TracedLeg {
  readonly callId: string;
  readonly sipCallId: string;
  /** Whose call it is. */
  readonly tenant: string | undefined;
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
/** What is kept of calls that are in the ring no more, beside the ring. */
const SHARES_PART = 1 / 4;
/** Links of a tenant whose latest calls are in the ring still: about fifty of them. */
const ENOUGH_LINKS = 150;
const NONE: ReadonlyMap<string, NamedLeg> = new Map();

/**
 * The latest SIP messages by Call-ID, for `tandem trace`. Texts are copied as they are into one ring of octets, with a hash of their
 * Call-ID beside them, so that recording is a copy and nothing of a message stays on the heap. Whoever reads pays: the hashes are
 * searched and secrets are masked then. The oldest message goes first; of calls each tenant's latest are kept for longer (`trace-shares.ts`).
 */
export class SipTrace {
  readonly #clock: Clock;
  readonly #maxOctets: number;
  readonly #maxMessages: number;
  readonly #placeCount: number;
  /** Made with the first message. */
  #octetRing: Buffer | undefined = undefined;
  // What is known of message n stands at place n modulo the number of places. A link takes a place too, without a flow and a text. What is
  // recorded while it is known keeps it, and has it when it leaves the ring, however short the messages are that push it out.
  readonly #links: (Link | undefined)[];
  readonly #flows: (TraceFlow | undefined)[];
  readonly #atMs: Float64Array;
  /** Where the text starts, counted from the first octet ever written. */
  readonly #start: Float64Array;
  readonly #length: Uint32Array;
  readonly #sent: Uint8Array;
  /** Whole numbers of 32 bits with a sign, which V8 keeps without an object of their own. */
  readonly #callIdHash: Int32Array;
  /** Where the Call-ID stands in the text. */
  readonly #callIdStart: Uint16Array;
  readonly #callIdEnd: Uint16Array;
  /** Octets beyond {@link SURE_TEXT_LENGTH} of each message, by the address of the peer: one that sends long ones leaves room for others'. */
  readonly #long: SharedBudget;
  /** Number of the latest link of each SIP Call-ID, by its hash, as long as it is known. */
  readonly #linkOf = new Map<number, number>();
  /** How many links each tenant has in the ring. */
  readonly #linksOf = new Map<string, number>();
  readonly #shares: TraceShares<Link>;
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
    this.#shares = new TraceShares(SHARES_PART * this.#maxOctets);
    this.#placeCount = Math.ceil(this.#maxOctets / OCTETS_PER_PLACE);
    this.#links = new Array(this.#placeCount).fill(undefined);
    this.#flows = new Array(this.#placeCount).fill(undefined);
    this.#atMs = new Float64Array(this.#placeCount);
    this.#start = new Float64Array(this.#placeCount);
    this.#length = new Uint32Array(this.#placeCount);
    this.#sent = new Uint8Array(this.#placeCount);
    this.#callIdHash = new Int32Array(this.#placeCount);
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
    const hash = fnv1a(text, start, end) | 0;
    this.#links[place] = this.#linkBy(hash);
    this.#flows[place] = flow;
    this.#sent[place] = sent ? 1 : 0;
    this.#callIdHash[place] = hash;
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
   * @param tenant whose call it is
   */
  link(
    callId: string,
    sipCallId: string,
    label?: string,
    tags?: readonly string[],
    begunBy?: BegunBy,
    tenant?: string,
  ): void {
    const hash = fnv1a(sipCallId) | 0;
    const before = this.#linkBy(hash);
    const known = before?.callId === callId && before.sipCallId === sipCallId ? before : undefined;
    const link = linked({ callId, sipCallId, tenant, label, tags, begunBy }, known);
    const place = this.#claim(0);
    this.#callIdHash[place] = hash;
    this.#links[place] = link;
    this.#linkOf.set(hash, this.#next - 1);
    this.#countLink(link, 1);
  }

  #linkBy(hash: number): Link | undefined {
    const number = this.#linkOf.get(hash);
    return number === undefined ? undefined : this.#links[number % this.#placeCount];
  }

  #countLink({ tenant }: Link, by: 1 | -1): void {
    if (tenant === undefined) return;
    const count = (this.#linksOf.get(tenant) ?? 0) + by;
    if (count === 0) this.#linksOf.delete(tenant);
    else this.#linksOf.set(tenant, count);
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
    return messages.flatMap((message) => this.#read(message, () => undefined));
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
      (message) => keptMessage(this.#recorded(message) as RecordedMessage),
    );
    found.sort((a, b) => a - b);
    return found.flatMap((message) => this.#read(message, (sipCallId) => legs.get(sipCallId)?.label));
  }

  /**
   * The latest messages that `filter` lets through, at most `limit`, oldest first; with `after` only those recorded since a page was
   * read. Looks at the newest first and lets the event loop go on between steps.
   */
  async search(filter: TraceFilter, limit: number, after = 0): Promise<TracePage> {
    const next = this.#next;
    const legs = this.#legNames();
    const found: TraceMessage[] = [];
    let looked = 0;
    for (const message of this.#latestFirst(next, after)) {
      if (found.length >= limit) break;
      if (++looked % SEARCH_STEP === 0) await new Promise(setImmediate);
      found.push(
        ...this.#read(message, (sipCallId) => legs.get(sipCallId)).filter((each) => matchesTrace(filter, each)),
      );
    }
    return { messages: found.reverse(), next };
  }

  *#latestFirst(next: number, after: number): Iterable<number> {
    let message = next;
    while (message > Math.max(this.#oldest, after)) yield --message;
    // What has left the ring meanwhile may be among them.
    for (const { number } of [...this.#shares.all()].reverse()) if (number >= after && number < message) yield number;
  }

  /** Who the peer of each SIP Call-ID is, where it is known. */
  #legNames(): Map<string, string | undefined> {
    const names = new Map<string, string | undefined>();
    for (const { sipCallId, label } of this.#keptLinks()) names.set(sipCallId, label ?? names.get(sipCallId));
    return names;
  }

  #keptLinks(): Link[] {
    const links = new Set(this.#shares.all().map(({ link }) => link));
    for (let at = this.#oldest; at < this.#next; at++) {
      const link = this.#links[at % this.#placeCount];
      if (link !== undefined) links.add(link);
    }
    return [...links];
  }

  /** Numbers of the messages with this Call-ID, oldest first. */
  #messagesOf(sipCallId: string): number[] {
    const found = this.#shares.all().flatMap((old) => (old.sipCallId === sipCallId ? [old.number] : []));
    const hash = fnv1a(sipCallId) | 0;
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
    this.#forgetLink(place);
    this.#atMs[place] = this.#clock.wallMs();
    this.#start[place] = this.#end;
    this.#length[place] = length;
    this.#next++;
    this.#end += length;
    return place;
  }

  #evictOldest(): void {
    const place = this.#oldest % this.#placeCount;
    if (this.#flows[place] === undefined) this.#countLink(this.#links[place] as Link, -1);
    else this.#share(place);
    const beyond = (this.#length[place] as number) - SURE_TEXT_LENGTH;
    if (beyond > 0) this.#long.change((this.#flows[place] as TraceFlow).remoteAddress, -beyond);
    this.#flows[place] = undefined;
    this.#oldest++;
  }

  /** The oldest message stays, where it is of a call of a tenant that has few others here. */
  #share(place: number): void {
    const then = this.#links[place];
    const latest = this.#linkBy(this.#callIdHash[place] as number);
    // Of the same call more may be known by now; another one, of this Call-ID or of one with its hash, is not what it was recorded for.
    const link = then === undefined || then.callId === latest?.callId ? (latest ?? then) : then;
    if (link?.tenant === undefined || (this.#linksOf.get(link.tenant) ?? 0) >= ENOUGH_LINKS) return;
    const message = this.#recorded(this.#oldest);
    if (message?.sipCallId === link.sipCallId) this.#shares.keep(link.tenant, message, link);
  }

  /** Another one takes its place. */
  #forgetLink(place: number): void {
    this.#links[place] = undefined;
    const hash = this.#callIdHash[place] as number;
    if (this.#linkOf.get(hash) === this.#next - this.#placeCount) this.#linkOf.delete(hash);
  }

  #callIdAt(place: number): string {
    const offset = (this.#start[place] as number) % this.#maxOctets;
    const [start, end] = [this.#callIdStart[place] as number, this.#callIdEnd[place] as number];
    return this.#octetRing?.toString('latin1', offset + start, offset + end) ?? '';
  }

  /** Undefined for what is no message, or is kept no more. */
  #recorded(number: number): RecordedMessage | undefined {
    if (number < this.#oldest) return this.#shares.get(number);
    const place = number % this.#placeCount;
    const flow = this.#flows[place];
    if (flow === undefined || this.#octetRing === undefined) return undefined;
    const start = (this.#start[place] as number) % this.#maxOctets;
    return {
      number,
      flow,
      atMs: this.#atMs[place] as number,
      isSent: this.#sent[place] === 1,
      sipCallId: this.#callIdAt(place),
      octets: this.#octetRing.subarray(start, start + (this.#length[place] as number)),
    };
  }

  /** None where there is no message of this number any more. */
  #read(number: number, legOf: (sipCallId: string) => string | undefined): TraceMessage[] {
    const recorded = this.#recorded(number);
    if (recorded === undefined) return [];
    const { atMs, isSent, flow, sipCallId } = recorded;
    const octets = recorded.octets.toString('latin1');
    const leg = legOf(sipCallId);
    const listed: TraceMessage = {
      at: new Date(atMs).toISOString(),
      atMs,
      direction: isSent ? 'sent' : 'received',
      transport: flow.transport,
      local: hostPort(flow.localAddress, flow.localPort),
      remote: hostPort(flow.remoteAddress, flow.remotePort),
      sipCallId,
      ...(leg === undefined ? {} : { leg }),
      text: redactText(readableText(octets)),
    };
    return [new TracedMessage(octets, listed)];
  }
}

/** The known one, where the other says nothing more: most calls are linked again when they end. */
function linked(link: Link, known: Link | undefined): Link {
  if (known === undefined) return link;
  const tenant = link.tenant ?? known.tenant;
  if (tenant === known.tenant && isKnown(known, link)) return known;
  return { ...link, ...joined(known, link), tenant };
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

function keptMessage({ octets, isSent, flow }: RecordedMessage): KeptMessage {
  return { text: octets.toString('latin1'), isSent, address: flow.remoteAddress };
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
