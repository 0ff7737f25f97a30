/**
 * How the targets of one trunk do: a count of successes or failures in a row per target, with hysteresis, and the time until which a
 * target asked to be left alone. Fed by pings and by calls alike. Pure: time comes in as an argument.
 */
import { keptReason } from '../base/text.ts';

export type Liveness = 'up' | 'down' | 'unknown';

export interface TargetVerdict {
  readonly liveness: Liveness;
  readonly code: number | undefined;
  readonly reason: string;
}

export interface TargetView {
  readonly state: Liveness | 'held';
  readonly code: number | undefined;
  readonly reason: string;
  /** On the clock of the argument; meant while it is held. */
  readonly heldUntilMs: number;
}

export interface Hysteresis {
  /** Failures in a row until a target is down. */
  readonly downAfter: number;
  /** Successes in a row until it is up again. */
  readonly upAfter: number;
}

interface Known {
  liveness: Liveness;
  failures: number;
  successes: number;
  heldUntilMs: number;
  code: number | undefined;
  reason: string;
}

const UNKNOWN: TargetVerdict = { liveness: 'unknown', code: undefined, reason: 'not asked yet' };

/** Of the many trunks that nobody has called yet. */
const NONE = new Map<string, Known>();

export class TargetHealth {
  #targets: Map<string, Known> = NONE;

  /** Only these targets are in use from now on. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#targets.keys()) if (!keys.has(key)) this.#targets.delete(key);
  }

  alive(key: string, code: number | undefined, reason: string, { upAfter }: Hysteresis): void {
    const known = this.#known(key);
    known.failures = 0;
    known.successes++;
    known.code = code;
    known.reason = keptReason(reason);
    known.heldUntilMs = 0;
    // The first word on a target needs no second: hysteresis is for changes.
    if (known.liveness !== 'down' || known.successes >= upAfter) known.liveness = 'up';
  }

  failed(key: string, code: number | undefined, reason: string, { downAfter }: Hysteresis): void {
    const known = this.#known(key);
    known.successes = 0;
    known.failures++;
    known.code = code;
    known.reason = keptReason(reason);
    if (known.failures >= downAfter) known.liveness = 'down';
  }

  /** Whether it is up and nothing speaks against it: one more success changes nothing. */
  isSound(key: string): boolean {
    const known = this.#targets.get(key);
    return known?.liveness === 'up' && known.failures === 0 && known.heldUntilMs === 0;
  }

  /** It answered, and wants nothing more until then. */
  hold(key: string, untilMs: number, code: number, reason: string): void {
    const known = this.#known(key);
    known.heldUntilMs = untilMs;
    known.code = code;
    known.reason = keptReason(reason);
  }

  isHeld(key: string, nowMs: number): boolean {
    return (this.#targets.get(key)?.heldUntilMs ?? 0) > nowMs;
  }

  livenessOf(key: string, nowMs: number): Liveness {
    const known = this.#targets.get(key);
    return known === undefined ? 'unknown' : livenessNow(known, nowMs);
  }

  /** One target by itself, for people. */
  view(key: string, nowMs: number): TargetView {
    const { liveness = 'unknown', code, reason = '', heldUntilMs = 0 } = this.#targets.get(key) ?? {};
    return { state: heldUntilMs > nowMs ? 'held' : liveness, code, reason, heldUntilMs };
  }

  /** The earliest end of a hold that is still running; undefined when there is none. */
  nextReleaseMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const { heldUntilMs } of this.#targets.values()) {
      if (heldUntilMs > nowMs && (next === undefined || heldUntilMs < next)) next = heldUntilMs;
    }
    return next;
  }

  /** All targets together: up when one is, down when each is known to be down. @param isDown those that are, beside what is known here */
  verdict(nowMs: number, isDown?: (key: string) => boolean): TargetVerdict {
    let down: Known | undefined;
    let isUnknown = this.#targets.size === 0;
    for (const [key, known] of this.#targets) {
      const liveness = isDown?.(key) === true ? 'down' : livenessNow(known, nowMs);
      // As it is known to be, which needs no object of its own.
      if (liveness === 'up') return known;
      if (liveness === 'down') down = known;
      else isUnknown = true;
    }
    if (isUnknown || down === undefined) return UNKNOWN;
    return { liveness: 'down', code: down.code, reason: down.reason };
  }

  #known(key: string): Known {
    let known = this.#targets.get(key);
    if (known === undefined) {
      known = { liveness: 'unknown', failures: 0, successes: 0, heldUntilMs: 0, code: undefined, reason: '' };
      if (this.#targets === NONE) this.#targets = new Map();
      this.#targets.set(key, known);
    }
    return known;
  }
}

function livenessNow({ heldUntilMs, liveness }: Known, nowMs: number): Liveness {
  return heldUntilMs > nowMs ? 'down' : liveness;
}
