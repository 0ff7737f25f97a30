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
  readonly user: string;
  readonly hangUpAtMs: number;
  /** Of its last INVITE. */
  sequence: number;
  to: string;
  target: string;
  byeSent: boolean;
}

const CALLED = '<sip:+493012345678@pbx.example.com;user=phone>';
const REQUEST_URI = 'sip:+493012345678@127.0.0.1:5060;user=phone';
/** The extension that is admitted by its address. */
const USER = '4989100200';
const REALM = 'pbx.example.com';

export interface PhonePassword {
  readonly password: string;
  /** The nonce of its last challenge is used again, counted (RFC 7616 §3.4), in place of an INVITE without credentials. */
  readonly keepsNonce?: boolean;
}

/** The phone of `sipp/phone.xml`: INVITE, ACK, BYE, by pasting strings. With a password it answers a challenge, else a challenge ends the call. */
export class Phone {
  readonly port = 5080;
  completed = 0;
  failed = 0;
  /** Calls that ended with a challenge. */
  challenged = 0;
  readonly #transport: MemoryTransport;
  readonly #password: string | undefined;
  readonly #keepsNonce: boolean;
  readonly #calls = new Map<string, PhoneCall>();
  #placed = 0;
  #nonce = '';
  #uses = 0;

  constructor(transport: MemoryTransport, { password, keepsNonce = false }: Partial<PhonePassword> = {}) {
    this.#transport = transport;
    this.#password = password;
    this.#keepsNonce = keepsNonce;
  }

  get inProgress(): number {
    return this.#calls.size;
  }

  /** @param user an extension; default: the one that is admitted by its address, where there is one */
  call(hangUpAtMs: number, user = USER): void {
    const number = ++this.#placed;
    const call = { number, user, hangUpAtMs, sequence: 1, to: CALLED, target: '', byeSent: false };
    this.#calls.set(`${number}@127.0.0.1`, call);
    this.#invite(call, this.#keepsNonce && this.#nonce !== '' ? this.#credentials(user) : '');
  }

  #invite(call: PhoneCall, credentials: string): void {
    this.#post(
      call,
      'INVITE',
      REQUEST_URI,
      call.to,
      `${credentials}Contact: <sip:${call.user}@${HOST}:${this.port};transport=UDP>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, PRACK\r\nSupported: replaces, 100rel, timer, outbound\r\nUser-Agent: LabPhone/1.0 (SIPp)\r\nAccept: application/sdp, application/dtmf-relay\r\nContent-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`,
      call.sequence,
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
    this.#post(call, 'ACK', call.target, call.to, NO_BODY, call.sequence);
  }

  #refused(call: PhoneCall, text: string, status: number): void {
    const { number, sequence } = call;
    this.#post(call, 'ACK', REQUEST_URI, field(text, 'To'), NO_BODY, sequence, 'INVITE');
    if (status === 407 && this.#password !== undefined && sequence === 1) {
      call.sequence = 2;
      const [, nonce = ''] = /nonce="([^"]*)"/.exec(text) ?? [];
      this.#nonce = nonce;
      this.#uses = 0;
      this.#invite(call, this.#credentials(call.user));
      return;
    }
    if (status === 407 && this.#password === undefined) this.challenged++;
    else this.failed++;
    this.#calls.delete(`${number}@127.0.0.1`);
  }

  /** For the latest challenge of a 407, with MD5. */
  #credentials(user: string): string {
    const nonce = this.#nonce;
    const count = (++this.#uses).toString(16).padStart(8, '0');
    const counted = `${nonce}:${count}:6b8b4567:auth`;
    const response = md5(`${md5(`${user}:${REALM}:${this.#password}`)}:${counted}:${md5(`INVITE:${REQUEST_URI}`)}`);
    return `Proxy-Authorization: Digest username="${user}",realm="${REALM}",cnonce="6b8b4567",nc=${count},qop=auth,uri="${REQUEST_URI}",nonce="${nonce}",response="${response}",algorithm=MD5\r\n`;
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
    this.#post(call, 'BYE', call.target, call.to, NO_BODY, call.sequence + 1);
  }

  /** @param branchOf the method whose branch it carries: an ACK that says a refusal was heard has that of its INVITE */
  #post(
    { number, user }: PhoneCall,
    method: string,
    uri: string,
    to: string,
    rest: string,
    sequence: number,
    branchOf = method,
  ): void {
    this.#transport.post(
      Buffer.from(
        `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${HOST}:${this.port};branch=z9hG4bK-${number}-${sequence}-${branchOf};rport\r\nMax-Forwards: 70\r\nFrom: "Alice Example" <sip:${user}@${REALM}>;tag=a27312x${number}\r\nTo: ${to}\r\nCall-ID: ${number}@127.0.0.1\r\nCSeq: ${sequence} ${method}\r\n${rest}`,
        'latin1',
      ),
      this.port,
    );
  }
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
