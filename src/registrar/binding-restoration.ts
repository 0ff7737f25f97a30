import { type Log, silentLog } from '../base/log.ts';
import type { Clock } from '../base/scheduler.ts';
import { inSlices, type Steps } from '../base/steps.ts';
import { ownCopy } from '../base/text.ts';
import type { BindingStore, KeptBindings, StoredBinding } from './ports.ts';
import { type BindingOutline, outlineOf, readBinding } from './readable.ts';
import type { RegisterAsk } from './register-request.ts';
import { type ContactIdentity, isSameContact, type RegistrationIdentity } from './removals.ts';
import { UnreadBindings } from './unread-bindings.ts';
import { isRestartOf } from './update.ts';

/**
 * So long all of it together waits for calls that wait. What is not asked for by name needs it whole: listings, counts, who is known by its
 * address; and what other nodes write waits for the reading.
 */
const PATIENCE_MS = 3_000;
const NO_LIST = 'bindings that are no list in JSON';
const NONE: readonly never[] = [];
/** That many contacts of an AOR are remembered of what its phones said before the store was read. */
const MAX_SAID = 32;

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
  /** Whether a registration, as it is, has been taken away somewhere. */
  readonly isGone: (registration: RegistrationIdentity) => boolean;
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

/** What a phone has said of a contact. */
interface Said extends ContactIdentity {
  readonly callId: string;
  /** It is taken away. */
  readonly isGone: boolean;
}

interface SaidBefore {
  /** Undefined: of all contacts of the AOR, which are gone. */
  readonly said: Said | undefined;
  readonly atWallMs: number;
}

/**
 * What is known of AORs and not in the table yet: what the store has of an earlier run, and what other nodes write while it is read. Bringing
 * all of it in may take some seconds while calls wait; an AOR that is asked for, or that there is news of, is caught up with at once.
 *
 * What cannot be read takes nothing away that is known here. What phones say before the store is read counts for what it has of them from before
 * that.
 */
export class BindingRestoration {
  readonly #options: BindingRestorationOptions;
  #isReading = false;
  #wasAsked = false;
  #isRead = false;
  /** By AOR what was read and is not brought back yet. */
  readonly #toBringBack = new Map<string, readonly StoredBinding[]>();
  #broughtBack = 0;
  /** AORs of those, by the UDP flow that their phones sent over. */
  readonly #byFlow = new Map<string, string[]>();
  readonly #unread: UnreadBindings;
  /** By AOR what its phones said while the store was to be read. */
  readonly #saidBefore = new Map<string, readonly SaidBefore[]>();
  /** By AOR what other nodes wrote last while the store was read: it may be news of what has been read by then. */
  readonly #heldRemote = new Map<string, Told>();

  constructor(options: BindingRestorationOptions) {
    this.#options = options;
    this.#unread = new UnreadBindings(options);
  }

  /** What the store has of an earlier run is known. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** The store is to be read and has not been: what others have written of an AOR is not known, so nothing may be written over it. */
  get isDue(): boolean {
    return this.#wasAsked && !this.#isRead;
  }

  /** Resolves with how many bindings came back; rejects where the store cannot be read. */
  async run(): Promise<number> {
    this.#wasAsked = true;
    this.#isReading = true;
    this.#broughtBack = 0;
    this.#byFlow.clear();
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
      const { read, unread } = this.#readList(aor, this.#notSaidSince(aor, bindings ?? NONE));
      // What was told meanwhile is later.
      if ((this.#heldRemote.get(aor)?.unread ?? 'all') === 'all') this.#unread.keep(aor, unread);
      for (const binding of read) {
        yield;
        this.#read(aor, () => this.#options.onRead(binding));
        this.#noteFlow(binding);
      }
      if (read.length > 0) this.#toBringBack.set(aor, read);
    }
    this.#isRead = true;
    this.#isReading = false;
    this.#saidBefore.clear();
    yield* this.#catchUpAll();
    this.#byFlow.clear();
  }

  /** Those that no phone has said anything of since they registered; those of this node are of before, whatever its clock was then. */
  #notSaidSince(aor: string, bindings: readonly StoredBinding[]): readonly StoredBinding[] {
    const before = this.#saidBefore.get(aor);
    if (before === undefined) return bindings;
    return bindings.filter((binding) => {
      const outline = outlineOf(binding);
      const isSince = (atWallMs: number): boolean =>
        outline.node !== this.#options.node && outline.refreshedAtWallMs > atWallMs;
      return !before.some(({ said, atWallMs }) => !isSince(atWallMs) && isOver(outline, said));
    });
  }

  /** What of a list can be read, and what cannot, of which the log hears once. */
  #readList(aor: string, bindings: readonly StoredBinding[]): Record<'read' | 'unread', StoredBinding[]> {
    const { log, node } = this.#options;
    const unread: StoredBinding[] = [];
    const read = bindings.flatMap((kept) => {
      const binding = readBinding(kept, { node, aor, log: this.#unread.isKnown(aor, kept) ? silentLog : log });
      if (binding === undefined) unread.push(kept);
      return binding ?? [];
    });
    return { read, unread };
  }

  /** All bindings of an AOR as they are written: see {@link UnreadBindings}. */
  withUnread(aor: string, bindings: readonly StoredBinding[]): readonly StoredBinding[] {
    return this.#unread.beside(aor, bindings);
  }

  /**
   * A phone has said what its contacts are, so those of them that are in the store and not in the table are no more.
   *
   * @param ask undefined: no contact of the AOR is bound but what is in the table
   * @returns whether the store may have had any
   */
  replaced(aor: string, ask: Pick<RegisterAsk, 'contacts' | 'callId'> | undefined): boolean {
    if (this.isDue) this.#noteSaid(aor, ask);
    const hadUnread = this.#unread.has(aor) && this.#unread.replace(aor, saidOf(ask));
    return hadUnread || this.isDue;
  }

  #noteSaid(aor: string, ask: Pick<RegisterAsk, 'contacts' | 'callId'> | undefined): void {
    const atWallMs = this.#options.clock.wallMs();
    const now = ask === undefined ? ALL : saidIn(ask).map(kept);
    const isSaidAgain = ({ said }: SaidBefore): boolean => now.some((one) => isSame(one, said));
    const before = ask === undefined ? [] : (this.#saidBefore.get(aor) ?? NONE).filter((each) => !isSaidAgain(each));
    this.#saidBefore.set(aor, [...before, ...now.map((said) => ({ said, atWallMs }))].slice(-MAX_SAID));
    const read = this.#toBringBack.get(aor);
    if (read !== undefined) this.#toBringBack.set(aor, this.#notSaidSince(aor, read));
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
    const { read, unread: rest } = this.#readList(aor, bindings ?? NONE);
    if (bindings !== undefined) this.#unread.keep(aor, rest);
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

const ALL: readonly (Said | undefined)[] = [undefined];

/** Whether a contact is one that phones have said something of; undefined: of all of them. */
function saidOf(ask: Pick<RegisterAsk, 'contacts' | 'callId'> | undefined) {
  const all = ask === undefined ? ALL : saidIn(ask);
  return (outline: BindingOutline | undefined): boolean =>
    ask === undefined || (outline !== undefined && all.some((said) => isOver(outline, said)));
}

function saidIn({ contacts, callId }: Pick<RegisterAsk, 'contacts' | 'callId'>): Said[] {
  return contacts.map(({ uriText, instance, regId, expiresSeconds }) => ({
    ...{ contactUri: uriText, instance, regId, callId },
    isGone: expiresSeconds === 0,
  }));
}

/** As it is kept: texts of its own, not of the message. */
function kept({ contactUri, instance, callId, ...rest }: Said): Said {
  const own = instance === undefined ? undefined : ownCopy(instance);
  return { ...rest, contactUri: ownCopy(contactUri), instance: own, callId: ownCopy(callId) };
}

function isSame(one: Said | undefined, other: Said | undefined): boolean {
  return one?.contactUri === other?.contactUri && one?.instance === other?.instance && one?.regId === other?.regId;
}

/** Whether what a phone has said is of this contact. RFC 5626 §6: a URI does not name a flow's binding, except to take it away. */
function isOver(outline: BindingOutline, said: Said | undefined): boolean {
  if (said === undefined || isSameContact(outline, said)) return true;
  return said.isGone ? isSameContact(said, outline) : isRestartOf(outline, said);
}
