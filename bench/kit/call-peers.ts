import { ownCopy } from '../../src/base/text.ts';
import { HOST, type MemoryTransport } from './memory-transport.ts';

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

/** The value of a header field of a message that is known to have it, by search. */
function field(text: string, name: string): string {
  const start = text.indexOf(`\r\n${name}: `) + name.length + 4;
  return text.slice(start, text.indexOf('\r\n', start));
}

function contactUri(text: string): string {
  const contact = field(text, 'Contact');
  return contact.slice(contact.indexOf('<') + 1, contact.indexOf('>'));
}

interface PhoneCall {
  readonly number: number;
  readonly hangUpAtMs: number;
  to: string;
  target: string;
  byeSent: boolean;
}

/** The phone of `sipp/phone.xml`: INVITE, ACK, BYE, by pasting strings. */
export class Phone {
  readonly port = 5080;
  completed = 0;
  failed = 0;
  readonly #transport: MemoryTransport;
  readonly #calls = new Map<string, PhoneCall>();
  #placed = 0;

  constructor(transport: MemoryTransport) {
    this.#transport = transport;
  }

  get inProgress(): number {
    return this.#calls.size;
  }

  call(hangUpAtMs: number): void {
    const number = ++this.#placed;
    const to = '<sip:+493012345678@pbx.example.com;user=phone>';
    this.#calls.set(`${number}@127.0.0.1`, { number, hangUpAtMs, to, target: '', byeSent: false });
    this.#post(
      'INVITE',
      'sip:+493012345678@127.0.0.1:5060;user=phone',
      number,
      to,
      `Contact: <sip:4989100200@${HOST}:${this.port};transport=UDP>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, PRACK\r\nSupported: replaces, 100rel, timer, outbound\r\nUser-Agent: LabPhone/1.0 (SIPp)\r\nAccept: application/sdp, application/dtmf-relay\r\nContent-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`,
      1,
    );
  }

  receive(text: string): void {
    const call = this.#calls.get(field(text, 'Call-ID'));
    if (call === undefined) return;
    const status = Number(text.slice(8, 11));
    if (status < 200) return;
    if (status >= 300) {
      this.failed++;
      this.#calls.delete(`${call.number}@127.0.0.1`);
      return;
    }
    if (call.byeSent) {
      this.completed++;
      this.#calls.delete(`${call.number}@127.0.0.1`);
      return;
    }
    // A slice would keep the message, and count for the call that is held.
    call.to = ownCopy(field(text, 'To'));
    call.target = ownCopy(contactUri(text));
    this.#post('ACK', call.target, call.number, call.to, 'Content-Length: 0\r\n\r\n', 1);
  }

  hangUpDue(nowMs: number): void {
    for (const call of this.#calls.values()) {
      if (call.hangUpAtMs > nowMs) return;
      this.#hangUp(call);
    }
  }

  hangUpAll(): void {
    for (const call of this.#calls.values()) this.#hangUp(call);
  }

  #hangUp(call: PhoneCall): void {
    if (call.byeSent || call.target === '') return;
    call.byeSent = true;
    this.#post('BYE', call.target, call.number, call.to, 'Content-Length: 0\r\n\r\n', 2);
  }

  #post(method: string, uri: string, number: number, to: string, rest: string, sequence: number): void {
    this.#transport.post(
      Buffer.from(
        `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${HOST}:${this.port};branch=z9hG4bK-${number}-${method};rport\r\nMax-Forwards: 70\r\nFrom: "Alice Example" <sip:4989100200@pbx.example.com>;tag=a27312x${number}\r\nTo: ${to}\r\nCall-ID: ${number}@127.0.0.1\r\nCSeq: ${sequence} ${method}\r\n${rest}`,
        'latin1',
      ),
      this.port,
    );
  }
}

/** The carrier of `sipp/carrier.xml`: 100, 180 and 200 to an INVITE, 200 to a BYE. */
export class Carrier {
  readonly port = 5070;
  readonly #transport: MemoryTransport;
  #tags = 0;

  constructor(transport: MemoryTransport) {
    this.#transport = transport;
  }

  receive(text: string): void {
    if (text.startsWith('INVITE ')) {
      const tag = `;tag=c27313x${++this.#tags}`;
      const contact = `Contact: <sip:carrier@${HOST}:${this.port};transport=UDP>\r\n`;
      this.#reply(text, '100 Trying', '', 'Content-Length: 0\r\n\r\n');
      this.#reply(text, '180 Ringing', tag, `${contact}Content-Length: 0\r\n\r\n`);
      this.#reply(
        text,
        '200 OK',
        tag,
        `${contact}Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\nSupported: replaces, timer\r\nServer: LabCarrier/1.0 (SIPp)\r\nContent-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`,
      );
    } else if (text.startsWith('BYE ')) {
      this.#reply(text, '200 OK', '', 'Content-Length: 0\r\n\r\n');
    }
  }

  #reply(request: string, status: string, tag: string, rest: string): void {
    this.#transport.post(
      Buffer.from(
        `SIP/2.0 ${status}\r\nVia: ${field(request, 'Via')}\r\nFrom: ${field(request, 'From')}\r\nTo: ${field(request, 'To')}${tag}\r\nCall-ID: ${field(request, 'Call-ID')}\r\nCSeq: ${field(request, 'CSeq')}\r\n${rest}`,
        'latin1',
      ),
      this.port,
    );
  }
}
