import type { Log } from '../../base/log.ts';
import { placeOf } from './events.ts';
import type { Keys } from './keys.ts';
import type { StorePlace } from './lineage.ts';
import type { RedisLink } from './link.ts';

const POLL_MS = 500;
/** Polls that fail in a row before Redis counts as unreachable. */
const MAX_FAILURES = 2;
/** A connection that has not answered for this many polls is dropped: its other end may be gone, or be no master any more. */
const RECONNECT_AFTER_FAILURES = 4;

/**
 * The last write of a kind. The token, empty where a node of before has written, tells it from another one of the same number, as a Redis has that has
 * lost some and had others since.
 */
export interface WritePlace {
  readonly sequence: number;
  readonly token: string;
}

/** Whether one may be the other. */
export function isSamePlace(one: WritePlace, other: WritePlace): boolean {
  return one.sequence === other.sequence && isSameToken(one.token, other.token);
}

export function isSameToken(one: string, other: string): boolean {
  return one === other || one === '' || other === '';
}

/** Of what Redis has in its two fields. */
export function writePlaceOf(sequence: Buffer | null | undefined, token: Buffer | null | undefined): WritePlace {
  return { sequence: Number(sequence), token: String(token ?? '') };
}

/** What Redis says. */
export interface WatchAnswer {
  /** Undefined: there is no store in it. */
  readonly id: string | undefined;
  /** Of the provisioning. */
  readonly place: StorePlace;
  readonly bindings: WritePlace;
  readonly tallies: WritePlace;
  /**
   * Of tokens, users and webhooks: how many writes there were, and the token of the last, of which older nodes write none. Another text after
   * each write, in a Redis too that has lost some and had as many since, or was filled from a copy.
   */
  readonly records: string;
  readonly schema: number;
  /** When it was asked, of performance.now(): the answer may be older than what other connections have said since. */
  readonly askedAtMs: number;
}

export interface WatchOptions {
  /** Links whose connections are dropped when Redis does not answer; the first one is asked. */
  readonly links: readonly RedisLink[];
  /** Hears that something changed; only makes the next poll come at once. */
  readonly subscriber: RedisLink;
  readonly keys: Keys;
  readonly log: Log;
  readonly onAnswer: (answer: WatchAnswer) => void;
}

/**
 * Watches Redis: asks twice a second which version it has, which tells at once that it is alive and what was missed, and asks without
 * delay when the channel says that something changed. A lost notice costs half a second.
 */
export class Watch {
  readonly #options: WatchOptions;
  #timer: NodeJS.Timeout | undefined = undefined;
  #asking: Promise<void> | undefined = undefined;
  #isAskedAgain = false;
  #isClosed = false;
  #failures = 0;
  #isReachable: boolean;

  constructor(options: WatchOptions, isReachable: boolean) {
    this.#options = options;
    this.#isReachable = isReachable;
    options.subscriber.listen(options.keys.channel, () => this.ask()).catch(() => {});
    this.#timer = setInterval(() => this.ask(), POLL_MS);
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** Asks now, or as soon as the answer that is awaited has come. */
  ask(): void {
    if (this.#isClosed) return;
    if (this.#asking !== undefined) {
      this.#isAskedAgain = true;
      return;
    }
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined;
      if (this.#isAskedAgain && this.#failures === 0) {
        this.#isAskedAgain = false;
        this.ask();
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const { links, keys, onAnswer } = this.#options;
    const askedAtMs = performance.now();
    let answer: (Buffer | null)[];
    try {
      answer = (await links[0]?.command(
        'HMGET',
        keys.meta,
        'id',
        'version',
        'bindings',
        'schema',
        'tallies',
        'commit',
        'records',
        'records-token',
        'bindings-token',
        'tallies-token',
      )) as (Buffer | null)[];
      for (const link of links) link.mustBeReady();
    } catch (error) {
      if (!this.#isClosed) this.#failed(error);
      return;
    }
    if (this.#isClosed) return;
    this.#failures = 0;
    if (!this.#isReachable) {
      this.#isReachable = true;
      this.#options.log.info('store-reachable');
    }
    const [id, version, bindings, schema, tallies, commit, records, recordsToken, bindingsToken, talliesToken] = answer;
    onAnswer({
      id: id == null ? undefined : String(id),
      place: placeOf(version, commit),
      bindings: writePlaceOf(bindings, bindingsToken),
      tallies: writePlaceOf(tallies, talliesToken),
      records: `${Number(records)} ${recordsToken ?? ''}`,
      schema: Number(schema),
      askedAtMs,
    });
  }

  #failed(error: unknown): void {
    const { links, subscriber, log } = this.#options;
    this.#failures++;
    if (this.#isReachable && this.#failures >= MAX_FAILURES) {
      this.#isReachable = false;
      log.error('store-unreachable', { error: String(error) });
    }
    if (this.#failures % RECONNECT_AFTER_FAILURES !== 0) return;
    for (const link of [...links, subscriber]) link.reconnect();
  }
}
