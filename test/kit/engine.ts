import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { z } from 'zod';
import { type RunningNode, startNode } from '../../src/node/node.ts';
import type { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { loadProvisioning, settingsError, transportsOf } from '../../src/settings/load.ts';
import type { NodeSettingsInput } from '../../src/settings/node-schema.ts';
import { type Child, startChild } from './child.ts';
import { eventually } from './eventually.ts';
import { freePort, freePortForWorkers } from './free-port.ts';

export type ProvisioningInput = z.input<typeof provisioningSchema>;
type Transport = 'udp' | 'tcp' | 'tls';

export interface EngineOptions {
  readonly provisioning: ProvisioningInput;
  /** Address of the default listeners. Default 127.0.0.1. */
  readonly host?: string;
  /** Whether calls are refused while this process is busy. Default false: the engine shares its thread with the test. */
  readonly guardsLoad?: boolean;
  /** Settings on top of the defaults: UDP and TCP on free ports, HTTP on a free port, state in a folder of the test's own. */
  readonly settings?: Partial<NodeSettingsInput>;
  /** Environment variables beside the admin's token. */
  readonly environment?: NodeJS.ProcessEnv;
  /** A process: it listens on TLS as well, with this certificate and key (files). */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** A process: the command that runs the command that follows it, e.g. `prlimit --nofile=64 --`. */
  readonly wrapper?: readonly string[];
}

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

export interface Registration {
  readonly contact: string;
  readonly transport: Transport;
  readonly source: string;
}

/** The product in this process, listening on free ports. */
export interface TestEngine {
  readonly node: RunningNode;
  readonly host: string;
  /** Of the system's admin, for the HTTP interface and the command line. */
  readonly token: string;
  port(transport?: Transport): number;
  /** `host:port` as SIPp takes it. */
  address(transport?: Transport): string;
  logs(event?: string): LogLine[];
  /** The first line with this event that `where` accepts, as soon as it is there. */
  logged(event: string, where?: (line: LogLine) => boolean): Promise<LogLine>;
  /** A request to the HTTP interface as the system's admin; fails the test on an answer of 4xx or 5xx. */
  api(path: string, body?: unknown): Promise<unknown>;
  /** What is registered for an extension, as the HTTP interface lists it. */
  registrations(extension: string): Promise<readonly Registration[]>;
  /** Makes what is provisioned hold this as well; fails the test when it is refused. */
  provision(provisioning: ProvisioningInput): Promise<void>;
  /** Ends the engine after checking what must hold after every test: no call left behind, nothing uncaught. */
  stop(): Promise<void>;
}

const ADMIN_TOKEN = 'end-to-end-admin-token-0123456789abcdef';

/** How many workers an engine has that is a process of its own, where a test says nothing: `TANDEM_TEST_WORKERS=2 npx vitest run …`. */
const TEST_WORKERS = Number(process.env['TANDEM_TEST_WORKERS'] ?? 1);

/** Configuration of a node for a test: a folder of its own, ports that the system chooses. */
function writeConfiguration(options: EngineOptions, listen: NodeSettingsInput['listen']) {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-engine-'));
  const provisioningFile = join(folder, 'provisioning.json');
  const configFile = join(folder, 'tandem.json');
  writeFileSync(provisioningFile, JSON.stringify(options.provisioning));
  const settings: NodeSettingsInput = {
    listen,
    store: { kind: 'embedded', path: join(folder, 'data') },
    provisioning: [provisioningFile],
    provisioningMode: 'seed',
    api: { port: 0, requestsPerMinute: 1_000_000 },
    ...options.settings,
  };
  // JSON is YAML.
  writeFileSync(configFile, JSON.stringify(settings));
  return { folder, configFile };
}

export async function startEngine(options: EngineOptions): Promise<TestEngine> {
  const host = options.host ?? '127.0.0.1';
  const { folder, configFile } = writeConfiguration(options, [
    { transport: 'udp', host, port: 0 },
    { transport: 'tcp', host, port: 0 },
  ]);
  const lines: LogLine[] = [];
  const node = await startNode({
    configFile,
    guardsLoad: options.guardsLoad ?? false,
    environment: { TANDEM_BOOTSTRAP_TOKEN: ADMIN_TOKEN, ...options.environment },
    logStream: { write: (line) => lines.push(JSON.parse(line)) },
  }).catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const port = (transport: Transport = 'udp') => {
    const found = node.listening.find((listening) => listening.transport === transport);
    if (found === undefined) throw new Error(`the engine does not listen on ${transport}`);
    return found.port;
  };
  const logs = (event?: string) => (event === undefined ? lines : lines.filter((line) => line.event === event));
  const api = async (path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${node.apiAddress}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text;
  };
  return {
    node,
    host,
    token: ADMIN_TOKEN,
    port,
    address: (transport) => `${host.includes(':') ? `[${host}]` : host}:${port(transport)}`,
    logs,
    logged: (event, where = () => true) =>
      eventually(`a log line "${event}"`, () => logs(event).find(where), {
        detail: () => lines.map((line) => JSON.stringify(line)).join('\n'),
      }),
    api,
    async registrations(extension) {
      const { items } = (await api(`/api/v1/registrations?extension=${extension}`)) as { items: Registration[] };
      return items;
    },
    async provision(provisioning) {
      const file = join(folder, 'more.json');
      writeFileSync(file, JSON.stringify(provisioning));
      const loaded = loadProvisioning([file], {}, { transports: transportsOf(node.settings) });
      if (loaded.provisioning === undefined) throw settingsError(loaded.problems);
      expect(await node.provisioner.put(loaded.provisioning)).toMatchObject({ outcome: 'applied' });
    },
    async stop() {
      try {
        const { calls, endpoint } = node.engine;
        await eventually('the end of every call', () => calls.counters.live === 0 && calls.counters.legs === 0, {
          // 64*T1: a BYE whose answer got lost with the peer.
          timeoutMs: 40_000,
          detail: () => JSON.stringify([...calls.list()]),
        });
        expect(endpoint.counters.uncaughtErrors).toBe(0);
      } finally {
        await node.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** The product as a process of its own, as an operator runs it. */
export interface EngineProcess {
  readonly port: number;
  /** Of TLS, where it has that. */
  readonly tlsPort: number;
  /** Where it keeps its data. */
  readonly dataFolder: string;
  readonly configFile: string;
  readonly child: Child;
  /** Kills the process without a word and starts it again on the same files and ports. */
  killAndRestart(): Promise<void>;
  /** Starts it again, when it has ended, on the same files and ports. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startEngineProcess(options: EngineOptions): Promise<EngineProcess> {
  const host = options.host ?? '127.0.0.1';
  const workers = options.settings?.workers ?? TEST_WORKERS;
  const port =
    typeof workers === 'number' && workers > 1 ? await freePortForWorkers(workers, host) : await freePort(host);
  const tlsPort = options.tls === undefined ? 0 : await freePort(host);
  const { folder, configFile } = writeConfiguration({ ...options, settings: { workers, ...options.settings } }, [
    { transport: 'udp', host, port },
    { transport: 'tcp', host, port },
    ...(options.tls === undefined ? [] : [{ transport: 'tls' as const, host, port: tlsPort, ...options.tls }]),
  ]);
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const run = async () => {
    const { wrapper = [] } = options;
    const command = [...wrapper, process.execPath, main, 'start', '--config', configFile];
    const child = startChild(command[0] as string, command.slice(1), {
      cwd: folder,
      env: { TANDEM_TIMERS_WARM_UP_MS: '0', ...withoutOwn(process.env), ...options.environment },
    });
    await child.waitFor(/"event":"started"/);
    return child;
  };
  let child = await run();
  return {
    port,
    tlsPort,
    dataFolder: join(folder, 'data'),
    configFile,
    get child() {
      return child;
    },
    async killAndRestart() {
      child.signal('SIGKILL');
      await child.exited;
      child = await run();
    },
    async restart() {
      child = await run();
    },
    async stop() {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What is told to the tests is no setting of the engine. */
function withoutOwn({ TANDEM_TEST_WORKERS: _, ...environment }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return environment;
}
