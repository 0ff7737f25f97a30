import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { expect } from 'vitest';
import {
  Endpoint,
  type EndpointOptions,
  type EndpointUser,
  type ServerTransaction,
} from '../../src/sip/endpoint/index.ts';
import { HeaderId, type SipRequest } from '../../src/sip/message/index.ts';
import type { Flow, ListenerOptions, TransportName } from '../../src/sip/transport/index.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { RecordingLog } from '../sip/transport/recorder.ts';

/** Answers as a server without any user would: it knows nobody, has no dialog and takes no registrations. */
class NobodyHome implements EndpointUser {
  readonly callIds: string[] = [];

  onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    const { headers, method } = request;
    this.callIds.push(request.callId());
    transaction.answerOnce = true;
    if (request.toTag() !== undefined) transaction.reply(481);
    else if (method === 'REGISTER') transaction.reply(405, undefined, [[HeaderId.Allow, 'INVITE, OPTIONS']]);
    else if (method === 'INVITE' && !isSdp(headers.value(HeaderId.ContentType))) transaction.reply(415);
    else if (method === 'INVITE' && !isSdp(headers.value(HeaderId.Accept))) transaction.reply(406);
    else transaction.reply(method === 'OPTIONS' ? 200 : 404);
  }

  onAck(): void {}
}

/** Answers over UDP go where the request came from, whatever its Via says: the attackers read them there. */
class AnsweringEndpoint extends Endpoint {
  override replyFlow(_request: SipRequest, flow: Flow): Flow {
    return flow;
  }
}

function isSdp(value: string | undefined): boolean {
  return value === undefined || value.toLowerCase().includes('application/sdp');
}

/**
 * An endpoint on real loopback sockets and virtual time, with attackers around it. After each test {@link assertUnharmed} shows that it
 * still answers and that nothing of ours went wrong.
 */
export class HostileTarget {
  readonly scheduler = new VirtualScheduler();
  readonly log = new RecordingLog();
  readonly user = new NobodyHome();
  readonly endpoint: Endpoint;
  readonly ports = {} as Record<TransportName, number>;
  readonly #closing: (() => unknown)[] = [];
  #pings = 0;

  constructor(options: Partial<EndpointOptions> = {}) {
    this.endpoint = new AnsweringEndpoint({ scheduler: this.scheduler, ...options }, this.user, this.log);
  }

  async open(...more: ListenerOptions[]): Promise<this> {
    const host = '127.0.0.1';
    const listeners: ListenerOptions[] = [
      { transport: 'udp', host, port: 0 },
      { transport: 'tcp', host, port: 0 },
      ...more,
    ];
    for (const { transport, port } of await this.endpoint.open(listeners)) this.ports[transport] = port;
    return this;
  }

  async close(): Promise<void> {
    for (const task of this.#closing.splice(0)) task();
    await this.endpoint.close();
  }

  async udpAttacker(address = '127.0.0.1'): Promise<UdpAttacker> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, address, resolve));
    this.#closing.push(() => socket.close());
    return new UdpAttacker(socket, this.ports.udp, () => this.nextPing());
  }

  async tcpAttacker(localAddress = '127.0.0.1', port = this.ports.tcp): Promise<TcpAttacker> {
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    this.#closing.push(() => socket.destroy());
    const attacker = new TcpAttacker(socket, () => this.nextPing());
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return attacker;
  }

  nextPing(): string {
    return `ping-${++this.#pings}`;
  }

  async assertUnharmed(): Promise<void> {
    const witness = await this.udpAttacker();
    expect(await witness.exchange()).toEqual([]);
    expect(this.endpoint.counters.uncaughtErrors).toBe(0);
    expect(this.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  }
}

/** A well-formed OPTIONS request; its answer marks the end of the answers to what was sent before it. */
export function pingText(callId: string, transport = 'UDP'): string {
  return [
    'OPTIONS sip:127.0.0.1 SIP/2.0',
    `Via: SIP/2.0/${transport} 127.0.0.1;rport;branch=z9hG4bK-${callId}`,
    'Max-Forwards: 70',
    'From: <sip:ping@127.0.0.1>;tag=1',
    'To: <sip:127.0.0.1>',
    `Call-ID: ${callId}`,
    'CSeq: 1 OPTIONS',
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}

export class UdpAttacker {
  readonly socket: UdpSocket;
  readonly #port: number;
  readonly #nextPing: () => string;

  constructor(socket: UdpSocket, port: number, nextPing: () => string) {
    this.socket = socket;
    this.#port = port;
    this.#nextPing = nextPing;
  }

  send(text: string): void {
    this.socket.send(Buffer.from(text, 'latin1'), this.#port, '127.0.0.1');
  }

  /** Sends the messages and a ping; resolves with the status codes that came before the ping's answer. */
  async exchange(...messages: string[]): Promise<number[]> {
    const ping = this.#nextPing();
    const statuses: number[] = [];
    const answered = new Promise<void>((resolve) => {
      const listen = (octets: Buffer) => {
        const text = octets.toString('latin1');
        if (!text.startsWith('SIP/2.0 ')) return;
        if (!text.includes(`Call-ID: ${ping}\r\n`)) {
          statuses.push(Number(text.slice(8, 11)));
          return;
        }
        this.socket.off('message', listen);
        resolve();
      };
      this.socket.on('message', listen);
    });
    for (const message of messages) this.send(message);
    this.send(pingText(ping));
    await answered;
    return statuses;
  }
}

export class TcpAttacker {
  readonly socket: Socket;
  received = '';
  ended = false;
  readonly #nextPing: () => string;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, nextPing: () => string) {
    this.socket = socket;
    this.#nextPing = nextPing;
    socket.on('error', () => {});
    socket.on('data', (octets) => {
      this.received += octets.toString('latin1');
      this.#wake?.();
    });
    socket.on('close', () => {
      this.ended = true;
      this.#wake?.();
    });
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Writes and waits for the answer to a ping behind it, or for the end of the connection; resolves with the other status codes. */
  async exchange(text: string): Promise<number[]> {
    const ping = this.#nextPing();
    this.received = '';
    this.write(text + pingText(ping, 'TCP'));
    await this.until(() => this.ended || this.received.includes(`Call-ID: ${ping}\r\n`));
    return this.statuses().filter((_status, index, all) => this.ended || index < all.length - 1);
  }

  statuses(): number[] {
    return Array.from(this.received.matchAll(/^SIP\/2\.0 (\d{3})/gm), (match) => Number(match[1]));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}
