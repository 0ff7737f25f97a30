import type { Server, Socket } from 'node:net';
import { hostKey } from '../base/network.ts';

/** Connections of one host that may wait for their first request, or be open at all. Nobody who means well needs as many. */
const MAX_WAITING_PER_ADDRESS = 50;
const MAX_PER_ADDRESS = 250;

export interface ConnectionCounts {
  readonly open: number;
  /** Closed as soon as they were accepted, since the start. */
  readonly refused: number;
}

interface Held {
  open: number;
  waiting: number;
}

/**
 * Bounds the connections of an HTTP server: `most` in all, of which those that have not brought a request yet take half at most, and a
 * share per address, or /64 of IPv6. A reverse proxy (`isProxy`) speaks for many: only the total binds it. What is more is closed and counted.
 */
export function guardConnections(
  server: Server,
  most: number,
  isProxy: (address: string) => boolean,
): () => ConnectionCounts {
  const held = new Map<string, Held>();
  const waiting = new Map<string, () => void>();
  let open = 0;
  let refused = 0;

  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address = '', remotePort } = socket;
    const host = hostKey(address);
    const of = held.get(host) ?? { open: 0, waiting: 0 };
    const isCrowded = of.open >= MAX_PER_ADDRESS || of.waiting >= MAX_WAITING_PER_ADDRESS;
    if (open >= most || (!isProxy(address) && (isCrowded || waiting.size >= Math.ceil(most / 2)))) {
      refused++;
      socket.destroy();
      return;
    }
    const key = `${remotePort}|${address}`;
    const served = () => {
      if (waiting.delete(key)) of.waiting--;
    };
    open++;
    of.open++;
    of.waiting++;
    held.set(host, of);
    waiting.set(key, served);
    socket.once('close', () => {
      served();
      open--;
      of.open--;
      if (of.open === 0) held.delete(host);
    });
  });
  // Under TLS the request's socket is another object at the same address and port.
  server.on('request', ({ socket }: { socket: Socket }) =>
    waiting.get(`${socket.remotePort}|${socket.remoteAddress}`)?.(),
  );
  return () => ({ open, refused });
}
