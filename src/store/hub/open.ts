import { DiskWatch } from '../embedded/disk-watch.ts';
import { type EmbeddedContext, filesStores } from '../embedded/open.ts';
import type { GrantedLease, LeaseStore, SharedBindingStore, Stores } from '../stores.ts';
import { type ManyLeases, TrunkLeases } from '../trunk-lease.ts';
import { HubClient } from './hub-client.ts';
import { HubRoster } from './hub-roster.ts';
import type { HubChannel } from './protocol.ts';
import { WorkerProvisioning } from './worker-provisioning.ts';

/** Opens the store of one worker, whose files the hub has. */
export async function openWorkerStore(
  folder: string,
  channel: HubChannel,
  { log, scheduler }: Omit<EmbeddedContext, 'environment'>,
): Promise<Stores> {
  const hub = new HubClient(channel);
  const nonceSecret = await hub.ask('nonceSecret');
  const disk = new DiskWatch({ folder, log, scheduler, probe: () => hub.ask('probe') });
  const alone = filesStores(hub, disk, new Uint8Array(nonceSecret));
  const leases = new HubLeases(hub);
  const nodes = await HubRoster.open(hub, scheduler);
  return {
    ...alone,
    provisioning: new WorkerProvisioning(hub, alone.provisioning),
    bindings: workerBindings(hub, alone.bindings),
    webhooks: {
      ...alone.webhooks,
      onChange: (listener) => hub.onNotice(({ kind }) => kind === 'webhooks' && listener()),
    },
    tallies: {
      ...alone.tallies,
      onRemoteChange: (listener) =>
        hub.onNotice((notice) => {
          if (notice.kind === 'tallied') listener(notice.totals);
        }),
    },
    calls: { ...alone.calls, load: () => hub.ask('calls') },
    leases,
    trunkLease: new TrunkLeases(leases),
    nodes,
    problems: () => (hub.isDead ? ['store-unreachable'] : disk.problems()),
    close: async () => {
      nodes.close();
      disk.close();
    },
  };
}

function workerBindings(hub: HubClient, bindings: SharedBindingStore): SharedBindingStore {
  return {
    ...bindings,
    isShared: true,
    onRemoteChange: (listener) =>
      hub.onNotice((notice) => {
        if (notice.kind !== 'bound') return;
        for (const { aor, bindings: found, removals = [] } of notice.changes) listener(aor, found, removals);
      }),
  };
}

class HubLeases implements LeaseStore, ManyLeases {
  readonly #hub: HubClient;

  constructor(hub: HubClient) {
    this.#hub = hub;
  }

  async acquire(name: string, ttlMs: number): Promise<GrantedLease | undefined> {
    const [lease] = await this.acquireAll([name], ttlMs);
    return lease;
  }

  acquireAll(names: readonly string[], ttlMs: number): Promise<(GrantedLease | undefined)[]> {
    return this.#hub.ask('acquireLeases', { names, ttlMs });
  }

  renew(name: string, { fence }: GrantedLease, ttlMs: number): Promise<boolean> {
    return this.#hub.ask('renewLease', { name, fence, ttlMs });
  }

  async release(name: string, { fence }: GrantedLease): Promise<void> {
    await this.#hub.ask('renewLease', { name, fence, ttlMs: 0 });
  }
}
