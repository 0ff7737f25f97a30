import type { RemoteInfo } from 'node:dgram';
import type { DatagramSocket } from '../../sip/transport/index.ts';

export interface Datagram {
  readonly octets: Buffer;
  readonly port: number;
  readonly address: string;
}

/** A datagram socket without a network: what is sent waits in `outbox`, what arrives is handed in. No packet leaves. */
export class RehearsalSocket implements DatagramSocket {
  readonly #bufferOctets: number;
  readonly #isBatched: boolean;
  #delivered = 0;
  #outbox: Datagram[] = [];
  #bound = { address: '', port: 0 };
  #onMessage: ((octets: Buffer, remote: RemoteInfo) => void) | undefined;

  /**
   * @param bufferOctets what it says of its buffers
   * @param isBatched datagrams are read many at a time: all but the first by a script
   */
  constructor(bufferOctets: number, isBatched: boolean) {
    this.#bufferOctets = bufferOctets;
    this.#isBatched = isBatched;
  }

  /** What was sent since the last time. */
  takeOutbox(): readonly Datagram[] {
    const taken = this.#outbox;
    if (taken.length > 0) this.#outbox = [];
    return taken;
  }

  /** A datagram arrives, and where it is from, in the shapes that the runtime gives them, the address a new text: V8 compiles for these. */
  deliver(text: string, from: string, port: number): void {
    const isByScript = this.#isBatched && this.#delivered++ % 2 === 1;
    const octets = isByScript ? Buffer.from(text, 'latin1') : readByRuntime(text);
    const address = readByRuntime(from).toString('latin1');
    this.#onMessage?.(octets, { address, family: 'IPv4', port, size: octets.length });
  }

  bind(port: number, address: string, callback: () => void): void {
    this.#bound = { address, port };
    queueMicrotask(callback);
  }

  once(): void {}

  off(): void {}

  on(event: 'error' | 'message', listener: unknown): void {
    if (event === 'message') this.#onMessage = listener as (octets: Buffer, remote: RemoteInfo) => void;
  }

  address(): { readonly address: string; readonly port: number } {
    return this.#bound;
  }

  getRecvBufferSize(): number {
    return this.#bufferOctets;
  }

  getSendBufferSize(): number {
    return this.#bufferOctets;
  }

  send(octets: Buffer, port: number, address: string, callback: (error: Error | null) => void): void {
    this.#outbox.push({ octets, port, address });
    queueMicrotask(() => callback(null));
  }

  close(callback: () => void): void {
    queueMicrotask(callback);
  }
}

/** The runtime makes a Buffer of what it has read in another way than scripts do: it has a hidden class of its own. */
function readByRuntime(text: string): Buffer {
  const octets: Buffer = Object.setPrototypeOf(new Uint8Array(text.length), Buffer.prototype);
  octets.write(text, 'latin1');
  return octets;
}
