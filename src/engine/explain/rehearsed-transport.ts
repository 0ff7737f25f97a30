import type { AddressScope } from '../../base/address-scope.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import type { EndpointTransport } from '../../sip/endpoint/index.ts';
import type { Flow, HostPort, Listening, Target, TransportName, TransportUser } from '../../sip/transport/index.ts';

/** A way to a peer over which nothing leaves: who rehearses hears what is sent. */
export class RehearsedFlow implements Flow {
  readonly transport: TransportName;
  readonly reliable: boolean;
  readonly localAddress = '';
  readonly localPort = 0;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly listenerId: string;
  readonly key: string;
  readonly connected = true;
  readonly closed = false;
  readonly tls = undefined;
  /** What it stands for. */
  readonly of: Flow | Target;
  readonly #hears: (text: string, flow: RehearsedFlow) => void;

  constructor(of: Flow | Target, hears: (text: string, flow: RehearsedFlow) => void) {
    this.of = of;
    this.transport = of.transport;
    this.reliable = of.transport !== 'udp';
    this.remoteAddress = 'send' in of ? of.remoteAddress : of.address;
    this.remotePort = 'send' in of ? of.remotePort : of.port;
    this.listenerId = of.listenerId ?? '';
    this.key = keyOf(of);
    this.#hears = hears;
  }

  send(text: string): void {
    this.#hears(text, this);
  }

  keepAlive(): void {}

  close(): void {}
}

export interface RehearsedTransportOptions {
  /** The transports that it stands for: what they listen on and say in Via holds here too. */
  readonly real: EndpointTransport;
  readonly scheduler: Scheduler;
  readonly user: TransportUser;
  readonly hears: (text: string, flow: RehearsedFlow) => void;
}

/** Transports without sockets. A connection is taken to be made whenever one may be. */
export class RehearsedTransport implements EndpointTransport {
  readonly #options: RehearsedTransportOptions;
  readonly #flows = new Map<string, RehearsedFlow>();

  constructor(options: RehearsedTransportOptions) {
    this.#options = options;
  }

  get counters(): EndpointTransport['counters'] {
    return this.#options.real.counters;
  }

  async open(): Promise<Listening[]> {
    return this.listening();
  }

  async close(): Promise<void> {}

  listening(): Listening[] {
    return this.#options.real.listening();
  }

  flowTo(target: Target): RehearsedFlow {
    const { real, scheduler, user } = this.#options;
    const flow = this.standFor(target);
    const refusal =
      real.refusal?.(target) ?? (real.advertisedToward(target) === undefined ? 'no listener for it' : undefined);
    if (refusal !== undefined) scheduler.schedule(0, { onTimer: () => user.onFlowFailed(flow, refusal) }, 0);
    return flow;
  }

  /** The flow that takes the place of a real one, or of one that would be made. */
  standFor(to: Flow | Target): RehearsedFlow {
    const key = keyOf(to);
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      flow = new RehearsedFlow(to, this.#options.hears);
      this.#flows.set(key, flow);
    }
    return flow;
  }

  supports(transport: TransportName, address: string): boolean {
    return this.#options.real.supports(transport, address);
  }

  listenerBeside(target: Target, transport: TransportName): string | undefined {
    return this.#options.real.listenerBeside?.(target, transport);
  }

  advertised(flow: Flow, scope?: AddressScope): HostPort {
    const { real } = this.#options;
    const of = flow instanceof RehearsedFlow ? flow.of : flow;
    if ('send' in of) return real.advertised(of, scope);
    return real.advertisedToward(of, scope) ?? { host: flow.localAddress, port: flow.localPort };
  }

  advertisedToward(target: Target, scope?: AddressScope): HostPort | undefined {
    return this.#options.real.advertisedToward(target, scope);
  }

  alias(): void {}
}

function keyOf(to: Flow | Target): string {
  if ('send' in to) return to.key;
  const { transport, address, port, listenerId = '', serverName = '' } = to;
  return `to ${transport} ${address} ${port} ${listenerId} ${serverName}`;
}
