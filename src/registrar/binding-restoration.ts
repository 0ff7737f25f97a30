import { inSlices, type Steps } from '../base/steps.ts';
import { byAor } from './binding.ts';
import type { BindingStore, StoredBinding } from './ports.ts';

export interface BindingRestorationOptions {
  readonly store: Pick<BindingStore, 'load'>;
  /** Puts the bindings of an earlier run into the table; returns how many are back. */
  readonly bringBack: (aor: string, kept: readonly StoredBinding[]) => number;
  /** Takes over the list of an AOR as another node wrote it. */
  readonly takeOver: (aor: string, bindings: readonly StoredBinding[]) => void;
}

/**
 * What is known of AORs and not in the table yet: what the store has of an earlier run, and what other nodes write while it is read. Bringing
 * all of it in may take its time while calls wait; an AOR that is asked for, or that there is news of, is caught up with at once.
 */
export class BindingRestoration {
  readonly #options: BindingRestorationOptions;
  #isReading = false;
  #isRead = false;
  /** By AOR what was read and is not brought back yet. */
  #toBringBack: Map<string, readonly StoredBinding[]> = new Map();
  #broughtBack = 0;
  /** By AOR what other nodes wrote last while the store was read: it may be news of what has been read by then. */
  readonly #heldRemote = new Map<string, readonly StoredBinding[]>();

  constructor(options: BindingRestorationOptions) {
    this.#options = options;
  }

  /** What the store has of an earlier run is known. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Resolves with how many bindings came back; rejects where the store cannot be read. */
  async run(): Promise<number> {
    this.#isReading = true;
    this.#broughtBack = 0;
    try {
      this.#toBringBack = await inSlices(byAor(await this.#options.store.load()));
      this.#isRead = true;
    } finally {
      this.#isReading = false;
      await inSlices(this.#catchUpAll());
    }
    return this.#broughtBack;
  }

  /** News of an AOR. True: it waits for what is being read. */
  holds(aor: string, bindings: readonly StoredBinding[]): boolean {
    if (this.#isReading) this.#heldRemote.set(aor, bindings);
    else this.#heldRemote.delete(aor);
    return this.#isReading;
  }

  *#catchUpAll(): Steps<void> {
    for (const behind of [this.#toBringBack, this.#heldRemote]) {
      for (const aor of behind.keys()) {
        this.catchUp(aor);
        yield;
      }
    }
  }

  /** What was read of an AOR, then what was told of it meanwhile. */
  catchUp(aor: string): void {
    if (this.#isReading) return;
    const kept = this.#toBringBack.get(aor);
    if (kept !== undefined) {
      this.#toBringBack.delete(aor);
      this.#broughtBack += this.#options.bringBack(aor, kept);
    }
    const held = this.#heldRemote.get(aor);
    if (held === undefined) return;
    this.#heldRemote.delete(aor);
    this.#options.takeOver(aor, held);
  }
}
