import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { Counts } from '../base/counts.ts';
import { FailureCounter } from '../base/failure-counter.ts';
import type { Log } from '../base/log.ts';
import { hostKey } from '../base/network.ts';

/** Connections of one host that may wait for their first request, and of one address that may be open at all. Nobody who means well needs as many. */
const MAX_WAITING_PER_HOST = 50;
const MAX_PER_ADDRESS = 250;
/** The part of all connections that one host may have, where that is more: an office is one, and so is whoever comes from all addresses of a /64. */
const HOST_SHARE = 0.5;
/** So often at most the log has a line of connections that were refused. */
const REFUSALS_TOLD_MS = 60_000;
/** Connections of one host that may begin over TLS: a handshake computes for a millisecond and more, whatever is asked then. */
const HANDSHAKES = { failures: MAX_PER_ADDRESS, windowMs: 5_000 };

export interface ConnectionCounts {
  readonly open: number;
  /** Closed as soon as they were accepted, since the start. */
  readonly refused: number;
  /** Closed since another needed the place, since the start. */
  readonly gaveWay: number;
}

/** A connection that was accepted and is not closed. */
class Connection {
  readonly host: string;
  readonly address: string;
  /** It has not brought a request yet. */
  isWaiting = true;
  /** Requests that are not answered yet; they may be sent one behind the other. */
  asked = 0;
  isOpen = true;

  constructor(address: string) {
    this.address = address;
    this.host = hostKey(address);
  }
}

/** A request that is not answered yet. */
interface UnderWay {
  readonly connection: Connection;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const LEAST_CHECK_MS = 1_000;
const CHECKS_IN_TIMEOUT = 10;

/** How often the runtime looks for requests that take too long, ms: it wakes an idle process each time. By so much later one may be closed. */
export function timeoutCheckMs(requestTimeoutMs: number): number {
  return Math.max(LEAST_CHECK_MS, requestTimeoutMs / CHECKS_IN_TIMEOUT);
}

/**
 * Bounds the connections of an HTTP server: `most` in all, and a share for one address and for one host (an address, or a /64 of IPv6,
 * which may be an office); of those that have not brought a request yet half as many, and of one host a share; over TLS also how many one
 * host may begin in five seconds. A reverse proxy (`isProxy`) speaks for many: only the total binds it. What is more is closed, counted, and told once a minute. When all are taken, one gives way, so that nobody is
 * kept out by those who ask nothing any more, send a body octet by octet, or do not read what they are answered: the one that has been
 * idle longest, else the one that has been waited for longest. A reverse proxy keeps its own for the next of its many.
 */
export function guardConnections(
  server: Server,
  most: number,
  isProxy: (address: string) => boolean,
  log: Pick<Log, 'warn'>,
): () => ConnectionCounts {
  const admitted = new Admitted(most, isProxy);
  const connections = new Map<string, Connection>();
  const handshakes = new FailureCounter({ nowMs: () => performance.now() }, HANDSHAKES);
  const refusals = new Refusals(log);
  const isTooFast = ({ host }: Connection): boolean => {
    if (!(server instanceof TlsServer)) return false;
    if (handshakes.isBlocked(host)) return true;
    handshakes.count(host);
    return false;
  };
  server.on('connection', (socket: Socket) => {
    const connection = new Connection(socket.remoteAddress ?? '');
    const mayComeIn = isProxy(connection.address) || !(admitted.isCrowded(connection) || isTooFast(connection));
    if (!mayComeIn || !admitted.hasPlace()) return refusals.add(connection, socket);
    const key = keyOf(socket);
    admitted.enter(connection);
    connections.set(key, connection);
    socket.once('close', () => {
      admitted.leave(connection);
      if (connections.get(key) === connection) connections.delete(key);
    });
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // Under TLS the request's socket is another object at the same address and port.
    const connection = connections.get(keyOf(request.socket));
    if (connection !== undefined) admitted.serve({ connection, request, response });
  });
  return () => ({ open: admitted.open, refused: refusals.count, gaveWay: admitted.gaveWay });
}

/** The connections that were accepted, and who of them gives way. */
class Admitted {
  open = 0;
  gaveWay = 0;
  readonly #most: number;
  readonly #mostOfHost: number;
  readonly #isProxy: (address: string) => boolean;
  readonly #openOf = new Counts();
  readonly #openOfHost = new Counts();
  readonly #waitingOf = new Counts();
  #waiting = 0;
  /** What closes those that have been answered and ask nothing, the longest idle one first. */
  readonly #idle = new Map<Connection, () => void>();
  /** What is asked now, in its order. */
  readonly #underWay = new Set<UnderWay>();

  constructor(most: number, isProxy: (address: string) => boolean) {
    this.#most = most;
    this.#mostOfHost = Math.max(MAX_PER_ADDRESS, Math.floor(most * HOST_SHARE));
    this.#isProxy = isProxy;
  }

  isCrowded({ address, host }: Connection): boolean {
    return (
      this.#openOf.get(address) >= MAX_PER_ADDRESS ||
      this.#openOfHost.get(host) >= this.#mostOfHost ||
      this.#waitingOf.get(host) >= MAX_WAITING_PER_HOST ||
      this.#waiting >= Math.ceil(this.#most / 2)
    );
  }

  /** There is one, or somebody has given it up. */
  hasPlace(): boolean {
    if (this.open >= this.#most) this.#makePlace();
    return this.open < this.#most;
  }

  enter({ address, host }: Connection): void {
    this.open++;
    this.#waiting++;
    this.#openOf.change(address, 1);
    this.#openOfHost.change(host, 1);
    this.#waitingOf.change(host, 1);
  }

  leave(connection: Connection): void {
    if (!connection.isOpen) return;
    connection.isOpen = false;
    this.#waitsNoMore(connection);
    this.#idle.delete(connection);
    this.open--;
    this.#openOf.change(connection.address, -1);
    this.#openOfHost.change(connection.host, -1);
  }

  serve(asked: UnderWay): void {
    const { connection, request, response } = asked;
    this.#waitsNoMore(connection);
    connection.asked++;
    this.#idle.delete(connection);
    this.#underWay.add(asked);
    const { socket } = request;
    response.once('close', () => {
      this.#underWay.delete(asked);
      connection.asked--;
      if (connection.asked === 0 && connection.isOpen && !this.#isProxy(connection.address))
        this.#idle.set(connection, () => socket.destroy());
    });
  }

  #waitsNoMore(connection: Connection): void {
    if (!connection.isWaiting) return;
    connection.isWaiting = false;
    this.#waiting--;
    this.#waitingOf.change(connection.host, -1);
  }

  #makePlace(): void {
    const [connection, close] = this.#whoGivesWay() ?? [];
    if (connection === undefined) return;
    this.gaveWay++;
    this.leave(connection);
    close?.();
  }

  #whoGivesWay(): readonly [connection: Connection, close: () => void] | undefined {
    for (const idle of this.#idle) return idle;
    for (const { connection, request, response } of this.#underWay) {
      if (!connection.isOpen || this.#isProxy(connection.address)) continue;
      // The rest of the body is its to send, or all of the answer its to read.
      if (!request.complete || response.writableEnded) return [connection, () => request.socket.destroy()];
    }
    return undefined;
  }
}

/** Connections that were closed as soon as they were accepted. */
class Refusals {
  count = 0;
  readonly #log: Pick<Log, 'warn'>;
  #told = 0;
  #source = '';
  #isQuiet = false;

  constructor(log: Pick<Log, 'warn'>) {
    this.#log = log;
  }

  add({ address }: Connection, socket: Socket): void {
    this.count++;
    this.#source = address;
    socket.destroy();
    if (!this.#isQuiet) this.#tell();
  }

  #tell(): void {
    this.#isQuiet = this.count > this.#told;
    if (!this.#isQuiet) return;
    this.#log.warn('http-connections-refused', { count: this.count - this.#told, source: this.#source });
    this.#told = this.count;
    setTimeout(() => this.#tell(), REFUSALS_TOLD_MS).unref();
  }
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remotePort}|${remoteAddress}`;
}
