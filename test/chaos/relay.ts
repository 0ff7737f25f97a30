/** A relay of the harness before one port: what passes is as late as it is told. A kernel with netem would do it at the link. */
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Held {
  readonly dueMs: number;
  readonly act: () => void;
}

/**
 * One way of one connection. What is held goes on in the order in which it came, as octets of TCP do: of two timers the one that is due first need
 * not fire first, in a process that is late or where their delays differ by less than a millisecond.
 */
class Line {
  readonly #delayMs: () => number;
  readonly #held: Held[] = [];

  constructor(delayMs: () => number) {
    this.#delayMs = delayMs;
  }

  pass(act: () => void): void {
    this.#held.push({ dueMs: performance.now() + this.#delayMs(), act });
    if (this.#held.length === 1) this.#go();
  }

  #go(): void {
    for (let next = this.#held[0]; next !== undefined; next = this.#held[0]) {
      const leftMs = next.dueMs - performance.now();
      if (leftMs > 0) {
        setTimeout(() => this.#go(), leftMs);
        return;
      }
      this.#held.shift();
      next.act();
    }
  }
}

export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param delayMs of what comes now, one way; asked for each piece */
  static async open(host: string, target: number, delayMs: () => number): Promise<Relay> {
    const server = createServer();
    const relay = new Relay(server);
    server.on('connection', (near) => {
      const far = connect({ host, port: target, noDelay: true });
      near.setNoDelay(true);
      relay.#join(near, far, delayMs);
      relay.#join(far, near, delayMs);
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  #join(from: Socket, to: Socket, delayMs: () => number): void {
    this.#sockets.add(from);
    const line = new Line(delayMs);
    from.on('data', (octets) => line.pass(() => to.writable && to.write(octets)));
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      line.pass(() => to.destroy());
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
