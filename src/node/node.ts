/** One node: its configuration, its stores, the engine and the HTTP interface. */
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import type { ReloadReport } from '../api/index.ts';
import { SettingsError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { letFirst } from '../base/steps.ts';
import { WheelScheduler } from '../base/wheel-scheduler.ts';
import type { Workers } from '../engine/admit/dealing.ts';
import { Engine } from '../engine/engine.ts';
import { Observation } from '../engine/tell/observation.ts';
import { RecentCalls } from '../engine/tell/recent-calls.ts';
import {
  AuditLog,
  CallRecordLog,
  EventBus,
  JsonLogger,
  Metrics,
  SipTrace,
  WebhookDispatcher,
} from '../observe/index.ts';
import { Provisioner } from '../provisioning/change/provisioner.ts';
import { refuseUnknownDefaultTenant } from '../settings/default-tenant.ts';
import { refuseDemoPasswords } from '../settings/demo-passwords.ts';
import { configurationFile, transportsOf, verifiesCalls } from '../settings/load.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { workerSettings } from '../settings/workers.ts';
import { DnsClient } from '../sip/locate/index.ts';
import { DatagramBatching, type Listening } from '../sip/transport/index.ts';
import { SignatureThread } from '../stir/index.ts';
import { type HubChannel, openStores, type Stores } from '../store/index.ts';
import { AddedTransports } from './added-transports.ts';
import { makeCertificates, requirePorts } from './before-start.ts';
import { closeAll } from './closing.ts';
import { factsOf, RosterPeers, trunkElsewhere, useOf } from './cluster.ts';
import { dnsServers, loadSettings, logLevel, stirFiles } from './configuration.ts';
import { CpuQuota } from './cpu-quota.ts';
import { descriptorsOfProcess, withinDescriptors } from './descriptors.ts';
import { type HttpInterface, serveHttp } from './http-interface.ts';
import { messageService } from './message-service.ts';
import { MessageWatch } from './message-watch.ts';
import { readMetrics } from './metrics.ts';
import { OverloadWatch, refusedForTime } from './overload-watch.ts';
import { ProvisioningFiles } from './provisioning-files.ts';
import { rehearse } from './rehearsal/rehearsal.ts';
import { hearRejections } from './rejections.ts';
import { type InForce, Reloads } from './reload.ts';
import { version } from './version.ts';

export interface NodeOptions {
  /** Configuration file; default: TANDEM_CONFIG, else config/tandem.yaml. */
  readonly configFile?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv;
  /** Go through the work of calls before the first one comes, for `timers.warmUpMs` at most; default: false, as tests want it. */
  readonly warmsUp?: boolean;
  /** Refuse new calls while the process has no time left; default: true. Off where it does other work beside, as tests do. */
  readonly guardsLoad?: boolean;
  /** Go on when a promise fails that nobody waits for; default: false, as tests want to hear of it. */
  readonly outlivesRejections?: boolean;
  /** For one of several processes that are a node together; default: this process is the node. */
  readonly worker?: WorkerPlace | undefined;
  /** Has the process drain and end, as SIGTERM does; default: this node alone drains and closes. */
  readonly drain?: () => void;
  /** Where log lines go; default: standard output. */
  readonly logStream?: { write(line: string): unknown };
}

/** The place of a worker among the processes of its node. */
export interface WorkerPlace {
  /** The name of the node. */
  readonly node: string;
  readonly workers: Workers;
  /** The way to the process that has the embedded store. */
  readonly hub: HubChannel | undefined;
  /** The socket where the front of the node passes HTTP requests on. */
  readonly httpSocket: string;
  /** Where the node serves HTTP; undefined when it is off. */
  readonly apiAddress: string | undefined;
  readonly ownerToken: string;
}

export interface RunningNode {
  readonly settings: NodeSettings;
  readonly engine: Engine;
  readonly provisioner: Provisioner;
  readonly listening: readonly Listening[];
  /** Address of the HTTP interface; undefined when it is off. */
  readonly apiAddress: string | undefined;
  readonly log: Log;
  /** Printed once at the first start; undefined when a token was there already. */
  readonly firstToken: string | undefined;
  /** Reads configuration and provisioning files again; all or nothing. Says what changed. Throws a SettingsError, or an UnavailableError. */
  reload(): Promise<ReloadReport>;
  /** No new calls; waits for those in progress for the configured time, then closes. */
  drainAndClose(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a node; throws a SettingsError that names every fault of its files or addresses. */
export async function startNode(options: NodeOptions = {}): Promise<RunningNode> {
  const environment = options.environment ?? process.env;
  const settings = settingsOf(options, environment);
  const scheduler = new WheelScheduler();
  const log = new JsonLogger({
    scheduler,
    level: logLevel(settings),
    linesPerSecond: settings.limits.logLinesPerSecond,
    base: { node: settings.node },
    ...(options.logStream === undefined ? {} : { stream: options.logStream }),
  });
  const metrics = new Metrics();
  const closers: (() => unknown)[] = [() => metrics.close()];
  if (options.outlivesRejections === true) closers.push(hearRejections(log, () => metrics.countUncaught()));
  try {
    const stores = await openStores(settings, { log, scheduler, environment, hub: options.worker?.hub });
    closers.push(() => stores.close());
    return await wire({ options, environment, settings, scheduler, log, metrics, stores, closers });
  } catch (error) {
    await closeAll(closers, log);
    throw error;
  }
}

interface Parts {
  readonly options: NodeOptions;
  readonly environment: NodeJS.ProcessEnv;
  readonly settings: NodeSettings;
  readonly scheduler: WheelScheduler;
  readonly log: JsonLogger;
  readonly metrics: Metrics;
  readonly stores: Stores;
  readonly closers: (() => unknown)[];
}

async function wire(parts: Parts): Promise<RunningNode> {
  const { options, environment, settings, scheduler, log, metrics, stores, closers } = parts;
  const folder = settings.store.path;
  const events = new EventBus(scheduler, {
    onError: (error) => log.error('event-subscriber-failed', { error: String(error) }),
  });
  const trace = new SipTrace(scheduler, { maxOctets: settings.limits.traceBytes });
  const records = new CallRecordLog({ log, path: settings.records.file ?? join(folder, 'calls.jsonl') });
  const audit = new AuditLog(scheduler, { log, path: join(folder, 'audit.jsonl'), events });
  const recentCalls = new RecentCalls(settings.limits.explainedCalls);
  closers.push(
    () => records.close(),
    () => audit.close(),
  );

  await makeCertificates(settings, scheduler, log);
  let engine: Engine | undefined;
  let messages: ReturnType<typeof messageService> | undefined;
  const inForce: InForce = { settings, coming: undefined };
  const transports = new AddedTransports({
    settings,
    scheduler,
    log,
    listeners: () => engine?.listeners,
    directory: () => provisioner.directory,
    configFile: configurationFile(options.configFile, environment),
    workers: options.worker?.workers.count ?? 1,
  });
  const provisioner: Provisioner = new Provisioner({
    store: stores.provisioning,
    log,
    context: {
      get transports() {
        const open = inForce.coming ?? engine?.listeners.transports ?? transportsOf(settings);
        return new Set([...open, ...transports.transports]);
      },
      get verifiesCalls() {
        return verifiesCalls(inForce.settings);
      },
    },
    onDirectory: (directory) => {
      engine?.apply(directory);
      messages?.apply();
      if (engine !== undefined) void transports.apply();
    },
    // At the start nobody waits for the DNS: what it makes coincide then is told as an alarm.
    locate: async (trunks) => (await engine?.trunks.addressesWith(trunks)) ?? (() => []),
  });
  await provisioner.load();
  // Without the store a node serves the copy it has: what the files would change waits for a reload.
  const files = new ProvisioningFiles(provisioner, audit, environment);
  await files.apply(settings, false).catch((error: Error) => {
    if (error instanceof SettingsError || stores.problems().length === 0) throw error;
    log.error('provisioning-files-not-applied', { error: error.message });
  });
  refuseDemoPasswords(provisioner.directory.tenants, settings);
  refuseUnknownDefaultTenant(
    settings,
    provisioner.directory.tenants.map(({ name }) => name),
  );

  const observation = new Observation({
    log,
    events,
    metrics,
    records,
    trace,
    recentCalls,
    directory: () => provisioner.directory,
  });
  // Its own limits: what has to be said of the files is said of them as they are written.
  const served = withinDescriptors(settings, descriptorsOfProcess());
  if (served !== settings) {
    const { limits, api } = served;
    log.warn('descriptors-few', { connections: limits.connections, httpConnections: api.connections });
  }
  const quota = new CpuQuota(scheduler, (share) => log.info('cpu-quota', { cores: share }));
  await quota.refresh();
  // Before the node's own engine is made: objects made before code has settled would have other shapes than it was compiled for.
  if (options.warmsUp === true) {
    // Of workers, the process before them has looked.
    if (options.worker === undefined) await requirePorts(settings, scheduler);
    await warmUp(settings.timers.warmUpMs, log);
  }
  const signatures = new SignatureThread({ scheduler, log });
  closers.push(() => signatures.close());
  const batching = settings.udpBatching ? new DatagramBatching(log) : undefined;
  engine = new Engine({
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
    peers: new RosterPeers(stores.nodes, scheduler),
    useOfNodes: stores.nodes,
    tallyStore: stores.tallies,
    trunkElsewhere: (trunkId) => trunkElsewhere(stores.nodes, trunkId),
    nonceSecret: stores.nonceSecret,
    guardsLoad: options.guardsLoad ?? true,
    cpuShare: quota.share,
    createSocket: batching?.createSocket,
    storeSetting: async (tenant, setting) => {
      const result = await provisioner.storeSetting(tenant.name, setting);
      if (result.outcome !== 'applied') throw new Error(`the setting was not stored: ${result.outcome}`);
    },
  });
  engine.stir.apply(settings.stir, stirFiles(settings));
  const problems = () => [...stores.problems(), ...transports.problems(), ...(batching?.problems() ?? [])];
  readMetrics(metrics, engine, stores, problems, log);
  const running = engine;
  const overload = new OverloadWatch({ scheduler, log, events, metrics, refusals: () => refusedForTime(running) });
  closers.push(() => overload.close());
  const callsWait = () => running.endpoint.inbox?.knownWait === true;
  closers.push(letFirst(callsWait));
  const listening = await engine.start();
  await transports.start();
  closers.push(() => transports.close());
  const { registrar } = running.registrations;
  stores.bindings.onRemoteChange?.((aor, bindings, removals) => registrar.applyRemote(aor, bindings, removals));
  stores.nodes.announce(
    () => factsOf(running, settings.api.enabled),
    () => useOf(running),
  );
  closers.push(() => running.close());
  let apiAddress: string | undefined;
  const serving = messageService(parts, running, new MessageWatch(log, events, metrics), () => apiAddress);
  messages = serving;
  closers.push(() => serving.stop());

  let http: HttpInterface | undefined;
  const reloads = new Reloads({
    started: settings,
    read: async () => {
      const next = settingsOf(options, environment);
      await makeCertificates(next, scheduler, log);
      return next;
    },
    inForce,
    engine: running,
    provisioner,
    files,
    transports,
    records,
    audit,
    log,
    // Of workers, the process before them has the port.
    renewHttp: (pair) => {
      if (options.worker === undefined) http?.api.renewCertificate(pair);
    },
  });
  const reload = () => reloads.reload();
  const webhookSender = new WebhookDispatcher({ scheduler, log, egress: engine.egress });
  webhookSender.attach(events, records);
  closers.push(() => webhookSender.close());
  if (settings.api.enabled) {
    http = await serveHttp({
      ...parts,
      worker: options.worker,
      engine: running,
      provisioner,
      files,
      listening,
      events,
      trace,
      records,
      audit,
      recentCalls,
      transports,
      overload,
      problems,
      messages: serving,
      webhookSender,
      reload,
      drain: () => {
        if (options.drain === undefined) void drainAndClose();
        else options.drain();
      },
      callsWait,
      connections: served.api.connections,
    });
    apiAddress = http.address;
  }
  serving.start();
  const facts = {
    version,
    listening: listening.map(({ transport, host, port }) => `${transport}:${host}:${port}`),
    api: apiAddress,
    tenants: provisioner.directory.tenants.length,
    trunks: provisioner.directory.trunks.length,
  };
  if (options.worker === undefined) log.info('started', facts);
  else log.info('worker-started', facts);

  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      await closeAll(closers, log);
      scheduler.close();
      log.flush();
    })();
    return closed;
  };
  async function drainAndClose(): Promise<void> {
    log.info('draining', { calls: running.calls.counters.live, limitMs: settings.timers.drainMs });
    await running.drain(settings.timers.drainMs);
    await close();
  }
  return {
    settings,
    engine,
    provisioner,
    listening,
    apiAddress,
    log,
    firstToken: http?.firstToken,
    reload,
    drainAndClose,
    close,
  };
}

/** Before a socket is open: who calls a node that has just started is served as fast as everybody. */
async function warmUp(limitMs: number, log: Log): Promise<void> {
  if (limitMs === 0) return;
  const beganMs = performance.now();
  const { completed, failed } = await rehearse(limitMs);
  // Kept now: a process that is killed keeps nothing.
  flushCompileCache();
  log.info('warmed-up', { calls: completed, failed, durationMs: Math.round(performance.now() - beganMs) });
}

function settingsOf({ configFile, worker }: NodeOptions, environment: NodeJS.ProcessEnv): NodeSettings {
  const settings = loadSettings(configFile, environment);
  if (worker === undefined) return settings;
  return workerSettings({ ...settings, node: worker.node }, worker.workers.index);
}
