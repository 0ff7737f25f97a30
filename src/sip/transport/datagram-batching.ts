import { createSocket, type SocketOptions } from 'node:dgram';
import type { Log } from '../../base/log.ts';
import { BatchedSocket } from './batched-socket.ts';
import { type NativeDatagrams, nativeDatagrams } from './native-datagrams.ts';
import type { DatagramSocket } from './udp-listener.ts';

/** Makes the datagram sockets of a node that moves datagrams in batches where that is possible, and says where it is not. */
export class DatagramBatching {
  readonly #log: Log;
  readonly #native: NativeDatagrams | undefined;
  #offBecause: string | undefined;

  /** @param native what moves datagrams, or why nothing does. Default: what this machine has. */
  constructor(log: Log, native: NativeDatagrams | string = nativeDatagrams()) {
    this.#log = log;
    if (typeof native === 'string') this.#isOff(native);
    else this.#native = native;
  }

  /** Why some sockets, or all, move their datagrams one by one; undefined while none does. */
  get offBecause(): string | undefined {
    return this.#offBecause;
  }

  /** As in `/readyz`. */
  problems(): readonly string[] {
    return this.#offBecause === undefined ? [] : ['udp-batching-off'];
  }

  readonly createSocket = (options: SocketOptions): DatagramSocket => {
    const native = this.#native;
    if (native === undefined) return createSocket(options);
    return new BatchedSocket({ ...options, native, onFallBack: (reason) => this.#isOff(reason) });
  };

  #isOff(reason: string): void {
    if (this.#offBecause === undefined) this.#log.warn('udp-batching-off', { reason });
    this.#offBecause ??= reason;
  }
}
