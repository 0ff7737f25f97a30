/** Real Redis servers on free ports: one, a master with replicas under Sentinels, a Cluster. Each keeps its data in a folder that goes with it. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type Child, startChild } from './child.ts';
import { freePort } from './free-port.ts';
import { peerCommand } from './peers.ts';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** The process as it is now; another one after a restart. */
  child(): Child;
  /** SIGKILL; what it had acknowledged is on its disk. */
  kill(): Promise<void>;
  /** Starts again on the same port with the same data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** In memory where there is a place for files in memory: a busy disk may hold an fsync, and Redis with it, for longer than a command may take. */
const MEMORY_FOLDER = '/dev/shm';

function temporaryFolder(): string {
  return mkdtempSync(join(existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir(), 'tandem-redis-'));
}

const ANSWER_MS = 1000;

export interface RedisOptions {
  readonly args?: readonly string[];
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const folder = temporaryFolder();
  const { host = '127.0.0.1' } = options;
  const port = options.port ?? (await freePort(host));
  const address = ['--port', String(port), '--bind', host, '--protected-mode', 'no', '--dir', folder];
  // With `everysec` Redis puts off its writes while an fsync is under way: what it had acknowledged is lost with its process.
  const durable = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];
  // In a file: what a Sentinel makes of a server outlives its process.
  const file = join(folder, 'redis.conf');
  writeFileSync(file, configurationOf([...address, ...durable, ...(options.args ?? [])]));
  let child: Child | undefined;
  const start = async () => {
    child = startChild(peerCommand('redis-server'), [file]);
    await child.waitFor(/Ready to accept connections/);
    // It says so before it looks at its sockets.
    await answers(port, host);
  };
  await start();
  const current = () => {
    if (child === undefined) throw new Error('redis-server was not started');
    return child;
  };
  return {
    port,
    url: `redis://${host}:${port}`,
    child: current,
    async kill() {
      current().signal('SIGKILL');
      await current().exited;
    },
    start,
    async stop() {
      current().signal('SIGCONT');
      await current().stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when it answers: whatever it says, to whomever. */
async function answers(port: number, host: string): Promise<void> {
  for (;;) {
    const socket = connect(port, host);
    try {
      await once(socket, 'connect');
      socket.write('PING\r\n');
      await once(socket, 'data', { signal: AbortSignal.timeout(ANSWER_MS) });
      return;
    } catch {
      await pause(20);
    } finally {
      socket.destroy();
    }
  }
}

/** Arguments of a command line as lines of a file. */
function configurationOf(args: readonly string[]): string {
  const words = args.map((word) => (word.startsWith('--') ? `\n${word.slice(2)}` : JSON.stringify(word)));
  return `${words.join(' ')}\n`;
}

export interface SentinelGroup {
  readonly name: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly nodes: { readonly host: string; readonly port: number }[];
  stop(): Promise<void>;
}

const DOWN_AFTER_MS = 600;

/** A master, one replica and three Sentinels that fail over after 0.6 s of silence. */
export async function startSentinels(host = '127.0.0.1'): Promise<SentinelGroup> {
  const name = 'tandem-test';
  const master = await startRedis({ host });
  const replica = await startRedis({ host, args: ['--replicaof', host, String(master.port)] });
  const folder = temporaryFolder();
  const nodes: { host: string; port: number }[] = [];
  const sentinels: Child[] = [];
  for (let i = 0; i < 3; i++) {
    const port = await freePort(host);
    const file = join(folder, `sentinel-${i}.conf`);
    writeFileSync(
      file,
      [
        `port ${port}`,
        `bind ${host}`,
        'protected-mode no',
        `dir ${folder}`,
        `sentinel monitor ${name} ${host} ${master.port} 2`,
        `sentinel down-after-milliseconds ${name} ${DOWN_AFTER_MS}`,
        // All three notice at once, and may vote each for itself: they try again after twice this time.
        `sentinel failover-timeout ${name} 1000`,
        '',
      ].join('\n'),
    );
    const child = startChild(peerCommand('redis-server'), [file, '--sentinel']);
    await child.waitFor(/\+monitor master/);
    sentinels.push(child);
    nodes.push({ host, port });
  }
  await Promise.all(sentinels.map((sentinel) => sentinel.waitFor(/\+slave slave/, 20_000)));
  await Promise.all(
    sentinels.map((sentinel) => sentinel.waitFor(/\+sentinel sentinel[\s\S]*\+sentinel sentinel/, 20_000)),
  );
  // What it got from its master is in its own file once that is written anew: one that is killed before has nothing when it starts again.
  await replica
    .child()
    .waitFor(/sync: Finished with success[\s\S]*Background AOF rewrite finished successfully/, 20_000);
  return {
    name,
    master,
    replica,
    nodes,
    async stop() {
      await Promise.all(sentinels.map((sentinel) => sentinel.stop()));
      await Promise.all([master.stop(), replica.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface RedisCluster {
  readonly servers: readonly RedisServer[];
  readonly url: string;
  stop(): Promise<void>;
}

/** Three masters that share all slots. */
export async function startCluster(): Promise<RedisCluster> {
  const servers: RedisServer[] = [];
  const busPorts: number[] = [];
  for (let i = 0; i < 3; i++) {
    const busPort = await freePort();
    busPorts.push(busPort);
    servers.push(
      await startRedis({
        args: ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '2000'],
      }),
    );
  }
  const clients = servers.map(({ port }) => new Redis(port, '127.0.0.1'));
  const slots = [0, 5461, 10_923, 16_384];
  for (const [i, client] of clients.entries()) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', slots[i] ?? 0, (slots[i + 1] ?? 0) - 1);
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
  }
  for (const [i, { port }] of servers.entries()) {
    if (i > 0) await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', port, busPorts[i] ?? 0);
  }
  for (const client of clients) {
    while (!(await isWhole(client))) await pause(50);
    client.disconnect();
  }
  return {
    servers,
    url: servers[0]?.url ?? '',
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

async function isWhole(client: Redis): Promise<boolean> {
  const info = String(await client.call('CLUSTER', 'INFO'));
  return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3');
}
