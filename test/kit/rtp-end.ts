import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A packet of RTP (RFC 3550 §5.1), as far as tests look. */
interface Heard {
  readonly payloadType: number;
  readonly text: string;
}

const EVERY_MS = 10;
/** Seconds between the epochs of NTP and of Unix. */
const SINCE_1900 = 2_208_988_800;
const LOST = 3;

/** One end of a call's media: a socket that describes itself, says its name in packets of RTP and notes what it hears. */
export class RtpEnd {
  readonly name: string;
  readonly heard: Heard[] = [];
  /** What came that is no RTP. */
  readonly datagrams: string[] = [];
  /** How often the other end has said what it got. */
  reports = 0;
  readonly #socket: Socket;
  readonly #control: Socket;
  readonly #ssrc = randomBytes(4);
  #sequence = 0;
  #version = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(name: string, socket: Socket, control: Socket) {
    this.name = name;
    this.#socket = socket;
    this.#control = control;
    socket.on('message', (packet) => {
      if (packet.length < 12 || (packet.readUInt8(0) & 0xc0) !== 0x80) this.datagrams.push(packet.toString('latin1'));
      else this.heard.push({ payloadType: packet.readUInt8(1) & 0x7f, text: packet.toString('latin1', 12) });
    });
    control.on('message', (packet, from) => this.#hearReport(packet, from));
    for (const each of [socket, control]) each.on('error', () => {});
  }

  static async open(name: string, address = '127.0.0.1'): Promise<RtpEnd> {
    const sockets = [0, 1].map(() => createSocket(address.includes(':') ? 'udp6' : 'udp4'));
    for (const socket of sockets) {
      socket.bind(0, address);
      await once(socket, 'listening');
    }
    const [socket, control] = sockets as [Socket, Socket];
    return new RtpEnd(name, socket, control);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get address(): string {
    return this.#socket.address().address;
  }

  /** A description of this end: PCMA and telephone events unless `media` (lines from `m=` on, PORT for the port) says something else. */
  sdp(media: readonly string[] = AUDIO): string {
    const family = this.address.includes(':') ? 'IP6' : 'IP4';
    const at = `IN ${family} ${this.address}`;
    const lines = ['v=0', `o=- 1 ${++this.#version} ${at}`, 's=-', `c=${at}`, 't=0 0', ...media];
    return `${lines.join('\r\n')}\r\n`
      .replaceAll('PORT', String(this.port))
      .replaceAll('RTCP', String(this.#control.address().port));
  }

  /** Says its name to where a description says, until it is told otherwise. */
  talkTo(sdp: string, payloadType = 8): void {
    this.stop();
    const to = mediaOf(sdp);
    this.#timer = setInterval(() => this.#say(to, payloadType), EVERY_MS);
  }

  /** Sends a sender report (RFC 3550 §6.4.1), which the other end answers with what it has got of it. */
  report(sdp: string): void {
    const { port, address } = mediaOf(sdp);
    const report = Buffer.alloc(28);
    report.writeUInt32BE(0x80c80006, 0);
    this.#ssrc.copy(report, 4);
    const seconds = Date.now() / 1000 + SINCE_1900;
    report.writeUInt32BE(Math.floor(seconds), 8);
    report.writeUInt32BE(Math.floor((seconds % 1) * 2 ** 32), 12);
    report.writeUInt32BE(this.#sequence, 20);
    this.#control.send(report, Number(/^a=rtcp:(\d+)/m.exec(sdp)?.[1] ?? port + 1), address, () => {});
  }

  /** A datagram of any protocol. */
  send(text: string, sdp: string): void {
    const { port, address } = mediaOf(sdp);
    this.#socket.send(text, port, address, () => {});
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  close(): void {
    this.stop();
    this.#socket.close();
    this.#control.close();
  }

  /** A receiver report (§6.4.2) of one source: three packets lost, 2 ms of jitter at 8 kHz. */
  #hearReport(packet: Buffer, { port, address }: { readonly port: number; readonly address: string }): void {
    if (packet.length >= 8 && packet.readUInt8(1) === 201) this.reports++;
    if (packet.length < 28 || packet.readUInt8(1) !== 200) return;
    const report = Buffer.alloc(32);
    report.writeUInt32BE(0x81c90007, 0);
    this.#ssrc.copy(report, 4);
    packet.copy(report, 8, 4, 8);
    report.writeUInt32BE(LOST, 12);
    report.writeUInt32BE(this.#sequence, 16);
    report.writeUInt32BE(16, 20);
    packet.copy(report, 24, 10, 14);
    // The shortest delay: none would say that it is not known.
    report.writeUInt32BE(1, 28);
    this.#control.send(report, port, address, () => {});
  }

  #say({ port, address }: { readonly port: number; readonly address: string }, payloadType: number): void {
    const header = Buffer.alloc(12);
    header.writeUInt8(0x80, 0);
    header.writeUInt8(payloadType, 1);
    header.writeUInt16BE(++this.#sequence & 0xffff, 2);
    header.writeUInt32BE(this.#sequence * 80, 4);
    this.#ssrc.copy(header, 8);
    this.#socket.send(Buffer.concat([header, Buffer.from(this.name.padEnd(4))]), port, address, () => {});
  }
}

const AUDIO = ['m=audio PORT RTP/AVP 8 101', 'a=rtpmap:101 telephone-event/8000', 'a=rtcp:RTCP'];

/** Where a description says that its first stream is. */
export function mediaOf(sdp: string): { readonly address: string; readonly port: number } {
  const port = Number(/^m=\S+ (\d+)/m.exec(sdp)?.[1]);
  const sections = sdp.split(/(?=^m=)/m);
  const address = /^c=IN IP[46] (\S+)/m.exec(sections[1] ?? '')?.[1] ?? /^c=IN IP[46] (\S+)/m.exec(sdp)?.[1] ?? '';
  return { address, port };
}
