import type { EndpointTransport } from '../../src/sip/endpoint/index.ts';
import { TransportCounters } from '../../src/sip/transport/counters.ts';
import type {
  Flow,
  HostPort,
  ListenerOptions,
  Listening,
  Target,
  TransportUser,
} from '../../src/sip/transport/index.ts';

export const HOST = '127.0.0.1';
export const ENGINE_PORT = 5060;

export interface Outbound {
  readonly octets: Buffer;
  readonly port: number;
}

interface Inbound {
  readonly octets: Buffer;
  readonly flow: MemoryFlow;
}

class MemoryFlow implements Flow {
  readonly transport = 'udp';
  readonly reliable = false;
  readonly localAddress = HOST;
  readonly localPort = ENGINE_PORT;
  readonly remoteAddress = HOST;
  readonly listenerId = 'memory';
  readonly connected = true;
  readonly closed = false;
  readonly tls = undefined;
  readonly remotePort: number;
  readonly key: string;
  readonly #transport: MemoryTransport;

  constructor(transport: MemoryTransport, remotePort: number) {
    this.#transport = transport;
    this.remotePort = remotePort;
    this.key = `memory|${remotePort}`;
  }

  send(text: string): void {
    this.#transport.send(text, this);
  }

  keepAlive(): void {}

  close(): void {}
}

/** UDP without a socket: datagrams are buffers in a queue, written and read as the socket does it. */
export class MemoryTransport implements EndpointTransport {
  readonly counters = new TransportCounters();
  readonly #user: TransportUser;
  readonly #flows = new Map<number, MemoryFlow>();
  readonly #own: HostPort = { host: HOST, port: ENGINE_PORT };
  #inbound: Inbound[] = [];
  #outbound: Outbound[] = [];

  constructor(user: TransportUser) {
    this.#user = user;
  }

  /** A datagram of a peer. */
  post(octets: Buffer, fromPort: number): void {
    this.#inbound.push({ octets, flow: this.#flowOf(fromPort) });
  }

  get hasInbound(): boolean {
    return this.#inbound.length > 0;
  }

  takeOutbound(): readonly Outbound[] {
    const taken = this.#outbound;
    if (taken.length > 0) this.#outbound = [];
    return taken;
  }

  /**
   * Hands over what was posted. It is passed as a value to who calls other functions at the same place, so that the compiler never makes it
   * a part of its caller: what is allocated here would count for the peers in one run, and for the engine in the next.
   */
  readonly deliver = (): void => {
    const datagrams = this.#inbound;
    this.#inbound = [];
    for (const { octets, flow } of datagrams) this.#user.onMessage(octets.toString('latin1'), flow);
  };

  send(text: string, flow: MemoryFlow): void {
    this.#user.onSent?.(text, flow);
    // The socket's copy is part of a message's cost.
    this.#outbound.push({ octets: Buffer.from(text, 'latin1'), port: flow.remotePort });
  }

  open(listeners: readonly ListenerOptions[]): Promise<Listening[]> {
    return Promise.resolve(listeners.map(() => this.#listening()));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  listening(): Listening[] {
    return [this.#listening()];
  }

  flowTo(target: Target): Flow {
    return this.#flowOf(target.port);
  }

  supports(): boolean {
    return true;
  }

  advertised(): HostPort {
    return this.#own;
  }

  advertisedToward(): HostPort {
    return this.#own;
  }

  alias(): void {}

  #listening(): Listening {
    return { id: 'memory', transport: 'udp', host: HOST, port: ENGINE_PORT };
  }

  #flowOf(port: number): MemoryFlow {
    let flow = this.#flows.get(port);
    if (flow === undefined) {
      flow = new MemoryFlow(this, port);
      this.#flows.set(port, flow);
    }
    return flow;
  }
}
