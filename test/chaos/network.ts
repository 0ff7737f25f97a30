/** The network of a run: one bridge in a network of its own, a machine at it for each node, whose link can be cut, made to lose and delayed. */
import { readFileSync } from 'node:fs';
import { Namespace, runCommand } from '../kit/namespace.ts';
import { peerCommand } from '../kit/peers.ts';
import { Relay } from './relay.ts';

/** Of this side: Redis, its Sentinels, and the relays before them. */
export const HERE = '10.9.0.1';
export const CARRIER_HOST = '10.9.0.2';
export const PHONE_HOST = '10.9.0.3';
/** Of each node's HTTP interface, which stays in reach of the harness. */
export const API_PORT = 8080;
const FIRST_MACHINE = 11;
const BRIDGE = 'chaos';

/** Refuses to work anywhere but in a network that nobody else is in. */
export function makeBridge(): void {
  const devices = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .slice(2)
    .flatMap((line) => line.split(':')[0]?.trim() || []);
  // What a kernel puts into every network by itself is down.
  if (devices.some((device) => /^(eth|en|wl|br|docker)/.test(device)))
    throw new Error('this needs a network of its own: npm run chaos, or unshare --net node test/chaos/run.ts');
  const ip = peerCommand('ip');
  runCommand([ip, 'link', 'set', 'lo', 'up']);
  runCommand([ip, 'link', 'add', BRIDGE, 'type', 'bridge']);
  for (const address of [HERE, CARRIER_HOST, PHONE_HOST])
    runCommand([ip, 'addr', 'add', `${address}/24`, 'dev', BRIDGE]);
  runCommand([ip, 'link', 'set', BRIDGE, 'up']);
}

/** One node's machine: a network namespace whose one interface is at the bridge. */
export class Machine {
  readonly host: string;
  readonly #namespace = new Namespace();
  readonly #port: string;
  readonly #relays: Relay[] = [];
  /** Of datagrams from and to peers of this side, and of what passes the relays; one way. */
  delayMs = 0;

  private constructor(index: number) {
    this.host = `10.9.0.${FIRST_MACHINE + index}`;
    this.#port = `node${index}`;
  }

  /** @param stores the ports of Redis and its Sentinels on {@link HERE} */
  static async make(index: number, stores: readonly number[]): Promise<Machine> {
    const machine = new Machine(index);
    const ip = peerCommand('ip');
    const namespace = machine.#namespace;
    runCommand([ip, 'link', 'add', machine.#port, 'type', 'veth', 'peer', 'name', 'eth', 'netns', namespace.pid]);
    runCommand([ip, 'link', 'set', machine.#port, 'master', BRIDGE]);
    runCommand([ip, 'link', 'set', machine.#port, 'up']);
    namespace.run(ip, 'addr', 'add', `${machine.host}/24`, 'dev', 'eth');
    for (const link of ['lo', 'eth']) namespace.run(ip, 'link', 'set', link, 'up');
    machine.#nft('add table ip store; add chain ip store out { type nat hook output priority -100; }');
    for (const port of stores) {
      const relay = await Relay.open(HERE, port, () => machine.delayMs);
      machine.#relays.push(relay);
      machine.#nft(`add rule ip store out ip daddr ${HERE} tcp dport ${port} dnat to ${HERE}:${relay.port}`);
    }
    machine.#nft('add table ip fault; add chain ip fault in { type filter hook input priority 0; }');
    machine.#nft('add chain ip fault out { type filter hook output priority 0; }');
    // Where packets come in at either end of the link: what an output chain drops its sender is told of.
    machine.#nft(ingress('eth'));
    runCommand([peerCommand('nft'), ingress(machine.#port)]);
    return machine;
  }

  /** Before a command that is to run on it. */
  get wrapper(): readonly string[] {
    return this.#namespace.wrapper;
  }

  cut(isDown: boolean): void {
    runCommand([peerCommand('ip'), 'link', 'set', this.#port, isDown ? 'down' : 'up']);
  }

  /** Loses so many of a hundred packets, each way. */
  lose(percent: number): void {
    this.#nft(loss('eth', percent));
    runCommand([peerCommand('nft'), loss(this.#port, percent)]);
  }

  /** Nothing passes to or from Redis and its Sentinels any more. */
  partition(): void {
    this.#nft(`add rule ip fault out ip daddr ${HERE} tcp sport != ${API_PORT} drop`);
    this.#nft(`add rule ip fault in ip saddr ${HERE} tcp dport != ${API_PORT} drop`);
  }

  mend(): void {
    this.#nft('flush table ip fault');
    this.#nft('flush chain netdev fault eth');
    runCommand([peerCommand('nft'), `flush chain netdev fault ${this.#port}`]);
  }

  close(): void {
    for (const relay of this.#relays) relay.close();
    this.#namespace.end();
  }

  #nft(rule: string): void {
    this.#namespace.run(peerCommand('nft'), rule);
  }
}

const ingress = (device: string) =>
  `add table netdev fault; add chain netdev fault ${device} { type filter hook ingress device "${device}" priority 0; }`;
const loss = (device: string, percent: number) =>
  `add rule netdev fault ${device} numgen random mod 100 < ${percent} drop`;
