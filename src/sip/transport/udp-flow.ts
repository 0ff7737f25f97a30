import { cancelTimer, type Scheduler, type Timer } from '../../base/scheduler.ts';
import type { KernelRefusals } from './refusals.ts';
import type { Flow, TransportUser } from './types.ts';

const KEEP_ALIVE = Buffer.from('\r\n\r\n', 'latin1');

/** The socket of a flow; `UdpListener` is it. */
export interface SocketOfFlow {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly closed: boolean;
  readonly user: Pick<TransportUser, 'onSent'>;
  readonly scheduler: Scheduler;
  send(octets: Buffer, flow: UdpFlow): void;
}

/** One peer of one UDP socket. */
export class UdpFlow implements Flow {
  readonly transport = 'udp';
  readonly reliable = false;
  readonly connected = true;
  readonly tls = undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Undefined: what was sent last has left. */
  refusals: KernelRefusals | undefined = undefined;
  readonly #listener: SocketOfFlow;
  #key: string | undefined = undefined;
  #keepAliveMs = 0;
  #keepAliveUntilMs = 0;
  #timer: Timer | undefined;

  constructor(listener: SocketOfFlow, remoteAddress: string, remotePort: number) {
    this.#listener = listener;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  get localAddress(): string {
    return this.#listener.address;
  }

  get localPort(): number {
    return this.#listener.port;
  }

  get listenerId(): string {
    return this.#listener.id;
  }

  /** One text for all requests, each of which is looked up by it. */
  get key(): string {
    this.#key ??= `udp|${this.#listener.id}|${this.remoteAddress}|${this.remotePort}`;
    return this.#key;
  }

  get closed(): boolean {
    return this.#listener.closed;
  }

  send(text: string): void {
    this.#listener.user.onSent?.(text, this);
    this.#listener.send(Buffer.from(text, 'latin1'), this);
  }

  sendOctets(octets: Buffer): void {
    this.#listener.send(octets, this);
  }

  keepAlive(intervalMs: number, lastsMs = Number.POSITIVE_INFINITY): void {
    const isUnderWay = this.#timer !== undefined && intervalMs === this.#keepAliveMs;
    const untilMs = this.#listener.scheduler.nowMs() + lastsMs;
    this.#keepAliveUntilMs = isUnderWay ? Math.max(this.#keepAliveUntilMs, untilMs) : untilMs;
    // Of many trunks at one registrar each asks, and what is begun anew each time would never come.
    if (isUnderWay) return;
    this.#keepAliveMs = intervalMs;
    this.#timer = cancelTimer(this.#timer);
    if (intervalMs > 0) this.#armKeepAlive();
  }

  close(): void {
    this.keepAlive(0);
  }

  onTimer(): void {
    this.#timer = undefined;
    if (this.closed || this.#listener.scheduler.nowMs() > this.#keepAliveUntilMs) return;
    this.#listener.send(KEEP_ALIVE, this);
    this.#armKeepAlive();
  }

  #armKeepAlive(): void {
    // RFC 5626 §4.4.1: spread, so that flows made together are not pinged together.
    this.#timer = this.#listener.scheduler.schedule(this.#keepAliveMs * (0.9 + Math.random() * 0.2), this, 0);
  }
}
