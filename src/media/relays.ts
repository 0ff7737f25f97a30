import type { Scheduler } from '../base/scheduler.ts';
import type { OpenDatagrams } from './ng-client.ts';
import { MediaRelay, type RelayListener, type RelaySettings, type RelayState } from './relay.ts';

/** One row of what is told of the relays. */
export interface RelayListing {
  readonly url: string;
  readonly weight: number;
  readonly state: RelayState;
  readonly sessions: number;
  readonly requests: { readonly ok: number; readonly error: number; readonly timeout: number };
}

/** The relays of a node. A session stays on the one that it began on; a new one gets any that is up, in proportion to the weights. */
export class MediaRelays {
  readonly #scheduler: Scheduler;
  readonly #open: OpenDatagrams;
  readonly #listener: RelayListener;
  readonly #random: () => number;
  #relays: readonly MediaRelay[] = [];

  constructor(scheduler: Scheduler, open: OpenDatagrams, listener: RelayListener, random: () => number = Math.random) {
    this.#scheduler = scheduler;
    this.#open = open;
    this.#listener = listener;
    this.#random = random;
  }

  /** Any are configured, whatever their state. */
  get configured(): boolean {
    return this.#relays.length > 0;
  }

  /** Takes over a list; one that is not in it any more gets no new sessions. */
  apply(settings: readonly RelaySettings[]): void {
    const previous = this.#relays;
    this.#relays = settings.map((each) => {
      const known = previous.find(({ url }) => url === each.url);
      if (known === undefined) return new MediaRelay(each, this.#scheduler, this.#open, this.#listener);
      known.weight = each.weight;
      return known;
    });
    for (const relay of previous) if (!this.#relays.includes(relay)) relay.retire();
  }

  /** For a new session; undefined when none is up. `except` has just failed. */
  choose(except?: MediaRelay): MediaRelay | undefined {
    const usable = this.#relays.filter((relay) => relay.state === 'up' && relay !== except);
    let draw = this.#random() * usable.reduce((sum, { weight }) => sum + weight, 0);
    for (const relay of usable) {
      draw -= relay.weight;
      if (draw < 0) return relay;
    }
    return usable.at(-1);
  }

  /** The one of a session that goes on; undefined: it is not in the configuration. */
  at(url: string): MediaRelay | undefined {
    return this.#relays.find((relay) => relay.url === url);
  }

  list(): readonly RelayListing[] {
    return this.#relays.map(({ url, weight, state, sessions, counters }) => ({
      url,
      weight,
      state,
      sessions,
      requests: { ...counters },
    }));
  }

  close(): void {
    for (const relay of this.#relays) relay.close();
    this.#relays = [];
  }
}
