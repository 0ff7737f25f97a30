import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { Bencodable, BencodedFields } from './bencode.ts';
import { NgClient, type NgDone, type OpenDatagrams } from './ng-client.ts';

/** Where a relay is asked, and its share of the calls. */
export interface RelaySettings {
  /** `udp://address:port`. */
  readonly url: string;
  readonly weight: number;
}

export type RelayState = 'up' | 'down';

/** Hears of relays: who watches them. Called synchronously. */
export interface RelayListener {
  onRelayState(url: string, state: RelayState): void;
}

export interface RelayCounters {
  /** Requests answered with `ok` or `pong`, with an error, and not at all. */
  ok: number;
  error: number;
  timeout: number;
}

const PING_MS = 2000;
/** Of a new relay, which nobody has asked yet. */
const FIRST_PING_MS = 0;

/** One rtpengine: whether it answers, and how many sessions it has. It counts as up until it fails to answer. */
export class MediaRelay implements TimerTarget {
  readonly url: string;
  weight: number;
  state: RelayState = 'up';
  /** How often it went down. */
  failures = 0;
  readonly counters: RelayCounters = { ok: 0, error: 0, timeout: 0 };
  #sessions = 0;
  /** No longer in the configuration: it goes when its last session has ended. */
  #retired = false;
  #closed = false;
  readonly #client: NgClient;
  readonly #scheduler: Scheduler;
  readonly #listener: RelayListener;
  #timer: Timer | undefined;

  constructor(settings: RelaySettings, scheduler: Scheduler, open: OpenDatagrams, listener: RelayListener) {
    this.url = settings.url;
    this.weight = settings.weight;
    this.#scheduler = scheduler;
    this.#listener = listener;
    const { host, port } = addressOfUrl(settings.url);
    this.#client = new NgClient(scheduler, open, host, port);
    this.#timer = scheduler.schedule(FIRST_PING_MS, this, 0);
  }

  get sessions(): number {
    return this.#sessions;
  }

  /** Every answer says that it lives, and silence that it does not. */
  request(fields: { readonly [key: string]: Bencodable | undefined }, done: NgDone): void {
    if (this.#closed) {
      done(undefined);
      return;
    }
    this.#client.request(fields, (answer) => {
      this.#note(answer);
      done(answer);
    });
  }

  onTimer(_kind: number): void {
    this.#timer = this.#scheduler.schedule(PING_MS, this, 0);
    this.request({ command: 'ping' }, () => {});
  }

  begin(): void {
    this.#sessions++;
  }

  end(): void {
    this.#sessions--;
    if (this.#retired && this.#sessions === 0) this.close();
  }

  retire(): void {
    this.#retired = true;
    if (this.#sessions === 0) this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer = cancelTimer(this.#timer);
    this.#client.close();
  }

  #note(answer: BencodedFields | undefined): void {
    if (this.#closed) return;
    const state: RelayState = answer === undefined ? 'down' : 'up';
    if (answer === undefined) this.counters.timeout++;
    else if (answer['result'] === 'ok' || answer['result'] === 'pong') this.counters.ok++;
    else this.counters.error++;
    if (state === this.state) return;
    this.state = state;
    if (state === 'down') this.failures++;
    this.#listener.onRelayState(this.url, state);
  }
}

/** Of a URL that the schema has accepted. */
function addressOfUrl(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}
