/** The engine of a node: made with the node's stores and limits, and watched. */
import { flushCompileCache } from 'node:module';
import type { Log } from '../base/log.ts';
import { Engine } from '../engine/engine.ts';
import { Observation } from '../engine/tell/observation.ts';
import { GatheredSettings } from '../provisioning/change/gathered-settings.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { DnsClient } from '../sip/locate/index.ts';
import { DatagramBatching } from '../sip/transport/index.ts';
import { SignatureThread } from '../stir/index.ts';
import { requirePorts } from './before-start.ts';
import { RosterPeers, trunkElsewhere } from './cluster.ts';
import { dnsServers, stirFiles } from './configuration.ts';
import { CpuQuota } from './cpu-quota.ts';
import { descriptorsOfProcess, withinDescriptors } from './descriptors.ts';
import type { NodeParts } from './node-options.ts';
import type { NodeProvisioning } from './node-provisioning.ts';
import { MOST_BY_THE_CLOCK, rehearse } from './rehearsal/rehearsal.ts';
import { tuneV8ForShare } from './v8-tuning.ts';
import { version } from './version.ts';
import type { Watching } from './watching.ts';

export interface NodeEngine {
  readonly engine: Engine;
  /** Within what the process may open: its own limits, while what has to be said of the files is said of them as they are written. */
  readonly served: NodeSettings;
  /** What is wrong with how datagrams are moved. */
  readonly problems: () => readonly string[];
}

/** The engine follows what is provisioned from the turn on in which it was made of it. */
export async function nodeEngine(
  parts: NodeParts,
  watching: Watching,
  provisioning: NodeProvisioning,
): Promise<NodeEngine> {
  const { provisioner } = provisioning;
  const { options, settings, scheduler, log, stores, metrics, closers } = parts;
  const observation = new Observation({
    ...{ log, metrics, ...watching },
    directory: () => provisioner.directory,
    isFirst: options.worker?.workers.trunks.isFirst,
  });
  const served = servedSettings(settings, log);
  const quota = new CpuQuota(scheduler, (share) => {
    log.info('cpu-quota', { cores: share });
    tuneV8ForShare(share);
  });
  await quota.refresh();
  // Before the node's own engine is made: objects made before code has settled would have other shapes than it was compiled for.
  if (options.warmsUp === true) {
    // Of workers, the process before them has looked.
    if (options.worker === undefined) await requirePorts(settings, scheduler);
    await warmUp(settings, log);
  }
  const signatures = new SignatureThread({ scheduler, log });
  closers.push(() => signatures.close());
  const dialled = new GatheredSettings(scheduler, (tenant, given) => provisioner.storeSettings(tenant, given));
  const batching = settings.udpBatching ? new DatagramBatching(log) : undefined;
  const engine = new Engine({
    settings: served,
    scheduler,
    log,
    signatures,
    dns: new DnsClient(dnsServers(settings), settings.dns.timeoutMs),
    observer: observation,
    directory: provisioner.directory,
    version,
    bindingStore: stores.bindings,
    signInStore: stores.signIns,
    callStore: stores.calls,
    claimStore: stores.claims,
    lease: stores.trunkLease,
    workers: options.worker?.workers,
    peers: new RosterPeers(stores.nodes, scheduler, options.worker?.node),
    useOfNodes: stores.nodes,
    tallyStore: stores.tallies,
    trunkElsewhere: (trunkId) => trunkElsewhere(stores.nodes, trunkId),
    nonceSecret: stores.nonceSecret,
    guardsLoad: options.guardsLoad ?? true,
    cpuShare: quota.share,
    createSocket: batching?.createSocket,
    storeSetting: async (tenant, setting) => {
      const result = await dialled.store(tenant.name, setting);
      if (result.outcome !== 'applied') throw new Error(`the setting was not stored: ${result.outcome}`);
    },
  });
  provisioning.engine = engine;
  engine.stir.apply(settings.stir, stirFiles(settings));
  return { engine, served, problems: () => batching?.problems() ?? [] };
}

function servedSettings(settings: NodeSettings, log: Log): NodeSettings {
  const served = withinDescriptors(settings, descriptorsOfProcess());
  if (served !== settings) {
    const { limits, api } = served;
    log.warn('descriptors-few', { connections: limits.connections, httpConnections: api.connections });
  }
  return served;
}

/** Before a socket is open: who calls a node that has just started is served as fast as everybody. */
async function warmUp({ timers: { warmUpMs }, udpBatching }: NodeSettings, log: Log): Promise<void> {
  if (warmUpMs === 0) return;
  log.info('warming-up', { mostMs: warmUpMs * MOST_BY_THE_CLOCK });
  const beganMs = performance.now();
  const { completed, failed, refused } = await rehearse(warmUpMs, udpBatching);
  // Kept now: a process that is killed keeps nothing.
  flushCompileCache();
  log.info('warmed-up', { calls: completed, failed, refused, durationMs: Math.round(performance.now() - beganMs) });
}
