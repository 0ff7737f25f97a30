/** Machines at one switch: network namespaces of this test's own, and this side of it. Needs root. */
import { Namespace, runCommand } from './namespace.ts';
import { peerCommand } from './peers.ts';

export interface Lan {
  /** Address of this side. */
  readonly here: string;
  readonly machines: readonly LanMachine[];
  /** One more address of this side. */
  also(last: number): string;
  /** An address of the network that nobody has. */
  spare(last: number): string;
  remove(): void;
}

export interface LanMachine {
  readonly address: string;
  /** Runs a command on it. */
  readonly wrapper: readonly string[];
  /** Runs a command on it to its end. */
  run(...command: string[]): void;
}

/** Name of each machine's interface. */
export const LAN_INTERFACE = 'eth';
const FIRST_MACHINE = 11;

export function makeLan(count: number): Lan {
  const network = `10.${(process.pid % 200) + 20}.250`;
  const here = `${network}.1`;
  const end = `tnd${process.pid}l`.slice(-12);
  const ip = peerCommand('ip');
  const bridge = new Namespace();
  const namespaces: Namespace[] = [];
  let isLinked = false;
  const remove = () => {
    // A network goes with the last process in it: one that is still ending would keep the name from the next.
    if (isLinked) runCommand([ip, 'link', 'del', end]);
    isLinked = false;
    for (const namespace of [bridge, ...namespaces]) namespace.end();
  };
  try {
    bridge.run(ip, 'link', 'add', 'switch', 'type', 'bridge');
    bridge.run(ip, 'link', 'set', 'switch', 'up');
    runCommand([ip, 'link', 'add', end, 'type', 'veth', 'peer', 'name', 'port0', 'netns', bridge.pid]);
    isLinked = true;
    runCommand([ip, 'addr', 'add', `${here}/24`, 'dev', end]);
    runCommand([ip, 'link', 'set', end, 'up']);
    for (let index = 0; index < count; index++) {
      const machine = new Namespace();
      namespaces.push(machine);
      const port = `port${index + 1}`;
      bridge.run(ip, 'link', 'add', port, 'type', 'veth', 'peer', 'name', LAN_INTERFACE, 'netns', machine.pid);
      machine.run(ip, 'addr', 'add', `${network}.${FIRST_MACHINE + index}/24`, 'dev', LAN_INTERFACE);
      for (const link of ['lo', LAN_INTERFACE]) machine.run(ip, 'link', 'set', link, 'up');
    }
    for (let port = 0; port <= count; port++) {
      bridge.run(ip, 'link', 'set', `port${port}`, 'master', 'switch');
      bridge.run(ip, 'link', 'set', `port${port}`, 'up');
    }
  } catch (error) {
    remove();
    throw error;
  }
  return {
    here,
    machines: namespaces.map((namespace, index) => ({
      address: `${network}.${FIRST_MACHINE + index}`,
      wrapper: namespace.wrapper,
      run: (...command) => namespace.run(...command),
    })),
    also: (last) => {
      const address = `${network}.${last}`;
      runCommand([ip, 'addr', 'add', `${address}/24`, 'dev', end]);
      return address;
    },
    spare: (last) => `${network}.${last}`,
    remove,
  };
}
