import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, onTestFinished } from 'vitest';
import { type Log, silentLog } from '../../../src/base/log.ts';
import type { Scheduler } from '../../../src/base/scheduler.ts';
import { openStores, type RedisStoreSettings, type Stores } from '../../../src/store/index.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import type { StoreWorld } from '../contract.ts';

/** What nodes on one Redis have in common. */
export const STORE_KEY = '5a'.repeat(32);

let serial = 0;

export interface RedisWorld extends StoreWorld {
  readonly prefix: string;
  /** Time stands still, unless a scheduler is given. */
  open(node?: string, scheduler?: Scheduler, log?: Log): Promise<Stores>;
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
    open: (node = 'node-1', scheduler: Scheduler = new VirtualScheduler(), ownLog = log): Promise<Stores> =>
      openStores(
        { node, store: { kind: 'redis', cluster: false, keyPrefix: prefix, ...settings, path: folder(node) } },
        { log: ownLog, scheduler, environment },
      ),
    close: () => rm(base, { recursive: true, force: true }),
  };
}

export interface TwoNodes {
  /** Named node-a and node-b. */
  readonly a: Stores;
  readonly b: Stores;
  readonly world: RedisWorld;
  readonly server: RedisServer;
  /** To look at what is in Redis, and to change it. */
  readonly admin: Redis;
  /** What node-b has warned of. */
  readonly warnings: readonly { readonly event: string; readonly [field: string]: unknown }[];
}

/** Each test of the suite has two nodes, new ones, on a Redis that they share. */
export function onTwoNodes(take: (made: TwoNodes) => void) {
  let server: RedisServer;
  let admin: Redis;
  let world: RedisWorld;

  beforeAll(async () => {
    server = await startRedis();
    admin = new Redis(server.port, '127.0.0.1');
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    const warnings: { event: string }[] = [];
    const log = { ...silentLog, warn: (event: string, fields?: object) => warnings.push({ event, ...fields }) };
    world = await redisWorld({ url: server.url });
    const [a, b] = [await world.open('node-a'), await world.open('node-b', undefined, log)];
    onTestFinished(async () => {
      await Promise.all([a.close(), b.close()]);
      await world.close();
    });
    take({ a, b, world, server, admin, warnings });
  });

  return {
    /** One more node, or one of the two again; closed when the test ends. */
    opened: async (node: string): Promise<Stores> => {
      const stores = await world.open(node);
      onTestFinished(() => stores.close());
      return stores;
    },
    /** What the nodes call it in Redis. */
    key: (name: string) => `${world.prefix}{${world.prefix.slice(0, -1)}}:${name}`,
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

/** A part of a node hears of nothing that others write, until it is let. */
export function deaf(part: object): () => void {
  const hearing = part as { seen?: (() => void) | undefined };
  hearing.seen = () => {};
  return () => {
    delete hearing.seen;
  };
}

/** What is written from now on is lost when this is called: a Redis that follows another one had not got it. */
export async function losable(admin: Redis, keys: readonly string[]): Promise<() => Promise<void>> {
  const before = await Promise.all(keys.map((each) => admin.dumpBuffer(each)));
  return async () => {
    const restored = admin.multi();
    for (const [index, each] of keys.entries()) {
      const dump = before[index];
      if (dump === null || dump === undefined) restored.del(each);
      else restored.restore(each, 0, dump, 'REPLACE');
    }
    await restored.exec();
  };
}
