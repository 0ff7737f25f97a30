import type { Clock } from '../base/scheduler.ts';
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

interface Kept {
  readonly atMs: number;
  readonly sequence: number;
  readonly sent: boolean;
  readonly flow: TraceFlow;
  readonly text: string;
}

interface Dialogue {
  readonly sipCallId: string;
  readonly messages: Kept[];
  octets: number;
  callId: string | undefined;
  leg: string | undefined;
}

export interface SipTraceOptions {
  /** Octets of message text kept in all. Default 16 MiB. */
  readonly maxOctets?: number;
  /** Messages kept per SIP Call-ID: the first half and the latest, so that the INVITE of a long call stays. Default 60. */
  readonly maxMessagesPerCallId?: number;
}

const MESSAGE_OVERHEAD_OCTETS = 160;
const MAX_TEXT_LENGTH = 16_384;

/**
 * The latest SIP messages by Call-ID, for `tandem trace`. Recording is a look-up and a push: texts are kept as they are and secrets are
 * masked when somebody reads. Memory is bounded; the Call-ID heard of first goes first.
 */
export class SipTrace {
  readonly #clock: Clock;
  readonly #maxOctets: number;
  readonly #maxMessages: number;
  readonly #dialogues = new Map<string, Dialogue>();
  /** The legs of each call, by the engine's call id. */
  readonly #calls = new Map<string, string[]>();
  #octets = 0;
  #sequence = 0;

  constructor(clock: Clock, options: SipTraceOptions = {}) {
    this.#clock = clock;
    this.#maxOctets = options.maxOctets ?? 16 * 1024 * 1024;
    this.#maxMessages = options.maxMessagesPerCallId ?? 60;
  }

  get octets(): number {
    return this.#octets;
  }

  record(sipCallId: string, sent: boolean, flow: TraceFlow, text: string): void {
    const dialogue = this.#dialogue(sipCallId);
    const kept = { atMs: this.#clock.wallMs(), sequence: this.#sequence++, sent, flow, text };
    const octets = text.length + MESSAGE_OVERHEAD_OCTETS;
    dialogue.messages.push(kept);
    dialogue.octets += octets;
    this.#octets += octets;
    if (dialogue.messages.length > this.#maxMessages) this.#drop(dialogue, this.#maxMessages >> 1);
    while (this.#octets > this.#maxOctets && this.#dialogues.size > 0) this.#evictOldest();
  }

  /** Says that a SIP Call-ID is a leg of a call and who its peer is. */
  link(callId: string, sipCallId: string, leg?: string): void {
    const dialogue = this.#dialogue(sipCallId);
    dialogue.leg = leg ?? dialogue.leg;
    if (dialogue.callId === callId) return;
    dialogue.callId = callId;
    const legs = this.#calls.get(callId);
    if (legs === undefined) this.#calls.set(callId, [sipCallId]);
    else legs.push(sipCallId);
  }

  /** The messages of a call (every leg, in order of time), by the engine's call id or by the SIP Call-ID of any leg. */
  find(id: string): TraceMessage[] {
    const callId = this.#calls.has(id) ? id : this.#dialogues.get(id)?.callId;
    const sipCallIds = callId === undefined ? [id] : (this.#calls.get(callId) ?? [id]);
    const found: { kept: Kept; dialogue: Dialogue }[] = [];
    for (const sipCallId of sipCallIds) {
      const dialogue = this.#dialogues.get(sipCallId);
      for (const kept of dialogue?.messages ?? []) found.push({ kept, dialogue: dialogue as Dialogue });
    }
    found.sort((a, b) => a.kept.sequence - b.kept.sequence);
    return found.map(({ kept, dialogue }) => readable(kept, dialogue));
  }

  #dialogue(sipCallId: string): Dialogue {
    const existing = this.#dialogues.get(sipCallId);
    if (existing !== undefined) return existing;
    const dialogue: Dialogue = { sipCallId, messages: [], octets: 0, callId: undefined, leg: undefined };
    dialogue.octets = MESSAGE_OVERHEAD_OCTETS + sipCallId.length;
    this.#octets += dialogue.octets;
    this.#dialogues.set(sipCallId, dialogue);
    while (this.#octets > this.#maxOctets && this.#dialogues.size > 1) this.#evictOldest();
    return dialogue;
  }

  #drop(dialogue: Dialogue, index: number): void {
    const [dropped] = dialogue.messages.splice(index, 1);
    if (dropped === undefined) return;
    const octets = dropped.text.length + MESSAGE_OVERHEAD_OCTETS;
    dialogue.octets -= octets;
    this.#octets -= octets;
  }

  #evictOldest(): void {
    const oldest = this.#dialogues.values().next().value as Dialogue;
    this.#dialogues.delete(oldest.sipCallId);
    this.#octets -= oldest.octets;
    if (oldest.callId === undefined) return;
    const legs = this.#calls.get(oldest.callId)?.filter((sipCallId) => sipCallId !== oldest.sipCallId) ?? [];
    if (legs.length === 0) this.#calls.delete(oldest.callId);
    else this.#calls.set(oldest.callId, legs);
  }
}

function readable(kept: Kept, dialogue: Dialogue): TraceMessage {
  const { flow } = kept;
  const text = kept.text.length > MAX_TEXT_LENGTH ? kept.text.slice(0, MAX_TEXT_LENGTH) : kept.text;
  return {
    at: new Date(kept.atMs).toISOString(),
    atMs: kept.atMs,
    direction: kept.sent ? 'sent' : 'received',
    transport: flow.transport,
    local: hostPort(flow.localAddress, flow.localPort),
    remote: hostPort(flow.remoteAddress, flow.remotePort),
    sipCallId: dialogue.sipCallId,
    ...(dialogue.leg === undefined ? {} : { leg: dialogue.leg }),
    text: redactText(readableText(text)),
  };
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
