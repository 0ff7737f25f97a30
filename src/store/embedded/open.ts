import type { Log } from '../../base/log.ts';
import type { Clock } from '../../base/scheduler.ts';
import { ALWAYS_GRANTED } from '../../trunks/lease.ts';
import { lockFolder, prepareFolder } from '../folder.ts';
import { loadStoreKey } from '../key.ts';
import type { Lease, LeasePort, StoredWebhook, Stores } from '../stores.ts';
import { WorkerClient } from './worker-client.ts';

export interface EmbeddedContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly environment: NodeJS.ProcessEnv;
}

/** Opens the store of a single node: two database files in `folder`. Rejects with a SettingsError that says what to mend. */
export async function openEmbedded(folder: string, context: EmbeddedContext): Promise<Stores> {
  prepareFolder(folder, context.log);
  const unlock = lockFolder(folder);
  try {
    const storeKey = loadStoreKey(folder, context.environment);
    const worker = await WorkerClient.open({ folder, storeKey, wallMs: context.clock.wallMs() });
    return embeddedStores(worker, await worker.ask('nonceSecret'), unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

function embeddedStores(worker: WorkerClient, nonceSecret: Uint8Array, unlock: () => void): Stores {
  return {
    provisioning: {
      load: () => worker.ask('load'),
      commit: (commit) => worker.ask('commit', commit),
    },
    bindings: {
      load: () => worker.ask('loadBindings'),
      write: (changes) => worker.ask('writeBindings', changes),
    },
    tokens: {
      get: (id) => worker.ask('token', id),
      list: () => worker.ask('tokens'),
      put: (token) => worker.ask('putToken', token),
    },
    webhooks: {
      list: async <Webhook extends StoredWebhook>() => (await worker.ask('webhooks')) as Webhook[],
      put: (webhook) => worker.ask('putWebhook', webhook),
      delete: (id) => worker.ask('deleteWebhook', id),
    },
    leases: new SoleLeases(),
    trunkLease: ALWAYS_GRANTED,
    nodes: { announce() {}, others: () => [], callsElsewhere: () => 0 },
    nonceSecret,
    problems: () => (worker.isDead ? ['store-unreachable'] : []),
    async close() {
      await worker.close();
      unlock();
    },
  };
}

/** Leases where there is one node: always granted. */
class SoleLeases implements LeasePort {
  readonly #fences = new Map<string, number>();
  readonly #held = new Set<string>();

  acquire(name: string): Promise<Lease> {
    const last = this.#fences.get(name) ?? 0;
    const fence = this.#held.has(name) ? last : last + 1;
    this.#fences.set(name, fence);
    this.#held.add(name);
    return Promise.resolve({ fence });
  }

  renew(name: string, lease: Lease): Promise<boolean> {
    return Promise.resolve(this.#held.has(name) && this.#fences.get(name) === lease.fence);
  }

  release(name: string, lease: Lease): Promise<void> {
    if (this.#fences.get(name) === lease.fence) this.#held.delete(name);
    return Promise.resolve();
  }
}
