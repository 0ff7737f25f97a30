import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const HOST = '127.0.0.1';
const SDP = `v=0\r
o=alice 53655765 2353687637 IN IP4 127.0.0.1\r
s=-\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=audio 20000 RTP/AVP 8 0 101\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:0 PCMU/8000\r
a=rtpmap:101 telephone-event/8000\r
a=fmtp:101 0-15\r
a=ptime:20\r
a=sendrecv\r
`;
/** A call that is not answered by then counts as so long. */
const LOST_MS = 4_000;

interface ProbedCall {
  readonly number: number;
  readonly sentAtMs: number;
  routes: string;
}

/** Values of a header field in order, one of several on a line included. */
function values(text: string, name: string): string[] {
  const head = text.slice(0, text.indexOf('\r\n\r\n') + 2);
  const lines = head.split('\r\n').filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return lines.flatMap((line) => line.slice(name.length + 1).split(',')).map((value) => value.trim());
}

/** A phone that places calls beside a load and takes the time of each, from its INVITE to the 2xx. SIPp's own clock is too coarse for that. */
export class Probe {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #calls = new Map<string, ProbedCall>();
  readonly #run = process.pid.toString(36);
  #setupsMs: number[] = [];
  #placed = 0;

  /** @param port of the server. */
  static async open(port: number): Promise<Probe> {
    const socket = createSocket('udp4');
    socket.bind(0, HOST);
    await once(socket, 'listening');
    return new Probe(socket, port);
  }

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    socket.on('message', (octets) => this.#receive(octets.toString('latin1')));
  }

  /** Places calls for so long; what each took until it was answered, ms. Calls that were not count as {@link LOST_MS}. */
  async measure(perSecond: number, seconds: number): Promise<number[]> {
    this.#setupsMs = [];
    for (let placed = 0; placed < perSecond * seconds; placed++) {
      this.#place();
      await new Promise((resolve) => setTimeout(resolve, 1000 / perSecond));
    }
    const limitMs = performance.now() + LOST_MS;
    while (this.#calls.size > 0 && performance.now() < limitMs) await new Promise((resolve) => setTimeout(resolve, 50));
    for (const _ of this.#calls) this.#setupsMs.push(LOST_MS);
    this.#calls.clear();
    return this.#setupsMs;
  }

  close(): void {
    this.#socket.close();
  }

  #place(): void {
    const number = ++this.#placed;
    this.#calls.set(`${this.#run}-${number}`, { number, sentAtMs: performance.now(), routes: '' });
    const { port } = this.#socket.address();
    const to = '<sip:+493012345678@pbx.example.com;user=phone>';
    const own = `Contact: <sip:4989100200@${HOST}:${port}>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nContent-Type: application/sdp\r\n`;
    this.#send('INVITE', `sip:+493012345678@${HOST}:${this.#port};user=phone`, number, to, own, SDP);
  }

  #receive(text: string): void {
    const [callId = ''] = values(text, 'Call-ID');
    const call = this.#calls.get(callId);
    if (call === undefined || !text.startsWith('SIP/2.0 ') || !(values(text, 'CSeq')[0] ?? '').endsWith('INVITE'))
      return;
    const status = Number(text.slice(8, 11));
    if (status < 200) return;
    this.#calls.delete(callId);
    this.#setupsMs.push(status < 300 ? performance.now() - call.sentAtMs : LOST_MS);
    if (status >= 300) return;
    const routes = values(text, 'Record-Route').reverse();
    const routeFields = routes.map((route) => `Route: ${route}\r\n`).join('');
    const [to = ''] = values(text, 'To');
    const target = /<([^>]+)>/.exec(values(text, 'Contact')[0] ?? '')?.[1] ?? '';
    this.#send('ACK', target, call.number, to, routeFields);
    this.#send('BYE', target, call.number, to, routeFields);
  }

  #send(method: string, uri: string, number: number, to: string, fields: string, body = ''): void {
    const { port } = this.#socket.address();
    const sequence = method === 'BYE' ? 2 : 1;
    const text = `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${HOST}:${port};branch=z9hG4bK-${this.#run}-${number}-${method};rport\r\nMax-Forwards: 70\r\nFrom: "Alice Example" <sip:4989100200@pbx.example.com>;tag=p${this.#run}x${number}\r\nTo: ${to}\r\nCall-ID: ${this.#run}-${number}\r\nCSeq: ${sequence} ${method}\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
    this.#socket.send(Buffer.from(text, 'latin1'), this.#port, HOST);
  }
}
