import type { Clock } from '../base/scheduler.ts';
import type { StoredBinding } from './ports.ts';
import { type BindingOutline, outlineOf } from './readable.ts';
import { type RegistrationIdentity, supersedes } from './removals.ts';

/** The longest that a node of any configuration grants (`registrar.maxExpiresSeconds`): what ends later does not say when it ends. */
const LONGEST_GRANTED_MS = 604_800_000;
/** Looked at with each list that is kept; more than one, so that what has ended goes faster than it comes. */
const PRUNED_AT_ONCE = 4;

export interface UnreadBindingsOptions {
  readonly clock: Pick<Clock, 'wallMs'>;
  /** The name of this node in bindings. */
  readonly node: string;
  /** Whether a registration, as it is, has been taken away somewhere. */
  readonly isGone: (registration: RegistrationIdentity) => boolean;
}

interface Unread {
  readonly kept: StoredBinding;
  readonly text: string;
  /** What can be told of it; undefined: it is of another address-of-record, and says nothing of this one. */
  readonly outline: BindingOutline | undefined;
  /** Until when it goes back; NaN: it does not. */
  readonly lastsUntilWallMs: number;
  /** Until when it is known by, so that the log hears of it once. */
  readonly knownUntilWallMs: number;
}

/**
 * Bindings in the store that cannot be read here, by address-of-record. One that says until when it lasts is written back as it came, until that
 * time, until its phone has registered later, or until it is taken away. Of two registrations of one contact the later one counts, but what
 * registered at this node is never left out for what it cannot read.
 */
export class UnreadBindings {
  readonly #options: UnreadBindingsOptions;
  readonly #byAor = new Map<string, readonly Unread[]>();

  constructor(options: UnreadBindingsOptions) {
    this.#options = options;
  }

  has(aor: string): boolean {
    return this.#byAor.has(aor);
  }

  /** Whether it has been kept as it is. */
  isKnown(aor: string, binding: unknown): boolean {
    const known = this.#byAor.get(aor);
    if (known === undefined) return false;
    const text = JSON.stringify(binding);
    return known.some((each) => each.text === text);
  }

  /** These are those of the AOR from now on. */
  keep(aor: string, bindings: readonly StoredBinding[]): void {
    this.#byAor.delete(aor);
    this.#prune();
    if (bindings.length === 0) return;
    this.#byAor.set(
      aor,
      bindings.map((binding) => this.#unreadOf(aor, binding)),
    );
  }

  /** Takes out those of the AOR that `isReplaced`, and says whether there were any; undefined as an outline: nothing can be told of it. */
  replace(aor: string, isReplaced: (outline: BindingOutline | undefined) => boolean): boolean {
    const known = this.#byAor.get(aor);
    if (known === undefined) return false;
    const left = known.filter(({ outline }) => !isReplaced(outline));
    if (left.length === 0) this.#byAor.delete(aor);
    else this.#byAor.set(aor, left);
    return left.length < known.length;
  }

  /** All bindings of an AOR as they are written: those that can be read, then those that go back as they came. */
  beside(aor: string, bindings: readonly StoredBinding[]): readonly StoredBinding[] {
    const known = this.#byAor.get(aor);
    if (known === undefined) return bindings;
    const nowMs = this.#options.clock.wallMs();
    const unread = known.filter(
      ({ lastsUntilWallMs, outline }) =>
        lastsUntilWallMs > nowMs && (outline === undefined || !this.#isOver(outline, bindings)),
    );
    const isOld = (one: StoredBinding): boolean =>
      one.node !== this.#options.node &&
      unread.some(({ outline }) => outline !== undefined && supersedes(outline, one));
    return [...bindings.filter((one) => !isOld(one)), ...unread.map(({ kept }) => kept)];
  }

  #isOver(outline: BindingOutline, bindings: readonly StoredBinding[]): boolean {
    return this.#options.isGone(outline) || bindings.some((later) => supersedes(later, outline));
  }

  #unreadOf(aor: string, kept: StoredBinding): Unread {
    const latestMs = this.#options.clock.wallMs() + LONGEST_GRANTED_MS;
    const outline = outlineOf(kept);
    const { expiresAtWallMs } = outline;
    const saysWhen = expiresAtWallMs <= latestMs;
    return {
      kept,
      text: JSON.stringify(kept),
      outline: outline.aor === aor ? outline : undefined,
      lastsUntilWallMs: saysWhen ? expiresAtWallMs : Number.NaN,
      knownUntilWallMs: saysWhen ? expiresAtWallMs : latestMs,
    };
  }

  #prune(): void {
    const nowMs = this.#options.clock.wallMs();
    let looked = 0;
    for (const [aor, unread] of this.#byAor) {
      if (unread.every(({ knownUntilWallMs }) => knownUntilWallMs <= nowMs)) this.#byAor.delete(aor);
      // Those that stay go to the end, so that all are looked at in their turn.
      else {
        this.#byAor.delete(aor);
        this.#byAor.set(aor, unread);
      }
      if (++looked >= PRUNED_AT_ONCE) return;
    }
  }
}
