import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeSettingsInput } from '../../../src/settings/node-schema.ts';
import { ownPortOf, workerName } from '../../../src/settings/workers.ts';
import { CuttableWay } from '../../kit/cuttable-way.ts';
import {
  type EngineOptions,
  type EngineProcess,
  type ProvisioningInput,
  startEngineProcess,
} from '../../kit/engine-process.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { type Answer, type AskOptions, ask, metric, SYSTEM_TOKEN } from '../faults/rest.ts';

/** A node of a {@link Cluster}: a process of its own on an address of its own, as a machine has. */
export interface ClusterNode {
  readonly name: string;
  readonly host: string;
  readonly process: EngineProcess;
  /** As {@link membersOf} has it. */
  readonly members: readonly string[];
  /** `host:port` of its SIP, as SIPp takes it. */
  readonly address: string;
  /** What its Contacts say: that, or the places of its workers. */
  readonly contacts: readonly string[];
  /** Where its HTTP interface is. */
  readonly api: string;
  /** Where it keeps its call records. */
  readonly recordFile: string;
  /** Its way to Redis, which can be cut. */
  readonly store: CuttableWay;
  ask(method: string, path: string, body?: unknown, options?: AskOptions): Promise<Answer>;
}

export interface Cluster {
  readonly redis: RedisServer;
  readonly nodes: readonly ClusterNode[];
  /** What a further node of it needs: the key of the store, the admin's token. */
  readonly environment: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

/** Engines, a process for each of `hosts`, on one Redis of their own. */
export async function startCluster(
  hosts: readonly string[],
  provisioning: ProvisioningInput,
  settings: Partial<NodeSettingsInput> = {},
  tls?: NonNullable<EngineOptions['tls']>,
): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-cluster-'));
  const environment = { TANDEM_STORE_KEY: randomBytes(32).toString('base64'), TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN };
  const redis = await startRedis();
  const nodes: ClusterNode[] = [];
  const ways: CuttableWay[] = [];
  const stop = async () => {
    await Promise.all(nodes.map(({ process }) => process.stop()));
    for (const way of ways) way.close();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const [index, host] of hosts.entries()) {
      const name = `node-${index + 1}`;
      const way = await CuttableWay.to(redis.port);
      ways.push(way);
      const path = join(folder, name);
      const store = { kind: 'redis' as const, url: `redis://127.0.0.1:${way.port}`, path };
      const engine = await startEngineProcess({
        host,
        provisioning,
        settings: {
          node: name,
          store,
          timers: { t1Ms: 100, attemptMs: 800, failedTargetMs: 0 },
          ...settings,
        },
        environment,
        ...(tls !== undefined && { tls }),
      });
      nodes.push(clusterNode({ name, host, process: engine, recordFile: join(path, 'calls.jsonl'), store: way }));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { redis, nodes, environment, stop };
}

/** What a node is called among those of the store: by its name, or its workers by theirs. */
export function membersOf(name: string): readonly string[] {
  return TEST_WORKERS === 1 ? [name] : Array.from({ length: TEST_WORKERS }, (_, worker) => workerName(name, worker));
}

function clusterNode(of: Omit<ClusterNode, 'members' | 'address' | 'contacts' | 'api' | 'ask'>): ClusterNode {
  const { name, host, process } = of;
  const address = `${host}:${process.port}`;
  const workers = Array.from({ length: TEST_WORKERS }, (_, worker) => worker);
  const isOne = TEST_WORKERS === 1;
  return {
    ...of,
    members: membersOf(name),
    address,
    contacts: isOne ? [address] : workers.map((worker) => `${host}:${ownPortOf(worker, process.port)}`),
    get api() {
      return apiOf(process);
    },
    ask: (method, path, body, options) => ask(apiOf(process), method, path, body, options),
  };
}

/** Whether each process of these nodes knows all of them, and nobody else. */
export async function knowEachOther(nodes: readonly Pick<ClusterNode, 'api' | 'members'>[]): Promise<boolean> {
  const everybody = nodes.reduce((sum, { members }) => sum + members.length, 0);
  const known = await Promise.all(nodes.map(({ api }) => metric(api, 'tandem_nodes')));
  return nodes.every(({ members }, index) => known[index] === everybody * members.length);
}

/** Where the HTTP interface of a process is, as its log says. */
export function apiOf({ child }: EngineProcess): string {
  const match = /"api":"(http:[^"]+)"/.exec(child.output());
  if (match?.[1] === undefined) throw new Error('the engine has not said where its HTTP interface is');
  return match[1];
}
