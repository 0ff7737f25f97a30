import { DiskWatch } from '../embedded/disk-watch.ts';
import { type EmbeddedContext, filesStores } from '../embedded/open.ts';
import type { SharedBindingStore, Stores } from '../stores.ts';
import { TrunkLeases } from '../trunk-lease.ts';
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
    trunkLease: new TrunkLeases({
      acquire: (names, ttlMs) => hub.ask('acquireLeases', { names, ttlMs }),
      release: (name) => hub.ask('releaseLease', name),
    }),
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
