/** One node: its configuration, its stores, the engine and the HTTP interface. */
import type { ReloadReport } from '../api/index.ts';
import type { Log } from '../base/log.ts';
import { letFirst } from '../base/steps.ts';
import { WheelScheduler } from '../base/wheel-scheduler.ts';
import type { Engine } from '../engine/engine.ts';
import { JsonLogger, Metrics, WebhookDispatcher } from '../observe/index.ts';
import type { Provisioner } from '../provisioning/change/provisioner.ts';
import { unknownVariables } from '../settings/environment.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import type { Listening } from '../sip/transport/index.ts';
import { openStores } from '../store/index.ts';
import { makeCertificates } from './before-start.ts';
import { closeAll } from './closing.ts';
import { factsOf, useOf } from './cluster.ts';
import { logLevel } from './configuration.ts';
import { outlive } from './defects.ts';
import { type HttpInterface, serveHttp } from './http-interface.ts';
import { messageService } from './message-service.ts';
import { MessageWatch } from './message-watch.ts';
import { readMetrics } from './metrics.ts';
import { nodeEngine } from './node-engine.ts';
import { type NodeOptions, type NodeParts, settingsOf } from './node-options.ts';
import { NodeProvisioning } from './node-provisioning.ts';
import { OverloadWatch, refusedForTime } from './overload-watch.ts';
import { Reloads } from './reload.ts';
import { version } from './version.ts';
import { type Watching, watching } from './watching.ts';

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
  const unknown = unknownVariables(environment);
  if (unknown.length > 0) log.warn('variables-unknown', { variables: unknown.join(', ') });
  const metrics = new Metrics();
  const closers: (() => unknown)[] = [() => metrics.close()];
  if (options.outlivesDefects === true) closers.push(outlive('unhandledRejection', log, () => metrics.countUncaught()));
  try {
    const stores = await openStores(settings, { log, scheduler, environment, hub: options.worker?.hub });
    closers.push(() => stores.close());
    return await wire({ options, environment, settings, scheduler, log, metrics, stores, closers });
  } catch (error) {
    await closeAll(closers, log);
    throw error;
  }
}

async function wire(parts: NodeParts): Promise<RunningNode> {
  const { options, settings, scheduler, log, metrics, closers } = parts;
  const watched = watching(parts);
  const { events, records } = watched;
  await makeCertificates(settings, scheduler, log);
  const provisioning = new NodeProvisioning(parts, watched);
  await provisioning.load();
  const { provisioner, transports } = provisioning;
  const made = await nodeEngine(parts, watched, provisioning);
  const { engine } = made;
  const problems = () => [...parts.stores.problems(), ...transports.problems(), ...made.problems()];
  const { overload, callsWait } = watchEngine(parts, watched, engine, problems);
  hearOthers(parts, engine);
  const listening = await engine.start();
  if (options.outlivesDefects === true) closers.push(outlive('uncaughtException', log, () => metrics.countUncaught()));
  await transports.start();
  closers.push(() => transports.close());
  tellOthers(parts, engine);
  closers.push(() => engine.close());

  let http: HttpInterface | undefined;
  const messages = messageService(parts, engine, new MessageWatch(log, events, parts.metrics), () => http?.address);
  provisioning.messages = messages;
  closers.push(() => messages.stop());
  const reloads = reloadsOf(parts, watched, provisioning, engine, () => http);
  const reload = () => reloads.reload();
  const webhookSender = new WebhookDispatcher({
    scheduler,
    log,
    egress: engine.egress,
    addressesOf: engine.addressesOf,
  });
  webhookSender.attach(events, records);
  closers.push(() => webhookSender.close());
  const { drainAndClose, close } = endingsOf(parts, engine);
  if (settings.api.enabled)
    http = await serveHttp({
      ...parts,
      ...watched,
      ...{ engine, provisioner, listening, transports, overload, problems, messages, webhookSender, reload, callsWait },
      worker: options.worker,
      files: provisioning.files,
      drain: options.drain ?? (() => void drainAndClose()),
      connections: made.served.api.connections,
    });
  const { address: apiAddress, firstToken } = http ?? {};
  messages.start();
  logStarted(parts, provisioner, listening, apiAddress);
  return { settings, engine, provisioner, listening, apiAddress, log, firstToken, reload, drainAndClose, close };
}

/** What is measured of the engine, and who goes first while calls wait. */
function watchEngine(parts: NodeParts, { events }: Watching, engine: Engine, problems: () => readonly string[]) {
  const { scheduler, log, metrics, stores, closers } = parts;
  readMetrics(metrics, engine, stores, problems, log);
  const overload = new OverloadWatch({ scheduler, log, events, metrics, refusals: () => refusedForTime(engine) });
  closers.push(() => overload.close());
  const callsWait = () => engine.endpoint.inbox?.knownWait === true;
  closers.push(letFirst(callsWait));
  return { overload, callsWait };
}

/** Registrations at the other nodes of the store: from when those that it has are read on, none is missed. */
function hearOthers({ stores }: NodeParts, { registrations: { registrar } }: Engine): void {
  stores.bindings.onRemoteChange?.((aor, bindings, removals) => registrar.applyRemote(aor, bindings, removals));
}

/** What this node tells the others of the store. */
function tellOthers({ options, settings, stores }: NodeParts, engine: Engine): void {
  stores.nodes.announce(
    () => factsOf(engine, settings.api.enabled, options.worker?.node),
    () => useOf(engine),
  );
}

function reloadsOf(
  { options, environment, settings, scheduler, log }: NodeParts,
  { records, audit }: Watching,
  { inForce, provisioner, files, transports }: NodeProvisioning,
  engine: Engine,
  http: () => HttpInterface | undefined,
): Reloads {
  return new Reloads({
    ...{ inForce, engine, provisioner, files, transports, records, audit, log },
    started: settings,
    read: async () => {
      const next = settingsOf(options, environment);
      await makeCertificates(next, scheduler, log);
      return next;
    },
    // Of workers, the process before them has the port.
    renewHttp: (pair) => {
      if (options.worker === undefined) http()?.api.renewCertificate(pair);
    },
  });
}

function endingsOf({ settings, scheduler, log, closers }: NodeParts, engine: Engine) {
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      await closeAll(closers, log);
      scheduler.close();
      log.flush();
    })();
    return closed;
  };
  const drainAndClose = async () => {
    log.info('draining', { calls: engine.calls.counters.live, limitMs: settings.timers.drainMs });
    await engine.drain(settings.timers.drainMs);
    await close();
  };
  return { drainAndClose, close };
}

function logStarted(
  { options, log }: NodeParts,
  { directory }: Provisioner,
  listening: readonly Listening[],
  api: string | undefined,
): void {
  const facts = {
    version,
    listening: listening.map(({ transport, host, port }) => `${transport}:${host}:${port}`),
    api,
    tenants: directory.tenants.length,
    trunks: directory.trunks.length,
  };
  if (options.worker === undefined) log.info('started', facts);
  else log.info('worker-started', facts);
}
