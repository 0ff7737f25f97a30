/** A message as it is kept, from the moment that it is taken until nobody asks for it any more. */
import { createHash } from 'node:crypto';
import type { MessageFacts } from '../observe/index.ts';
import type { WhatsappNumber } from './numbers.ts';

export const MEDIA_KINDS = ['image', 'audio', 'video', 'document', 'sticker'] as const;
export type MediaKind = (typeof MEDIA_KINDS)[number];

/** What is said. */
export type Content =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'media';
      readonly kind: MediaKind;
      /** A file at the Cloud API. */
      readonly mediaId?: string;
      /** Or one that the Cloud API fetches by itself. */
      readonly link?: string;
      readonly mimeType?: string;
      readonly caption?: string;
      readonly filename?: string;
    }
  | {
      readonly type: 'template';
      readonly name: string;
      readonly language: string;
      /** What stands in its body for {{1}}, {{2}} …, in order. */
      readonly parameters: readonly string[];
    }
  | { readonly type: 'location'; readonly latitude: number; readonly longitude: number; readonly name?: string }
  | { readonly type: 'reaction'; readonly emoji: string; readonly to: string }
  /** Something that a phone cannot show; `text` says what of it can be said. */
  | { readonly type: 'other'; readonly kind: string; readonly text: string };

export type MessageState = MessageFacts['state'];

/** A phone's wish to be told what became of its message (RFC 5438), and what it calls it. */
export interface ReportWish {
  readonly messageId: string;
  /** Content of its reports: plain or in CPIM, as the phone wrote. */
  readonly cpim: boolean;
  readonly delivery: boolean;
  readonly display: boolean;
}

export interface Recipient {
  readonly number: string;
  readonly state: 'waiting' | 'delivered' | 'refused' | 'expired';
}

interface Common {
  readonly id: string;
  readonly tenant: string;
  readonly trunkId: string;
  readonly createdMs: number;
  /** No one tries any longer then. */
  readonly expiresMs: number;
  readonly attempts: number;
  /** Changes with every change of the message. */
  readonly revision: number;
}

/** Between a number of a tenant and somebody at WhatsApp. */
export interface Message extends Common {
  readonly kind: 'message';
  readonly direction: 'inbound' | 'outbound';
  /** Of the business, digits. */
  readonly number: string;
  /** Of the other one, digits; or an id of WhatsApp's where the user shows no number. */
  readonly peer: string;
  readonly peerName?: string;
  /** Who of the tenant sent it; left out: the HTTP interface. */
  readonly extension?: string;
  readonly content: Content;
  readonly state: MessageState;
  /** Its id at WhatsApp. */
  readonly remoteId?: string;
  /** The WhatsApp id of the message that it answers. */
  readonly contextId?: string;
  /** Of theirs: whom it is for. */
  readonly recipients: readonly Recipient[];
  readonly rule?: string;
  readonly error?: { readonly code: number; readonly message: string };
  /** When it may be tried again. */
  readonly retryMs?: number;
  readonly sentMs?: number;
  readonly deliveredMs?: number;
  readonly readMs?: number;
  readonly wish?: ReportWish;
}

type NewMessage = Omit<Message, 'kind' | 'number' | Exclude<keyof Common, 'id'>>;

const DEFAULT_KEEP_SECONDS = 604_800;

/** A message of a number, as it is first kept. */
export function newMessage(number: WhatsappNumber, wallMs: number, fields: NewMessage): Message {
  const createdMs = Math.trunc(wallMs);
  return {
    kind: 'message',
    ...fields,
    tenant: number.tenant.name,
    trunkId: number.trunk.id,
    number: number.number,
    createdMs,
    expiresMs: createdMs + (number.settings.keepSeconds ?? DEFAULT_KEEP_SECONDS) * 1000,
    attempts: 0,
    revision: 1,
  };
}

/** What became of a message, on its way to the phone that sent it. */
export interface Report extends Common {
  readonly kind: 'report';
  readonly number: string;
  readonly peer: string;
  readonly recipients: readonly Recipient[];
  readonly wish: ReportWish;
  readonly outcome: 'delivered' | 'displayed' | 'failed';
  readonly retryMs?: number;
}

/** That a person has read a message, on its way to WhatsApp. */
export interface ReadMark extends Common {
  readonly kind: 'read-mark';
  readonly remoteId: string;
  readonly retryMs?: number;
  readonly done?: true;
}

export type Kept = Message | Report | ReadMark;

/** An id that the same facts give again: what comes twice is one. */
export function idOf(...facts: readonly string[]): string {
  return createHash('sha256').update(facts.join('\n')).digest('hex').slice(0, 32);
}

/** How far a message has come; a step back is none. */
const RANK: Readonly<Partial<Record<MessageState, number>>> = { queued: 0, sending: 1, sent: 2, delivered: 3, read: 4 };

export interface Status {
  readonly state: 'sent' | 'delivered' | 'read' | 'failed';
  readonly atMs: number;
  readonly error?: { readonly code: number; readonly message: string };
}

/** With what WhatsApp says of it, in whatever order that comes; undefined: nothing new. */
export function withStatus(message: Message, status: Status, remoteId: string): Message | undefined {
  const known = { ...message, remoteId, revision: message.revision + 1 };
  const { state, atMs } = status;
  if (state === 'failed') {
    // A message that has arrived did not fail, whatever comes late.
    if (message.state === 'failed' || (RANK[message.state] ?? 0) >= 3) return undefined;
    return { ...known, state, ...(status.error !== undefined && { error: status.error }) };
  }
  const time = state === 'sent' ? 'sentMs' : state === 'delivered' ? 'deliveredMs' : 'readMs';
  if (message[time] !== undefined) return undefined;
  const isFurther = message.state !== 'failed' && (RANK[state] ?? 0) > (RANK[message.state] ?? 0);
  return { ...known, [time]: atMs, state: isFurther ? state : message.state };
}

/** Whether there is nothing left to do for it here. */
export function isClosed(kept: Kept): boolean {
  switch (kept.kind) {
    case 'read-mark':
      return kept.done === true;
    case 'report':
      return !isAwaited(kept.recipients);
    case 'message':
      return kept.direction === 'inbound'
        ? !isAwaited(kept.recipients)
        : kept.state !== 'queued' && kept.state !== 'sending';
  }
}

export function isAwaited(recipients: readonly Recipient[]): boolean {
  return recipients.some(({ state }) => state === 'waiting');
}

export function waitingNumbers(kept: Kept): readonly string[] {
  if (kept.kind === 'read-mark') return [];
  return kept.recipients.filter(({ state }) => state === 'waiting').map(({ number }) => number);
}
