import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import type { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import type { NodeSettingsInput } from '../../src/settings/node-schema.ts';
import { API_ADDRESS_FILE } from '../../src/settings/owner-files.ts';
import { type Child, startChild } from './child.ts';
import { freePort, freePortForWorkers } from './free-port.ts';
import { TEST_WORKERS, withoutOwn } from './test-workers.ts';

export type ProvisioningInput = z.input<typeof provisioningSchema>;

export interface EngineOptions {
  readonly provisioning: ProvisioningInput;
  /** Address of the default listeners. Default 127.0.0.1. */
  readonly host?: string;
  /** Settings on top of the defaults: UDP and TCP on free ports, HTTP on a free port, state in a folder of the test's own. */
  readonly settings?: Partial<NodeSettingsInput>;
  /** Environment variables beside the admin's token. */
  readonly environment?: NodeJS.ProcessEnv;
  /** A process: it listens on TLS as well, with this certificate and key (files). */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** A process: the command that runs the command that follows it, e.g. `prlimit --nofile=64 --`. */
  readonly wrapper?: readonly string[];
}

/** Configuration of a node for a test: a folder of its own, ports that the system chooses. */
export function writeConfiguration(options: EngineOptions, listen: NodeSettingsInput['listen']) {
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

/** The product as a process of its own, as an operator runs it; with workers, the process that the operator starts. */
export interface EngineProcess {
  readonly port: number;
  /** Of TLS, where it has that. */
  readonly tlsPort: number;
  /** Where it keeps its data. */
  readonly dataFolder: string;
  readonly configFile: string;
  /** Where its HTTP interface is. */
  readonly apiAddress: string;
  readonly child: Child;
  /**
   * Kills it without a word, all its processes at once, as a machine ends: a worker that finds its supervisor gone has a few milliseconds more,
   * and may answer a BYE in them. One that has ended is left as it is.
   */
  kill(): void;
  /** Kills the process without a word and starts it again on the same files and ports. */
  killAndRestart(): Promise<void>;
  /** Starts it again, when it has ended, on the same files and ports. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startEngineProcess(options: EngineOptions): Promise<EngineProcess> {
  const host = options.host ?? '127.0.0.1';
  const workers = options.settings?.workers ?? TEST_WORKERS;
  const free = (at: string) =>
    typeof workers === 'number' && workers > 1 ? freePortForWorkers(workers, at) : freePort(at);
  const port = await free(host);
  const tlsPort = options.tls === undefined ? 0 : await free(host);
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
      env: {
        TANDEM_TIMERS_WARM_UP_MS: '0',
        ...withoutOwn(process.env),
        // Where the kit finds the sockets of workers.
        ...(workers === 1 ? {} : { TMPDIR: folder }),
        ...options.environment,
      },
    });
    await child.waitFor(/"event":"started"/);
    return child;
  };
  let child = await run();
  const dataFolder = options.settings?.store?.path ?? join(folder, 'data');
  return {
    port,
    tlsPort,
    dataFolder,
    configFile,
    get apiAddress() {
      return readFileSync(join(dataFolder, API_ADDRESS_FILE), 'utf8').trim();
    },
    get child() {
      return child;
    },
    kill() {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
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
