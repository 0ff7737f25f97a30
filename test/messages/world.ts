/** Messages on virtual time: what is provisioned, a store in memory, a Cloud API that answers as it is told. */
import type { Claim, MessageRow, MessageStore, UserHeard } from '../../src/messages/index.ts';
import { Keeper } from '../../src/messages/keeper.ts';
import { whatsappNumber } from '../../src/messages/numbers.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { whatsappWorld } from '../end-to-end/messages/world.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

export const USER = '12015550123';

export function directoryOf(changes: Parameters<typeof whatsappWorld>[1] = {}): Directory {
  return new Directory(provisioningSchema.parse(whatsappWorld('https://graph.example/v23.0', changes)));
}

export function numberIn(directory: Directory) {
  const number = whatsappNumber(directory, '7');
  if (number === undefined) throw new Error('no number');
  return number;
}

export const silentLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} } as never;

/** A store as both real ones are, without their files. */
export class MemoryStore implements MessageStore {
  readonly rows = new Map<string, MessageRow>();
  readonly #heard = new Map<string, number>();
  /** Rejects when it says so. */
  isBroken = false;

  async add(rows: readonly MessageRow[], heard: readonly UserHeard[]): Promise<readonly boolean[]> {
    this.#check();
    for (const { key, atMs } of heard) this.#heard.set(key, Math.max(atMs, this.#heard.get(key) ?? 0));
    return rows.map((row) => {
      if (this.rows.has(row.id)) return false;
      this.rows.set(row.id, row);
      return true;
    });
  }

  async save(rows: readonly MessageRow[]): Promise<readonly boolean[]> {
    this.#check();
    return rows.map((row) => {
      if (this.rows.get(row.id)?.revision !== row.revision - 1) return false;
      this.rows.set(row.id, row);
      return true;
    });
  }

  async get(id: string): Promise<MessageRow | undefined> {
    this.#check();
    return this.rows.get(id);
  }

  async byRemoteKey(key: string): Promise<MessageRow | undefined> {
    return [...this.rows.values()].find(({ remoteKey }) => remoteKey === key);
  }

  async claim({
    holder,
    nowMs,
    untilMs,
    limit,
    waitsFor,
    leftBeforeMs = 0,
    exceptTenants = [],
  }: Claim): Promise<readonly MessageRow[]> {
    const free = [...this.rows.values()].filter(
      (row) =>
        row.dueMs !== undefined &&
        (waitsFor === undefined
          ? row.dueMs <= nowMs && !exceptTenants.includes(row.tenant)
          : row.waitsFor.includes(waitsFor)) &&
        (row.heldUntilMs <= nowMs ||
          (row.holder === holder && (row.heldUntilMs < leftBeforeMs || row.heldUntilMs > untilMs))),
    );
    return free.slice(0, limit).map((row) => {
      const held = { ...row, holder, heldUntilMs: untilMs };
      this.rows.set(row.id, held);
      return held;
    });
  }

  async list(tenant: string | undefined, offset: number, limit: number) {
    const listed = [...this.rows.values()].filter(
      (row) => row.listed && (tenant === undefined || row.tenant === tenant),
    );
    return { rows: listed.slice(offset, offset + limit), total: listed.length };
  }

  async heard(key: string): Promise<number | undefined> {
    return this.#heard.get(key);
  }

  async forget(): Promise<void> {}

  #check(): void {
    if (this.isBroken) throw new Error('the store is away');
  }
}

export function keeperWorld(bytesPerTenant = 1_000_000) {
  const scheduler = new VirtualScheduler();
  const store = new MemoryStore();
  return { scheduler, store, keeper: new Keeper({ store, clock: scheduler, node: 'n1', bytesPerTenant }) };
}

/** Lets promises settle; no time passes. */
export async function turn(): Promise<void> {
  for (let at = 0; at < 20; at++) await new Promise((resolve) => setImmediate(resolve));
}
