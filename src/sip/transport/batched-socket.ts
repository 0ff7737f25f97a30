import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { type DatagramTable, type NativeDatagrams, SLOTS } from './native-datagrams.ts';
import { type SocketPeer, SocketPeers } from './socket-peers.ts';
import type { DatagramSocket } from './udp-listener.ts';

/** So many datagrams are read before somebody else has a turn. */
const MOST_READ_AT_ONCE = 1_024;
/** The runtime's socket brings so many in one poll, one after the other, that the kernel has not given to us: it does not give us any. */
const UNSEEN_READS = 16;
/** So many batches in a row of which the kernel has taken nothing, and the runtime's socket could send the first of each: it takes none. */
const UNSENT_BATCHES = 16;
/** What the network takes up late may wait in the runtime's socket. */
const MOST_WAITING_OCTETS = 16_777_216;

type OnMessage = (octets: Buffer, remote: { readonly address: string; readonly port: number }) => void;
type OnSent = (error: Error | null) => void;

export interface BatchedSocketOptions extends SocketOptions {
  readonly native: NativeDatagrams;
  /** From now on it is like any other socket of the runtime, and why. */
  readonly onFallBack: (reason: string) => void;
}

/**
 * A socket of `node:dgram` whose datagrams the kernel is asked for, and given, many at a time. The runtime's socket on the same descriptor
 * wakes the event loop with the first datagram that waits; all others are read here. Whatever the kernel refuses is given to the
 * runtime's socket, which waits, or has the error: so errors are the same, and a batch that fails loses nothing.
 */
export class BatchedSocket implements DatagramSocket {
  readonly #options: BatchedSocketOptions;
  readonly #socket: Socket;
  readonly #peers: SocketPeers;
  readonly #received: DatagramTable;
  readonly #toSend: DatagramTable;
  /** Those in `#toSend`, in their places. */
  readonly #receivers: SocketPeer[] = [];
  readonly #onSents: OnSent[] = [];
  /** -1: not open, closed, or left to the runtime's socket: the number may be another file's. */
  #fd = -1;
  #onMessage: OnMessage = () => {};
  #hasMore = false;
  /** In this poll; at most one more is of earlier ones. */
  #unseenReads = 0;
  readonly #endPoll = () => {
    this.#unseenReads = 0;
  };
  #unsentBatches = 0;

  constructor(options: BatchedSocketOptions) {
    const { native, onFallBack: _, ...rest } = options;
    this.#options = options;
    this.#socket = createSocket(rest);
    this.#peers = new SocketPeers(options.type === 'udp6');
    this.#received = native.newTable();
    this.#toSend = native.newTable();
  }

  bind(port: number, address: string, callback: () => void): void {
    const { native, reusePort, onFallBack } = this.#options;
    const name = this.#peers.nameOf(address, port);
    const fd = name === undefined ? undefined : native.open(name, reusePort === true);
    if (fd === undefined) {
      // What is in the way of both is said by the runtime's.
      this.#socket.bind(port, address, () => {
        onFallBack('the kernel has refused the socket');
        callback();
      });
      return;
    }
    try {
      this.#socket.bind({ fd }, () => {
        native.holdAlone(fd);
        this.#fd = fd;
        callback();
      });
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }

  once(event: 'error', listener: (error: Error) => void): void {
    this.#socket.once(event, listener);
  }

  off(event: 'error', listener: (error: Error) => void): void {
    this.#socket.off(event, listener);
  }

  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'message', listener: OnMessage): void;
  on(event: 'error' | 'message', listener: ((error: Error) => void) | OnMessage): void {
    if (event === 'error') {
      this.#socket.on('error', listener as (error: Error) => void);
      return;
    }
    this.#onMessage = listener as OnMessage;
    this.#socket.on('message', (octets, remote) => {
      this.#onMessage(octets, remote);
      if (this.#fd < 0) return;
      if (this.receive() > 0) this.#unseenReads = 0;
      else this.#noteUnseen();
    });
  }

  address(): { readonly address: string; readonly port: number } {
    return this.#socket.address();
  }

  getRecvBufferSize(): number {
    return this.#socket.getRecvBufferSize();
  }

  getSendBufferSize(): number {
    return this.#socket.getSendBufferSize();
  }

  hadMore(): boolean | undefined {
    const hadMore = this.#hasMore;
    // Only another read can tell, and the runtime's socket begins one if more waits.
    this.#hasMore = false;
    return this.#fd < 0 ? undefined : hadMore;
  }

  /** Reads what waits, and returns how many datagrams that were. */
  receive(): number {
    let total = 0;
    let count = SLOTS;
    while (count === SLOTS && total < MOST_READ_AT_ONCE && this.#fd >= 0) {
      count = this.#received.receive(this.#fd);
      total += count;
      for (let slot = 0; slot < count; slot++) {
        const octets = this.#received.octets(slot);
        if (octets !== undefined && this.#received.isNamed(slot))
          this.#onMessage(octets, this.#peers.named(this.#received.names, slot));
      }
    }
    this.#hasMore = count === SLOTS;
    return total;
  }

  /** Keeps a datagram until {@link flush}. The callback hears then whether it has left. */
  send(octets: Buffer, port: number, address: string, callback: OnSent): void {
    if (this.#fd >= 0) {
      if (this.#receivers.length === SLOTS) this.flush();
      const peer = this.#peers.of(address, port);
      if (peer !== undefined && this.#toSend.put(this.#receivers.length, octets, peer.name)) {
        this.#receivers.push(peer);
        this.#onSents.push(callback);
        return;
      }
      this.flush();
    }
    this.#socket.send(octets, port, address, callback);
  }

  flush(): void {
    this.#unseenReads = 0;
    const count = this.#receivers.length;
    for (let sent = 0; sent < count; sent++) {
      // What waits in the runtime's socket is older.
      const mayBatch = this.#fd >= 0 && this.#socket.getSendQueueCount() === 0;
      const left = mayBatch ? this.#toSend.send(this.#fd, sent, count) : 0;
      if (left > 0) this.#unsentBatches = 0;
      for (const end = sent + left; sent < end; sent++) (this.#onSents[sent] as OnSent)(null);
      if (sent < count) this.#sendByItself(sent, mayBatch && left === 0);
    }
    this.#receivers.length = 0;
    this.#onSents.length = 0;
  }

  close(callback: () => void): void {
    this.flush();
    this.#fd = -1;
    this.#socket.close(callback);
  }

  /** The kernel has refused it, or takes nothing now: the runtime's socket has the error, or the time. */
  #sendByItself(slot: number, isFirst: boolean): void {
    const { address, port } = this.#receivers[slot] as SocketPeer;
    const onSent = this.#onSents[slot] as OnSent;
    const octets = this.#toSend.kept(slot);
    if (this.#socket.getSendQueueSize() + octets.length > MOST_WAITING_OCTETS) {
      const error = new Error('the network takes nothing');
      process.nextTick(onSent, Object.assign(error, { code: 'ENOBUFS', address, port }));
      return;
    }
    this.#socket.send(octets, port, address, (error) => {
      if (isFirst && error === null && ++this.#unsentBatches === UNSENT_BATCHES && this.#fd >= 0)
        this.#fallBack('the kernel takes no datagrams from sendmmsg');
      onSent(error);
    });
  }

  /** Nothing more waited, as behind any datagram that comes alone: it means something only where the same poll brings more. */
  #noteUnseen(): void {
    this.#unseenReads++;
    // Where datagrams are handled, that turn ends the poll.
    if (this.#unseenReads === 2) setImmediate(this.#endPoll);
    if (this.#unseenReads === UNSEEN_READS) this.#fallBack('the kernel gives no datagrams to recvmmsg');
  }

  #fallBack(reason: string): void {
    this.flush();
    this.#fd = -1;
    this.#options.onFallBack(reason);
  }
}
