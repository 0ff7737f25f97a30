import type { Binding, RegistrationListener, RemovalReason } from '../registrar/index.ts';
import type { Flow } from '../sip/transport/index.ts';

/** Addresses that somebody is registered from. Digest nonces are good for one address only, so nobody gets in here by forging one. */
export class KnownSources implements RegistrationListener<Flow> {
  readonly #node: string;
  readonly #next: RegistrationListener<Flow>;
  readonly #bindings = new Map<string, number>();

  /** Counts registrations that this node took; `next` hears of all. */
  constructor(node: string, next: RegistrationListener<Flow>) {
    this.#node = node;
    this.#next = next;
  }

  has(address: string): boolean {
    return this.#bindings.has(address);
  }

  /** Begins anew with these: those of an earlier run, which no listener hears of, are among them. */
  restored(bindings: Iterable<Binding<Flow>>): void {
    this.#bindings.clear();
    for (const binding of bindings) this.#count(binding, 1);
  }

  onRegistered(binding: Binding<Flow>, previous: Binding<Flow> | undefined): void {
    this.#count(binding, 1);
    if (previous !== undefined) this.#count(previous, -1);
    this.#next.onRegistered(binding, previous);
  }

  onUnregistered(binding: Binding<Flow>, reason: RemovalReason): void {
    this.#count(binding, -1);
    this.#next.onUnregistered(binding, reason);
  }

  #count({ source: { address }, node }: Binding<Flow>, change: 1 | -1): void {
    if (node !== this.#node) return;
    const count = (this.#bindings.get(address) ?? 0) + change;
    if (count > 0) this.#bindings.set(address, count);
    else this.#bindings.delete(address);
  }
}
