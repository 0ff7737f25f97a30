/**
 * Bindings in Redis. Every write has a sequence number and names its AORs in a stream; a node that sees the number grow reads the entries
 * in between and tells the registrar about the AORs that other nodes wrote. When entries are missing it tells about all. What others have written
 * since it read last it does not write over: it reads that first.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/scheduler.ts';
import {
  type BindingChange,
  type KeptBindings,
  OthersWroteError,
  type StoredBinding,
  type StoredRemoval,
} from '../../registrar/ports.ts';
import { listIn } from '../list-in.ts';
import type { SharedBindingStore } from '../stores.ts';
import { fieldOf, type StreamEntry } from './events.ts';
import type { InRedis } from './keys.ts';
import type { RedisLink } from './link.ts';
import { WRITE_BINDINGS } from './scripts.ts';
import { isSamePlace, isSameToken, type WritePlace, writePlaceOf } from './watch.ts';

/** Entries that ended this long ago are of phones that went away while no node ran. */
const KEEP_EXPIRED_MS = 86_400_000;
const AORS_PER_READ = 200;
const ENTRIES_PER_READ = 200;
/** Of documents that Redis takes at once, standing still. */
const MAX_WRITTEN_OCTETS = 1024 ** 2;

/** Before the first write. */
const NOTHING_READ: WritePlace = { sequence: 0, token: '' };

type Listener = Parameters<NonNullable<SharedBindingStore['onRemoteChange']>>[0];

/** Of an AOR: until when it is kept, and its two documents. */
type Row = readonly [aor: string, untilWallMs: number, bindings: string, removals: string];

/** What an address-of-record has in Redis: a list of each. */
type Kind = 'bindings' | 'removals';

export interface RedisBindingsOptions extends InRedis {
  readonly clock: Clock;
}

export class RedisBindings implements SharedBindingStore {
  readonly isShared = true;
  readonly #options: RedisBindingsOptions;
  readonly #listeners = new Set<Listener>();
  /** AORs that this node has heard of from Redis: after a gap, those that are not there any more are told as gone. */
  #known = new Set<string>();
  /** AORs whose list of a kind cannot be read, which the log has heard. */
  readonly #unread: Readonly<Record<Kind, Set<string>>> = { bindings: new Set(), removals: new Set() };
  /** Up to here everything was read or told; undefined until they have been read. */
  #at: WritePlace | undefined = undefined;
  #catchingUp: Promise<void> | undefined = undefined;

  constructor(options: RedisBindingsOptions) {
    this.#options = options;
  }

  async load(): Promise<Iterable<KeptBindings>> {
    const place = await this.#readPlace();
    // An entry may come twice while the hash grows: the last one counts.
    const kept = new Map<string, KeptBindings>();
    // Whoever takes them tells of those that cannot be read.
    await this.#scan((aor, bindings) => void kept.set(aor, { aor, bindings }), false);
    this.#known = new Set(kept.keys());
    this.#at = place;
    return kept.values();
  }

  async write(changes: readonly BindingChange[]): Promise<void> {
    // What is read between two parts is not in the lists of the later ones: they are of now.
    const at = this.#at ?? NOTHING_READ;
    const left: string[] = [];
    let rows: Row[] = [];
    let octets = 0;
    for (const { aor, bindings, removals = [] } of new Map(changes.map((change) => [change.aor, change])).values()) {
      if (octets > MAX_WRITTEN_OCTETS) {
        left.push(...(await this.#write(rows, at)));
        [rows, octets] = [[], 0];
      }
      const ends = [
        ...bindings.map(({ expiresAtWallMs }) => expiresAtWallMs),
        ...removals.map(({ untilWallMs }) => untilWallMs),
      ];
      const row: Row = [aor, Math.trunc(Math.max(0, ...ends)), documentOf(bindings), documentOf(removals)];
      rows.push(row);
      octets += row[2].length + row[3].length;
      this.#known.add(aor);
    }
    left.push(...(await this.#write(rows, at)));
    if (left.length === 0) return;
    await this.#catchUp();
    throw new OthersWroteError(left);
  }

  /** Answers the AORs that others have written since `at`, which are as they were. */
  async #write(rows: readonly Row[], at: WritePlace): Promise<string[]> {
    const { link, keys, storeId, node, clock } = this.#options;
    const args = [
      storeId,
      keys.channel,
      node,
      JSON.stringify(rows.map(([aor]) => aor)),
      clock.wallMs() - KEEP_EXPIRED_MS,
      randomUUID(),
      at.sequence,
      at.token,
      ...rows.flat(),
    ];
    const written = [keys.bindings, keys.bindingExpiry, keys.bindingEvents, keys.bindingRemovals];
    return ((await link.run(WRITE_BINDINGS, [keys.meta, ...written], args)) as unknown[]).map(String);
  }

  onRemoteChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Redis says that this is the last write now. */
  seen(place: WritePlace): void {
    // What there is before they have been read is read with them.
    if (this.#at === undefined || isSamePlace(place, this.#at) || this.#catchingUp !== undefined) return;
    this.#catchUp(place).catch((error: Error) => this.#options.log.warn('bindings-not-read', { error: error.message }));
  }

  close(): void {
    this.#listeners.clear();
  }

  /** Reads and tells what there is up to a write, or up to the last; one after the other, since each goes on from where the last has come to. */
  #catchUp(place?: WritePlace): Promise<void> {
    const before = this.#catchingUp?.catch(() => {}) ?? Promise.resolve();
    const turn = before
      .then(async () => this.#readUpTo(place ?? (await this.#readPlace())))
      .finally(() => {
        if (this.#catchingUp === turn) this.#catchingUp = undefined;
      });
    this.#catchingUp = turn;
    return turn;
  }

  async #readUpTo(place: WritePlace): Promise<void> {
    const { node } = this.#options;
    // What was said before the last reading is old; what Redis still says has been lost there.
    const isBehind = place.sequence < (this.#at ?? NOTHING_READ).sequence;
    const target = isBehind ? await this.#readPlace() : place;
    for (;;) {
      const at = this.#at ?? NOTHING_READ;
      if (isSamePlace(at, target)) return;
      const entries = await this.#entriesSince(at, target.sequence);
      if (entries === undefined) {
        await this.#resync();
        return;
      }
      const foreign = entries.filter((entry) => fieldOf(entry, 'node') !== node);
      const named = foreign.map((entry) => listIn<string>(fieldOf(entry, 'aors')));
      if (named.includes(undefined)) {
        await this.#resync();
        return;
      }
      await this.#tellOf([...new Set(named.flatMap((aors) => aors ?? []))]);
      const sequence = at.sequence + entries.length;
      const last = entries.at(-1);
      this.#at =
        sequence === target.sequence ? target : { sequence, token: last === undefined ? '' : fieldOf(last, 'token') };
    }
  }

  /** Some of the writes since one. Undefined: those are not all, or it is not the one of its number any more. */
  async #entriesSince({ sequence, token }: WritePlace, until: number): Promise<readonly StreamEntry[] | undefined> {
    if (sequence >= until) return undefined;
    const { link, keys } = this.#options;
    const entries = (await link.command(
      'XRANGE',
      keys.bindingEvents,
      `${sequence}-0`,
      `${until}-0`,
      'COUNT',
      ENTRIES_PER_READ,
    )) as StreamEntry[];
    const [first] = entries;
    const isThere = String(first?.[0]) === `${sequence}-0`;
    if (first !== undefined && isThere && !isSameToken(fieldOf(first, 'token'), token)) return undefined;
    const since = isThere ? entries.slice(1) : entries;
    return String(since[0]?.[0]) === `${sequence + 1}-0` ? since : undefined;
  }

  async #resync(): Promise<void> {
    const place = await this.#readPlace();
    const gone = this.#known;
    const known = new Set<string>();
    const removals = await this.#removals();
    await this.#scan((aor, bindings) => {
      known.add(aor);
      gone.delete(aor);
      this.#tell(aor, bindings, removals.get(aor));
    });
    for (const aor of gone) this.#tell(aor, [], removals.get(aor));
    this.#known = known;
    this.#at = place;
    this.#options.log.info('bindings-resynced', { aors: known.size });
  }

  async #readPlace(): Promise<WritePlace> {
    const { link, keys } = this.#options;
    const [sequence, token] = (await link.command(
      'HMGET',
      keys.meta,
      'bindings',
      'bindings-token',
    )) as (Buffer | null)[];
    return writePlaceOf(sequence, token);
  }

  async #tellOf(aors: readonly string[]): Promise<void> {
    const { link, keys } = this.#options;
    for (let at = 0; at < aors.length; at += AORS_PER_READ) {
      const some = aors.slice(at, at + AORS_PER_READ);
      const [documents = [], removed = []] = await Promise.all(
        [keys.bindings, keys.bindingRemovals].map(
          (key) => link.command('HMGET', key, ...some) as Promise<(Buffer | null)[]>,
        ),
      );
      for (const [index, aor] of some.entries()) {
        const document = documents[index];
        if (document == null) this.#known.delete(aor);
        else this.#known.add(aor);
        this.#tell(
          aor,
          this.#listOf<StoredBinding>('bindings', aor, document),
          this.#listOf<StoredRemoval>('removals', aor, removed[index]),
        );
      }
    }
  }

  #scan(onAor: (aor: string, bindings: readonly StoredBinding[] | undefined) => void, isTold = true): Promise<void> {
    return this.#scanLists<StoredBinding>('bindings', this.#options.keys.bindings, onAor, isTold);
  }

  async #removals(): Promise<ReadonlyMap<string, readonly StoredRemoval[]>> {
    const removals = new Map<string, readonly StoredRemoval[]>();
    await this.#scanLists<StoredRemoval>('removals', this.#options.keys.bindingRemovals, (aor, list) => {
      if (list !== undefined) removals.set(aor, list);
    });
    return removals;
  }

  /** @param onAor undefined: its list cannot be read */
  async #scanLists<T>(
    kind: Kind,
    key: string,
    onAor: (aor: string, list: readonly T[] | undefined) => void,
    isTold = true,
  ) {
    const gone = new Set(this.#unread[kind]);
    await scanHash(this.#options.link, key, (aor, document) => {
      gone.delete(aor);
      onAor(aor, this.#listOf<T>(kind, aor, document, isTold));
    });
    for (const aor of gone) this.#unread[kind].delete(aor);
  }

  /** Undefined: it cannot be read, which costs no other address, and which the log hears once. */
  #listOf<T>(kind: Kind, aor: string, document: Buffer | null | undefined, isTold = true): readonly T[] | undefined {
    const list = document == null ? [] : listIn<T>(String(document));
    const unread = this.#unread[kind];
    if (list !== undefined) {
      unread.delete(aor);
      return list;
    }
    if (isTold && !unread.has(aor))
      this.#options.log.warn('registration-not-read', { aor, error: `${kind} that are no list in JSON` });
    unread.add(aor);
    return undefined;
  }

  #tell(aor: string, bindings: readonly StoredBinding[] | undefined, removals: readonly StoredRemoval[] = []): void {
    for (const listener of this.#listeners) listener(aor, bindings, removals);
  }
}

function documentOf(list: readonly unknown[]): string {
  return list.length === 0 ? '' : JSON.stringify(list);
}

async function scanHash(link: RedisLink, key: string, onField: (field: string, value: Buffer) => void): Promise<void> {
  let cursor = '0';
  do {
    const [next, row] = (await link.command('HSCAN', key, cursor, 'COUNT', AORS_PER_READ)) as [Buffer, Buffer[]];
    for (let i = 0; i + 1 < row.length; i += 2) onField(String(row[i]), row[i + 1] ?? Buffer.alloc(0));
    cursor = String(next);
  } while (cursor !== '0');
}
