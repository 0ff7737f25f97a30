/** A phone and a carrier that write what they like into their messages. */
import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** Lines that stand in a message beside what it needs. */
export type ExtraFields = readonly string[];

interface InviteOptions {
  readonly called: string;
  readonly callId: string;
  readonly displayName?: string;
  readonly fields?: ExtraFields;
  /** Lines of the session description behind the usual ones. */
  readonly sdp?: readonly string[];
}

export class RawPhone {
  readonly #socket: Socket = createSocket('udp4');
  readonly #engine: number;
  readonly #user: string;
  readonly #heard: string[] = [];
  #waiting: (() => void)[] = [];
  #sequence = 0;
  #to = '';

  constructor(engine: number, user = '101') {
    this.#engine = engine;
    this.#user = user;
    this.#socket.on('message', (octets) => {
      this.#heard.push(octets.toString());
      for (const go of this.#waiting.splice(0)) go();
    });
  }

  /** Sends an INVITE, answers its challenge, and resolves once the engine has said 100. */
  async call(options: InviteOptions): Promise<void> {
    this.#to = '';
    const challenge = await this.#ask(options, '', /^SIP\/2\.0 40[17] /);
    await this.#send('ACK', options, '', challenge);
    await this.#ask(
      options,
      this.#answerTo(challenge, `sip:${options.called}@acme.test`, 'INVITE'),
      /^SIP\/2\.0 1\d\d /,
    );
  }

  /** Waits for the final answer and confirms it. */
  async final(options: InviteOptions): Promise<string> {
    const answer = await this.#hear(
      (text) => /^SIP\/2\.0 [2-6]\d\d /.test(text) && text.includes(`CSeq: ${this.#sequence} INVITE`),
    );
    await this.#send('ACK', options, '', answer);
    return answer;
  }

  async hangUp(options: InviteOptions, fields: ExtraFields = []): Promise<void> {
    this.#sequence++;
    await this.#send('BYE', { ...options, fields }, '', '');
    await this.#hear((text) => text.startsWith('SIP/2.0 ') && text.includes(`CSeq: ${this.#sequence} BYE`));
  }

  /** Confirms a BYE of the engine. */
  async endedByEngine(): Promise<void> {
    const bye = await this.#hear((text) => text.startsWith('BYE '));
    this.#write(answerTo(bye, '200 OK'));
  }

  close(): void {
    this.#socket.close();
  }

  async #ask(options: InviteOptions, authorization: string, wanted: RegExp): Promise<string> {
    this.#sequence++;
    await this.#send('INVITE', options, authorization, '');
    return this.#hear((text) => wanted.test(text) && text.includes(`CSeq: ${this.#sequence} INVITE`));
  }

  #answerTo(challenge: string, uri: string, method: string): string {
    const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? '';
    const [realm, nonce] = [parameter('realm'), parameter('nonce')];
    const [nc, cnonce] = ['00000001', 'c0ffee'];
    const secret = md5(`${this.#user}:${realm}:secret-${this.#user}`);
    const response = md5(`${secret}:${nonce}:${nc}:${cnonce}:auth:${md5(`${method}:${uri}`)}`);
    const name = challenge.startsWith('SIP/2.0 407') ? 'Proxy-Authorization' : 'Authorization';
    return `${name}: Digest username="${this.#user}", realm="${realm}", nonce="${nonce}", uri="${uri}", qop=auth, nc=${nc}, cnonce="${cnonce}", response="${response}"`;
  }

  async #send(method: string, options: InviteOptions, authorization: string, answered: string): Promise<void> {
    await this.#bound();
    const { port } = this.#socket.address();
    const { called, callId, displayName = '', fields = [], sdp = [] } = options;
    const to = /^To: .*$/m.exec(answered)?.[0] ?? (this.#to === '' ? `To: <sip:${called}@acme.test>` : this.#to);
    if (answered.startsWith('SIP/2.0 2')) this.#to = to;
    const branch = /branch=([^;\r\n]+)/.exec(answered)?.[1];
    const again = method === 'ACK' && !answered.startsWith('SIP/2.0 2') && branch !== undefined;
    const via = `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=${again ? branch : `z9hG4bK-${callId.length}-${method}-${this.#sequence}`};rport`;
    const body = method === 'INVITE' ? description(port, sdp) : '';
    const lines = [
      `${method} sip:${called}@acme.test SIP/2.0`,
      via,
      'Max-Forwards: 70',
      `From: ${displayName === '' ? '' : `"${displayName}" `}<sip:${this.#user}@acme.test>;tag=raw-${this.#user}`,
      to,
      `Call-ID: ${callId}`,
      `CSeq: ${this.#sequence} ${method}`,
      `Contact: <sip:${this.#user}@127.0.0.1:${port}>`,
      ...fields,
      ...(authorization === '' ? [] : [authorization]),
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.#write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  }

  async #bound(): Promise<void> {
    try {
      this.#socket.address();
    } catch {
      this.#socket.bind(0, '127.0.0.1');
      await once(this.#socket, 'listening');
    }
  }

  #write(message: string): void {
    this.#socket.send(message, this.#engine, '127.0.0.1');
  }

  async #hear(wanted: (text: string) => boolean): Promise<string> {
    for (;;) {
      const found = this.#heard.find(wanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`not heard; heard: ${this.#heard.join('\n')}`)), 15_000);
        this.#waiting.push(() => {
          clearTimeout(late);
          resolve();
        });
      });
    }
  }
}

export class RawCarrier {
  readonly #socket: Socket;
  readonly port: number;
  /** What stands in its answers beside what they need. */
  fields: ExtraFields = [];
  reason = 'OK';
  status = 200;
  #invites: string[] = [];
  #engine: AddressInfo | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on('message', (octets, from) => {
      const text = octets.toString();
      this.#engine = { address: from.address, port: from.port, family: 'IPv4' };
      if (text.startsWith('INVITE ') && !this.#invites.includes(text)) {
        this.#invites.push(text);
        this.#write(answerTo(text, '180 Ringing', this.fields));
      } else if (/^(BYE|OPTIONS|CANCEL) /.test(text)) this.#write(answerTo(text, '200 OK', this.fields));
    });
  }

  static async open(): Promise<RawCarrier> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new RawCarrier(socket);
  }

  /** Whether the latest call is for a number that ends like this one. */
  hasCall(called: string): boolean {
    return this.#invites.at(-1)?.split('\r\n')[0]?.includes(called.slice(1)) === true;
  }

  /** Answers the latest call. */
  answer(): void {
    const invite = this.#invites.at(-1);
    if (invite === undefined) expect.fail('no call has come');
    const body = this.status === 200 ? description(this.port, []) : '';
    this.#write(answerTo(invite, `${this.status} ${this.reason}`, this.fields, body, this.port));
  }

  close(): void {
    this.#socket.close();
  }

  #write(message: string): void {
    if (this.#engine !== undefined) this.#socket.send(message, this.#engine.port, this.#engine.address);
  }
}

function answerTo(request: string, status: string, fields: ExtraFields = [], body = '', port = 9): string {
  const line = (name: string) => [...request.matchAll(new RegExp(`^${name}: .*$`, 'gm'))].map(([text]) => text.trim());
  const [to = ''] = line('To');
  return [
    `SIP/2.0 ${status}`,
    ...line('Via'),
    ...line('From'),
    to.includes(';tag=') ? to : `${to};tag=raw-carrier`,
    ...line('Call-ID'),
    ...line('CSeq'),
    `Contact: <sip:carrier@127.0.0.1:${port}>`,
    ...fields,
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

function description(port: number, extra: readonly string[]): string {
  return [
    'v=0',
    `o=- 1 1 IN IP4 127.0.0.1`,
    extra.find((line) => line.startsWith('s=')) ?? 's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=audio ${port} RTP/AVP 0`,
    ...extra.filter((line) => !line.startsWith('s=')),
    '',
  ].join('\r\n');
}
