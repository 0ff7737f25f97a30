import { createHash } from 'node:crypto';
import { HOST } from './memory-transport.ts';

/** Brings a datagram of the phones to who is measured. */
export interface PhonesTransport {
  post(octets: Buffer, fromPort: number): void;
}

/** The phones of `sipp/register.xml`: REGISTER, 401, REGISTER with digest, 200, by pasting strings; or, with a nonce that they have, the latter two. */
export class RegisteringPhones {
  readonly port: number;
  completed = 0;
  failed = 0;
  readonly #transport: PhonesTransport;
  readonly #domain: string;
  readonly #password: string;
  readonly #waiting = new Map<string, string>();
  /** By number the nonce of its latest challenge, and how often it was used. */
  readonly #nonces = new Map<string, { readonly nonce: string; count: number }>();
  #begun = 0;

  constructor(transport: PhonesTransport, domain: string, password: string, port = 5080) {
    this.port = port;
    this.#transport = transport;
    this.#domain = domain;
    this.#password = password;
  }

  get inProgress(): number {
    return this.#waiting.size;
  }

  /** @param again with the nonce that it has, if it has one */
  register(number: string, again = false): void {
    const callId = `${++this.#begun}@${HOST}`;
    this.#waiting.set(callId, number);
    this.#post(number, callId, 1, again ? this.#credentials(number) : '');
  }

  receive(text: string): void {
    const callId = textAfter(text, 'Call-ID: ', '\r\n');
    const number = this.#waiting.get(callId);
    if (number === undefined) return;
    const status = text.slice(8, 11);
    if (status === '401' && text.includes('CSeq: 1 ')) {
      this.#nonces.set(number, { nonce: textAfter(text, 'nonce="', '"'), count: 0 });
      this.#post(number, callId, 2, this.#credentials(number));
      return;
    }
    if (status === '200') this.completed++;
    else this.failed++;
    this.#waiting.delete(callId);
  }

  #credentials(number: string): string {
    const known = this.#nonces.get(number);
    if (known === undefined) return '';
    const { nonce } = known;
    const count = (++known.count).toString(16).padStart(8, '0');
    const realm = this.#domain;
    const uri = `sip:${realm}`;
    const counted = `${nonce}:${count}:6b8b4567:auth`;
    const response = md5(`${md5(`${number}:${realm}:${this.#password}`)}:${counted}:${md5(`REGISTER:${uri}`)}`);
    return `Authorization: Digest username="${number}",realm="${realm}",cnonce="6b8b4567",nc=${count},qop=auth,uri="${uri}",nonce="${nonce}",response="${response}",algorithm=MD5\r\n`;
  }

  #post(number: string, callId: string, sequence: number, credentials: string): void {
    const { port } = this;
    const user = `<sip:${number}@${this.#domain}>`;
    this.#transport.post(
      Buffer.from(
        `REGISTER sip:${this.#domain} SIP/2.0\r\nVia: SIP/2.0/UDP ${HOST}:${port};branch=z9hG4bK-${callId}-${sequence};rport\r\nMax-Forwards: 70\r\nFrom: ${user};tag=r1x${callId}\r\nTo: ${user}\r\nCall-ID: ${callId}\r\nCSeq: ${sequence} REGISTER\r\nContact: <sip:${number}@${HOST}:${port};transport=UDP>\r\n${credentials}Expires: 3600\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\nUser-Agent: LabPhone/1.0 (SIPp)\r\nContent-Length: 0\r\n\r\n`,
        'latin1',
      ),
      port,
    );
  }
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

function textAfter(text: string, before: string, end: string): string {
  const start = text.indexOf(before) + before.length;
  return text.slice(start, text.indexOf(end, start));
}
