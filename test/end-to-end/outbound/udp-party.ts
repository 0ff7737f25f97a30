import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { onSip } from '../../kit/sip-datagrams.ts';
import { readMessage, type WireMessage } from './wire-message.ts';

interface Waiter {
  readonly matches: (message: WireMessage) => boolean;
  readonly resolve: (message: WireMessage) => void;
}

/** A socket that speaks SIP: whoever waits for a message gets it, whatever nobody waits for goes to `onMessage`. */
export class UdpParty {
  readonly #socket: Socket;
  readonly #waiters = new Set<Waiter>();
  /** Everything received, oldest first. */
  readonly received: WireMessage[] = [];
  onMessage: (message: WireMessage, from: { address: string; port: number }) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    onSip(socket, (text, from) => {
      const message = readMessage(text);
      this.received.push(message);
      for (const waiter of this.#waiters) {
        if (!waiter.matches(message)) continue;
        this.#waiters.delete(waiter);
        waiter.resolve(message);
        return;
      }
      this.onMessage(message, from);
    });
  }

  static async open(address: string, port = 0): Promise<UdpParty> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.bind(port, address);
    await once(socket, 'listening');
    return new UdpParty(socket);
  }

  get address(): string {
    return this.#socket.address().address;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** `host:port` as it stands in a URI or a Via. */
  get hostPort(): string {
    const { address, port } = this;
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  }

  send(text: string, to: { readonly address: string; readonly port: number }): void {
    this.#socket.send(Buffer.from(text, 'latin1'), to.port, to.address);
  }

  /** The next message that matches; it does not go to `onMessage`. */
  next(matches: (message: WireMessage) => boolean, what: string, timeoutMs = 8_000): Promise<WireMessage> {
    return new Promise((resolve, reject) => {
      const waiter = {
        matches,
        resolve: (message: WireMessage) => {
          clearTimeout(timer);
          resolve(message);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const last = this.received.slice(-3).map(({ startLine }) => startLine);
        reject(new Error(`${what} did not come in ${timeoutMs} ms; last: ${JSON.stringify(last)}`));
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  close(): void {
    this.#socket.close();
  }
}
