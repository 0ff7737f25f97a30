/**
 * What happens, to all who follow it: events are gathered for a moment and go out as one text, made once for all who follow the same.
 * Each reader has its place in the events that are kept, and gets what comes after it when it can take more: one that reads slowly waits
 * for nobody and holds up nobody, keeps one text in memory at most, and is told what it has missed.
 */
import { type EngineEvent, EVENT_TYPES, type EventBus } from '../observe/index.ts';

/** Events of so long leave together: 200 readers are written to five times a second, however much happens. */
export const GATHER_MS = 200;
/** How long readers are written to in one turn of the event loop. */
const TURN_MS = 3;
/** While calls wait readers are written to so often at most, for one such time: a thirtieth of the time there is. */
const YIELD_MS = 100;
/** Events of one text. */
const MOST_EVENTS = 200;
/** Texts that are kept at a time; more are only needed where readers are at as many places. */
const MOST_PIECES = 32;
/** Events whose text is kept for whoever follows something else, or comes back. */
const KEPT_TEXTS = 1024;

/** What a reader follows; readers with the same name follow the same. */
export interface FeedChannel {
  readonly name: string;
  readonly types: ReadonlySet<string>;
  /** Whose events alone; undefined: everybody's. */
  readonly tenant: string | undefined;
  /** More events a second than this are left out, the earliest of them, and counted in a `skipped` event; undefined: none are. */
  readonly perSecond: number | undefined;
}

/** Whether an event is for those who follow a channel: of a type that they asked for, and of their tenant. */
export function concerns(
  { types, tenant }: Pick<FeedChannel, 'types' | 'tenant'>,
  event: { readonly type: string; readonly tenants: readonly string[] },
): boolean {
  return types.has(event.type) && (tenant === undefined || event.tenants.includes(tenant));
}

export interface FeedReader {
  readonly channel: FeedChannel;
  /** Up to where it has been served: an event's id. */
  place: string;
  /** Not before this moment of `performance.now()`. */
  notBeforeMs: number;
  /** Whether it takes more now; one that does not asks for its {@link EventFeed.serve} when it does. */
  takes(): boolean;
  write(text: Buffer): void;
}

export function channelOf(types: string | undefined, tenant: string | undefined, perSecond?: number): FeedChannel {
  const wanted = new Set(types === undefined ? EVENT_TYPES : types.split(',').map((type) => type.trim()));
  return { name: `${[...wanted].sort().join()} ${tenant ?? ''} ${perSecond ?? ''}`, types: wanted, tenant, perSecond };
}

interface Piece {
  readonly octets: Buffer | undefined;
  readonly place: string;
  readonly isMore: boolean;
}

export class EventFeed {
  readonly #events: EventBus;
  readonly #node: string;
  readonly #readers = new Set<FeedReader>();
  /** By channel and place; of this moment. */
  readonly #pieces = new Map<string, Piece>();
  readonly #texts: { readonly sequence: number; readonly text: string }[] = [];
  #unsubscribe: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer is due. */
  #dueMs = 0;
  #gatheredAtMs = 0;
  readonly #callsWait: () => boolean;
  #servedAtMs = 0;
  #yields: NodeJS.Timeout | undefined;
  readonly #waiting = new Set<FeedReader>();
  #turn: NodeJS.Immediate | undefined;

  /**
   * @param node the name of this node, which every event says
   * @param callsWait whether messages of known peers wait now
   */
  constructor(events: EventBus, node: string, callsWait: () => boolean = () => false) {
    this.#events = events;
    this.#node = node;
    this.#callsWait = callsWait;
  }

  /** Serves a reader from its place on, until it is removed. */
  add(reader: FeedReader): void {
    this.#readers.add(reader);
    this.#unsubscribe ??= this.#events.subscribe(() => this.#schedule());
    this.serve(reader);
  }

  remove(reader: FeedReader): void {
    this.#readers.delete(reader);
    this.#waiting.delete(reader);
    if (this.#readers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    clearTimeout(this.#timer);
    clearTimeout(this.#yields);
    clearImmediate(this.#turn);
    this.#timer = undefined;
    this.#yields = undefined;
    this.#turn = undefined;
    this.#pieces.clear();
    this.#texts.length = 0;
  }

  /** Has a reader given what comes next, as soon as it is its turn. */
  serve(reader: FeedReader): void {
    if (!this.#readers.has(reader)) return;
    this.#waiting.add(reader);
    this.#takeTurn();
  }

  /** One turn at a time, whoever asks for it; none while readers yield. */
  #takeTurn(): void {
    if (this.#yields === undefined) this.#turn ??= setImmediate(() => this.#serveSome());
  }

  /** Has all served at this moment at the latest: what one reader waits for puts off nobody else. */
  #schedule(dueMs = this.#gatheredAtMs + GATHER_MS): void {
    if (this.#timer !== undefined && dueMs >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#gatheredAtMs = performance.now();
        for (const reader of this.#readers) this.serve(reader);
      },
      Math.max(0, dueMs - performance.now()),
    );
  }

  /** As many as a turn of the event loop has room for. */
  #serveSome(): void {
    this.#turn = undefined;
    const nowMs = performance.now();
    if (nowMs - this.#servedAtMs < YIELD_MS && this.#callsWait()) {
      this.#yields = setTimeout(() => {
        this.#yields = undefined;
        this.#takeTurn();
      }, YIELD_MS);
      return;
    }
    this.#servedAtMs = nowMs;
    const untilMs = nowMs + TURN_MS;
    for (const reader of this.#waiting) {
      this.#waiting.delete(reader);
      this.#give(reader);
      if (performance.now() >= untilMs) break;
    }
    if (this.#waiting.size > 0) this.#takeTurn();
    else this.#pieces.clear();
  }

  #give(reader: FeedReader): void {
    if (!reader.takes() || reader.place === this.#events.lastId) return;
    const nowMs = performance.now();
    if (nowMs < reader.notBeforeMs) {
      this.#schedule(reader.notBeforeMs);
      return;
    }
    const { octets, place, isMore } = this.#pieceFor(reader);
    reader.place = place;
    if (octets !== undefined) reader.write(octets);
    const { perSecond } = reader.channel;
    if (octets !== undefined && perSecond !== undefined) reader.notBeforeMs = nowMs + spanMs(perSecond);
    if (isMore) this.serve(reader);
  }

  #pieceFor({ channel, place }: FeedReader): Piece {
    const key = `${place} ${channel.name}`;
    let piece = this.#pieces.get(key);
    if (piece === undefined) {
      piece = this.#pieceOf(channel, place);
      if (this.#pieces.size >= MOST_PIECES) this.#pieces.clear();
      this.#pieces.set(key, piece);
    }
    return piece;
  }

  #pieceOf({ types, tenant, perSecond }: FeedChannel, after: string): Piece {
    const { events, gap, lost, place, isMore } = this.#events.since(
      after,
      perSecond === undefined ? MOST_EVENTS : undefined,
      tenant,
    );
    const wanted = events.filter((event) => concerns({ types, tenant }, event));
    const most =
      perSecond === undefined ? wanted.length : Math.max(1, Math.floor((perSecond * spanMs(perSecond)) / 1000));
    const skipped = Math.max(0, wanted.length - most);
    const texts = wanted.slice(skipped).map((event) => this.#textOf(event));
    if (skipped > 0) texts.unshift(`event: skipped\ndata: {"count":${skipped}}\n\n`);
    if (gap) {
      const before = events.length === 0 ? `id: ${place}\n` : '';
      const count = lost === undefined ? '' : `"count":${lost},`;
      texts.unshift(`${before}event: gap\ndata: {${count}"reason":"events were lost; read the resources again"}\n\n`);
    }
    return { octets: texts.length === 0 ? undefined : Buffer.from(texts.join('')), place, isMore };
  }

  #textOf(event: EngineEvent): string {
    const slot = event.sequence % KEPT_TEXTS;
    const kept = this.#texts[slot];
    if (kept?.sequence === event.sequence) return kept.text;
    const { id, sequence, at, type, data } = event;
    const text = `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ at, node: this.#node, ...data })}\n\n`;
    this.#texts[slot] = { sequence, text };
    return text;
  }
}

/** How long those of one text stand for. */
function spanMs(perSecond: number): number {
  return Math.max(GATHER_MS, 1000 / perSecond);
}
