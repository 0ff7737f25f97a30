import type { Server, Socket } from 'node:net';
import { hostKey } from '../base/network.ts';

/** Connections of one host that may wait for their first request, and of one address that may be open at all. Nobody who means well needs as many. */
const MAX_WAITING_PER_HOST = 50;
const MAX_PER_ADDRESS = 250;

export interface ConnectionCounts {
  readonly open: number;
  /** Closed as soon as they were accepted, since the start. */
  readonly refused: number;
}

/**
 * Bounds the connections of an HTTP server: `most` in all, and of one address a share; of those that have not brought a request yet half
 * as many, and of one host (an address, or a /64 of IPv6, which may be an office) a share. A reverse proxy (`isProxy`) speaks for many:
 * only the total binds it. What is more is closed and counted.
 */
export function guardConnections(
  server: Server,
  most: number,
  isProxy: (address: string) => boolean,
): () => ConnectionCounts {
  const openOf = new Counts();
  const waitingOf = new Counts();
  const waiting = new Map<string, () => void>();
  let open = 0;
  let refused = 0;

  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address = '', remotePort } = socket;
    const host = hostKey(address);
    const isCrowded = openOf.get(address) >= MAX_PER_ADDRESS || waitingOf.get(host) >= MAX_WAITING_PER_HOST;
    if (open >= most || (!isProxy(address) && (isCrowded || waiting.size >= Math.ceil(most / 2)))) {
      refused++;
      socket.destroy();
      return;
    }
    const key = `${remotePort}|${address}`;
    const served = () => {
      if (waiting.delete(key)) waitingOf.change(host, -1);
    };
    open++;
    openOf.change(address, 1);
    waitingOf.change(host, 1);
    waiting.set(key, served);
    socket.once('close', () => {
      served();
      open--;
      openOf.change(address, -1);
    });
  });
  // Under TLS the request's socket is another object at the same address and port.
  server.on('request', ({ socket }: { socket: Socket }) =>
    waiting.get(`${socket.remotePort}|${socket.remoteAddress}`)?.(),
  );
  return () => ({ open, refused });
}

class Counts {
  readonly #counts = new Map<string, number>();

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  change(name: string, by: number): void {
    const count = this.get(name) + by;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }
}
