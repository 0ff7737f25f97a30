import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, silentLog } from '../../../src/base/log.ts';
import type { Scheduler } from '../../../src/base/scheduler.ts';
import { openStores, type RedisStoreSettings, type Stores } from '../../../src/store/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import type { StoreWorld } from '../contract.ts';

/** What nodes on one Redis have in common. */
export const STORE_KEY = '5a'.repeat(32);

let serial = 0;

export interface RedisWorld extends StoreWorld {
  readonly prefix: string;
  /** Time stands still, unless a scheduler is given. */
  open(node?: string, scheduler?: Scheduler): Promise<Stores>;
  /** Folder of a node. */
  folder(node?: string): string;
}

/** Nodes on one Redis, under a prefix of their own and with a key of their own, each with its folder. */
export async function redisWorld(
  settings: Partial<RedisStoreSettings> & { url: string },
  log: Log = silentLog,
): Promise<RedisWorld> {
  const base = await mkdtemp(join(tmpdir(), 'tandem-nodes-'));
  const prefix = `test-${process.pid}-${++serial}:`;
  const environment = { TANDEM_STORE_KEY: STORE_KEY };
  const folder = (node = 'node-1') => join(base, node);
  return {
    prefix,
    folder,
    open: (node = 'node-1', scheduler: Scheduler = new VirtualScheduler()): Promise<Stores> =>
      openStores(
        { node, store: { kind: 'redis', cluster: false, keyPrefix: prefix, ...settings, path: folder(node) } },
        { log, scheduler, environment },
      ),
    close: () => rm(base, { recursive: true, force: true }),
  };
}

/** Waits, for a bounded time, until something that real processes do has happened; answers how long it took. */
export async function eventually(check: () => boolean | Promise<boolean>, timeoutMs = 5000): Promise<number> {
  const startedAtMs = performance.now();
  while (!(await check())) {
    if (performance.now() - startedAtMs > timeoutMs) throw new Error(`did not happen within ${timeoutMs} ms: ${check}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - startedAtMs;
}
