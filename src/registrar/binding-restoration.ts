import { type Log, silentLog } from '../base/log.ts';
import type { Clock } from '../base/scheduler.ts';
import { inSlices, type Steps } from '../base/steps.ts';
import type { BindingStore, KeptBindings, StoredBinding } from './ports.ts';
import { readBinding } from './readable.ts';
import { isSameContact } from './removals.ts';

/**
 * So long all of it together waits for calls that wait. What is not asked for by name needs it whole: listings, counts, who is known by its
 * address; and what other nodes write waits for the reading.
 */
const PATIENCE_MS = 3_000;
const NO_LIST = 'bindings that are no list in JSON';
const NONE: readonly never[] = [];

export interface BindingRestorationOptions {
  readonly log: Log;
  readonly clock: Pick<Clock, 'wallMs'>;
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
 * What cannot be read takes nothing away that is known here. A binding that says until when it lasts, and otherwise cannot be read here (as of a
 * later version), is written back beside what is, until that time or until its phone says otherwise.
 */
export class BindingRestoration {
  readonly #options: BindingRestorationOptions;
  #isReading = false;
  #isRead = false;
  /** By AOR what was read and is not brought back yet. */
  readonly #toBringBack = new Map<string, readonly StoredBinding[]>();
  #broughtBack = 0;
  /** AORs of those, by the UDP flow that their phones sent over. */
  readonly #byFlow = new Map<string, string[]>();
  /** By AOR what cannot be read. */
  readonly #unread = new Map<string, readonly StoredBinding[]>();
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

  *#takeIn(kept: Iterable<KeptBindings>): Steps<void> {
    for (const { aor, bindings } of kept) {
      yield;
      if (bindings === undefined) this.#options.log.warn('registration-not-read', { aor, error: NO_LIST });
      const read = this.#readList(aor, bindings ?? []);
      for (const binding of read) {
        yield;
        this.#options.onRead(binding);
        this.#noteFlow(binding);
      }
      if (read.length > 0) this.#toBringBack.set(aor, read);
    }
    this.#isRead = true;
    this.#isReading = false;
    yield* this.#catchUpAll();
    this.#byFlow.clear();
  }

  /** What of a list can be read; the log hears once of what cannot, which is kept apart. */
  #readList(aor: string, bindings: readonly StoredBinding[]): StoredBinding[] {
    const { log, node } = this.#options;
    const toldOf = new Set(this.#unread.get(aor)?.map((binding) => JSON.stringify(binding)));
    const unread: StoredBinding[] = [];
    const read = bindings.flatMap((kept) => {
      const isToldOf = toldOf.size > 0 && toldOf.has(JSON.stringify(kept));
      const binding = readBinding(kept, { node, aor, log: isToldOf ? silentLog : log });
      if (binding === undefined) unread.push(kept);
      return binding ?? [];
    });
    if (unread.length === 0) this.#unread.delete(aor);
    else this.#unread.set(aor, unread);
    return read;
  }

  /** All bindings of an AOR as they are written: those that cannot be read and last go back as they came. */
  withUnread(aor: string, bindings: readonly StoredBinding[]): readonly StoredBinding[] {
    const nowMs = this.#options.clock.wallMs();
    const unread = this.#unread.get(aor)?.filter((each) => each?.expiresAtWallMs > nowMs) ?? NONE;
    // Of another node, which has written such a one since.
    const isOld = ({ contactUri }: StoredBinding): boolean => unread.some((each) => each.contactUri === contactUri);
    return unread.length === 0 ? bindings : [...bindings.filter((binding) => !isOld(binding)), ...unread];
  }

  /**
   * Phones have said what their contacts are, so those of them that could not be read are no more.
   *
   * @param contacts left out: all of the AOR
   * @returns whether there were any
   */
  replaced(aor: string, contacts?: readonly string[]): boolean {
    const unread = this.#unread.get(aor);
    if (unread === undefined) return false;
    const left = contacts === undefined ? NONE : unread.filter((each) => !contacts.includes(each?.contactUri));
    if (left.length === 0) this.#unread.delete(aor);
    else this.#unread.set(aor, left);
    return left.length < unread.length;
  }

  #noteFlow({ aor, source, flowKey }: StoredBinding): void {
    if (source.transport !== 'udp' || flowKey === '') return;
    const aors = this.#byFlow.get(flowKey);
    if (aors === undefined) this.#byFlow.set(flowKey, [aor]);
    else aors.push(aor);
  }

  /** As {@link catchUp}, of all AORs whose phones have sent over a flow. */
  catchUpFlow(flowKey: string): void {
    for (const aor of this.#byFlow.get(flowKey) ?? NONE) this.catchUp(aor);
  }

  /**
   * The list of an AOR as another node wrote it: taken over at once, or after what is being read.
   *
   * @param bindings undefined: nothing of it can be read
   */
  told(aor: string, bindings: readonly StoredBinding[] | undefined): void {
    const read = bindings === undefined ? [] : this.#readList(aor, bindings);
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
