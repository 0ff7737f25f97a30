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
  #outbox: Datagram[] = [];
  #bound = { address: '', port: 0 };
  #onMessage: ((octets: Buffer, remote: RemoteInfo) => void) | undefined;

  /** @param bufferOctets what it says of its buffers */
  constructor(bufferOctets: number) {
    this.#bufferOctets = bufferOctets;
  }

  /** What was sent since the last time. */
  takeOutbox(): readonly Datagram[] {
    const taken = this.#outbox;
    if (taken.length > 0) this.#outbox = [];
    return taken;
  }

  /** A datagram arrives. */
  deliver({ octets, address, port }: Datagram): void {
    this.#onMessage?.(octets, { address, port, family: 'IPv4', size: octets.length });
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
