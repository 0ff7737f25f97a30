import { createSocket, type Socket } from 'node:dgram';
import { createResponse, HeaderId, parseMessage, serialize } from '../../../src/sip/message/index.ts';
import { onSip } from '../../kit/sip-datagrams.ts';

export interface Seen {
  readonly method: string;
  /** Address that it came from. */
  readonly from: string;
  readonly expires: string | undefined;
  readonly atMs: number;
}

const ANSWER = [
  'v=0',
  'o=provider 1 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 30000 RTP/AVP 8',
  '',
].join('\r\n');

/** A provider that grants every registration, for a minute unless it is told another time, takes every call, and counts the packets that it gets. */
export class Provider {
  readonly seen: Seen[] = [];
  readonly #socket: Socket = createSocket('udp4');
  readonly #grantedSeconds: number;
  port = 0;

  constructor(grantedSeconds = 60) {
    this.#grantedSeconds = grantedSeconds;
  }

  async open(): Promise<void> {
    onSip(this.#socket, (text, from) => {
      const request = parseMessage(text);
      if (request.kind !== 'request') return;
      const { method, headers } = request;
      const expires = headers.value(HeaderId.Expires);
      this.seen.push({ method, from: from.address, expires, atMs: performance.now() });
      if (method === 'ACK') return;
      const contact = headers.value(HeaderId.Contact);
      const own = `<sip:127.0.0.1:${this.port}>`;
      const more: [HeaderId, string][] = [];
      if (method === 'INVITE') more.push([HeaderId.Contact, own]);
      else if (contact !== undefined && expires !== '0')
        more.push([HeaderId.Contact, `${contact};expires=${this.#grantedSeconds}`]);
      const body = method === 'INVITE' ? { body: ANSWER, contentType: 'application/sdp' } : {};
      const response = createResponse(request, 200, 'OK', { toTag: 'provider', headers: more, ...body });
      this.#socket.send(Buffer.from(serialize(response), 'latin1'), from.port, from.address);
    });
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
    this.port = this.#socket.address().port;
  }

  /** Requests with this method, of one node or of all. */
  requests(method: string, from?: string): Seen[] {
    return this.seen.filter((seen) => seen.method === method && (from === undefined || seen.from === from));
  }

  close(): void {
    this.#socket.close();
  }
}
