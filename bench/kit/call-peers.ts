import { createHash } from 'node:crypto';
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

const NO_BODY = 'Content-Length: 0\r\n\r\n';

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
  /** Of its last INVITE. */
  sequence: number;
  to: string;
  target: string;
  byeSent: boolean;
}

const CALLED = '<sip:+493012345678@pbx.example.com;user=phone>';
const REQUEST_URI = 'sip:+493012345678@127.0.0.1:5060;user=phone';
const USER = '4989100200';
const REALM = 'pbx.example.com';

/** The phone of `sipp/phone.xml`: INVITE, ACK, BYE, by pasting strings. With a password it answers a challenge, else a challenge ends the call. */
export class Phone {
  readonly port = 5080;
  completed = 0;
  failed = 0;
  /** Calls that ended with a challenge. */
  challenged = 0;
  readonly #transport: MemoryTransport;
  readonly #password: string | undefined;
  readonly #calls = new Map<string, PhoneCall>();
  #placed = 0;

  constructor(transport: MemoryTransport, password?: string) {
    this.#transport = transport;
    this.#password = password;
  }

  get inProgress(): number {
    return this.#calls.size;
  }

  call(hangUpAtMs: number): void {
    const number = ++this.#placed;
    const call = { number, hangUpAtMs, sequence: 1, to: CALLED, target: '', byeSent: false };
    this.#calls.set(`${number}@127.0.0.1`, call);
    this.#invite(call, '');
  }

  #invite({ number, sequence, to }: PhoneCall, credentials: string): void {
    this.#post(
      'INVITE',
      REQUEST_URI,
      number,
      to,
      `${credentials}Contact: <sip:${USER}@${HOST}:${this.port};transport=UDP>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, PRACK\r\nSupported: replaces, 100rel, timer, outbound\r\nUser-Agent: LabPhone/1.0 (SIPp)\r\nAccept: application/sdp, application/dtmf-relay\r\nContent-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`,
      sequence,
    );
  }

  receive(text: string): void {
    const call = this.#calls.get(field(text, 'Call-ID'));
    if (call === undefined) return;
    const status = Number(text.slice(8, 11));
    if (status < 200) return;
    if (status >= 300) {
      this.#refused(call, text, status);
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
    this.#post('ACK', call.target, call.number, call.to, NO_BODY, call.sequence);
  }

  #refused(call: PhoneCall, text: string, status: number): void {
    const { number, sequence } = call;
    this.#post('ACK', REQUEST_URI, number, field(text, 'To'), NO_BODY, sequence, 'INVITE');
    if (status === 407 && this.#password !== undefined && sequence === 1) {
      call.sequence = 2;
      this.#invite(call, credentials(text, this.#password));
      return;
    }
    if (status === 407 && this.#password === undefined) this.challenged++;
    else this.failed++;
    this.#calls.delete(`${number}@127.0.0.1`);
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
    this.#post('BYE', call.target, call.number, call.to, NO_BODY, call.sequence + 1);
  }

  /** @param branchOf the method whose branch it carries: an ACK that says a refusal was heard has that of its INVITE */
  #post(
    method: string,
    uri: string,
    number: number,
    to: string,
    rest: string,
    sequence: number,
    branchOf = method,
  ): void {
    this.#transport.post(
      Buffer.from(
        `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${HOST}:${this.port};branch=z9hG4bK-${number}-${sequence}-${branchOf};rport\r\nMax-Forwards: 70\r\nFrom: "Alice Example" <sip:${USER}@${REALM}>;tag=a27312x${number}\r\nTo: ${to}\r\nCall-ID: ${number}@127.0.0.1\r\nCSeq: ${sequence} ${method}\r\n${rest}`,
        'latin1',
      ),
      this.port,
    );
  }
}

/** The answer to the challenge of a 407, with MD5. */
function credentials(challenge: string, password: string): string {
  const [, nonce = ''] = /nonce="([^"]*)"/.exec(challenge) ?? [];
  const counted = `${nonce}:00000001:6b8b4567:auth`;
  const response = md5(`${md5(`${USER}:${REALM}:${password}`)}:${counted}:${md5(`INVITE:${REQUEST_URI}`)}`);
  return `Proxy-Authorization: Digest username="${USER}",realm="${REALM}",cnonce="6b8b4567",nc=00000001,qop=auth,uri="${REQUEST_URI}",nonce="${nonce}",response="${response}",algorithm=MD5\r\n`;
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
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
