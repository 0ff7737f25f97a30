import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../test/kit/child.ts';
import { freePort, freePortForWorkers } from '../../test/kit/free-port.ts';
import { RUNTIME_OPTIONS } from '../../test/kit/runtime-options.ts';
import type { Server } from '../kit/server.ts';
import { benchProvisioning } from './provisioning.ts';

export interface TandemOptions {
  /** What figures of it are called; default: `tandem` and its options of Node. */
  readonly name?: string;
  /** Options of Node beside those of `bin/tandem.js`, separated by spaces. */
  readonly nodeOptions?: string;
  /** Variables beside this process's own. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Where its files are; default: a new one. */
  readonly folder?: string;
  /** Default: 1. */
  readonly workers?: number;
  /** Whether datagrams are moved in batches. Default: false. */
  readonly udpBatching?: boolean;
  /** Default: that of the trunk calls. */
  readonly provisioning?: object;
}

/**
 * Starts tandem from its sources, the whole product: source admitted by address, outbound rule, DID pool, caller ID, mapping, call
 * records to a file, metrics, SIP trace and the HTTP interface on; with the options of Node that `bin/tandem.js` gives it.
 * `TANDEM_BENCH_NODE_OPTIONS` adds others, such as `--cpu-prof`.
 */
export async function startTandem(carrierPort: number, options: TandemOptions = {}): Promise<Server> {
  const { nodeOptions = '', environment, folder = mkdtempSync(join(tmpdir(), 'tandem-bench-')) } = options;
  const { provisioning = benchProvisioning(carrierPort), workers = 1, udpBatching = false } = options;
  const port = workers === 1 ? await freePort() : await freePortForWorkers(workers);
  const files = { configuration: join(folder, 'tandem.json'), provisioning: join(folder, 'provisioning.json') };
  // JSON is YAML.
  writeFileSync(files.provisioning, JSON.stringify(provisioning));
  writeFileSync(
    files.configuration,
    JSON.stringify({
      workers,
      udpBatching,
      listen: [{ transport: 'udp', host: '127.0.0.1', port }],
      store: { kind: 'embedded', path: join(folder, 'data') },
      provisioning: [files.provisioning],
      api: { port: 0 },
      limits: { messagesPerSecondPerPeer: 1_000_000 },
    }),
  );
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const extra = `${process.env['TANDEM_BENCH_NODE_OPTIONS'] ?? ''} ${nodeOptions}`
    .split(' ')
    .filter((option) => option !== '');
  const child = startChild(
    process.execPath,
    [...RUNTIME_OPTIONS, ...extra, main, 'start', '--config', files.configuration],
    {
      cwd: folder,
      env: { ...process.env, ...environment },
    },
  );
  await child.waitFor(/"event":"started"/, 60_000);
  return { name: options.name ?? `tandem ${nodeOptions}`.trim(), port, child, stop: () => child.stop() };
}
