import { createSocket, type Socket } from 'node:dgram';
import { eventually } from '../eventually.ts';

/** The first field of a name, without it; empty when there is none. */
export const field = (text: string, name: string) => new RegExp(`^${name}: (.*)\r$`, 'im').exec(text)?.[1] ?? '';
/** All lines of a field. */
export const fields = (text: string, name: string) =>
  [...text.matchAll(new RegExp(`^${name}: .*\r$`, 'gim'))].map(([line]) => line.trim()).join('\r\n');
export const statusOf = (response: string) => Number(response.slice(8, 11));

export interface PlacedCall {
  readonly callId: string;
  /** The final response. */
  readonly final: Promise<string>;
}

export interface CallTexts {
  readonly uri: string;
  /** Value of From without its tag. */
  readonly from: string;
  /** Further lines. */
  readonly lines?: readonly string[];
}

let serial = 0;

/**
 * A phone or a carrier on a UDP socket of its own address that keeps what it gets, rings and is busy when it is called, and acknowledges
 * what it is refused with.
 */
export class UdpPeer {
  readonly host: string;
  readonly messages: string[] = [];
  readonly socket: Socket = createSocket('udp4');
  readonly #target: () => { readonly host: string; readonly port: number };

  private constructor(host: string, target: () => { readonly host: string; readonly port: number }) {
    this.host = host;
    this.#target = target;
    this.socket.on('message', (octets) => this.#received(octets.toString('latin1')));
  }

  /** @param target the engine that it talks to, once there is one. */
  static async open(host: string, target: () => { readonly host: string; readonly port: number }): Promise<UdpPeer> {
    const peer = new UdpPeer(host, target);
    await new Promise<void>((resolve) => peer.socket.bind(0, host, resolve));
    return peer;
  }

  get port(): number {
    return this.socket.address().port;
  }

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  close(): void {
    this.socket.close();
  }

  send(text: string): void {
    const { host, port } = this.#target();
    this.socket.send(Buffer.from(text, 'latin1'), port, host);
  }

  /** The one that fits, as soon as it is there. */
  got(what: string, fits: (text: string) => boolean): Promise<string> {
    return eventually(what, () => this.messages.find(fits), { detail: () => this.messages.join('\n') });
  }

  /** The INVITE to a number, as soon as it is there. */
  called(number: string): Promise<string> {
    return this.got(`an INVITE to ${number}`, (text) => text.startsWith(`INVITE sip:${number}@`));
  }

  call(texts: CallTexts): PlacedCall {
    const callId = `${this.host}-${++serial}`;
    this.send(this.request('INVITE', callId, texts));
    const final = this.got(
      `the answer to ${callId}`,
      (text) => /^SIP\/2\.0 [2-6]/.test(text) && field(text, 'Call-ID') === callId,
    );
    return { callId, final };
  }

  /** A request of a call that was placed, or of the next one. */
  request(method: string, callId: string, { uri, from, lines = [] }: CallTexts): string {
    return [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.address};rport;branch=z9hG4bK-${callId}`,
      'Max-Forwards: 70',
      `From: ${from};tag=1`,
      `To: <${uri}>`,
      `Call-ID: ${callId}`,
      `CSeq: 1 ${method}`,
      `Contact: <sip:peer@${this.address}>`,
      ...lines,
      'Content-Length: 0\r\n\r\n',
    ].join('\r\n');
  }

  /** Signs in as an extension whose `trustedAddresses` have its address. */
  async register(extension: string, domain: string): Promise<void> {
    const aor = `sip:${extension}@${domain}`;
    const callId = `register-${extension}`;
    const contact = `Contact: <sip:${extension}@${this.address}>`;
    const text = this.request('REGISTER', callId, { uri: `sip:${domain}`, from: `<${aor}>` });
    this.send(text.replace(/^To: .*\r$/m, `To: <${aor}>\r`).replace(/^Contact: .*\r$/m, `${contact}\r`));
    const answer = await this.got('the registration', (message) => field(message, 'Call-ID') === callId);
    if (statusOf(answer) !== 200) throw new Error(answer);
  }

  #received(text: string): void {
    this.messages.push(text);
    if (text.startsWith('INVITE ')) {
      for (const status of ['180 Ringing', '486 Busy Here']) this.send(this.#answerTo(text, status));
    }
    if (/^SIP\/2\.0 [3-6].*\r\n(?:.*\r\n)*CSeq: 1 INVITE/.test(text)) this.send(ackOf(text));
  }

  #answerTo(request: string, status: string): string {
    const kept = ['Via', 'From', 'Call-ID', 'CSeq'].map((name) => fields(request, name)).join('\r\n');
    const to = `To: ${field(request, 'To')};tag=peer`;
    return `SIP/2.0 ${status}\r\n${kept}\r\n${to}\r\nContact: <sip:peer@${this.address}>\r\nContent-Length: 0\r\n\r\n`;
  }
}

function ackOf(response: string): string {
  const kept = ['From', 'To', 'Call-ID'].map((name) => fields(response, name)).join('\r\n');
  const via = `Via: ${field(response, 'Via').replace(/;(?:received|rport)=[^;]*/g, '')}`;
  return `ACK sip:x@127.0.0.1 SIP/2.0\r\n${via}\r\nMax-Forwards: 70\r\n${kept}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n`;
}
