import type { AddressScope } from '../../src/base/address-scope.ts';
import type { EndpointTransport } from '../../src/sip/endpoint/index.ts';
import { TransportCounters } from '../../src/sip/transport/counters.ts';
import type {
  Flow,
  HostPort,
  ListenerOptions,
  Listening,
  Target,
  TransportName,
  TransportUser,
} from '../../src/sip/transport/index.ts';
import { seededRandom } from './simulated-link.ts';
import type { VirtualScheduler } from './virtual-scheduler.ts';

export interface LinkOptions {
  /** One way. Default 5 ms. */
  readonly delayMs?: number;
  /** Added at random to each UDP packet, which reorders them. Default 0. */
  readonly jitterMs?: number;
  /** Chance that a UDP packet is lost. Default 0. */
  readonly loss?: number;
  /** Chance that a UDP packet comes twice. Default 0. */
  readonly duplication?: number;
  readonly seed?: number;
}

export interface Packet {
  readonly atMs: number;
  readonly transport: TransportName;
  /** `address:port`. */
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly lost: boolean;
}

interface Station {
  receive(text: string, transport: TransportName, from: HostPort, to: HostPort): void;
}

/**
 * A network on virtual time. Stations are endpoints ({@link transportAt}) and hand-played peers ({@link peer}); UDP loses, doubles and
 * reorders as asked, TCP and TLS connections deliver all in order. Nothing listens on what was not opened: UDP is lost, TCP refused.
 */
export class SimulatedNetwork {
  readonly scheduler: VirtualScheduler;
  /** Everything that was sent, in order. */
  readonly packets: Packet[] = [];
  readonly #options: Required<LinkOptions>;
  readonly #stations = new Map<string, Station>();
  readonly #random: () => number;

  constructor(scheduler: VirtualScheduler, options: LinkOptions = {}) {
    this.scheduler = scheduler;
    this.#options = { delayMs: 5, jitterMs: 0, loss: 0, duplication: 0, seed: 1, ...options };
    this.#random = seededRandom(this.#options.seed);
  }

  /** For `EndpointOptions.createTransport`: this endpoint lives at `address`. */
  transportAt(address: string): (user: TransportUser) => SimulatedTransport {
    return (user) => new SimulatedTransport(this, address, user);
  }

  /** A peer that a test plays by hand, over UDP. */
  peer(address: string, port = 5060): SimulatedPeer {
    return new SimulatedPeer(this, address, port);
  }

  attach(transport: TransportName, address: string, port: number, station: Station): void {
    this.#stations.set(`${transport} ${address}:${port}`, station);
  }

  detach(transport: TransportName, address: string, port: number): void {
    this.#stations.delete(`${transport} ${address}:${port}`);
  }

  has(transport: TransportName, to: HostPort): boolean {
    return this.#stations.has(`${transport} ${to.host}:${to.port}`);
  }

  /** Carries one datagram, or one message of a connection. */
  carry(transport: TransportName, from: HostPort, to: HostPort, text: string): void {
    const { delayMs, jitterMs, loss, duplication } = this.#options;
    const unreliable = transport === 'udp';
    const lost = unreliable && this.#random() < loss;
    this.packets.push({ atMs: this.scheduler.nowMs(), transport, from: name(from), to: name(to), text, lost });
    if (lost) return;
    const copies = unreliable && this.#random() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const delay = delayMs + (unreliable ? this.#random() * jitterMs : 0);
      this.scheduler.after(delay, () => {
        this.#stations.get(`${transport} ${to.host}:${to.port}`)?.receive(text, transport, from, to);
      });
    }
  }
}

export class SimulatedPeer {
  readonly received: string[] = [];
  readonly here: HostPort;
  readonly #network: SimulatedNetwork;
  /** By the branch of a request that came over a connection: what its responses go back over. */
  readonly #connections = new Map<
    string,
    { readonly transport: TransportName; readonly here: HostPort; to: HostPort }
  >();

  constructor(network: SimulatedNetwork, address: string, port: number) {
    this.#network = network;
    this.here = { host: address, port };
    network.attach('udp', address, port, { receive: (text) => this.received.push(text) });
  }

  /** Takes connections too, at the same address. */
  listen(transport: 'tcp' | 'tls', port: number): void {
    const here = { host: this.here.host, port };
    this.#network.attach(transport, here.host, port, {
      receive: (text, _transport, from) => {
        if (!text.startsWith('SIP/2.0 ')) this.#connections.set(branchOf(text), { transport, here, to: from });
        this.received.push(text);
      },
    });
  }

  /** Sends one datagram, or a response over the connection that its request came by. */
  send(text: string, address: string, port = 5060): void {
    const connection = text.startsWith('SIP/2.0 ') ? this.#connections.get(branchOf(text)) : undefined;
    if (connection === undefined) this.#network.carry('udp', this.here, { host: address, port }, text);
    else this.#network.carry(connection.transport, connection.here, connection.to, text);
  }

  /** The status codes received, in order. */
  statuses(): number[] {
    return this.received.filter((text) => text.startsWith('SIP/2.0 ')).map((text) => Number(text.slice(8, 11)));
  }
}

export class SimulatedFlow implements Flow {
  readonly transport: TransportName;
  readonly reliable: boolean;
  readonly listenerId: string;
  readonly local: HostPort;
  readonly remote: HostPort;
  readonly tls: Flow['tls'];
  connected: boolean;
  closed = false;
  readonly #owner: SimulatedTransport;
  #queue: string[] = [];

  constructor(
    owner: SimulatedTransport,
    transport: TransportName,
    local: HostPort,
    remote: HostPort,
    connected: boolean,
  ) {
    this.#owner = owner;
    this.transport = transport;
    this.reliable = transport !== 'udp';
    this.listenerId = `${transport}:${owner.address}`;
    this.local = local;
    this.remote = remote;
    this.connected = connected;
    this.tls = transport === 'tls' ? { verified: false, names: [] } : undefined;
  }

  get key(): string {
    return `${this.transport}|${name(this.local)}|${name(this.remote)}`;
  }

  get localAddress(): string {
    return this.local.host;
  }

  get localPort(): number {
    return this.local.port;
  }

  get remoteAddress(): string {
    return this.remote.host;
  }

  get remotePort(): number {
    return this.remote.port;
  }

  send(text: string): void {
    if (this.closed) this.#owner.user.onUndelivered?.(text, this);
    else if (!this.connected) this.#queue.push(text);
    else {
      this.#owner.user.onSent?.(text, this);
      this.#owner.network.carry(this.transport, this.local, this.remote, text);
    }
  }

  keepAlive(): void {}

  /** Ends a connection at both ends. */
  close(reason: string): void {
    if (this.transport !== 'udp') this.#owner.drop(this, reason);
  }

  onConnected(): void {
    this.connected = true;
    for (const text of this.#queue.splice(0)) this.send(text);
  }
}

/** What an endpoint sees of the network in place of sockets. */
export class SimulatedTransport implements EndpointTransport, Station {
  readonly network: SimulatedNetwork;
  readonly address: string;
  readonly user: TransportUser;
  readonly counters = new TransportCounters();
  #publicHost: string | undefined;
  readonly #listening: Listening[] = [];
  readonly #flows = new Map<string, SimulatedFlow>();
  #nextPort = 40_000;

  constructor(network: SimulatedNetwork, address: string, user: TransportUser) {
    this.network = network;
    this.address = address;
    this.user = user;
  }

  async open(listeners: readonly ListenerOptions[]): Promise<Listening[]> {
    for (const { transport, port, publicHost } of listeners) {
      this.#publicHost ??= publicHost;
      this.listen(transport, port);
    }
    return this.#listening;
  }

  /** The same without a promise, for tests that stay synchronous. */
  listen(transport: TransportName, port = transport === 'tls' ? 5061 : 5060): this {
    this.#listening.push({ id: `${transport}:${this.address}`, transport, host: this.address, port });
    this.network.attach(transport, this.address, port, this);
    return this;
  }

  async close(): Promise<void> {
    for (const { transport, port } of this.#listening) this.network.detach(transport, this.address, port);
    this.#listening.length = 0;
  }

  listening(): Listening[] {
    return this.#listening;
  }

  supports(transport: TransportName): boolean {
    return this.#listening.some((listening) => listening.transport === transport);
  }

  advertised(flow: Flow, scope?: AddressScope): HostPort {
    return this.#told(flow.transport, scope) ?? { host: flow.localAddress, port: flow.localPort };
  }

  advertisedToward(target: Target, scope?: AddressScope): HostPort | undefined {
    return this.#told(target.transport, scope);
  }

  /** What peers are told; packets find their way to the own address alone. */
  #told(transport: TransportName, scope: AddressScope = 'public'): HostPort | undefined {
    const own = this.#own(transport);
    const host = scope === 'public' ? this.#publicHost : undefined;
    return own === undefined || host === undefined ? own : { host, port: own.port };
  }

  alias(): void {}

  flowTo(target: Target): Flow {
    const remote = { host: target.address, port: target.port };
    if (target.transport === 'udp')
      return this.#udpFlow(this.#own('udp') ?? { host: this.address, port: 5060 }, remote);
    const key = `${target.transport} ${name(remote)}`;
    const present = this.#flows.get(key);
    if (present !== undefined && !present.closed) return present;
    const flow = new SimulatedFlow(
      this,
      target.transport,
      { host: this.address, port: this.#nextPort++ },
      remote,
      false,
    );
    this.#flows.set(key, flow);
    this.network.attach(target.transport, this.address, flow.localPort, this);
    this.network.scheduler.after(10, () => {
      if (this.network.has(target.transport, remote)) flow.onConnected();
      else this.drop(flow, 'connection refused', true);
    });
    return flow;
  }

  receive(text: string, transport: TransportName, from: HostPort, to: HostPort): void {
    this.user.onMessage(text, transport === 'udp' ? this.#udpFlow(to, from) : this.#connection(transport, to, from));
  }

  /** Ends a connection; the other end hears of it when it sends. */
  drop(flow: SimulatedFlow, reason: string, failed = false): void {
    if (flow.closed) return;
    flow.closed = true;
    for (const [key, value] of this.#flows) if (value === flow) this.#flows.delete(key);
    if (failed) this.user.onFlowFailed(flow, reason);
    else this.user.onFlowClosed(flow, reason);
  }

  #own(transport: TransportName): HostPort | undefined {
    const found = this.#listening.find((listening) => listening.transport === transport);
    return found === undefined ? undefined : { host: found.host, port: found.port };
  }

  #udpFlow(local: HostPort, remote: HostPort): SimulatedFlow {
    return this.#remember(`udp ${name(remote)}`, () => new SimulatedFlow(this, 'udp', local, remote, true));
  }

  #connection(transport: TransportName, local: HostPort, remote: HostPort): SimulatedFlow {
    return this.#remember(
      `${transport} ${name(remote)}`,
      () => new SimulatedFlow(this, transport, local, remote, true),
    );
  }

  #remember(key: string, make: () => SimulatedFlow): SimulatedFlow {
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      flow = make();
      this.#flows.set(key, flow);
    }
    return flow;
  }
}

/** Of the topmost Via. */
function branchOf(text: string): string {
  return /;branch=([^;\s,]+)/.exec(text)?.[1] ?? '';
}

function name({ host, port }: HostPort): string {
  return `${host}:${port}`;
}
