/** The HTTP interface of a node: what its answers are made of, and where it listens. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Api, type ApiOptions, createApi, type ReloadReport } from '../api/index.ts';
import type { Engine } from '../engine/engine.ts';
import { RunningEngine } from '../engine/tell/view.ts';
import type { WebhookDispatcher } from '../observe/index.ts';
import type { Provisioner } from '../provisioning/change/provisioner.ts';
import { httpDefaults } from '../settings/exposure.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { OWNER_TOKEN_FILE } from '../settings/owner-files.ts';
import type { Listening } from '../sip/transport/index.ts';
import type { AddedTransports } from './added-transports.ts';
import { nodesPort, storePort } from './cluster.ts';
import { apiTls, configuredWebhooks } from './configuration.ts';
import { forgetHttpAddress, listenForHttp } from './http-port.ts';
import type { NodeParts, WorkerPlace } from './node-options.ts';
import { NodeWatch } from './node-view.ts';
import type { OverloadWatch } from './overload-watch.ts';
import type { ProvisioningFiles } from './provisioning-files.ts';
import { version } from './version.ts';
import type { Watching } from './watching.ts';

/** What `npm run build` makes of `src/console`. */
const CONSOLE_FOLDER = join(import.meta.dirname, '../../dist/console');

export interface HttpParts extends Omit<NodeParts, 'options'>, Watching {
  /** Undefined: the node has a port of its own. */
  readonly worker: WorkerPlace | undefined;
  readonly engine: Engine;
  readonly provisioner: Provisioner;
  readonly files: ProvisioningFiles;
  readonly listening: readonly Listening[];
  readonly transports: AddedTransports;
  readonly overload: OverloadWatch;
  readonly problems: () => readonly string[];
  readonly messages: ApiOptions['messages'];
  readonly webhookSender: WebhookDispatcher;
  readonly reload: () => Promise<ReloadReport>;
  /** Begins to drain. */
  readonly drain: () => void;
  readonly callsWait: () => boolean;
  /** Connections at once. */
  readonly connections: number;
}

export interface HttpInterface {
  readonly api: Api;
  readonly address: string | undefined;
  /** Of a first start. */
  readonly firstToken: string | undefined;
}

export async function serveHttp(parts: HttpParts): Promise<HttpInterface> {
  const { settings, closers, worker } = parts;
  let firstToken: string | undefined;
  const api = await createApi({
    ...answersFrom(parts),
    onFirstToken: (token) => {
      firstToken = token;
    },
    ...placeOf(worker, settings),
    consoleFolder: CONSOLE_FOLDER,
    signInBy: settings.console.oidc,
    ...httpDefaults(settings),
    hosts: [settings.api.host, ...settings.api.hosts],
    limits: { ...settings.api, connections: parts.connections },
    callsWait: parts.callsWait,
    configuredWebhooks: configuredWebhooks(settings),
  });
  closers.push(() => api.close());
  if (worker === undefined) {
    const address = await listenForHttp(api, settings);
    closers.push(() => forgetHttpAddress(settings));
    return { api, address, firstToken };
  }
  // What a worker that was killed has left.
  rmSync(worker.httpSocket, { force: true });
  await api.listenAt(worker.httpSocket);
  return { api, address: worker.apiAddress, firstToken };
}

/** What requests are answered from, and what they set going. */
function answersFrom(parts: HttpParts) {
  const { settings, environment, scheduler, log, metrics, stores, engine, provisioner, records, recentCalls } = parts;
  const view = new RunningEngine({
    scheduler,
    engine,
    provisioner,
    trace: parts.trace,
    placed: (id) => recentCalls.get(records.get(id)?.callId ?? id),
    placedCalls: () => recentCalls.list(),
    record: (id) => records.get(id),
    problems: parts.problems,
  });
  const watch = new NodeWatch({
    settings,
    scheduler,
    engine,
    listening: parts.listening,
    loopDelay: metrics.loopDelay.reading(),
    overload: () => parts.overload.view(),
    readiness: () => view.readiness(),
  });
  return {
    engine: view,
    node: () => watch.view(),
    nodes: nodesPort(settings, stores, scheduler, parts.worker?.node),
    provisioning: provisioner,
    reload: parts.reload,
    drain: () => {
      parts.drain();
      return { node: settings.node, calls: engine.calls.counters.live, limitSeconds: settings.timers.drainMs / 1000 };
    },
    store: storePort(settings, stores),
    transports: parts.transports,
    messages: parts.messages,
    managedBy: (resource: string) => parts.files.ownerOf(resource),
    tokenStore: stores.tokens,
    userStore: stores.users,
    webhooks: { store: stores.webhooks, sender: parts.webhookSender },
    audit: parts.audit,
    records,
    events: parts.events,
    metrics,
    log,
    clock: scheduler,
    version,
    entityTagKey: Buffer.from(stores.nonceSecret),
    bootstrapToken: environment['TANDEM_BOOTSTRAP_TOKEN'],
  };
}

/** How the HTTP interface is come by: over its own port, or through the front of the node. */
function placeOf(worker: WorkerPlace | undefined, settings: NodeSettings) {
  if (worker === undefined) return { ownerTokenPath: join(settings.store.path, OWNER_TOKEN_FILE), ...apiTls(settings) };
  return { ownerToken: worker.ownerToken, front: { isTls: settings.api.certificate !== undefined } };
}
