/** Whether the access tokens of the numbers are good: asked at the start and every few minutes, and heard of with every message. */
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { CloudApi } from './cloud-api.ts';
import { type CloudError, verdictOf } from './cloud-errors.ts';
import type { WhatsappNumber } from './numbers.ts';

const CHECK_MS = 300_000;
const RECHECK_MS = 30_000;

export interface TokenHealth {
  readonly state: 'online' | 'offline' | 'unknown';
  readonly code: number | undefined;
  readonly reason: string;
}

export interface TokenWatchOptions {
  readonly scheduler: Scheduler;
  readonly api: CloudApi;
  readonly numbers: () => readonly WhatsappNumber[];
  /** Told when it is another, and when it is good again. */
  readonly onHealth: (trunkId: string, health: TokenHealth) => void;
}

interface Watched {
  readonly accessToken: string;
  health: TokenHealth;
  /** Which news that is ({@link TokenWatch}). */
  asOf: number;
  nextMs: number;
}

export class TokenWatch implements TimerTarget {
  readonly #options: TokenWatchOptions;
  readonly #watched = new Map<string, Watched>();
  #timer: Timer | undefined;
  /** News and questions in their order: an answer is as old as its question, and does not replace what came after that. */
  #asOf = 0;
  #isStopped = false;

  constructor(options: TokenWatchOptions) {
    this.#options = options;
  }

  /** Looks at the numbers that there are now: a new one, or a new token, is asked about at once. */
  apply(): void {
    const numbers = new Map(this.#options.numbers().map((number) => [number.trunk.id, number]));
    for (const id of this.#watched.keys()) if (!numbers.has(id)) this.#watched.delete(id);
    for (const [id, { settings }] of numbers) {
      if (this.#watched.get(id)?.accessToken === settings.accessToken) continue;
      const health: TokenHealth = { state: 'unknown', code: undefined, reason: 'not asked yet' };
      this.#watched.set(id, { accessToken: settings.accessToken, health, asOf: ++this.#asOf, nextMs: 0 });
    }
    this.#arm();
  }

  /** Asks about one now. */
  async check(number: WhatsappNumber): Promise<TokenHealth> {
    const asOf = ++this.#asOf;
    const health = await this.#ask(number);
    this.#note(number.trunk.id, health, asOf);
    return health;
  }

  /** An answer of the API to a message came: it says what the token is worth. */
  heard(trunkId: string, error: CloudError | undefined): void {
    if (error === undefined || verdictOf(error).kind === 'token') this.#note(trunkId, healthOf(error), ++this.#asOf);
  }

  /** Another process of this machine says how it is: it tells the others itself. */
  learned(trunkId: string, health: TokenHealth): void {
    this.#keep(trunkId, health, ++this.#asOf);
    this.#arm();
  }

  async #ask({ settings }: WhatsappNumber): Promise<TokenHealth> {
    try {
      return healthOf(await this.#options.api.check(settings));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { state: 'offline', code: undefined, reason: `the Cloud API cannot be reached: ${why}` };
    }
  }

  onTimer(): void {
    this.#timer = undefined;
    const nowMs = this.#options.scheduler.nowMs();
    for (const number of this.#options.numbers()) {
      const watched = this.#watched.get(number.trunk.id);
      if (watched === undefined || watched.nextMs > nowMs) continue;
      watched.nextMs = nowMs + (watched.health.state === 'online' ? CHECK_MS : RECHECK_MS);
      void this.check(number);
    }
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer = cancelTimer(this.#timer);
  }

  #note(trunkId: string, health: TokenHealth, asOf: number): void {
    const before = this.#keep(trunkId, health, asOf);
    if (before === undefined) return;
    if (before.state !== health.state || before.code !== health.code) this.#options.onHealth(trunkId, health);
    this.#arm();
  }

  /** What it was before; undefined when nobody is interested, or later news is there. */
  #keep(trunkId: string, health: TokenHealth, asOf: number): TokenHealth | undefined {
    const watched = this.#watched.get(trunkId);
    if (watched === undefined || watched.asOf > asOf || this.#isStopped) return undefined;
    const before = watched.health;
    watched.health = health;
    watched.asOf = asOf;
    watched.nextMs = this.#options.scheduler.nowMs() + (health.state === 'online' ? CHECK_MS : RECHECK_MS);
    return before;
  }

  #arm(): void {
    this.#timer = cancelTimer(this.#timer);
    if (this.#isStopped || this.#watched.size === 0) return;
    const nextMs = Math.min(...[...this.#watched.values()].map((each) => each.nextMs));
    this.#timer = this.#options.scheduler.schedule(Math.max(0, nextMs - this.#options.scheduler.nowMs()), this, 0);
  }
}

function healthOf(error: CloudError | undefined): TokenHealth {
  if (error === undefined) return { state: 'online', code: 200, reason: '' };
  const { code, message } = error;
  switch (verdictOf(error).kind) {
    case 'token':
      return { state: 'offline', code, reason: `the Cloud API refuses the access token: ${message}` };
    case 'refused':
      return { state: 'offline', code, reason: `the Cloud API refuses the number: ${message}` };
    case 'later':
      return { state: 'unknown', code, reason: `the Cloud API cannot say now: ${message}` };
  }
}
