/** What may befall the system. Each fault is applied, lasts, and is undone; then the system has its time to be whole again. */
import type { ChaosNode, System } from './system.ts';

export const KINDS = [
  'kill -9',
  'SIGSTOP',
  'link down',
  'loss 20 %',
  'latency 300 ms',
  'clock +1 h',
  'failover',
  'Redis killed',
  'partition',
  'SIGTERM',
] as const;
export type FaultKind = (typeof KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** Host of the node; undefined: Redis. */
  readonly host: string | undefined;
  readonly atMs: number;
  /** For so long nothing was undone. */
  readonly lastsMs: number;
  /** Undone. */
  endMs: number;
  /** Every node serves and knows all others. */
  wholeAtMs: number;
  /** The replica has taken over meanwhile. */
  hasFailedOver?: boolean;
}

export interface Planned {
  readonly kind: FaultKind;
  readonly node: number;
  readonly lastsMs: number;
}

const LASTS_MS: Readonly<Record<FaultKind, readonly [number, number]>> = {
  'kill -9': [500, 6_000],
  SIGSTOP: [300, 6_000],
  'link down': [300, 6_000],
  'loss 20 %': [3_000, 8_000],
  'latency 300 ms': [3_000, 8_000],
  'clock +1 h': [2_000, 6_000],
  failover: [2_500, 5_000],
  'Redis killed': [300, 4_000],
  partition: [1_000, 10_000],
  SIGTERM: [500, 3_000],
};

/** Drawn beforehand: what the traffic draws meanwhile changes nothing about it. */
export function plan(count: number, nodes: number, random: () => number, kinds: readonly string[] = KINDS): Planned[] {
  const planned: Planned[] = [];
  let left: FaultKind[] = [];
  for (let index = 0; index < count; index++) {
    // Each kind comes in every ten, in an order of its own.
    if (left.length === 0) left = KINDS.filter((kind) => kinds.includes(kind));
    const [kind] = left.splice(Math.floor(random() * left.length), 1) as [FaultKind];
    const [least, most] = LASTS_MS[kind];
    planned.push({ kind, node: Math.floor(random() * nodes), lastsMs: least + random() * (most - least) });
  }
  return planned;
}

/** Does it; what is returned undoes it. */
export async function apply(kind: FaultKind, node: ChaosNode, system: System): Promise<() => Promise<void> | void> {
  const { engine, machine } = node;
  const again = async () => {
    await engine.child.exited;
    node.past.push(engine.child.output());
    await engine.restart();
  };
  switch (kind) {
    case 'kill -9':
      engine.child.signal('SIGKILL');
      await engine.child.exited;
      return again;
    case 'SIGTERM':
      engine.child.signal('SIGTERM');
      return again;
    case 'SIGSTOP':
      engine.child.signal('SIGSTOP');
      return () => engine.child.signal('SIGCONT');
    case 'link down':
      machine.cut(true);
      return () => machine.cut(false);
    case 'loss 20 %':
      machine.lose(20);
      return () => machine.mend();
    case 'partition':
      machine.partition();
      return () => machine.mend();
    case 'latency 300 ms':
      machine.delayMs = 300;
      return () => {
        machine.delayMs = 0;
      };
    case 'clock +1 h':
      node.setClock(3_600_000);
      return () => node.setClock(0);
    case 'failover': {
      const { master } = await system.roles();
      await master.kill();
      return () => master.start();
    }
    case 'Redis killed': {
      const { master, replica } = await system.roles();
      const servers = [master, ...(replica === undefined ? [] : [replica])];
      await Promise.all(servers.map((server) => server.kill()));
      return async () => {
        await Promise.all(servers.map((server) => server.start()));
      };
    }
  }
}

/** What needs a second Redis. */
export const needsReplica = (kind: string) => kind === 'failover';
export const strikesRedis = (kind: FaultKind) => kind === 'failover' || kind === 'Redis killed';
/** The node answers nobody. */
export const silences = (kind: FaultKind) => kind === 'kill -9' || kind === 'SIGSTOP' || kind === 'link down';
