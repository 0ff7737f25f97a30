/** The media of a Teams user: an echo over SRTP that counts. */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { SrtpStream } from './srtp.ts';

export class CallMedia {
  /** Packets that came with the right key, and with another. */
  received = 0;
  forged = 0;
  readonly #socket: Socket;
  readonly #address: string;
  readonly #ownKey = randomBytes(30).toString('base64');
  readonly #outgoing = new SrtpStream(this.#ownKey);
  #incoming: SrtpStream | undefined;
  #incomingKey = '';
  #version = 0;

  private constructor(socket: Socket, address: string) {
    this.#socket = socket;
    this.#address = address;
    socket.on('message', (packet, from) => this.#echo(packet, from.address, from.port));
    socket.on('error', () => {});
  }

  static async open(address: string): Promise<CallMedia> {
    const socket = createSocket('udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    return new CallMedia(socket, address);
  }

  /** What it describes: an offer, or the answer to `offer`. */
  describe(direction: 'sendrecv' | 'inactive' = 'sendrecv'): string {
    const { port } = this.#socket.address();
    return [
      'v=0',
      `o=- 1 ${++this.#version} IN IP4 ${this.#address}`,
      's=session',
      `c=IN IP4 ${this.#address}`,
      't=0 0',
      `m=audio ${port} RTP/SAVP 8 0 101`,
      'a=rtpmap:101 telephone-event/8000',
      `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${this.#ownKey}|2^31`,
      `a=${direction}`,
      '',
    ].join('\r\n');
  }

  /** Takes the other side's key over. */
  heard(sdp: string): void {
    const key = /^a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 inline:([^|\s]+)/m.exec(sdp)?.[1];
    if (key === undefined || key === this.#incomingKey) return;
    this.#incomingKey = key;
    this.#incoming = new SrtpStream(key);
  }

  close(): void {
    this.#socket.close();
  }

  #echo(packet: Buffer, address: string, port: number): void {
    // Media may come before the answer with its key has.
    if (this.#incoming === undefined) return;
    const clear = this.#incoming.unprotect(packet);
    if (clear === undefined) {
      this.forged++;
      return;
    }
    this.received++;
    this.#socket.send(this.#outgoing.protect(clear), port, address, () => {});
  }
}
