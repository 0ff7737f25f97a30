import type { Clock } from '../base/scheduler.ts';
import { ownCopy } from '../base/text.ts';
import { readableText, redactText } from './redact.ts';

/** Where a message went or came from; a transport flow fits as it is. */
export interface TraceFlow {
  readonly transport: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export interface TraceMessage {
  readonly at: string;
  readonly atMs: number;
  readonly direction: 'sent' | 'received';
  readonly transport: string;
  readonly local: string;
  readonly remote: string;
  readonly sipCallId: string;
  /** What the peer of this leg is to the call: `caller`, `carrier-a`, an extension… */
  readonly leg?: string;
  /** The message, secrets masked. */
  readonly text: string;
}

/** The messages of one SIP Call-ID that are still kept. */
interface Dialogue {
  readonly sipCallId: string;
  /** Numbers of its messages, oldest first. */
  readonly messages: number[];
  /** Places that it holds, messages left out and links included; with the last one it goes. */
  places: number;
  callId: string | undefined;
  leg: string | undefined;
}

export interface SipTraceOptions {
  /** Octets of message text kept in all; memory of that size is taken once. Default 16 MiB. */
  readonly maxOctets?: number;
  /** Messages kept per SIP Call-ID: the first half and the latest, so that the INVITE of a long call stays. Default 60. */
  readonly maxMessagesPerCallId?: number;
}

/** Places are as many as messages of this size would fill; more small ones than that are not kept. */
const OCTETS_PER_PLACE = 160;
const MAX_TEXT_LENGTH = 16_384;

/**
 * The latest SIP messages by Call-ID, for `tandem trace`. Texts are copied as they are into one ring of octets, so that recording is a
 * look-up and a copy and nothing of a message stays on the heap; secrets are masked when somebody reads. The oldest message goes first.
 */
export class SipTrace {
  readonly #clock: Clock;
  readonly #maxOctets: number;
  readonly #maxMessages: number;
  readonly #placeCount: number;
  readonly #dialogues = new Map<string, Dialogue>();
  /** The legs of each call, by the engine's call id. */
  readonly #calls = new Map<string, string[]>();
  /** Made with the first message. */
  #octetRing: Buffer | undefined = undefined;
  // What is known of message n stands at place n modulo the number of places.
  readonly #atMs: Float64Array;
  /** Where the text starts, counted from the first octet ever written. */
  readonly #start: Float64Array;
  readonly #length: Uint32Array;
  readonly #sent: Uint8Array;
  readonly #flows: (TraceFlow | undefined)[];
  readonly #owners: (Dialogue | undefined)[];
  /** Number of the oldest message kept, and of the next one. */
  #oldest = 0;
  #next = 0;
  /** Where the next text starts. */
  #end = 0;

  constructor(clock: Clock, options: SipTraceOptions = {}) {
    this.#clock = clock;
    this.#maxOctets = options.maxOctets ?? 16 * 1024 * 1024;
    this.#maxMessages = options.maxMessagesPerCallId ?? 60;
    this.#placeCount = Math.ceil(this.#maxOctets / OCTETS_PER_PLACE);
    this.#atMs = new Float64Array(this.#placeCount);
    this.#start = new Float64Array(this.#placeCount);
    this.#length = new Uint32Array(this.#placeCount);
    this.#sent = new Uint8Array(this.#placeCount);
    this.#flows = new Array(this.#placeCount).fill(undefined);
    this.#owners = new Array(this.#placeCount).fill(undefined);
  }

  /** Octets between the oldest text kept and the latest. */
  get octets(): number {
    return this.#oldest === this.#next ? 0 : this.#end - (this.#start[this.#oldest % this.#placeCount] as number);
  }

  record(sipCallId: string, sent: boolean, flow: TraceFlow, text: string): void {
    const length = Math.min(text.length, MAX_TEXT_LENGTH, this.#maxOctets);
    const dialogue = this.#dialogue(sipCallId);
    const place = this.#claim(dialogue, length);
    this.#octetRing ??= Buffer.allocUnsafeSlow(this.#maxOctets);
    this.#octetRing.write(text, (this.#start[place] as number) % this.#maxOctets, length, 'latin1');
    this.#sent[place] = sent ? 1 : 0;
    this.#flows[place] = flow;
    dialogue.messages.push(this.#next - 1);
    // The first half and the latest stay, so that the INVITE of a long call does.
    if (dialogue.messages.length > this.#maxMessages) dialogue.messages.splice(this.#maxMessages >> 1, 1);
  }

  /** Says that a SIP Call-ID is a leg of a call and who its peer is. */
  link(callId: string, sipCallId: string, leg?: string): void {
    const dialogue = this.#dialogue(sipCallId);
    dialogue.leg = leg ?? dialogue.leg;
    if (dialogue.callId === callId) return;
    dialogue.callId = callId;
    // A link takes a place too, so that links are as many as places at most.
    this.#claim(dialogue, 0);
    const legs = this.#calls.get(callId);
    if (legs === undefined) this.#calls.set(callId, [dialogue.sipCallId]);
    else legs.push(dialogue.sipCallId);
  }

  /** The messages of a call (every leg, in order of time), by the engine's call id or by the SIP Call-ID of any leg. */
  find(id: string): TraceMessage[] {
    const callId = this.#calls.has(id) ? id : this.#dialogues.get(id)?.callId;
    const sipCallIds = callId === undefined ? [id] : (this.#calls.get(callId) ?? [id]);
    const found: number[] = [];
    for (const sipCallId of sipCallIds) found.push(...(this.#dialogues.get(sipCallId)?.messages ?? []));
    found.sort((a, b) => a - b);
    return found.map((message) => this.#read(message));
  }

  #dialogue(sipCallId: string): Dialogue {
    const existing = this.#dialogues.get(sipCallId);
    if (existing !== undefined) return existing;
    const own = ownCopy(sipCallId);
    const dialogue: Dialogue = { sipCallId: own, messages: [], places: 0, callId: undefined, leg: undefined };
    this.#dialogues.set(own, dialogue);
    return dialogue;
  }

  /** Makes room for a text of a dialogue, in one piece, and gives its place. */
  #claim(dialogue: Dialogue, length: number): number {
    // Counted first, so that making room cannot end the dialogue that it is made for.
    dialogue.places++;
    const offset = this.#end % this.#maxOctets;
    if (offset + length > this.#maxOctets) this.#end += this.#maxOctets - offset;
    while (this.#next - this.#oldest === this.#placeCount || this.octets + length > this.#maxOctets)
      this.#evictOldest();
    const place = this.#next % this.#placeCount;
    this.#owners[place] = dialogue;
    this.#atMs[place] = this.#clock.wallMs();
    this.#start[place] = this.#end;
    this.#length[place] = length;
    this.#next++;
    this.#end += length;
    return place;
  }

  #evictOldest(): void {
    const place = this.#oldest % this.#placeCount;
    const dialogue = this.#owners[place] as Dialogue;
    if (dialogue.messages[0] === this.#oldest) dialogue.messages.shift();
    this.#owners[place] = undefined;
    this.#flows[place] = undefined;
    this.#oldest++;
    if (--dialogue.places > 0) return;
    this.#dialogues.delete(dialogue.sipCallId);
    if (dialogue.callId === undefined) return;
    const legs = this.#calls.get(dialogue.callId)?.filter((sipCallId) => sipCallId !== dialogue.sipCallId) ?? [];
    if (legs.length === 0) this.#calls.delete(dialogue.callId);
    else this.#calls.set(dialogue.callId, legs);
  }

  #read(message: number): TraceMessage {
    const place = message % this.#placeCount;
    const { sipCallId, leg } = this.#owners[place] as Dialogue;
    const flow = this.#flows[place] as TraceFlow;
    const atMs = this.#atMs[place] as number;
    const offset = (this.#start[place] as number) % this.#maxOctets;
    const text = this.#octetRing?.toString('latin1', offset, offset + (this.#length[place] as number)) ?? '';
    return {
      at: new Date(atMs).toISOString(),
      atMs,
      direction: this.#sent[place] === 1 ? 'sent' : 'received',
      transport: flow.transport,
      local: hostPort(flow.localAddress, flow.localPort),
      remote: hostPort(flow.remoteAddress, flow.remotePort),
      sipCallId,
      ...(leg === undefined ? {} : { leg }),
      text: redactText(readableText(text)),
    };
  }
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
