/**
 * Whose claim to an address is the earlier one, where the DNS made trunks of two tenants coincide that were not of one provider when
 * they were written. The system's trunks come first, then addresses that are written down before those that a name resolved to, then
 * who has had the address for longer, then who was provisioned first.
 *
 * Since when a trunk has had an address is a moment of this node, kept beyond its life (`address-history.ts`): whoever moves its name
 * while the node is down comes after those who were there. What trunks are found to have when a life begins counts as equally old. An
 * address that a name stops resolving to is remembered for a week: many carriers name a few of their servers at a time.
 */

import { covers, parseNetwork } from '../../base/network.ts';
import type { Clock } from '../../base/scheduler.ts';
import type { Trunk } from '../trunk-settings/schema.ts';
import { sourcesOf } from '../trunk-settings/sources.ts';
import type { Directory } from './directory.ts';
import { trunkPlace } from './places.ts';

/** A trunk's names resolve to an address, or did. */
export interface AddressClaim {
  readonly trunkId: string;
  readonly address: string;
  /** Wall-clock milliseconds, made to grow from claim to claim whatever the clock does. */
  readonly since: number;
}

/** Hears what has to be kept, and what counts no longer. */
export interface ClaimListener {
  onClaim(claim: AddressClaim): void;
  onGone(claim: AddressClaim): void;
}

interface Held {
  since: number;
  /** Monotonic; undefined while the trunk's names resolve to it. */
  leftMs: number | undefined;
}

/** The DNS has answered for most trunks by then. */
const SETTLING_MS = 10_000;
const KEEP_LEFT_MS = 7 * 86_400_000;
/** Addresses of one trunk that are remembered although its names have left them. */
const MAX_LEFT = 64;

export class Precedence {
  readonly #clock: Clock;
  readonly #claims = new Map<string, Map<string, Held>>();
  /** Trunks all of whose names have resolved in this life. */
  readonly #answered = new Set<string>();
  #listener: ClaimListener | undefined;
  #startMs: number;
  /** The moment of what is found when a life begins. */
  #start: number;
  #last: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.nowMs();
    this.#start = Math.trunc(clock.wallMs());
    this.#last = this.#start;
  }

  /** Begins with the claims of earlier lives; none of what comes from now on is older than these. */
  begin(earlier: readonly AddressClaim[], listener: ClaimListener): void {
    const leftMs = this.#clock.nowMs();
    for (const { trunkId, address, since } of earlier) {
      this.#heldBy(trunkId).set(address, { since, leftMs });
      this.#last = Math.max(this.#last, since);
    }
    this.#listener = listener;
    this.#startMs = leftMs;
    this.#start = this.#next();
  }

  /** Claims as another node may have noted them before this one. */
  adopt(claims: readonly AddressClaim[]): void {
    for (const { trunkId, address, since } of claims) {
      const held = this.#claims.get(trunkId)?.get(address);
      if (held !== undefined) held.since = Math.min(held.since, since);
    }
  }

  /**
   * The addresses that a trunk's names resolve to now; none: nobody has asked.
   *
   * @param isWhole every name has answered; until then one that others were faster than makes nobody come later
   */
  located(trunk: Trunk, addresses: readonly string[], isWhole = true): void {
    // Most trunks are written with their address and never claim one.
    if (addresses.length === 0 && !this.#claims.has(trunk.id)) return;
    const held = this.#heldBy(trunk.id);
    const nowMs = this.#clock.nowMs();
    this.#forgetLeft(trunk.id, held, nowMs);
    for (const [address, claim] of held) if (!addresses.includes(address)) claim.leftMs ??= nowMs;
    const isFound = !this.#answered.has(trunk.id) && nowMs - this.#startMs < SETTLING_MS;
    if (addresses.length > 0 && isWhole) this.#answered.add(trunk.id);
    let since: number | undefined;
    for (const address of addresses) {
      const before = held.get(address);
      if (before !== undefined) before.leftMs = undefined;
      else if (!isWritten(trunk, address)) {
        since ??= isFound ? this.#start : this.#next();
        held.set(address, { since, leftMs: undefined });
        this.#listener?.onClaim({ trunkId: trunk.id, address, since });
      }
    }
  }

  forget(trunkId: string): void {
    for (const [address, { since }] of this.#claims.get(trunkId) ?? [])
      this.#listener?.onGone({ trunkId, address, since });
    this.#claims.delete(trunkId);
    this.#answered.delete(trunkId);
  }

  /** Forgets the trunks that are not provisioned any more. */
  forgetAllBut(directory: Directory): void {
    for (const trunkId of [...this.#claims.keys()]) if (directory.trunk(trunkId) === undefined) this.forget(trunkId);
  }

  /** Negative when `a` had the address before `b`. */
  compare(a: Trunk, b: Trunk, address: string, directory: Directory): number {
    return (
      Number(a.owner !== 'system') - Number(b.owner !== 'system') ||
      Number(!isWritten(a, address)) - Number(!isWritten(b, address)) ||
      this.#sinceOf(a, address) - this.#sinceOf(b, address) ||
      trunkPlace(directory.provisioning, a.id) - trunkPlace(directory.provisioning, b.id)
    );
  }

  #sinceOf(trunk: Trunk, address: string): number {
    return this.#claims.get(trunk.id)?.get(address)?.since ?? 0;
  }

  #heldBy(trunkId: string): Map<string, Held> {
    let held = this.#claims.get(trunkId);
    if (held === undefined) {
      held = new Map();
      this.#claims.set(trunkId, held);
    }
    return held;
  }

  #next(): number {
    this.#last = Math.max(Math.trunc(this.#clock.wallMs()), this.#last + 1);
    return this.#last;
  }

  /** Those that were left long ago, and of very many the first. */
  #forgetLeft(trunkId: string, held: Map<string, Held>, nowMs: number): void {
    const left = [...held].filter(([, { leftMs }]) => leftMs !== undefined);
    for (const [at, [address, { since, leftMs = nowMs }]] of left.entries()) {
      if (nowMs - leftMs < KEEP_LEFT_MS && left.length - at <= MAX_LEFT) continue;
      held.delete(address);
      this.#listener?.onGone({ trunkId, address, since });
    }
  }
}

function isWritten(trunk: Trunk, address: string): boolean {
  const wanted = parseNetwork(address);
  return wanted !== undefined && sourcesOf(trunk).networks.some((network) => covers(network, wanted));
}
