import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import {
  createResponse,
  HeaderId,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../../src/sip/message/index.ts';
import type { KeyPair } from '../../kit/certificates.ts';
import { onSip } from '../../kit/sip-datagrams.ts';

const SDP = 'v=0\r\no=c 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8\r\n';

export interface CarrierOptions {
  readonly transport: 'udp' | 'tcp' | 'tls';
  /** Of its own, by which its trunk is known. */
  readonly host: string;
  readonly pair?: KeyPair;
  /** Who signs the engine's certificate. */
  readonly authority?: string;
}

/** A call that it places. */
export class CarrierCall {
  readonly callId: string;
  readonly responses: SipResponse[] = [];
  /** When it had its final answer. */
  answeredAtMs: number | undefined;

  constructor(callId: string) {
    this.callId = callId;
  }

  get final(): SipResponse | undefined {
    return this.responses.find(({ status, headers }) => status >= 200 && headers.value(HeaderId.CSeq) === '1 INVITE');
  }

  get tags(): string[] {
    return [...new Set(this.responses.flatMap((response) => response.toTag() ?? []))];
  }
}

/** A carrier over one transport: its callees ring until they are told to answer, and it places calls. */
export class RingingCarrier {
  /** What it answers an INVITE. */
  answers = 180;
  readonly invites: { readonly request: SipRequest }[] = [];
  /** By Call-ID. */
  readonly cancelled = new Set<string>();
  readonly byes: string[] = [];
  readonly #options: CarrierOptions;
  readonly #calls = new Map<string, CarrierCall>();
  readonly #ringing = new Map<string, (status: number) => void>();
  readonly #sockets = new Set<Socket>();
  #udp: UdpSocket | undefined;
  #server: Server | undefined;
  #serial = 0;
  port = 0;

  constructor(options: CarrierOptions) {
    this.#options = options;
  }

  async open(): Promise<this> {
    const { transport, host, pair } = this.#options;
    if (transport === 'udp') {
      const udp = createSocket('udp4');
      this.#udp = udp;
      onSip(udp, (text, { address, port }) =>
        this.#receive(text, (answer) => udp.send(Buffer.from(answer, 'latin1'), port, address)),
      );
      await new Promise<void>((resolve) => udp.bind(0, host, resolve));
      this.port = udp.address().port;
      return this;
    }
    const accept = (socket: Socket) => this.#serve(socket);
    const server = transport === 'tcp' ? createServer(accept) : createTlsServer({ ...pair }, accept);
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    this.port = (server.address() as { port: number }).port;
    return this;
  }

  close(): void {
    this.#udp?.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#server?.close();
  }

  /** Of what was before. */
  forget(): void {
    this.invites.length = 0;
    this.byes.length = 0;
    this.cancelled.clear();
  }

  /** Calls a number through a node. */
  async call(node: { readonly host: string; readonly port: number }, called: string): Promise<CarrierCall> {
    const { transport, host } = this.#options;
    const callId = `carrier-${transport}-${++this.#serial}-${this.port}`;
    const call = new CarrierCall(callId);
    this.#calls.set(callId, call);
    const send = await this.#toward(node);
    send(
      [
        `INVITE sip:${called}@${node.host}:${node.port} SIP/2.0`,
        `Via: SIP/2.0/${transport.toUpperCase()} ${host}:${this.port};branch=z9hG4bK${callId};rport`,
        'Max-Forwards: 70',
        `From: <sip:+493012345@${host}>;tag=${callId}`,
        `To: <sip:${called}@${node.host}>`,
        `Call-ID: ${callId}`,
        'CSeq: 1 INVITE',
        `Contact: <sip:carrier@${host}:${this.port};transport=${transport}>`,
        'Content-Type: application/sdp',
        `Content-Length: ${SDP.length}`,
        '',
        SDP,
      ].join('\r\n'),
    );
    return call;
  }

  /** In the dialog of a call that it placed and that was answered, to where its Contact is. */
  async within(call: CarrierCall, method: 'ACK' | 'BYE', node: { host: string; port: number }): Promise<void> {
    const { final } = call;
    if (final === undefined) throw new Error('not answered');
    const { transport, host } = this.#options;
    const target = /<(sip:[^>]*)>/.exec(final.headers.value(HeaderId.Contact) ?? '')?.[1] ?? '';
    const send = await this.#toward(node);
    send(
      [
        `${method} ${target} SIP/2.0`,
        `Via: SIP/2.0/${transport.toUpperCase()} ${host}:${this.port};branch=z9hG4bK${call.callId}-${method};rport`,
        'Max-Forwards: 70',
        `From: ${final.headers.value(HeaderId.From)}`,
        `To: ${final.headers.value(HeaderId.To)}`,
        `Call-ID: ${call.callId}`,
        `CSeq: ${method === 'ACK' ? 1 : 2} ${method}`,
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n'),
    );
  }

  async #toward(node: { readonly host: string; readonly port: number }): Promise<(text: string) => void> {
    const { transport, host, authority } = this.#options;
    const udp = this.#udp;
    if (udp !== undefined) return (text) => udp.send(Buffer.from(text, 'latin1'), node.port, node.host);
    const to = { host: node.host, port: node.port, localAddress: host };
    const socket: Socket =
      transport === 'tls' ? tlsConnect({ ...to, ...(authority !== undefined && { ca: authority }) }) : connect(to);
    this.#serve(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once(transport === 'tls' ? 'secureConnect' : 'connect', resolve);
      socket.once('error', reject);
    });
    return (text) => void socket.write(text, 'latin1');
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let waiting = '';
    socket.on('error', () => {});
    socket.on('data', (octets) => {
      waiting += octets.toString('latin1');
      for (;;) {
        waiting = waiting.replace(/^(?:\r\n)+/, '');
        const end = waiting.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = end + 4 + Number(/^Content-Length: *(\d+)/im.exec(waiting.slice(0, end))?.[1] ?? 0);
        if (waiting.length < length) return;
        const text = waiting.slice(0, length);
        waiting = waiting.slice(length);
        this.#receive(text, (answer) => void socket.write(answer, 'latin1'));
      }
    });
  }

  #receive(text: string, send: (text: string) => void): void {
    if (text.length < 10) return;
    const message = parseMessage(text);
    if (message.kind === 'response') {
      const call = this.#calls.get(message.callId());
      call?.responses.push(message);
      if (call?.final !== undefined) call.answeredAtMs ??= performance.now();
      return;
    }
    const callId = message.callId();
    const { branch } = message.topVia();
    const { host, transport } = this.#options;
    const answer = (status: number) =>
      send(
        serialize(
          createResponse(message, status, undefined, {
            toTag: `carrier-${this.port}`,
            ...(message.method === 'INVITE' &&
              status === 200 && {
                headers: [[HeaderId.Contact, `<sip:carrier@${host}:${this.port};transport=${transport}>`]],
                body: SDP,
                contentType: 'application/sdp',
              }),
          }),
        ),
      );
    switch (message.method) {
      case 'INVITE':
        if (!this.invites.some(({ request }) => request.callId() === callId)) this.invites.push({ request: message });
        if (this.answers < 200) this.#ringing.set(branch, answer);
        answer(this.answers);
        return;
      case 'ACK':
        return;
      case 'CANCEL': {
        const rings = this.#ringing.get(branch);
        answer(rings === undefined ? 481 : 200);
        this.#ringing.delete(branch);
        if (rings !== undefined) this.cancelled.add(callId);
        rings?.(487);
        return;
      }
      case 'BYE':
        if (!this.byes.includes(callId)) this.byes.push(callId);
    }
    answer(200);
  }
}
