import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request as requestInClear } from 'node:http';
import { request as requestByTls } from 'node:https';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { type RunningNode, startNode } from '../../src/node/node.ts';
import { withTrunkIds } from '../../src/provisioning/trunk-settings/effective.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import type { NodeSettingsInput } from '../../src/settings/node-schema.ts';
import { ownPortOf } from '../../src/settings/workers.ts';
import {
  type EngineOptions,
  type ProvisioningInput,
  startEngineProcess,
  writeConfiguration,
} from './engine-process.ts';
import { eventually } from './eventually.ts';
import { freePortForWorkers } from './free-port.ts';
import { TEST_WORKERS } from './test-workers.ts';

type Transport = 'udp' | 'tcp' | 'tls';

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

export interface Registration {
  readonly contact: string;
  readonly transport: Transport;
  readonly source: string;
}

/** The product, listening on free ports; as one process or several. */
export interface TestEngine {
  readonly host: string;
  /** Of the system's admin, for the HTTP interface and the command line. */
  readonly token: string;
  /** Where the HTTP interface is. */
  readonly apiAddress: string;
  /** Where it keeps its data. */
  readonly dataFolder: string;
  /** Of the first listener over the transport, at the address if one is given. */
  port(transport?: Transport, host?: string): number;
  /** The ports that Via and Contact say for {@link port}: its own, or those of the workers behind it. */
  ownPorts(transport?: Transport, host?: string): readonly number[];
  /** `host:port` as SIPp takes it. */
  address(transport?: Transport): string;
  logs(event?: string): LogLine[];
  /** The first line with this event that `where` accepts, as soon as it is there. */
  logged(event: string, where?: (line: LogLine) => boolean): Promise<LogLine>;
  /** A request to the HTTP interface as the system's admin; fails the test on an answer of 4xx or 5xx. */
  api(path: string, body?: unknown): Promise<unknown>;
  /** The value of a metric by its name, without labels or with the last of them, `tandem_connections_total{event="opened"}`; of workers, all together. */
  counted(metric: string): Promise<number>;
  /** What is registered for an extension, as the HTTP interface lists it. */
  registrations(extension: string): Promise<readonly Registration[]>;
  /** Calls in setup and in progress, as the HTTP interface lists them. */
  calls(): Promise<readonly { readonly callId: string; readonly state: string }[]>;
  endCall(callId: string): Promise<void>;
  /** Resolves once every worker knows what has been registered at another: they do within milliseconds, and more on a busy machine. */
  registeredEverywhere(): Promise<void>;
  /** Makes what is provisioned hold this as well, or this alone; fails the test when it is refused. */
  provision(provisioning: ProvisioningInput, others?: 'stay' | 'go'): Promise<void>;
  /** Changes settings in the configuration file and has it read again; fails the test when it is refused. */
  configure(changes: Partial<NodeSettingsInput>): Promise<void>;
  /** Ends the engine after checking what must hold after every test: no call left behind, nothing uncaught. */
  stop(): Promise<void>;
}

/** An engine in the process of the test, which can look inside. */
export interface EngineHere extends TestEngine {
  readonly node: RunningNode;
}

const ADMIN_TOKEN = 'end-to-end-admin-token-0123456789abcdef';
/** 64*T1: a BYE whose answer got lost with the peer. */
const CALLS_END_MS = 40_000;
/** What a suite waits for as its engine stops is named from here on. */
const LONG_MS = 10_000;
/** As good as no guard of load: the machine is not all for these processes. */
const UNGUARDED = { backlogMs: 10_000, queueAgeMs: 60_000 };

/** Starts the engine in this process, or with as many workers as all engines of this run have. */
export function startEngine(options: EngineOptions): Promise<TestEngine> {
  return TEST_WORKERS === 1 ? startEngineHere(options) : startEngineOfWorkers(options, TEST_WORKERS);
}

export async function startEngineHere(options: EngineOptions): Promise<EngineHere> {
  const host = options.host ?? '127.0.0.1';
  const { folder, configFile } = writeConfiguration(options, listenersAt(host));
  const lines: LogLine[] = [];
  const node = await startNode({
    configFile,
    // It shares its thread with the test.
    guardsLoad: false,
    environment: { TANDEM_BOOTSTRAP_TOKEN: ADMIN_TOKEN, ...options.environment },
    logStream: { write: (line) => lines.push(JSON.parse(line)) },
  }).catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const port: TestEngine['port'] = (transport = 'udp', at) => portIn(node.listening, transport, at);
  const seen = seenFromOutside({
    host,
    apiAddress: node.apiAddress ?? '',
    configFile,
    port,
    lines: () => lines,
  });
  return {
    ...seen,
    node,
    dataFolder: node.settings.store.path,
    ownPorts: (transport, at) => [port(transport, at)],
    async provision(provisioning, others = 'stay') {
      const { tenants, trunks, certificates } = provisioningSchema.parse(provisioning);
      const result = await node.provisioner.update((state) => {
        const putTrunks = withTrunkIds(trunks, state.trunks);
        const names = new Set(tenants.map(({ name }) => name));
        const ids = new Set(putTrunks.map(({ id }) => id));
        const left = others === 'stay' ? { tenants: [], trunks: [] } : state;
        return {
          putTenants: tenants,
          putTrunks,
          putCertificates: certificates,
          deleteTenants: left.tenants.map(({ name }) => name).filter((name) => !names.has(name)),
          deleteTrunks: left.trunks.map(({ id }) => id ?? '').filter((id) => !ids.has(id)),
        };
      });
      if (result.outcome !== 'applied') throw new Error(JSON.stringify(result));
    },
    async stop() {
      try {
        const { calls, endpoint } = node.engine;
        const stopAtMs = performance.now();
        await seen.ended(() => calls.counters.live === 0 && calls.counters.legs === 0);
        const waitedMs = performance.now() - stopAtMs;
        if (waitedMs > LONG_MS)
          console.warn(`Calls ended ${Math.round(waitedMs / 1000)} s after their tests: somebody has not answered.`);
        expect(endpoint.counters.uncaughtErrors).toBe(0);
      } finally {
        await node.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

async function startEngineOfWorkers(options: EngineOptions, workers: number): Promise<TestEngine> {
  const host = options.host ?? '127.0.0.1';
  const { settings = {} } = options;
  const listen = await withPorts(settings.listen ?? listenersAt(host), workers);
  const engine = await startEngineProcess({
    ...options,
    settings: { ...settings, workers, listen, limits: { ...UNGUARDED, ...settings.limits } },
    environment: { TANDEM_BOOTSTRAP_TOKEN: ADMIN_TOKEN, ...options.environment },
  });
  const port: TestEngine['port'] = (transport = 'udp', at) => portIn(listen, transport, at);
  const { configFile, dataFolder, apiAddress } = engine;
  const printed = new PrintedLines(() => engine.child.output());
  const seen = seenFromOutside({ host, apiAddress, configFile, port, lines: () => printed.lines() });
  return {
    ...seen,
    dataFolder,
    ownPorts: (transport, at) => Array.from({ length: workers }, (_, worker) => ownPortOf(worker, port(transport, at))),
    async provision(provisioning, others = 'stay') {
      if (others === 'go') await seen.provisionAlone(provisioning);
      else await seen.api('/api/v1/provisioning', provisioning);
      // The others follow within milliseconds, and more on a busy machine.
      await eventually(
        'the same at all workers',
        async () => new Set(await askEach(dirname(configFile), '/api/v1/provisioning')).size === 1,
      );
    },
    async registeredEverywhere() {
      // Where a phone is, too: it may have registered again from elsewhere.
      await eventually('the same registrations at all workers', async () => {
        const answers = await askEach(dirname(configFile), '/api/v1/registrations');
        const places = answers.map((answer) =>
          (JSON.parse(answer) as { items: Registration[] }).items.map(({ contact, source }) => `${contact} ${source}`),
        );
        return new Set(places.map((each) => each.toSorted().join('\n'))).size === 1;
      });
      await seen.registeredEverywhere();
    },
    async stop() {
      try {
        const { counted } = seen;
        await seen.ended(
          async () => (await counted('tandem_calls_live')) === 0 && (await counted('tandem_dialogs_live')) === 0,
        );
        expect(await counted('tandem_sip_faults_total{reason="uncaught"}')).toBe(0);
        expect(printed.lines().filter(({ event }) => event === 'worker-ended')).toEqual([]);
      } finally {
        await engine.stop();
      }
    },
  };
}

interface Outside {
  readonly host: string;
  readonly apiAddress: string;
  readonly configFile: string;
  readonly port: TestEngine['port'];
  readonly lines: () => readonly LogLine[];
}

/** What can be seen and done from outside, whatever processes there are. */
function seenFromOutside({ host, apiAddress, configFile, port, lines }: Outside) {
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const { status, text } = await request(method, `${apiAddress}${path}`, body);
    if (status >= 400) throw new Error(`${path}: ${status} ${text}`);
    return text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text;
  };
  const api = (path: string, body?: unknown) => ask(body === undefined ? 'GET' : 'POST', path, body);
  const logs = (event?: string) => lines().filter((line) => event === undefined || line.event === event);
  const counted = async (metric: string) => sumOf(String(await api('/metrics')), metric);
  return {
    host,
    token: ADMIN_TOKEN,
    apiAddress,
    port,
    address: (transport?: Transport) => `${host.includes(':') ? `[${host}]` : host}:${port(transport)}`,
    logs,
    logged: (event: string, where: (line: LogLine) => boolean = () => true) =>
      eventually(`a log line "${event}"`, () => logs(event).find(where), {
        detail: () =>
          logs()
            .map((line) => JSON.stringify(line))
            .join('\n'),
      }),
    api,
    counted,
    async registrations(extension: string) {
      const { items } = (await api(`/api/v1/registrations?extension=${extension}`)) as { items: Registration[] };
      return items;
    },
    async registeredEverywhere() {
      await eventually('the same registrations at all workers', async () => {
        const counts = samplesOf(String(await api('/metrics')), 'tandem_registrations');
        return new Set(counts).size === 1;
      });
    },
    async calls() {
      const { items } = (await api('/api/v1/calls')) as { items: Awaited<ReturnType<TestEngine['calls']>> };
      return items;
    },
    async endCall(callId: string) {
      await ask('DELETE', `/api/v1/calls/${callId}`);
    },
    async configure(changes: Partial<NodeSettingsInput>) {
      writeFileSync(configFile, JSON.stringify({ ...readConfiguration(configFile), ...changes }));
      await api('/api/v1/reload', {});
    },
    /** Puts these; the tenants and trunks that are not among them are deleted, as far as they can be before these are there. */
    async provisionAlone(provisioning: ProvisioningInput) {
      const { tenants = [], trunks = [] } = (await api('/api/v1/provisioning')) as ProvisioningInput;
      const left = tenants.filter(({ name }) => !provisioning.tenants?.some((each) => each.name === name));
      const places = [
        ...trunks
          .filter(({ id }) => !provisioning.trunks?.some((each) => each.id === id))
          .map(({ id }) => `/api/v1/trunks/${id}`),
        ...left.map(({ name }) => `/api/v1/tenants/${name}`),
      ];
      // Without their rules nothing of theirs keeps a trunk.
      await api('/api/v1/provisioning', { tenants: left.map(({ name, domain }) => ({ name, domain })) });
      const kept: string[] = [];
      for (const place of places) await ask('DELETE', place).catch(() => kept.push(place));
      await api('/api/v1/provisioning', provisioning);
      for (const place of kept) await ask('DELETE', place);
    },
    /** Waits until every call has ended, as `isSo` says. */
    ended: (isSo: () => boolean | Promise<boolean>) =>
      eventually('the end of every call', isSo, {
        timeoutMs: CALLS_END_MS,
        detail: () =>
          logs()
            .slice(-50)
            .map((line) => JSON.stringify(line))
            .join('\n'),
      }),
  };
}

/** What each worker answers, over the socket where it takes what the front passes on. */
function askEach(temporary: string, path: string): Promise<string[]> {
  const folders = readdirSync(temporary).filter((name) => /^tandem-\w{6}$/.test(name));
  const sockets = folders.flatMap((folder) =>
    readdirSync(join(temporary, folder)).map((name) => join(temporary, folder, name)),
  );
  return Promise.all(
    sockets.map(async (socketPath) => {
      const { status, text } = await request('GET', `http://127.0.0.1${path}`, undefined, socketPath);
      // Refusals are the same at all of them, too.
      if (status >= 400) throw new Error(`${path}: ${status} ${text}`);
      return text;
    }),
  );
}

/** Whatever certificate it shows: who it is, is clear. */
function request(
  method: string,
  url: string,
  body?: unknown,
  socketPath?: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly text: string }>();
  const answered = (response: IncomingMessage) =>
    void text(response).then((answer) => resolve({ status: response.statusCode ?? 0, text: answer }), reject);
  const asked = url.startsWith('https:')
    ? requestByTls(url, { method, headers, rejectUnauthorized: false }, answered)
    : requestInClear(url, { method, headers, ...(socketPath !== undefined && { socketPath }) }, answered);
  asked.on('error', reject);
  asked.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

/** The value of all samples of a metric: `name` or `name{label="value"}`, a label of theirs. */
function sumOf(text: string, metric: string): number {
  return samplesOf(text, metric).reduce((sum, value) => sum + value, 0);
}

function samplesOf(text: string, metric: string): number[] {
  const [name = '', label = ''] = metric.replace('}', '').split('{');
  const samples = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => line.includes(label));
  if (samples.length === 0) throw new Error(`there is no metric ${metric}`);
  return samples.map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
}

/** JSON lines in what processes print, each read once. */
class PrintedLines {
  readonly #printed: () => string;
  readonly #lines: LogLine[] = [];
  #read = 0;

  constructor(printed: () => string) {
    this.#printed = printed;
  }

  lines(): readonly LogLine[] {
    const text = this.#printed();
    for (let end = text.indexOf('\n', this.#read); end >= 0; end = text.indexOf('\n', this.#read)) {
      const line = text.slice(this.#read, end);
      this.#read = end + 1;
      // A person reads the others.
      if (line.startsWith('{')) this.#lines.push(JSON.parse(Buffer.from(line, 'latin1').toString('utf8')));
    }
    return this.#lines;
  }
}

type Listeners = NonNullable<NodeSettingsInput['listen']>;

const listenersAt = (host: string): Listeners => [
  { transport: 'udp', host, port: 0 },
  { transport: 'tcp', host, port: 0 },
];

/** Workers cannot have the system choose their ports. */
async function withPorts(listen: Listeners, workers: number): Promise<(Listeners[number] & { port: number })[]> {
  const chosen = [];
  for (const each of listen) {
    const host = each.host ?? '0.0.0.0';
    chosen.push({ ...each, port: each.port === 0 ? await freePortForWorkers(workers, host) : (each.port ?? 5060) });
  }
  return chosen;
}

function portIn(
  listening: readonly { readonly transport: string; readonly host?: string | undefined; readonly port: number }[],
  transport: Transport,
  host?: string,
): number {
  const found = listening.find((each) => each.transport === transport && (host === undefined || each.host === host));
  if (found === undefined) throw new Error(`the engine does not listen on ${transport} ${host ?? ''}`);
  return found.port;
}

function readConfiguration(file: string): NodeSettingsInput {
  return JSON.parse(readFileSync(file, 'utf8'));
}
