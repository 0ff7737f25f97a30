import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a TCP server of this machine that can be cut as a network is: nobody is told, and what was under way arrives when it is whole again. */
export class CuttableWay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  static async to(port: number): Promise<CuttableWay> {
    const way = new CuttableWay(port);
    await new Promise<void>((resolve) => way.#server.listen(0, '127.0.0.1', resolve));
    return way;
  }

  private constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect({ host: '127.0.0.1', port: target });
      this.#join(near, far);
      this.#join(far, near);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  mend(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('error', () => {});
    from.on('data', (octets) => to.write(octets));
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    if (this.#isCut) from.pause();
  }
}
