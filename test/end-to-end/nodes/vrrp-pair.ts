/** Two machines that share an address by VRRP, as docs/reaching-nodes.md tells operators to set them up: keepalived, and an engine on each. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeSettingsInput } from '../../../src/settings/node-schema.ts';
import { type Child, startChild } from '../../kit/child.ts';
import { type EngineProcess, type ProvisioningInput, startEngineProcess } from '../../kit/engine-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { LAN_INTERFACE, type Lan, type LanMachine, makeLan } from '../../kit/lan.ts';
import { peerCommand } from '../../kit/peers.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import { type Answer, ask, SYSTEM_TOKEN } from '../faults/rest.ts';

/** What docs/reaching-nodes.md tells operators to use. */
const CONFIGURATION = fileURLToPath(new URL('../../../config/keepalived/keepalived.conf', import.meta.url));
const SHARED = 10;
const API_PORT = 8080;

export interface PairedNode {
  readonly name: string;
  readonly machine: LanMachine;
  readonly engine: EngineProcess;
  /** What its keepalived has said. */
  readonly keepalived: Child;
  /** Whether the shared address is at this one. */
  has(): boolean;
  /** Where its HTTP interface is. */
  readonly api: string;
  ask(method: string, path: string): Promise<Answer>;
}

export interface VrrpPair {
  readonly lan: Lan;
  readonly redis: RedisServer;
  /** The address, and that with the port. */
  readonly host: string;
  readonly address: string;
  /** The first has the address at first. */
  readonly nodes: readonly [PairedNode, PairedNode];
  stop(): Promise<void>;
}

/** @param provisioning of both, for whoever is at this address of the network or at others of this side */
export async function startVrrpPair(
  provisioning: (lan: Lan) => Promise<ProvisioningInput>,
  settings: Partial<NodeSettingsInput> = {},
): Promise<VrrpPair> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-vrrp-'));
  const ends: (() => unknown)[] = [];
  const stop = async () => {
    await Promise.all(ends.splice(0).map((end) => end()));
    rmSync(folder, { recursive: true, force: true });
  };
  const lan = makeLan(2);
  try {
    const host = lan.spare(SHARED);
    const redis = await startRedis({ args: ['--bind', '127.0.0.1', lan.here, '--protected-mode', 'no'] });
    ends.push(() => redis.stop());
    const environment = { TANDEM_STORE_KEY: randomBytes(32).toString('base64'), TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN };
    const served = await provisioning(lan);
    const nodes: PairedNode[] = [];
    for (const [index, machine] of lan.machines.entries()) {
      // So that the address can be listened on before it is there.
      machine.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind');
      const name = `node-${index + 1}`;
      const engine = await startEngineProcess({
        provisioning: served,
        settings: {
          node: name,
          listen: [
            { transport: 'udp', host: machine.address, port: 5060, publicHost: host },
            { transport: 'udp', host, port: 5060 },
          ],
          store: { kind: 'redis', url: `redis://${lan.here}:${redis.port}`, path: join(folder, name) },
          api: { host: machine.address, port: API_PORT, requestsPerMinute: 1_000_000 },
          timers: { attemptMs: 800, failedTargetMs: 0, drainMs: 3_000 },
          ...settings,
        },
        environment,
        wrapper: machine.wrapper,
      });
      ends.push(() => engine.stop());
      const keepalived = startKeepalived(folder, name, host, machine, lan.machines[1 - index] as LanMachine);
      ends.push(() => keepalived.stop());
      const api = `http://${machine.address}:${API_PORT}`;
      const node = {
        ...{ name, machine, engine, keepalived, api },
        has: () =>
          /Entering (MASTER|BACKUP|FAULT) STATE(?![\s\S]*Entering)/.exec(keepalived.output())?.[1] === 'MASTER',
        ask: (method: string, path: string) => ask(api, method, path),
      };
      nodes.push(node);
      // The first to be ready has it.
      if (index === 0) await eventually('the address at the first', () => node.has(), { timeoutMs: 15_000 });
    }
    const [first, second] = nodes as [PairedNode, PairedNode];
    return {
      ...{ lan, redis, host, address: `${host}:5060`, nodes: [first, second] },
      stop: () => stop().finally(() => lan.remove()),
    };
  } catch (error) {
    await stop();
    lan.remove();
    throw error;
  }
}

/** The configuration as it is, with this machine's addresses and interface. */
function startKeepalived(folder: string, name: string, shared: string, machine: LanMachine, other: LanMachine): Child {
  const text = readFileSync(CONFIGURATION, 'utf8')
    .replaceAll('10.0.0.10/24', `${shared}/24`)
    .replaceAll(/10\.0\.0\.1\b/g, machine.address)
    .replaceAll(/10\.0\.0\.2\b/g, other.address)
    .replaceAll('127.0.0.1:8080', `${machine.address}:${API_PORT}`)
    .replace('interface eth0', `interface ${LAN_INTERFACE}`);
  const file = join(folder, `${name}.conf`);
  writeFileSync(file, text);
  const files = ['-f', file, '-p', join(folder, `${name}.pid`), '-r', join(folder, `${name}.vrrp.pid`)];
  const [command = '', ...args] = [...machine.wrapper, peerCommand('keepalived'), '-P', '-n', '-l', '-D', ...files];
  return startChild(command, args);
}
