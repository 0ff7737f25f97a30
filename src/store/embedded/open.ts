import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import type { CommitResult, ProvisioningCommit } from '../../provisioning/directory/store.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import { compactTenant, compactTrunk } from '../../provisioning/trunk-settings/compact.ts';
import { ALWAYS_GRANTED } from '../../trunks/lease.ts';
import { lockFolder, prepareFolder } from '../folder.ts';
import { callsOf } from '../hub/kept-calls.ts';
import { loadStoreKey } from '../key.ts';
import type { Stores } from '../stores.ts';
import { DiskWatch } from './disk-watch.ts';
import type { FileOperations, PartialPut, RecordKind } from './files.ts';
import { WorkerClient } from './worker-client.ts';

/** Extensions and other items that one message holds: a millisecond or two. */
const PART_WEIGHT = 250;

export interface EmbeddedContext {
  readonly log: Log;
  readonly scheduler: Scheduler;
  readonly environment: NodeJS.ProcessEnv;
}

/** Opens the store of a single node: three database files in `folder`. Rejects with a SettingsError that says what to mend. */
export async function openEmbedded(folder: string, context: EmbeddedContext): Promise<Stores> {
  prepareFolder(folder, context.log);
  const unlock = lockFolder(folder);
  try {
    const storeKey = loadStoreKey(folder, context.environment);
    const worker = await WorkerClient.open({ folder, storeKey, wallMs: context.scheduler.wallMs() });
    const nonceSecret = await worker.ask('nonceSecret');
    const { log, scheduler } = context;
    const disk = new DiskWatch({ folder, log, scheduler, probe: () => worker.ask('probe') });
    return {
      ...filesStores(worker, disk, nonceSecret),
      trunkLease: ALWAYS_GRANTED,
      nodes: {
        announce() {},
        others: () => [],
        told: () => undefined,
        isCutOff: false,
        hasEnded: () => true,
        clockOffsetMs: 0,
      },
      problems: () => (worker.isDead ? ['store-unreachable'] : disk.problems()),
      async close() {
        disk.close();
        await worker.close();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Whoever runs the operations on the files. */
export interface FilesPort {
  ask<Name extends keyof FileOperations>(
    operation: Name,
    ...argument: Parameters<FileOperations[Name]>
  ): Promise<ReturnType<FileOperations[Name]>>;
}

type OfNode = 'trunkLease' | 'nodes' | 'problems' | 'close';

/** What is in the files, of a node that is alone with them. */
export function filesStores(worker: FilesPort, disk: DiskWatch, nonceSecret: Uint8Array): Omit<Stores, OfNode> {
  const recordsOf = <T extends { readonly id: string }>(kind: RecordKind) => ({
    get: (id: string) => worker.ask('record', { kind, id }) as Promise<T | undefined>,
    list: () => worker.ask('records', kind) as Promise<T[]>,
    put: (record: T) => disk.watched(worker.ask('putRecord', { kind, id: record.id, record })),
    delete: (id: string) => disk.watched(worker.ask('deleteRecord', { kind, id })),
    replace: (id: string, before: T | undefined, after: T | undefined) =>
      disk.watched(worker.ask('replaceRecord', { kind, id, before, after })),
  });
  return {
    provisioning: {
      load: async () => {
        const { version, state } = await worker.ask('load');
        return {
          version,
          state: {
            tenants: state.tenants.map(compactTenant),
            trunks: state.trunks.map(compactTrunk),
            certificates: state.certificates,
          },
        };
      },
      commit: (commit) => disk.watched(commitInParts(worker, commit)),
    },
    bindings: {
      load: () => worker.ask('loadBindings'),
      write: (changes) => disk.watched(worker.ask('writeBindings', changes)),
    },
    signIns: {
      load: () => worker.ask('signIns'),
      add: (pairs) => worker.ask('addSignIns', pairs),
    },
    calls: {
      load: async () => {
        const { kept, moved } = callsOf(0, await worker.ask('calls'), 1);
        if (moved !== undefined) await worker.ask('writeCalls', moved);
        return kept;
      },
      write: (changes) => disk.watched(worker.ask('writeCalls', changes)),
      fate: (call) => worker.ask('callFate', call),
    },
    messages: {
      add: (rows, heard) => disk.watched(worker.ask('addMessages', { rows, heard })),
      save: (rows) => disk.watched(worker.ask('saveMessages', rows)),
      get: (id) => worker.ask('message', id),
      byRemoteKey: (key) => worker.ask('messageByRemoteKey', key),
      claim: (claim) => worker.ask('claimMessages', claim),
      list: (tenant, offset, limit) => worker.ask('listMessages', { tenant, offset, limit }),
      heard: (key) => worker.ask('heard', key),
      forget: (beforeMs) => worker.ask('forgetMessages', beforeMs),
    },
    claims: {
      load: () => worker.ask('claims'),
      keep: (claims) => worker.ask('keepClaims', claims),
      forget: (claims) => worker.ask('forgetClaims', claims),
    },
    tallies: {
      load: () => worker.ask('tallies'),
      // Whoever has the files answers, or has ended: no batch comes twice.
      add: (_batch, additions, wallMs) => disk.watched(worker.ask('addTallies', { additions, wallMs })),
    },
    tokens: recordsOf('token'),
    users: recordsOf('user'),
    webhooks: recordsOf('webhook'),
    nonceSecret,
  };
}

/**
 * A message is packed on the thread that sends it: a large commit goes over in parts, between which calls have their turn. One commit
 * is under way at a time.
 */
async function commitInParts(worker: FilesPort, commit: ProvisioningCommit): Promise<CommitResult> {
  const parts = partsOf(commit);
  const last = parts.pop() ?? EMPTY_PART;
  for (const [index, part] of parts.entries()) await worker.ask('stage', { ...part, isFirst: index === 0 });
  return worker.ask('commit', { ...commit, ...last, isStaged: parts.length > 0 });
}

const EMPTY_PART: PartialPut = { moreExtensions: [], putTenants: [], putTrunks: [] };

/** A tenant with many extensions goes over in several parts too. */
function partsOf({ putTenants, putTrunks }: ProvisioningCommit): PartialPut[] {
  const parts: PartialPut[] = [];
  let tenants: Tenant[] = [];
  let weight = 0;
  const send = () => {
    if (tenants.length > 0) parts.push({ ...EMPTY_PART, putTenants: tenants });
    [tenants, weight] = [[], 0];
  };
  for (const tenant of putTenants) {
    const { extensions } = tenant;
    const isLarge = extensions.length > PART_WEIGHT;
    tenants.push(isLarge ? { ...tenant, extensions: extensions.slice(0, PART_WEIGHT) } : tenant);
    weight += 1 + extensions.length;
    if (weight >= PART_WEIGHT) send();
    for (let at = PART_WEIGHT; at < extensions.length; at += PART_WEIGHT)
      parts.push({ ...EMPTY_PART, moreExtensions: extensions.slice(at, at + PART_WEIGHT) });
  }
  send();
  for (let at = 0; at < putTrunks.length; at += PART_WEIGHT)
    parts.push({ ...EMPTY_PART, putTrunks: putTrunks.slice(at, at + PART_WEIGHT) });
  return parts;
}
