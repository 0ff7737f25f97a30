import { randomToken } from '../base/ids.ts';
import { isoTime } from '../base/iso-time.ts';
import type { Clock } from '../base/scheduler.ts';
import { TextRing } from '../base/text-ring.ts';

/** What the engine tells the outside as it happens; the same over server-sent events and webhooks. */
export const EVENT_TYPES = [
  'trunk-state',
  'trunk-datacentre',
  'trunk-ambiguous',
  'trunk-coincidence',
  'media-relay',
  'overload',
  'registration',
  'call',
  'caller-id-rejected',
  'verification-failed',
  'call-not-signed',
  'certificate-expiring',
  'fraud',
  'message',
  'audit',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** A message as it is shown; times in ISO 8601. */
export interface MessageFacts {
  readonly id: string;
  readonly tenant: string;
  readonly trunkId: string;
  readonly trunk?: string;
  readonly direction: 'inbound' | 'outbound';
  readonly state: 'queued' | 'sending' | 'sent' | 'delivered' | 'read' | 'failed' | 'received' | 'expired';
  readonly from: string;
  readonly to: string;
  /** What the user calls itself. */
  readonly name?: string;
  readonly extension?: string;
  /** `text`, `image`, `template`, `location` … */
  readonly type: string;
  readonly text?: string;
  readonly mimeType?: string;
  readonly filename?: string;
  readonly url?: string;
  readonly latitude?: number;
  readonly longitude?: number;
  readonly remoteId?: string;
  readonly contextId?: string;
  readonly rule?: string;
  readonly recipients?: readonly {
    readonly number: string;
    readonly state: 'waiting' | 'delivered' | 'refused' | 'expired';
  }[];
  readonly createdAt: string;
  readonly sentAt?: string;
  readonly deliveredAt?: string;
  readonly readAt?: string;
  readonly retryAt?: string;
  readonly error?: { readonly code: number; readonly message: string };
}

/** The facts of each type. Tenants are named by their name, trunks by id and name. */
export interface EventData {
  'trunk-state': {
    trunkId: string;
    trunk: string;
    state: 'online' | 'offline' | 'registering' | 'rejected' | 'unknown';
    previous?: string | undefined;
    lastCode?: number | undefined;
    reason?: string | undefined;
  };
  /** A datacentre of a teams trunk does otherwise than before. */
  'trunk-datacentre': {
    trunkId: string;
    trunk: string;
    target: string;
    address?: string | undefined;
    state: 'up' | 'down' | 'held' | 'unknown';
    previous: string;
    lastCode?: number | undefined;
    reason?: string | undefined;
    heldUntil?: string | undefined;
  };
  /** A request that several trunks may have sent; it was refused. */
  'trunk-ambiguous': { source: string; candidates: readonly string[] };
  /** By the DNS, trunks of two tenants with a number in common have come to be of one provider, or are not any more. */
  'trunk-coincidence': {
    state: 'began' | 'ended';
    trunkId: string;
    trunk: string;
    numbers: string;
    otherTrunkId: string;
    otherTrunk: string;
    otherNumbers: string;
  };
  /** A media relay has stopped answering, or answers again. */
  'media-relay': { url: string; state: 'up' | 'down' };
  /** The node has more to do than time and refuses new calls, or has had none to refuse for ten seconds. */
  overload: {
    state: 'began' | 'ended';
    /** So many since it began. */
    refused: number;
    /** From its first second to its last. */
    seconds?: number | undefined;
  };
  registration: {
    action: 'added' | 'refreshed' | 'removed' | 'expired' | 'refused';
    addressOfRecord: string;
    contact?: string | undefined;
    source?: string | undefined;
    userAgent?: string | undefined;
    expiresInSeconds?: number | undefined;
    reason?: string | undefined;
  };
  call: {
    callId: string;
    state: 'started' | 'ringing' | 'answered' | 'ended';
    direction: 'outbound' | 'inbound' | 'internal';
    from: string;
    to: string;
    trunkId: string | undefined;
    /** Of a call that has ended. */
    status?: number | undefined;
    reason?: string | undefined;
    durationMs?: number | undefined;
  };
  'caller-id-rejected': {
    callId?: string | undefined;
    extension?: string | undefined;
    trunkId: string;
    source: string;
    value: string;
    reason: string;
  };
  /** The signature of a caller's number (STIR/SHAKEN) is wrong, or missing where one is demanded. */
  'verification-failed': {
    callId: string;
    trunkId: string | undefined;
    from: string;
    to: string;
    code: number;
    reason: string;
  };
  /** A trunk asks for signed calls, and this one could not be signed. */
  'call-not-signed': { extension: string; trunkId: string; outcome: 'refused' | 'unsigned'; reason: string };
  /** A certificate ends in 30, 7 or 1 days, or (0) has ended. */
  'certificate-expiring': { certificate: string; owner: string; notAfter: string; daysLeft: 0 | 1 | 7 | 30 };
  fraud: { guard: string; extension?: string | undefined; callId?: string | undefined; detail: string };
  /** A message from or to WhatsApp is new, or has come further. */
  message: MessageFacts;
  audit: { actor: string; action: string; resource: string };
}

export interface EngineEvent<T extends EventType = EventType> {
  /** `epoch:sequence`; unique and ordered within a run of the engine. What an SSE client sends as `Last-Event-ID`. */
  readonly id: string;
  readonly sequence: number;
  readonly at: string;
  readonly type: T;
  /** The tenants whose admins may see it; none: system admins only. */
  readonly tenants: readonly string[];
  readonly data: EventData[T];
}

export interface EventsSince {
  readonly events: readonly EngineEvent[];
  /** The id of the last of them, or of the latest that there is: what comes next comes after it. */
  readonly place: string;
  /** Whether there are more already. */
  readonly isMore: boolean;
  /** Something between the id and the oldest kept event is lost (or the id is of an earlier run): read the resources again. */
  readonly gap: boolean;
  /** How many those are, where the id is of this run. */
  readonly lost: number | undefined;
}

/** Octets of the facts of all events that are kept: 10,000 of calls are 2 MB. */
const MOST_OCTETS = 16 * 1024 * 1024;
/** So many become octets together: texts made one by one between other work take a multiple of their time. */
const BATCH = 64;

/**
 * Publishes events to subscribers at once and keeps the latest for those who come back. A subscriber that throws costs nobody else
 * the event, and one whose facts have no JSON text is kept without them.
 *
 * Thousands are kept, of which hardly any is read again: all but the latest are octets outside of the heap, and objects again for who asks.
 */
export class EventBus {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #epoch = randomToken().slice(0, 8);
  readonly #onError: (error: unknown) => void;
  /** Facts of those that are no octets yet. */
  #latest: unknown[] = [];
  /** Facts of those before them, as JSON. */
  readonly #facts: TextRing;
  /** Number of the event whose facts are number 0 in the ring. */
  #firstInRing = 0;
  // What else is known of event n, the first being number 0, is at place n modulo the capacity. Lists of tenants are mostly shared.
  readonly #types: EventType[] = [];
  readonly #tenants: (readonly string[])[] = [];
  readonly #wallMs: Float64Array;
  #sequence = 0;
  readonly #subscribers = new Set<(event: EngineEvent) => void>();

  constructor(
    clock: Clock,
    options: { capacity?: number; mostOctets?: number; onError?: (error: unknown) => void } = {},
  ) {
    this.#clock = clock;
    this.#capacity = options.capacity ?? 10_000;
    this.#facts = new TextRing(this.#capacity, options.mostOctets ?? MOST_OCTETS);
    this.#wallMs = new Float64Array(this.#capacity);
    this.#onError = options.onError ?? (() => {});
  }

  get lastId(): string {
    return `${this.#epoch}:${this.#sequence}`;
  }

  publish<T extends EventType>(type: T, tenants: readonly string[], data: EventData[T]): void {
    // The first event has sequence 1 and number 0.
    const place = this.#sequence++ % this.#capacity;
    this.#types[place] = type;
    this.#tenants[place] = tenants;
    this.#wallMs[place] = this.#clock.wallMs();
    this.#latest.push(data);
    if (this.#latest.length >= BATCH) this.#pack();
    if (this.#subscribers.size === 0) return;
    const event = new PublishedEvent(this.#epoch, this.#sequence, this.#wallMs[place], type, tenants, data);
    for (const subscriber of this.#subscribers) {
      try {
        subscriber(event);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: (event: EngineEvent) => void): () => void {
    this.#subscribers.add(listener);
    return () => this.#subscribers.delete(listener);
  }

  get subscriberCount(): number {
    return this.#subscribers.size;
  }

  /** What happened after the event with this id, at most so many. */
  since(id: string, most = Infinity): EventsSince {
    this.#pack();
    const separator = id.indexOf(':');
    const sequence = Number(id.slice(separator + 1));
    const known = id.slice(0, separator) === this.#epoch && Number.isSafeInteger(sequence) && sequence >= 0;
    const [oldest, next] = [this.#firstInRing + this.#facts.first, this.#firstInRing + this.#facts.next];
    const isKnown = known && sequence <= next;
    const first = isKnown ? Math.max(sequence, oldest) : oldest;
    const end = Math.min(first + most, next);
    const events: EngineEvent[] = [];
    for (let number = first; number < end; number++) events.push(this.#kept(number));
    const lost = isKnown ? Math.max(0, oldest - sequence) : undefined;
    return { events, gap: lost !== 0, lost, place: events.at(-1)?.id ?? this.lastId, isMore: end < next };
  }

  #pack(): void {
    // Taken first: whatever happens to one of them, none is met again.
    const latest = this.#latest;
    this.#latest = [];
    const next = this.#sequence;
    try {
      for (const facts of latest) this.#facts.add(this.#textOf(facts));
    } catch (error) {
      // Facts that are not kept would leave the later ones to events of other tenants: what is kept ends here, and whoever comes back
      // is told of the gap.
      this.#facts.endBefore(this.#facts.next);
      this.#firstInRing = next - this.#facts.next;
      this.#onError(error);
    }
  }

  /** No facts of those that have no JSON text: the numbers go on, and others have theirs. */
  #textOf(data: unknown): string {
    try {
      const text = JSON.stringify(data) as string | undefined;
      if (text !== undefined) return text;
      throw new TypeError('facts of an event without a JSON text');
    } catch (error) {
      this.#onError(error);
      return '{}';
    }
  }

  #kept(number: number): EngineEvent {
    const place = number % this.#capacity;
    const [type, tenants, wallMs] = [this.#types[place], this.#tenants[place], this.#wallMs[place]];
    const facts = this.#facts.text(number - this.#firstInRing) as string;
    return new PublishedEvent(this.#epoch, number + 1, wallMs as number, type as EventType, tenants ?? [], facts);
  }
}

/** Renders its id and time when somebody asks, which for most events nobody does; reads its facts then, if they were kept. */
class PublishedEvent<T extends EventType = EventType> implements EngineEvent<T> {
  readonly sequence: number;
  readonly type: T;
  readonly tenants: readonly string[];
  readonly wallMs: number;
  readonly #epoch: string;
  #data: EventData[T] | string;

  /** @param data or its JSON text */
  constructor(
    epoch: string,
    sequence: number,
    wallMs: number,
    type: T,
    tenants: readonly string[],
    data: EventData[T] | string,
  ) {
    this.#epoch = epoch;
    this.sequence = sequence;
    this.wallMs = wallMs;
    this.type = type;
    this.tenants = tenants;
    this.#data = data;
  }

  get id(): string {
    return `${this.#epoch}:${this.sequence}`;
  }

  get at(): string {
    return isoTime(this.wallMs);
  }

  get data(): EventData[T] {
    if (typeof this.#data === 'string') this.#data = JSON.parse(this.#data) as EventData[T];
    return this.#data;
  }

  toJSON() {
    const { id, sequence, at, type, tenants, data } = this;
    return { id, sequence, at, type, tenants, data };
  }
}
