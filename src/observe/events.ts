import { firstPlace } from '../base/first-place.ts';
import type { Given } from '../base/given.ts';
import { randomToken } from '../base/ids.ts';
import { isoTime } from '../base/iso-time.ts';
import { type RingAudience, RingParts } from '../base/ring-parts.ts';
import type { Clock } from '../base/scheduler.ts';
import { TextRing } from '../base/text-ring.ts';
import type { EVENT_FACTS } from './event-facts.ts';

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

export type EventData = { readonly [T in EventType]: Given<(typeof EVENT_FACTS)[T]> };

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
  /** Stands for the last of them, or for the latest that there is: what comes next comes after it. */
  readonly place: string;
  /** Whether there are more already. */
  readonly isMore: boolean;
  /** Something between the id and the oldest kept event is lost (or the id is of an earlier run): read the resources again. */
  readonly gap: boolean;
  /** How many those are that were not told before, where the id is of this run. */
  readonly lost: number | undefined;
}

/** Octets of the facts of the events of one ring: 10,000 of calls are 2 MB. */
const MOST_OCTETS = 16 * 1024 * 1024;
/** So many become octets together: texts made one by one between other work take a multiple of their time. */
const BATCH = 64;
/** Long ones wait for no others, so that it is soon known how many octets each tenant has. */
const MOST_WAITING = 65_536;

/**
 * Publishes events to subscribers at once and keeps the latest for those who come back. A subscriber that throws costs nobody else
 * the event, and one whose facts have no JSON text is kept without them.
 *
 * Thousands are kept, of which hardly any is read again: all but the latest are octets outside of the heap, and objects again for who asks.
 * One tenant's events evict no other's: of a tenant that has its part of a ring the further ones are in a second one. Of each tenant the latest
 * are kept: those that came before one of its that is lost are as good as lost.
 */
export class EventBus {
  readonly #clock: Clock;
  readonly #epoch = randomToken().slice(0, 8);
  readonly #onError: (error: unknown) => void;
  readonly #parts: RingParts;
  readonly #first: EventRing;
  readonly #further: EventRing;
  #sequence = 0;
  readonly #subscribers = new Set<(event: EngineEvent) => void>();

  /** @param options.capacity of each ring, as octets */
  constructor(
    clock: Clock,
    options: { capacity?: number; mostOctets?: number; onError?: (error: unknown) => void } = {},
  ) {
    const { capacity = 10_000, mostOctets = MOST_OCTETS, onError = () => {} } = options;
    this.#clock = clock;
    this.#onError = onError;
    this.#parts = new RingParts(capacity, mostOctets);
    this.#first = new EventRing(capacity, mostOctets, onError, this.#parts.first);
    this.#further = new EventRing(capacity, mostOctets, onError, this.#parts.further);
  }

  get lastId(): string {
    return `${this.#epoch}:${this.#sequence}`;
  }

  publish<T extends EventType>(type: T, tenants: readonly string[], data: EventData[T]): void {
    const sequence = ++this.#sequence;
    const wallMs = this.#clock.wallMs();
    const ring = this.#parts.takes(ownerOf(tenants)) ? this.#first : this.#further;
    ring.add(sequence, type, tenants, wallMs, data);
    if (this.#subscribers.size === 0) return;
    const event = new PublishedEvent(this.#epoch, sequence, wallMs, type, tenants, data);
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

  /**
   * What happened after the event with this id, or after the place that was read up to, at most so many.
   * @param tenant whose reader asks: a gap is one of its events, or of those of several; default: of anybody's
   */
  since(id: string, most = Infinity, tenant?: string): EventsSince {
    const rings = [this.#first, this.#further] as const;
    for (const ring of rings) ring.pack();
    const [epoch, said = '', told = '0', ...toldUpTo] = id.split(':');
    const sequence = said === '' ? Number.NaN : Number(said);
    const isKnown =
      epoch === this.#epoch && Number.isSafeInteger(sequence) && sequence >= 0 && sequence <= this.#sequence;
    const from = isKnown ? sequence : 0;
    const lacksSome = this.#parts.lostOf() > from;
    const events: EngineEvent[] = [];
    let kept = 0;
    for (const [ring, number] of this.#keptAfter(from)) {
      if (kept++ < most) events.push(ring.event(this.#epoch, number));
      else if (!lacksSome) break;
    }
    const isMore = kept > events.length;
    const last = isMore ? (events.at(-1)?.sequence ?? from) : this.#sequence;
    // Of whoever has read up to a place and reads on, what was lost beyond it by then has been told.
    const fresh = lacksSome ? this.#sequence - from - kept - Number(told) : 0;
    const lostUpTo = tenant === undefined ? [] : [tenant, NOBODYS].map((owner) => this.#parts.lostOf(owner));
    const isTheirs = lostUpTo.some((number, index) => number > Math.max(from, Number(toldUpTo[index] ?? 0)));
    const gap = !isKnown || (fresh > 0 && (tenant === undefined || isTheirs));
    const lost = isKnown ? (gap ? fresh : 0) : undefined;
    const ahead = lacksSome && isMore ? this.#sequence - last - (kept - events.length) : 0;
    const place = [this.#epoch, last, ...(ahead === 0 ? [] : [ahead, ...lostUpTo])].join(':');
    return { events, gap, lost, place, isMore };
  }

  /** In the order in which they came. */
  *#keptAfter(sequence: number): Generator<readonly [ring: EventRing, number: number]> {
    const [first, further] = [this.#first, this.#further];
    let [a, b] = [first.firstAfter(sequence), further.firstAfter(sequence)];
    while (a < first.next || b < further.next) {
      const isFirst = b >= further.next || (a < first.next && first.sequence(a) < further.sequence(b));
      const [ring, number] = isFirst ? [first, a++] : [further, b++];
      if (ring.sequence(number) > this.#parts.lostOf(ring.owner(number))) yield [ring, number];
    }
  }
}

/** Of an event that several tenants' admins may see, or none. */
const NOBODYS = '';

function ownerOf(tenants: readonly string[]): string {
  return tenants.length === 1 ? (tenants[0] as string) : NOBODYS;
}

/** The latest of some events of a bus, numbered as they came. */
class EventRing {
  readonly #capacity: number;
  readonly #onError: (error: unknown) => void;
  readonly #audience: RingAudience;
  /** Facts of those that are no octets yet. */
  #latest: unknown[] = [];
  /** Characters of texts in them. */
  #waiting = 0;
  /** Facts of those before them, as JSON. */
  readonly #facts: TextRing;
  /** Number of the event whose facts are number 0 of the texts. */
  #firstText = 0;
  #next = 0;
  /** Those before this number were told to be lost. */
  #lost = 0;
  // What else is known of event n is at place n modulo the capacity. Lists of tenants are mostly shared.
  readonly #types: EventType[] = [];
  readonly #tenants: (readonly string[])[] = [];
  readonly #wallMs: Float64Array;
  readonly #sequences: Float64Array;
  /** Of its facts; 0 until they have theirs. */
  readonly #octets: Uint32Array;

  constructor(capacity: number, mostOctets: number, onError: (error: unknown) => void, audience: RingAudience) {
    this.#capacity = capacity;
    this.#onError = onError;
    this.#audience = audience;
    this.#facts = new TextRing(capacity, mostOctets);
    this.#wallMs = new Float64Array(capacity);
    this.#sequences = new Float64Array(capacity);
    this.#octets = new Uint32Array(capacity);
  }

  /** Number that the next one gets. */
  get next(): number {
    return this.#next;
  }

  add(sequence: number, type: EventType, tenants: readonly string[], wallMs: number, data: unknown): void {
    this.#lose(this.#next + 1 - this.#capacity);
    const place = this.#next++ % this.#capacity;
    this.#types[place] = type;
    this.#tenants[place] = tenants;
    this.#wallMs[place] = wallMs;
    this.#sequences[place] = sequence;
    this.#octets[place] = 0;
    this.#latest.push(data);
    this.#waiting += charactersOf(data);
    if (this.#latest.length >= BATCH || this.#waiting >= MOST_WAITING) this.pack();
  }

  sequence(number: number): number {
    return this.#sequences[number % this.#capacity] as number;
  }

  owner(number: number): string {
    return ownerOf(this.#tenants[number % this.#capacity] ?? []);
  }

  event(epoch: string, number: number): EngineEvent {
    const place = number % this.#capacity;
    const [type, tenants, wallMs] = [this.#types[place], this.#tenants[place], this.#wallMs[place]];
    const facts = this.#facts.text(number - this.#firstText) as string;
    const sequence = this.sequence(number);
    return new PublishedEvent(epoch, sequence, wallMs as number, type as EventType, tenants ?? [], facts);
  }

  /** Number of the first that came after the event with this sequence. */
  firstAfter(sequence: number): number {
    return firstPlace(this.#lost, this.#next, (number) => this.sequence(number) > sequence);
  }

  pack(): void {
    // Taken first: whatever happens to one of them, none is met again.
    const latest = this.#latest;
    this.#latest = [];
    this.#waiting = 0;
    try {
      for (const facts of latest) this.#note(this.#facts.add(this.#textOf(facts)));
    } catch (error) {
      // Facts that are not kept would leave the later ones to events of other tenants: what is kept ends here, and whoever comes back
      // is told of the gap.
      this.#facts.endBefore(this.#facts.next);
      this.#firstText = this.#next - this.#facts.next;
      this.#onError(error);
    } finally {
      this.#lose(this.#firstText + this.#facts.first);
    }
  }

  #note(text: number): void {
    const number = this.#firstText + text;
    if (number < this.#lost) return;
    const octets = this.#facts.octets(text);
    this.#octets[number % this.#capacity] = octets;
    this.#audience.onKept?.(this.owner(number), octets);
  }

  #lose(before: number): void {
    for (; this.#lost < before; this.#lost++) {
      const octets = this.#octets[this.#lost % this.#capacity] as number;
      this.#audience.onGone(this.owner(this.#lost), octets, this.sequence(this.#lost));
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

/** Of the texts among an event's facts: what is long of it, peers have written. */
function charactersOf(facts: unknown): number {
  let characters = 0;
  for (const name in facts as Readonly<Record<string, unknown>>) {
    const fact = (facts as Readonly<Record<string, unknown>>)[name];
    if (typeof fact === 'string') characters += fact.length;
  }
  return characters;
}
