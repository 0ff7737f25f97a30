import type { Log } from '../base/log.ts';
import { inSlices, type Steps } from '../base/steps.ts';
import type { BindingStore, StoredBinding } from './ports.ts';
import { readBinding } from './readable.ts';
import { isSameContact } from './removals.ts';

/**
 * So long all of it together waits for calls that wait. What is not asked for by name needs it whole: listings, counts, who is known by its
 * address; and what other nodes write waits for the reading.
 */
const PATIENCE_MS = 3_000;

export interface BindingRestorationOptions {
  readonly log: Log;
  /** The name of this node in bindings. */
  readonly node: string;
  readonly store: Pick<BindingStore, 'load'>;
  /** Hears of each as it is read. */
  readonly onRead: (binding: StoredBinding) => void;
  /** Puts the bindings of an earlier run into the table; returns how many are back. */
  readonly bringBack: (aor: string, kept: readonly StoredBinding[]) => number;
  /** The bindings of an AOR that are in the table. */
  readonly known: (aor: string) => readonly StoredBinding[];
  /** Takes over the list of an AOR as another node wrote it. */
  readonly takeOver: (aor: string, bindings: readonly StoredBinding[]) => void;
}

/** The list of an AOR as another node wrote it. */
interface Told {
  /** Those that can be read. */
  readonly bindings: readonly StoredBinding[];
  /** How much of it cannot be read. */
  readonly unread: 'none' | 'some' | 'all';
}

/**
 * What is known of AORs and not in the table yet: what the store has of an earlier run, and what other nodes write while it is read. Bringing
 * all of it in may take some seconds while calls wait; an AOR that is asked for, or that there is news of, is caught up with at once.
 *
 * What cannot be read takes nothing away that is known here.
 */
export class BindingRestoration {
  readonly #options: BindingRestorationOptions;
  #isReading = false;
  #isRead = false;
  /** By AOR what was read and is not brought back yet. */
  #toBringBack: Map<string, readonly StoredBinding[]> = new Map();
  #broughtBack = 0;
  /** By AOR what other nodes wrote last while the store was read: it may be news of what has been read by then. */
  readonly #heldRemote = new Map<string, Told>();

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
      await inSlices(this.#takeIn(await this.#options.store.load()), PATIENCE_MS);
    } finally {
      this.#isReading = false;
      // Where it was not read, what was told meanwhile is all there is.
      await inSlices(this.#catchUpAll(), PATIENCE_MS);
    }
    return this.#broughtBack;
  }

  *#takeIn(bindings: Iterable<StoredBinding>): Steps<void> {
    const lists = new Map<string, StoredBinding[]>();
    const { log, node, onRead } = this.#options;
    for (const kept of bindings) {
      yield;
      const binding = readBinding(kept, { node, log });
      if (binding === undefined) continue;
      onRead(binding);
      const list = lists.get(binding.aor);
      if (list === undefined) lists.set(binding.aor, [binding]);
      else list.push(binding);
    }
    this.#toBringBack = lists;
    this.#isRead = true;
    this.#isReading = false;
    yield* this.#catchUpAll();
  }

  /**
   * The list of an AOR as another node wrote it: taken over at once, or after what is being read.
   *
   * @param bindings undefined: nothing of it can be read
   */
  told(aor: string, bindings: readonly StoredBinding[] | undefined): void {
    const { log, node } = this.#options;
    const read = bindings?.flatMap((binding) => readBinding(binding, { node, log, aor }) ?? []) ?? [];
    const isWhole = read.length === bindings?.length;
    const held = isWhole ? undefined : this.#heldRemote.get(aor);
    if (held === undefined) {
      this.#heldRemote.set(aor, { bindings: read, unread: isWhole ? 'none' : bindings === undefined ? 'all' : 'some' });
    } else if (bindings !== undefined) {
      const unread = held.unread === 'all' ? 'some' : held.unread;
      this.#heldRemote.set(aor, { bindings: this.#withOthers(read, held.bindings), unread });
    }
    this.catchUp(aor);
  }

  /** A list of which not all could be read, with what is known of other nodes beside it. */
  #withOthers(read: readonly StoredBinding[], known: readonly StoredBinding[]): readonly StoredBinding[] {
    const stays = (one: StoredBinding): boolean =>
      one.node !== this.#options.node && !read.some((other) => isSameContact(one, other));
    return [...read, ...known.filter(stays)];
  }

  /** All that is bound as far as it can be told. Where nothing could be read it is what is known here, and nobody has to write anything. */
  #listOf(aor: string, { bindings, unread }: Told): readonly StoredBinding[] {
    if (unread === 'none') return bindings;
    const known = this.#options.known(aor);
    return unread === 'all' ? known : this.#withOthers(bindings, known);
  }

  *#catchUpAll(): Steps<void> {
    for (const behind of [this.#toBringBack, this.#heldRemote]) {
      for (const aor of behind.keys()) {
        this.catchUp(aor);
        yield;
      }
    }
  }

  /** What was read of an AOR, then what was told of it meanwhile. One that cannot be read costs no other. */
  catchUp(aor: string): void {
    if (this.#isReading) return;
    const kept = this.#toBringBack.get(aor);
    const held = this.#heldRemote.get(aor);
    if (kept === undefined && held === undefined) return;
    this.#toBringBack.delete(aor);
    this.#heldRemote.delete(aor);
    const { bringBack, takeOver } = this.#options;
    if (kept !== undefined)
      this.#read(aor, () => {
        this.#broughtBack += bringBack(aor, kept);
      });
    if (held !== undefined) this.#read(aor, () => takeOver(aor, this.#listOf(aor, held)));
  }

  #read(aor: string, take: () => void): void {
    try {
      take();
    } catch (error) {
      this.#options.log.warn('registration-not-read', { aor, error: String(error) });
    }
  }
}
