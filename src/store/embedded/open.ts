import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { ALWAYS_GRANTED } from '../../trunks/lease.ts';
import { lockFolder, prepareFolder } from '../folder.ts';
import { loadStoreKey } from '../key.ts';
import type { Lease, LeasePort, StoredWebhook, Stores } from '../stores.ts';
import { DiskWatch } from './disk-watch.ts';
import { WorkerClient } from './worker-client.ts';

export interface EmbeddedContext {
  readonly log: Log;
  readonly scheduler: Scheduler;
  readonly environment: NodeJS.ProcessEnv;
}

/** Opens the store of a single node: two database files in `folder`. Rejects with a SettingsError that says what to mend. */
export async function openEmbedded(folder: string, context: EmbeddedContext): Promise<Stores> {
  prepareFolder(folder, context.log);
  const unlock = lockFolder(folder);
  try {
    const storeKey = loadStoreKey(folder, context.environment);
    const worker = await WorkerClient.open({ folder, storeKey, wallMs: context.scheduler.wallMs() });
    const nonceSecret = await worker.ask('nonceSecret');
    const { log, scheduler } = context;
    const disk = new DiskWatch({ folder, log, scheduler, probe: () => worker.ask('probe') });
    return embeddedStores(worker, disk, nonceSecret, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

function embeddedStores(worker: WorkerClient, disk: DiskWatch, nonceSecret: Uint8Array, unlock: () => void): Stores {
  return {
    provisioning: {
      load: () => worker.ask('load'),
      commit: (commit) => disk.watched(worker.ask('commit', commit)),
    },
    bindings: {
      load: () => worker.ask('loadBindings'),
      write: (changes) => disk.watched(worker.ask('writeBindings', changes)),
    },
    signIns: {
      load: () => worker.ask('signIns'),
      add: (pairs) => worker.ask('addSignIns', pairs),
    },
    tokens: {
      get: (id) => worker.ask('token', id),
      list: () => worker.ask('tokens'),
      put: (token) => disk.watched(worker.ask('putToken', token)),
    },
    webhooks: {
      list: async <Webhook extends StoredWebhook>() => (await worker.ask('webhooks')) as Webhook[],
      put: (webhook) => disk.watched(worker.ask('putWebhook', webhook)),
      delete: (id) => disk.watched(worker.ask('deleteWebhook', id)),
    },
    leases: new SoleLeases(),
    trunkLease: ALWAYS_GRANTED,
    nodes: { announce() {}, others: () => [], callsElsewhere: () => 0 },
    nonceSecret,
    problems: () => (worker.isDead ? ['store-unreachable'] : disk.problems()),
    async close() {
      disk.close();
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
