import { timingSafeEqual } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import type { Dealt } from '../engine/admit/dealing.ts';

const LOOPBACK = '127.0.0.1';
const KEY_OCTETS = 32;
/** Beside the texts: the key, the lengths of both and the port. */
const FIXED_OCTETS = KEY_OCTETS + 4;
const MAX_DATAGRAM_OCTETS = 65_507;
const BUFFER_OCTETS = 4_194_304;

/**
 * Datagrams from worker to worker: each goes over the loopback interface with the address that it came from in front. As on any network it
 * may get lost when the other one does not keep up, and its sender sends it again. A key that the workers share keeps other programs of
 * the machine from making datagrams up.
 */
export class HandOver {
  readonly #key: Buffer;
  readonly #socket: Socket = createSocket({
    type: 'udp4',
    recvBufferSize: BUFFER_OCTETS,
    sendBufferSize: BUFFER_OCTETS,
    lookup: (address, _options, callback) => callback(null, address, 4),
  });
  #ports: readonly (number | undefined)[] = [];
  #take: ((dealt: Dealt) => void) | undefined;

  /** @param key 32 octets. */
  constructor(key: Buffer) {
    this.#key = key;
  }

  open(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, LOOPBACK, () => {
        socket.off('error', reject);
        socket.on('message', (octets) => this.#onDatagram(octets));
        // Nothing waits for an answer: what a worker does not take is lost.
        socket.on('error', () => {});
        resolve();
      });
    });
  }

  /** Where this worker takes what others hand over. */
  get port(): number {
    return this.#socket.address().port;
  }

  /** Where the workers take it, in their order; undefined for one that is not there. */
  set siblings(ports: readonly (number | undefined)[]) {
    this.#ports = ports;
  }

  /** Whether no worker before this one is there. */
  isFirst(worker: number): boolean {
    return this.#ports.slice(0, worker).every((port) => port === undefined);
  }

  onGiven(take: (dealt: Dealt) => void): void {
    this.#take = take;
  }

  /** False when that worker is not there, or a datagram with its address does not fit into one more. */
  give(worker: number, { listenerId, octets, address, port }: Dealt): boolean {
    const to = this.#ports[worker];
    if (to === undefined) return false;
    const listener = Buffer.from(listenerId, 'utf8');
    const from = Buffer.from(address, 'latin1');
    const length = FIXED_OCTETS + listener.length + from.length;
    if (length + octets.length > MAX_DATAGRAM_OCTETS) return false;
    const head = Buffer.allocUnsafe(length);
    this.#key.copy(head, 0);
    head.writeUInt8(listener.length, KEY_OCTETS);
    head.writeUInt8(from.length, KEY_OCTETS + 1);
    head.writeUInt16BE(port, KEY_OCTETS + 2);
    listener.copy(head, FIXED_OCTETS);
    from.copy(head, FIXED_OCTETS + listener.length);
    this.#socket.send([head, octets], to, LOOPBACK, NOTHING);
    return true;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #onDatagram(octets: Buffer): void {
    if (octets.length < FIXED_OCTETS || !timingSafeEqual(octets.subarray(0, KEY_OCTETS), this.#key)) return;
    const listenerEnd = FIXED_OCTETS + octets.readUInt8(KEY_OCTETS);
    const addressEnd = listenerEnd + octets.readUInt8(KEY_OCTETS + 1);
    this.#take?.({
      listenerId: octets.toString('utf8', FIXED_OCTETS, listenerEnd),
      address: octets.toString('latin1', listenerEnd, addressEnd),
      port: octets.readUInt16BE(KEY_OCTETS + 2),
      octets: octets.subarray(addressEnd),
    });
  }
}

const NOTHING = () => {};
