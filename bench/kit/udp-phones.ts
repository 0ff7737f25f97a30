import { createSocket, type Socket } from 'node:dgram';
import { HOST } from './memory-transport.ts';
import { RegisteringPhones } from './registering-phones.ts';

/** Longer than an answer takes. */
const LAST_ANSWER_MS = 3_000;

/** Phones on a socket, all behind one port: that of others which have gone, so that they register again. */
export class UdpPhones {
  readonly #socket: Socket;
  readonly #phones: RegisteringPhones;

  static async open(port: number, serverPort: number, domain: string, password: string): Promise<UdpPhones> {
    const buffers = { recvBufferSize: 4_194_304, sendBufferSize: 4_194_304 };
    const socket = createSocket({ type: 'udp4', ...buffers, lookup: (host, _options, found) => found(null, host, 4) });
    await new Promise<void>((resolve) => socket.bind(port, HOST, resolve));
    const post = (octets: Buffer) => socket.send(octets, serverPort, HOST, () => {});
    return new UdpPhones(socket, new RegisteringPhones({ post }, domain, password, port));
  }

  private constructor(socket: Socket, phones: RegisteringPhones) {
    this.#socket = socket;
    this.#phones = phones;
    socket.on('message', (octets) => phones.receive(octets.toString('latin1')));
  }

  /** Each number registers once, with the nonce that it has. Throws when one was refused, or more than one in a hundred were not answered. */
  async registerAgain(numbers: readonly string[], rate: number): Promise<void> {
    const completed = this.#phones.completed;
    const beganMs = performance.now();
    for (let begun = 0; begun < numbers.length; ) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const due = Math.min(numbers.length, ((performance.now() - beganMs) * rate) / 1000);
      for (; begun < due; begun++) this.#phones.register(numbers[begun] as string, true);
    }
    const lastMs = performance.now() + LAST_ANSWER_MS;
    while (this.#phones.completed - completed < numbers.length && performance.now() < lastMs)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const done = this.#phones.completed - completed;
    if (done < numbers.length * 0.99 || this.#phones.failed > 0)
      throw new Error(`${done} of ${numbers.length} registered again, ${this.#phones.failed} were refused`);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(resolve));
  }
}
