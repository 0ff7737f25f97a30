/** Stores of a node. Kept in memory: nothing outlives the process. */
import { randomBytes } from 'node:crypto';
import { type BindingStore, MemoryBindingStore } from '../registrar/index.ts';
import { MemoryProvisioningStore, type ProvisioningStore } from '../trunks/provisioning-store.ts';

/** Records by id. */
interface Table<T> {
  get(id: string): Promise<T | undefined>;
  list(): Promise<readonly T[]>;
  put(record: T): Promise<void>;
  delete(id: string): Promise<void>;
}

export interface Stores {
  readonly provisioning: ProvisioningStore;
  readonly bindings: BindingStore;
  // biome-ignore lint/suspicious/noExplicitAny: records are the API's own and pass through as they are
  readonly tokens: Table<any>;
  // biome-ignore lint/suspicious/noExplicitAny: records are the API's own and pass through as they are
  readonly webhooks: Table<any>;
  readonly nonceSecret: Uint8Array;
  problems(): readonly string[];
  close(): Promise<void>;
}

class MemoryTable<T extends { readonly id: string }> implements Table<T> {
  readonly #records = new Map<string, T>();

  async get(id: string): Promise<T | undefined> {
    return this.#records.get(id);
  }

  async list(): Promise<readonly T[]> {
    return [...this.#records.values()];
  }

  async put(record: T): Promise<void> {
    this.#records.set(record.id, record);
  }

  async delete(id: string): Promise<void> {
    this.#records.delete(id);
  }
}

export async function openStores(): Promise<Stores> {
  return {
    provisioning: new MemoryProvisioningStore(),
    bindings: new MemoryBindingStore(),
    tokens: new MemoryTable(),
    webhooks: new MemoryTable(),
    nonceSecret: randomBytes(32),
    problems: () => [],
    close: async () => {},
  };
}
