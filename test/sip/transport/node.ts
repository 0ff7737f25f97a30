import { connect, type Socket } from 'node:net';
import {
  type ListenerOptions,
  type Listening,
  TransportLayer,
  type TransportLayerOptions,
} from '../../../src/sip/transport/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { Recorder, RecordingLog } from './recorder.ts';

/** A transport layer on real loopback sockets and virtual time. */
export class Node {
  readonly scheduler = new VirtualScheduler();
  readonly user = new Recorder();
  readonly log = new RecordingLog();
  readonly layer: TransportLayer;
  #listening: Listening[] = [];

  constructor(options: Partial<TransportLayerOptions> = {}) {
    this.layer = new TransportLayer({ scheduler: this.scheduler, ...options }, this.user, this.log);
  }

  async open(...listeners: ListenerOptions[]): Promise<this> {
    this.#listening = await this.layer.open(listeners);
    return this;
  }

  /** The port of the n-th listener. */
  port(index = 0): number {
    return this.#listening[index]?.port ?? 0;
  }
}

/** Keeps what is made in a test and takes it down afterwards. */
export class Cleanup {
  readonly #tasks: (() => unknown)[] = [];

  node(options: Partial<TransportLayerOptions> = {}): Node {
    const node = new Node(options);
    this.#tasks.push(() => node.layer.close());
    return node;
  }

  add(task: () => unknown): void {
    this.#tasks.push(task);
  }

  /** A bare TCP client. */
  async client(port: number): Promise<Client> {
    const client = new Client(connect({ host: '127.0.0.1', port }));
    this.add(() => client.socket.destroy());
    await client.connected;
    return client;
  }

  async run(): Promise<void> {
    for (const task of this.#tasks.splice(0).reverse()) await task();
  }
}

/** A peer that sends and reads raw octets. */
export class Client {
  readonly socket: Socket;
  readonly connected: Promise<void>;
  readonly ended: Promise<void>;
  received = '';
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.connected = new Promise((resolve) => socket.once('connect', () => resolve()));
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    socket.on('data', (octets) => {
      this.received += octets.toString('latin1');
      this.#wake?.();
    });
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves when what was received contains `text`. */
  async reads(text: string): Promise<void> {
    while (!this.received.includes(text)) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

export const udp: ListenerOptions = { transport: 'udp', host: '127.0.0.1', port: 0 };
export const tcp: ListenerOptions = { transport: 'tcp', host: '127.0.0.1', port: 0 };
