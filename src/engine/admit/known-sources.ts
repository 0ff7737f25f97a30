import { Counts } from '../../base/counts.ts';
import { Latest } from '../../base/latest.ts';
import type { Clock } from '../../base/scheduler.ts';
import type { Binding, RegistrationListener, StoredBinding } from '../../registrar/index.ts';
import type { Flow } from '../../sip/transport/index.ts';

const MOST_SIGNED_IN = 50_000;

/**
 * Addresses that somebody is registered from, or has signed in from lately. Digest nonces are good for one address only, so nobody gets in
 * here by forging one.
 */
export class KnownSources implements RegistrationListener<Flow> {
  readonly #isHere: (node: string) => boolean;
  readonly #bindings = new Counts();
  /** Of those that were read and may not be back yet. */
  readonly #awaited = new Set<string>();
  readonly #clock: Clock;
  readonly #keptMs: number;
  /** When somebody last signed in from an address. */
  readonly #signedIn = new Latest<string, number>(MOST_SIGNED_IN);

  /**
   * A sign-in makes its address known for `keptMs`.
   *
   * @param isHere whether the phones of a node send to this one's ports: its own do, and those of the workers that share them
   */
  constructor(isHere: (node: string) => boolean, clock: Clock, keptMs: number) {
    this.#isHere = isHere;
    this.#clock = clock;
    this.#keptMs = keptMs;
  }

  has(address: string): boolean {
    if (this.#bindings.get(address) > 0 || this.#awaited.has(address)) return true;
    const atMs = this.#signedIn.get(address);
    return atMs !== undefined && this.#clock.nowMs() - atMs < this.#keptMs;
  }

  /** Somebody came from this address with the right password. */
  signedIn(address: string): void {
    this.#signedIn.set(address, this.#clock.nowMs());
  }

  onRead({ source: { address }, node }: StoredBinding): void {
    if (this.#isHere(node)) this.#awaited.add(address);
  }

  onBroughtBack(binding: Binding<Flow>): void {
    this.#count(binding, 1);
  }

  /** All of an earlier run that can be reached are back. */
  allAreBack(): void {
    this.#awaited.clear();
  }

  onRegistered(binding: Binding<Flow>, previous: Binding<Flow> | undefined): void {
    if (previous?.source === binding.source && previous.node === binding.node) return;
    this.#count(binding, 1);
    if (previous !== undefined) this.#count(previous, -1);
  }

  onUnregistered(binding: Binding<Flow>): void {
    this.#count(binding, -1);
  }

  onTold(bindings: readonly Binding<Flow>[], before: readonly Binding<Flow>[]): void {
    for (const binding of bindings) this.#count(binding, 1);
    for (const binding of before) this.#count(binding, -1);
  }

  #count({ source: { address }, node }: Binding<Flow>, change: 1 | -1): void {
    if (this.#isHere(node)) this.#bindings.change(address, change);
  }
}
