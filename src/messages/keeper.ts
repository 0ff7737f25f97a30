/** Messages in the store: as they are worked with here, and as rows there. */
import { UnavailableError } from '../base/errors.ts';
import { FailureCounter } from '../base/failure-counter.ts';
import type { Clock } from '../base/scheduler.ts';
import { GroupedStore } from './grouped-store.ts';
import { isClosed, type Kept, waitingNumbers } from './message.ts';
import type { Claim, MessageRow, MessageStore, UserHeard } from './message-store.ts';

/** How long a node works on a message before another may. Longer than a request and a delivery may take. */
const HOLD_MS = 90_000;
const MAX_TRIES = 20;

export interface KeeperOptions {
  readonly store: MessageStore;
  readonly clock: Clock;
  readonly node: string;
  /** Octets of new messages of one tenant in an hour. */
  readonly bytesPerTenant: number;
}

export class Keeper {
  readonly #options: KeeperOptions;
  /** Whatever this process holds, it holds until then or later. */
  readonly #firstUntilMs: number;
  readonly #grouped: GroupedStore;
  /** Octets, by tenant: the store, and its disk, are all tenants'. */
  readonly #added: FailureCounter;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#firstUntilMs = Math.trunc(options.clock.wallMs()) + HOLD_MS;
    this.#grouped = new GroupedStore(options.store);
    this.#added = new FailureCounter(options.clock, { failures: options.bytesPerTenant, windowMs: 3_600_000 });
  }

  /**
   * Keeps a new one; false when it is there already. Rejects when its tenant has no room for any. `holds`: this node works on it from now
   * on.
   */
  async add(kept: Kept, holds: boolean, heard: readonly UserHeard[] = []): Promise<boolean> {
    const row = this.#rowOf(kept, holds);
    const { id, tenant, document } = row;
    // What comes again because its answer was lost takes no room.
    if (this.#added.isBlocked(tenant) && (await this.get(id)) !== undefined) return false;
    this.requireRoom(tenant);
    // Before it is stored: of what comes at once all would be let in.
    const takeBack = this.#added.count(tenant, Buffer.byteLength(document));
    let isNew = false;
    try {
      isNew = await this.#grouped.add(row, heard);
    } finally {
      if (!isNew) takeBack();
    }
    return isNew;
  }

  /** Throws where this tenant may store nothing more in this hour. */
  requireRoom(tenant: string): void {
    if (this.#added.isBlocked(tenant))
      throw new UnavailableError(`tenant ${tenant} has what it may store in an hour (messages.bytesPerTenant)`);
  }

  /**
   * Changes what is kept, whoever else changes it meanwhile. `change` answers the next version, or undefined when there is nothing to change.
   * Undefined: it is gone, or was not changed.
   */
  async update<K extends Kept>(id: string, holds: boolean, change: (kept: K) => K | undefined): Promise<K | undefined> {
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const kept = await this.get(id);
      const next = kept === undefined ? undefined : change(kept as K);
      if (kept === undefined || next === undefined) return undefined;
      const renewed = { ...next, revision: kept.revision + 1 };
      if (await this.#grouped.save(this.#rowOf(renewed, holds))) return renewed;
    }
    throw new Error(`message ${id} is changed too often`);
  }

  async get(id: string): Promise<Kept | undefined> {
    return keptOf(await this.#options.store.get(id));
  }

  async byRemoteId(trunkId: string, remoteId: string): Promise<Kept | undefined> {
    return keptOf(await this.#options.store.byRemoteKey(remoteKey(trunkId, remoteId)));
  }

  /** Takes over what is due, of other tenants than these; what a process of this node held before this one, too. */
  claim(limit: number, exceptTenants: readonly string[] = []): Promise<Kept[]> {
    return this.#claim({ limit, exceptTenants, leftBeforeMs: this.#firstUntilMs });
  }

  /** Takes over what waits for a phone. */
  claimWaiting(tenant: string, number: string, limit: number): Promise<Kept[]> {
    return this.#claim({ limit, waitsFor: `${tenant}/${number}` });
  }

  async list(tenant: string | undefined, offset: number, limit: number): Promise<{ items: Kept[]; total: number }> {
    const { rows, total } = await this.#options.store.list(tenant, offset, limit);
    return { items: rows.flatMap((row) => keptOf(row) ?? []), total };
  }

  heard(trunkId: string, peer: string): Promise<number | undefined> {
    return this.#options.store.heard(heardKey(trunkId, peer));
  }

  forget(beforeMs: number): Promise<void> {
    return this.#options.store.forget(beforeMs);
  }

  async #claim(what: Omit<Claim, 'holder' | 'nowMs' | 'untilMs'>): Promise<Kept[]> {
    const { store, clock, node } = this.#options;
    const nowMs = Math.trunc(clock.wallMs());
    const rows = await store.claim({ ...what, holder: node, nowMs, untilMs: nowMs + HOLD_MS });
    return rows.flatMap((row) => keptOf(row) ?? []);
  }

  #rowOf(kept: Kept, holds: boolean): MessageRow {
    const { clock, node } = this.#options;
    const nowMs = Math.trunc(clock.wallMs());
    const isOver = isClosed(kept);
    return {
      id: kept.id,
      tenant: kept.tenant,
      createdMs: kept.createdMs,
      listed: kept.kind === 'message',
      dueMs: isOver ? undefined : Math.min(kept.retryMs ?? nowMs, kept.expiresMs),
      waitsFor: waitingNumbers(kept).map((number) => `${kept.tenant}/${number}`),
      remoteKey:
        kept.kind === 'message' && kept.remoteId !== undefined ? remoteKey(kept.trunkId, kept.remoteId) : undefined,
      holder: holds && !isOver ? node : '',
      heldUntilMs: holds && !isOver ? nowMs + HOLD_MS : 0,
      revision: kept.revision,
      document: JSON.stringify(kept),
    };
  }
}

export function heardKey(trunkId: string, peer: string): string {
  return `${trunkId} ${peer}`;
}

function remoteKey(trunkId: string, remoteId: string): string {
  return `${trunkId} ${remoteId}`;
}

function keptOf(row: MessageRow | undefined): Kept | undefined {
  return row === undefined ? undefined : (JSON.parse(row.document) as Kept);
}
