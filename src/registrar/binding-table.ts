import type { Scheduler, TimerTarget } from '../base/scheduler.ts';
import { SetsByKey } from '../base/sets-by-key.ts';
import { SharedBudget } from '../base/shared-budget.ts';
import { splitAor } from './aor.ts';
import { type Binding, byPreference } from './binding.ts';
import type { RegistrarFlow } from './ports.ts';

const NO_BINDINGS: readonly never[] = [];
/** Whoever registers with longer texts takes more memory, and more places. Few phones have any as long. */
const OCTETS_OF_A_PLACE = 2_048;
const SWEEP_INTERVAL_MS = 1000;

/**
 * The bindings in memory, by address-of-record and by flow, and their expiry.
 *
 * Rules it keeps: a list is replaced, never changed, so a reader may hold it; each costs O(its own length); expiry is by seconds in
 * buckets, swept by one timer that rests while there is nothing to expire.
 */
export class BindingTable<Flow extends RegistrarFlow> implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #onExpired: (binding: Binding<Flow>) => void;
  readonly #byAor = new Map<string, readonly Binding<Flow>[]>();
  readonly #byFlow = new SetsByKey<string, Binding<Flow>>();
  readonly #byExpiry = new SetsByKey<number, Binding<Flow>>();
  /** Places, by domain: a tenant's, or the label of a gateway. */
  readonly #held: SharedBudget;
  #count = 0;
  #isArmed = false;
  /** Buckets up to here have been swept. */
  #sweptSecond: number;

  /** @param most of which each domain has its share */
  constructor(scheduler: Scheduler, most: number, onExpired: (binding: Binding<Flow>) => void) {
    this.#held = new SharedBudget(most);
    this.#scheduler = scheduler;
    this.#onExpired = onExpired;
    this.#sweptSecond = Math.floor(scheduler.nowMs() / 1000);
  }

  get count(): number {
    return this.#count;
  }

  /** That are taken. */
  get places(): number {
    return this.#held.total;
  }

  /** Whether the domain of an address-of-record has its share of all that there may be. */
  hasShare(aor: string): boolean {
    return this.#held.hasShare(splitAor(aor).domain, 1);
  }

  /** Best first. Expired ones are gone within a second of their time. */
  get(aor: string): readonly Binding<Flow>[] {
    return this.#byAor.get(aor) ?? NO_BINDINGS;
  }

  onFlow(flowKey: string): Iterable<Binding<Flow>> {
    return this.#byFlow.get(flowKey) ?? NO_BINDINGS;
  }

  *all(): Generator<Binding<Flow>> {
    for (const bindings of this.#byAor.values()) yield* bindings;
  }

  /** Makes `bindings` the whole list of `aor`. None of them may have expired. */
  replace(aor: string, bindings: readonly Binding<Flow>[]): void {
    const previous = this.get(aor);
    // First those that come: what lists them by flow goes on being used when one takes the place of another.
    for (const binding of bindings) if (!previous.includes(binding)) this.#link(binding);
    for (const binding of previous) if (!bindings.includes(binding)) this.#unlink(binding);
    if (bindings.length === 0) this.#byAor.delete(aor);
    else this.#byAor.set(aor, bindings.length === 1 ? bindings : [...bindings].sort(byPreference));
  }

  /** A binding lasts longer or shorter than it did. */
  prolonged(binding: Binding<Flow>, expiredAtMs: number): void {
    const before = expirySecond(expiredAtMs);
    const after = expirySecond(binding.expiresAtMs);
    if (before === after) return;
    this.#byExpiry.addTo(after, binding);
    this.#byExpiry.removeFrom(before, binding);
  }

  onTimer(): void {
    this.#isArmed = false;
    const nowSecond = Math.floor(this.#scheduler.nowMs() / 1000);
    const due: Binding<Flow>[] = [];
    for (let second = this.#sweptSecond + 1; second <= nowSecond; second++) {
      const bucket = this.#byExpiry.get(second);
      if (bucket !== undefined) due.push(...bucket);
    }
    this.#sweptSecond = Math.max(this.#sweptSecond, nowSecond);
    for (const binding of due) {
      this.replace(
        binding.aor,
        this.get(binding.aor).filter((candidate) => candidate !== binding),
      );
      this.#onExpired(binding);
    }
    this.#arm();
  }

  #link(binding: Binding<Flow>): void {
    this.#count++;
    this.#held.change(splitAor(binding.aor).domain, placesOf(binding));
    this.#byFlow.addTo(binding.flowKey, binding);
    if (this.#byExpiry.size === 0) this.#sweptSecond = Math.floor(this.#scheduler.nowMs() / 1000);
    this.#byExpiry.addTo(expirySecond(binding.expiresAtMs), binding);
    this.#arm();
  }

  #unlink(binding: Binding<Flow>): void {
    this.#count--;
    this.#held.change(splitAor(binding.aor).domain, -placesOf(binding));
    this.#byFlow.removeFrom(binding.flowKey, binding);
    this.#byExpiry.removeFrom(expirySecond(binding.expiresAtMs), binding);
  }

  #arm(): void {
    if (this.#isArmed || this.#byExpiry.size === 0) return;
    this.#isArmed = true;
    this.#scheduler.schedule(SWEEP_INTERVAL_MS, this, 0);
  }
}

/** How many places it takes of those that there are: one, and one more for each so many octets. Of texts that a refresh leaves as they are. */
function placesOf({ contactUri, requestUri, contactParams, path }: Binding): number {
  let octets = contactUri.length + requestUri.length + contactParams.length;
  for (const value of path) octets += value.length;
  return 1 + Math.floor(octets / OCTETS_OF_A_PLACE);
}

/** Of all of a list. */
export function placesOfAll(bindings: readonly Binding[]): number {
  return bindings.reduce((sum, binding) => sum + placesOf(binding), 0);
}

/** The first whole second at which it has expired: never early, at most two seconds late. */
function expirySecond(expiresAtMs: number): number {
  return Math.ceil(expiresAtMs / 1000);
}
