/** When a registration asks again, by what the provider said, by what went wrong before, and by chance. Times in milliseconds. */

/** Registrations after a start are spread over this time. */
export const FIRST_SPREAD_MS = 10_000;
/** The same for a trunk whose node is gone: calls in wait for it. The pace toward the provider holds all the same. */
export const TAKEOVER_SPREAD_MS = 1000;
const REFRESH_MARGIN_SECONDS = 30;
const REFRESH_JITTER = 0.05;
const BACK_OFF_FIRST_MS = 30_000;
const BACK_OFF_LAST_MS = 30 * 60_000;
const BACK_OFF_JITTER = 0.2;
const RETRY_AFTER_MIN_MS = 5_000;
const RETRY_AFTER_MAX_MS = 60 * 60_000;
const FLOW_LOSS_FIRST_MS = 2_000;
const FLOW_LOSS_LAST_MS = 60_000;
/** A connection that lived this long was a good one: its loss is the first again (RFC 5626 §4.5). */
const FLOW_STABLE_MS = 120_000;
/** Refusals of the credentials after which the trunk rests. */
const MAX_REFUSALS = 3;

/** Half of the granted time or all but 30 s, whichever is later; up to 5 % earlier by chance, never later. */
export function refreshDelayMs(grantedSeconds: number, random: () => number): number {
  const baseSeconds = Math.max(grantedSeconds * 0.5, grantedSeconds - REFRESH_MARGIN_SECONDS);
  return baseSeconds * 1000 * (1 - REFRESH_JITTER * random());
}

/** 30 s after the first failure, doubling up to 30 min, ± 20 %. */
export function backOffMs(failures: number, random: () => number): number {
  const doubled = BACK_OFF_FIRST_MS * 2 ** Math.min(failures - 1, 16);
  return Math.min(doubled, BACK_OFF_LAST_MS) * (1 - BACK_OFF_JITTER + 2 * BACK_OFF_JITTER * random());
}

/** The provider's own wish (RFC 3261 §20.33), within reason, and later by up to 20 % so that trunks do not come back together. */
export function retryAfterMs(seconds: number, random: () => number): number {
  const wished = Math.min(Math.max(seconds * 1000, RETRY_AFTER_MIN_MS), RETRY_AFTER_MAX_MS);
  return wished * (1 + BACK_OFF_JITTER * random());
}

/** After the n-th loss in a row of a connection that did not live long: 2 s doubling to a minute; 50 to 100 % of it (RFC 5626 §4.5). */
export function flowLossDelayMs(losses: number, random: () => number): number {
  const doubled = FLOW_LOSS_FIRST_MS * 2 ** Math.min(losses - 1, 16);
  return Math.min(doubled, FLOW_LOSS_LAST_MS) * (0.5 + 0.5 * random());
}

/** What has gone wrong with a registration, each in a row, and how long to wait after it. */
export class Setbacks {
  readonly #random: () => number;
  #failures = 0;
  #refusals = 0;
  #flowLosses = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  forget(): void {
    this.registered();
    this.#flowLosses = 0;
  }

  registered(): void {
    this.#failures = 0;
    this.#refusals = 0;
  }

  /** The credentials are refused once more: whether the trunk rests now. */
  isLastRefusal(): boolean {
    this.#refusals++;
    return this.#refusals >= MAX_REFUSALS;
  }

  /** @param isForLater a refusal that does not count: the provider's wish makes it longer alone, since whoever is refused often is barred */
  afterFailureMs(retrySeconds: number | undefined, isForLater: boolean): number {
    this.#failures++;
    const wishedMs = retrySeconds === undefined ? undefined : retryAfterMs(retrySeconds, this.#random);
    if (wishedMs !== undefined && !isForLater) return wishedMs;
    return Math.max(wishedMs ?? 0, backOffMs(this.#failures, this.#random));
  }

  /** @param livedMs how long the trunk was registered over that connection */
  afterFlowLossMs(livedMs: number): number {
    this.#flowLosses = livedMs >= FLOW_STABLE_MS ? 1 : this.#flowLosses + 1;
    return flowLossDelayMs(this.#flowLosses, this.#random);
  }
}
