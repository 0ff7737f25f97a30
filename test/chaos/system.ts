/** The system under the faults: nodes as processes on machines of their own, a Redis with a replica under three Sentinels, or a Redis alone. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type Answer, ask, SYSTEM_TOKEN } from '../end-to-end/faults/rest.ts';
import { type EngineProcess, startEngineProcess } from '../kit/engine-process.ts';
import { eventually } from '../kit/eventually.ts';
import { faketimeLibrary } from '../kit/faketime.ts';
import { type RedisServer, startRedis, startSentinels } from '../kit/redis.ts';
import { API_PORT, HERE, Machine, makeBridge } from './network.ts';
import { SIP_PORT } from './party.ts';
import { provisioning } from './provisioning.ts';

export interface ChaosNode {
  readonly name: string;
  readonly machine: Machine;
  readonly engine: EngineProcess;
  /** Where its call records are. */
  readonly folder: string;
  /** What its processes that have ended have logged. */
  readonly past: string[];
  setClock(offsetMs: number): void;
  ask(method: string, path: string, body?: unknown, timeoutMs?: number): Promise<Answer>;
}

export interface System {
  readonly nodes: readonly ChaosNode[];
  /** The server that takes writes now, and the other one, where there is one. */
  roles(): Promise<Roles>;
  /** Resolves when every node serves, knows all others and Redis has its replica again; rejects after the time. */
  whole(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

interface Roles {
  readonly master: RedisServer;
  readonly replica?: RedisServer;
}

/** What the nodes keep their calls in. */
interface Store {
  readonly settings: {
    readonly url: string;
    readonly sentinel?: { name: string; nodes: { host: string; port: number }[] };
  };
  /** On {@link HERE}, of all that a node speaks to. */
  readonly ports: readonly number[];
  roles(): Promise<Roles>;
  stop(): Promise<void>;
}

export interface SystemOptions {
  readonly nodes: number;
  /** Whether clocks will be set: it makes a start slower. */
  readonly setsClocks: boolean;
  /** Redis alone, which nothing can take over from: it is there in a fifth of the time. */
  readonly isAlone: boolean;
}

export async function startSystem({ nodes: count, setsClocks, isAlone }: SystemOptions): Promise<System> {
  makeBridge();
  const folder = mkdtempSync(join(tmpdir(), 'tandem-chaos-'));
  const store = isAlone ? await aloneStore() : await sentinelStore();
  const key = randomBytes(32).toString('base64');
  const nodes: ChaosNode[] = [];
  const machines: Machine[] = [];
  const stop = async () => {
    await Promise.all(nodes.map(({ engine }) => engine.stop()));
    for (const machine of machines) machine.close();
    await store.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (let index = 0; index < count; index++) machines.push(await Machine.make(index, store.ports));
    const start = (machine: Machine, index: number) =>
      startNode(`node-${index + 1}`, machine, store, folder, key, setsClocks);
    const [first, ...others] = machines as [Machine, ...Machine[]];
    // The first one fills the store.
    nodes.push(await start(first, 0));
    nodes.push(...(await Promise.all(others.map((machine, index) => start(machine, index + 1)))));
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, roles: store.roles, whole: (timeoutMs) => whole(nodes, store.roles, timeoutMs), stop };
}

async function aloneStore(): Promise<Store> {
  const master = await startRedis({ host: HERE });
  return {
    settings: { url: master.url },
    ports: [master.port],
    roles: async () => ({ master }),
    stop: () => master.stop(),
  };
}

async function sentinelStore(): Promise<Store> {
  const group = await startSentinels(HERE);
  const { master: one, replica: other, name, nodes } = group;
  return {
    settings: { url: 'redis://sentinel', sentinel: { name, nodes: [...nodes] } },
    ports: [one.port, other.port, ...nodes.map(({ port }) => port)],
    async roles() {
      const isMaster = /^role:master/m.test(await infoOf(one));
      return isMaster ? { master: one, replica: other } : { master: other, replica: one };
    },
    stop: () => group.stop(),
  };
}

async function startNode(
  name: string,
  machine: Machine,
  { settings: store }: Store,
  folder: string,
  key: string,
  setsClocks: boolean,
): Promise<ChaosNode> {
  const { host } = machine;
  const shiftFile = join(folder, `${name}.shift`);
  const setClock = (offsetMs: number) => writeFileSync(shiftFile, `+${offsetMs / 1000}s\n`);
  setClock(0);
  const own = join(folder, name);
  const engine = await startEngineProcess({
    provisioning,
    wrapper: machine.wrapper,
    settings: {
      node: name,
      listen: [
        { transport: 'udp', host, port: SIP_PORT },
        { transport: 'tcp', host, port: SIP_PORT },
      ],
      api: { host, port: API_PORT, requestsPerMinute: 1_000_000 },
      store: { kind: 'redis', ...store, path: own },
      // A carrier that a cut link has hidden is there again with the link.
      timers: { failedTargetMs: 1_000, drainMs: 2_000 },
    },
    environment: {
      TANDEM_STORE_KEY: key,
      TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN,
      ...(setsClocks && clockOf(shiftFile)),
    },
  });
  const base = `http://${host}:${API_PORT}`;
  return {
    name,
    machine,
    engine,
    folder: own,
    past: [],
    setClock,
    ask: (method, path, body, timeoutMs = 2_000) => ask(base, method, path, body, { timeoutMs }),
  };
}

function clockOf(shiftFile: string): NodeJS.ProcessEnv {
  return {
    LD_PRELOAD: faketimeLibrary(),
    FAKETIME_TIMESTAMP_FILE: shiftFile,
    // The file is read once a second: for each question it makes a start take three times as long.
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}

async function whole(nodes: readonly ChaosNode[], roles: System['roles'], timeoutMs: number): Promise<void> {
  let missing = '';
  const isWhole = async () => {
    missing = await troubleOfRedis(await roles());
    for (const node of nodes) missing ||= await troubleOf(node, nodes.length);
    return missing === '';
  };
  await eventually('the system to be whole', isWhole, { timeoutMs, detail: () => missing });
}

async function troubleOfRedis({ master, replica }: Roles): Promise<string> {
  const info = await infoOf(master);
  if (replica === undefined) return info === '' ? 'Redis does not answer' : '';
  if (!info.includes('connected_slaves:1')) return 'Redis has no replica';
  return /slave0:.*state=online/.test(info) ? '' : 'the replica of Redis is not in step';
}

async function troubleOf(node: ChaosNode, count: number): Promise<string> {
  try {
    const ready = await node.ask('GET', '/readyz');
    const reasons = JSON.stringify(ready.body);
    if (ready.status !== 200 || /store|clock|name/.test(reasons)) return `${node.name}: ${ready.status} ${reasons}`;
    const metrics = String((await node.ask('GET', '/metrics')).body);
    return metrics.includes(`\ntandem_nodes ${count}\n`) ? '' : `${node.name} does not know all nodes`;
  } catch (error) {
    return `${node.name}: ${String(error)}`;
  }
}

async function infoOf(server: RedisServer): Promise<string> {
  const client = new Redis(server.url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 500 });
  client.on('error', () => {});
  try {
    await client.connect();
    return await client.info('replication');
  } catch {
    return '';
  } finally {
    client.disconnect();
  }
}
