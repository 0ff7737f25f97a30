import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import type { KeyPair } from '../../kit/certificates.ts';
import { onSip } from '../../kit/sip-datagrams.ts';
import { methodOf, readMessage, statusOf, type WireMessage } from '../outbound/wire-message.ts';

export type PartyTransport = 'udp' | 'tcp' | 'tls';

export interface Address {
  readonly address: string;
  readonly port: number;
}

interface Waiter {
  readonly matches: (message: WireMessage) => boolean;
  readonly resolve: (message: WireMessage) => void;
}

/**
 * A socket that speaks SIP as raw octets (latin1). What comes in waits until somebody asks for it with `next`, in the order of
 * arrival; what `serves` answers is not kept for `next`, and neither is a copy of a datagram (what is sent over UDP comes again until it is
 * answered, sooner than a busy machine gets to answer).
 */
export class Party {
  readonly transport: PartyTransport;
  /** Where it is reached, as it stands in Via and Contact. */
  readonly address: string;
  readonly port: number;
  /** Everything received, oldest first. */
  readonly received: WireMessage[] = [];
  /** The text of an answer for a message that nobody shall wait for; undefined leaves it to `next`. */
  serves: (message: WireMessage) => string | undefined = () => undefined;
  /** Waited for when it has registered: every worker of the engine knows it then. */
  knownEverywhere: () => Promise<void> = async () => {};
  readonly #write: (text: string, to?: Address) => void;
  readonly #shut: () => void;
  readonly #waiters = new Set<Waiter>();
  readonly #heard = new Set<string>();
  #waiting: WireMessage[] = [];

  private constructor(
    transport: PartyTransport,
    { address, port }: Address,
    write: (text: string, to?: Address) => void,
    shut: () => void,
  ) {
    this.transport = transport;
    this.address = address;
    this.port = port;
    this.#write = write;
    this.#shut = shut;
  }

  /** A UDP socket of its own; what it sends without an address goes to `engine`. */
  static async udp(engine: Address, address = '127.0.0.1'): Promise<Party> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    const party = new Party(
      'udp',
      { address, port: socket.address().port },
      (text, to = engine) => socket.send(Buffer.from(text, 'latin1'), to.port, to.address),
      () => socket.close(),
    );
    onSip(socket, (text) => party.#take(text));
    return party;
  }

  /** A TCP or TLS connection to the engine; `address` is the one that it comes from. */
  static async connect(engine: Address, transport: 'tcp' | 'tls' = 'tcp', address?: string): Promise<Party> {
    const options = { host: engine.address, port: engine.port, ...(address && { localAddress: address }) };
    const socket = transport === 'tcp' ? connect(options) : connectTls({ ...options, rejectUnauthorized: false });
    await once(socket, transport === 'tcp' ? 'connect' : 'secureConnect');
    const own = { address: socket.localAddress ?? '', port: socket.localPort ?? 0 };
    const party = new Party(
      transport,
      own,
      (text) => socket.write(Buffer.from(text, 'latin1')),
      () => socket.destroy(),
    );
    party.#read(socket);
    return party;
  }

  /** A TCP server that the engine connects to, or with a certificate a TLS one; what it sends goes over the connection that came last. */
  static async listen(address = '127.0.0.1', pair?: KeyPair): Promise<Party> {
    const sockets = new Set<Socket>();
    const server: Server = pair === undefined ? createServer() : createTlsServer({ cert: pair.cert, key: pair.key });
    server.listen(0, address);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    let last: Socket | undefined;
    const party = new Party(
      pair === undefined ? 'tcp' : 'tls',
      { address, port },
      (text) => last?.write(Buffer.from(text, 'latin1')),
      () => {
        for (const socket of sockets) socket.destroy();
        server.close();
      },
    );
    server.on(pair === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      last = socket;
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      party.#read(socket);
    });
    return party;
  }

  /** `host:port` as it stands in a URI or a Via. */
  get hostPort(): string {
    return this.address.includes(':') ? `[${this.address}]:${this.port}` : `${this.address}:${this.port}`;
  }

  send(text: string, to?: Address): void {
    this.#write(text, to);
  }

  /** The first message that nobody has had yet and that matches, as soon as it is there. */
  next(matches: (message: WireMessage) => boolean, what: string, timeoutMs = 8_000): Promise<WireMessage> {
    const at = this.#waiting.findIndex(matches);
    if (at >= 0) return Promise.resolve(this.#waiting.splice(at, 1)[0] as WireMessage);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const last = this.received.slice(-5).map(({ startLine }) => startLine);
        reject(new Error(`${what} did not come in ${timeoutMs} ms; last: ${JSON.stringify(last)}`));
      }, timeoutMs);
      const waiter: Waiter = {
        matches,
        resolve: (message) => {
          clearTimeout(timer);
          resolve(message);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  nextRequest(method: string, timeoutMs?: number): Promise<WireMessage> {
    return this.next((message) => methodOf(message) === method, `the ${method}`, timeoutMs);
  }

  /** A final answer, or one of just this status. */
  nextAnswer(status?: number, timeoutMs?: number): Promise<WireMessage> {
    const matches = (message: WireMessage) =>
      status === undefined ? statusOf(message) >= 200 : statusOf(message) === status;
    return this.next(matches, `the answer ${status ?? ''}`, timeoutMs);
  }

  /** Forgets what came and nobody asked for. */
  forget(): void {
    this.#waiting = [];
  }

  close(): void {
    this.#shut();
  }

  #take(text: string): void {
    const message = readMessage(text);
    this.received.push(message);
    const answer = this.serves(message);
    if (answer !== undefined) {
      this.send(answer);
      return;
    }
    const isCopy = this.transport === 'udp' && this.#heard.has(text);
    this.#heard.add(text);
    if (isCopy) return;
    for (const waiter of this.#waiters) {
      if (!waiter.matches(message)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(message);
      return;
    }
    this.#waiting.push(message);
  }

  #read(socket: Socket): void {
    let buffered = '';
    socket.on('error', () => {});
    socket.on('data', (octets) => {
      buffered += octets.toString('latin1');
      for (;;) {
        while (buffered.startsWith('\r\n')) buffered = buffered.slice(2);
        const end = buffered.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = Number(/\r\n(?:Content-Length|l)\s*:\s*(\d+)/i.exec(buffered.slice(0, end))?.[1] ?? 0);
        if (buffered.length < end + 4 + length) return;
        const text = buffered.slice(0, end + 4 + length);
        buffered = buffered.slice(text.length);
        this.#take(text);
      }
    });
  }
}
