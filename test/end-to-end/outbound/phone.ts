import { randomBytes } from 'node:crypto';
import type { TestEngine } from '../../kit/engine.ts';
import { type Challenge, credentials, readChallenge } from './digest.ts';
import { UdpParty } from './udp-party.ts';
import { fieldOf, responseTo, statusOf, uriOf, type WireMessage, writeMessage } from './wire-message.ts';

export const SDP =
  'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

export interface PhoneCall {
  /** Extension or service that signs in. */
  readonly user: string;
  readonly domain: string;
  readonly dialled: string;
  /** The From value without its tag. */
  readonly from?: string | undefined;
  readonly headers?: readonly string[] | undefined;
  readonly body?: string | undefined;
  readonly callId?: string | undefined;
  readonly maxForwards?: number | undefined;
}

export interface PlacedCall {
  readonly status: number;
  readonly reason: string;
  readonly answer: WireMessage;
  readonly callId: string;
  /** The INVITE that was answered. */
  readonly invite: string;
}

/** RFC 3261 §25.1: what stands for itself in a user part. */
function escapedUser(text: string): string {
  return text
    .replace(/[^A-Za-z0-9\-_.!~*'()&=+$,;?/#]/g, (character) =>
      `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`.toUpperCase(),
    )
    .replaceAll('#', '%23');
}

/** One end's view of a dialog (RFC 3261 §12.1). */
export interface Dialog {
  readonly callId: string;
  readonly local: string;
  readonly remote: string;
  readonly target: string;
}

export function dialogOfCaller({ answer, callId }: PlacedCall): Dialog {
  const target = uriOf(fieldOf(answer, 'Contact'));
  return { callId, local: fieldOf(answer, 'From'), remote: fieldOf(answer, 'To'), target };
}

/** The dialog of an INVITE that this phone has answered. */
export function dialogOfCallee(invite: WireMessage): Dialog {
  return {
    callId: fieldOf(invite, 'Call-ID'),
    local: `${fieldOf(invite, 'To')};tag=${LOCAL_TAG}`,
    remote: fieldOf(invite, 'From'),
    target: uriOf(fieldOf(invite, 'Contact')),
  };
}

/** Where an engine is; {@link TestEngine.registeredEverywhere} of one that may have workers is waited for after a REGISTER. */
interface EngineAt extends Partial<Pick<TestEngine, 'registeredEverywhere'>> {
  readonly address: string;
  readonly port: number;
}

const LOCAL_TAG = 'phone';
const PASSWORD = 'correct-horse-9';

/** A phone that signs in with digest and places calls; it answers BYE, NOTIFY and OPTIONS, and INVITEs as `answer` says. */
export class Phone {
  readonly party: UdpParty;
  readonly #engine: EngineAt;
  readonly #challenges = new Map<string, Challenge>();
  /** Status lines, in order, for an INVITE that comes in. */
  answer: readonly string[] | ((invite: WireMessage) => readonly string[]) = ['486 Busy Here'];
  /** What a response to an INVITE says beyond its own fields: lines, and the description. */
  says: (invite: WireMessage, status: string) => { readonly lines?: readonly string[]; readonly body: string } = (
    _invite,
    status,
  ) => ({ body: status.startsWith('2') ? SDP : '' });
  /** Body of the ACK to a 2xx. */
  acknowledges: (answer: WireMessage) => string = () => '';

  /** Places calls from a socket that somebody else serves. */
  constructor(party: UdpParty, engine: EngineAt) {
    this.party = party;
    this.#engine = engine;
  }

  static readonly PASSWORD = PASSWORD;

  static async open(engine: EngineAt, address = '127.0.0.2') {
    const phone = new Phone(await UdpParty.open(address), engine);
    phone.party.onMessage = (message, from) => phone.#serve(message, from);
    return phone;
  }

  get contact(): string {
    return this.party.hostPort;
  }

  /** Places a call and waits for its final response, which is acknowledged. */
  async call(call: PhoneCall): Promise<PlacedCall> {
    const uri = `sip:${escapedUser(call.dialled)}@${call.domain}`;
    const body = call.body ?? SDP;
    const callId = call.callId ?? randomBytes(9).toString('hex');
    const from = call.from ?? `<sip:${call.user}@${call.domain}>`;
    const fields = [
      `Max-Forwards: ${call.maxForwards ?? 20}`,
      `From: ${from};tag=${randomBytes(4).toString('hex')}`,
      `To: <${uri}>`,
      `Call-ID: ${callId}`,
      ...(call.headers?.some((line) => line.startsWith('Contact:'))
        ? []
        : [`Contact: <sip:${call.user}@${this.contact}>`]),
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      ...(call.headers ?? []),
    ];
    return this.request('INVITE', uri, call.user, call.domain, fields, body);
  }

  async register(user: string, domain: string, password = PASSWORD): Promise<PlacedCall> {
    const fields = [
      'Max-Forwards: 70',
      `From: <sip:${user}@${domain}>;tag=${randomBytes(4).toString('hex')}`,
      `To: <sip:${user}@${domain}>`,
      `Call-ID: ${randomBytes(9).toString('hex')}`,
      `Contact: <sip:${user}@${this.contact}>`,
      'Expires: 600',
    ];
    const placed = await this.request('REGISTER', `sip:${domain}`, user, domain, fields, '', password);
    await this.#engine.registeredEverywhere?.();
    return placed;
  }

  /** Sends a request outside a dialog, answers one challenge, acknowledges, and gives the final response. */
  async request(
    method: string,
    uri: string,
    user: string,
    realm: string,
    fields: readonly string[],
    body = '',
    password = PASSWORD,
  ): Promise<PlacedCall> {
    const kind = method === 'REGISTER' ? 'Authorization' : 'Proxy-Authorization';
    for (let sequence = 1; ; sequence++) {
      const challenge = this.#challenges.get(realm);
      const signed =
        challenge === undefined
          ? []
          : [`${kind}: ${credentials(challenge, { username: user, password, method, uri })}`];
      const via = `Via: SIP/2.0/UDP ${this.contact};rport;branch=z9hG4bK${randomBytes(9).toString('hex')}`;
      const text = writeMessage(
        `${method} ${uri} SIP/2.0`,
        [via, `CSeq: ${sequence} ${method}`, ...fields, ...signed],
        body,
      );
      const answer = await this.#ask(text, method, `${sequence} ${method}`);
      const status = statusOf(answer);
      if ((status === 401 || status === 407) && sequence < 3) {
        const field = status === 401 ? 'WWW-Authenticate' : 'Proxy-Authenticate';
        this.#challenges.set(realm, readChallenge(fieldOf(answer, field)));
        continue;
      }
      return { status, reason: answer.startLine.slice(12), answer, callId: fieldOf(answer, 'Call-ID'), invite: text };
    }
  }

  /** A request inside a dialog. */
  inDialog(
    dialog: Dialog,
    method: string,
    sequence: number,
    more: readonly string[] = [],
    body = '',
  ): Promise<WireMessage> {
    const fields = [
      `Via: SIP/2.0/UDP ${this.contact};rport;branch=z9hG4bK${randomBytes(9).toString('hex')}`,
      'Max-Forwards: 70',
      `From: ${dialog.local}`,
      `To: ${dialog.remote}`,
      `Call-ID: ${dialog.callId}`,
      `CSeq: ${sequence} ${method}`,
      `Contact: <sip:phone@${this.contact}>`,
      ...more,
    ];
    return this.#ask(writeMessage(`${method} ${dialog.target} SIP/2.0`, fields, body), method, `${sequence} ${method}`);
  }

  close(): void {
    this.party.close();
  }

  async #ask(text: string, method: string, cseq: string): Promise<WireMessage> {
    const callId = fieldOf({ text, startLine: '', fields: fieldsOf(text), body: '' }, 'Call-ID');
    const answered = this.party.next(
      (message) =>
        statusOf(message) >= 200 && fieldOf(message, 'Call-ID') === callId && fieldOf(message, 'CSeq') === cseq,
      `the answer to ${text.slice(0, text.indexOf('\r\n'))}`,
    );
    this.party.send(text, this.#engine);
    const answer = await answered;
    if (method === 'INVITE') this.party.send(this.#ack(text, answer), this.#engine);
    return answer;
  }

  #ack(invite: string, answer: WireMessage): string {
    const fields = fieldsOf(invite);
    const field = (name: string) => fields.find(([each]) => each === name)?.[1] ?? '';
    const success = statusOf(answer) < 300;
    const target = success ? uriOf(fieldOf(answer, 'Contact')) : (invite.split(' ')[1] ?? '');
    const via = success
      ? field('Via').replace(/branch=.*/, `branch=z9hG4bK${randomBytes(9).toString('hex')}`)
      : field('Via');
    const body = success ? this.acknowledges(answer) : '';
    const own = [
      `Via: ${via}`,
      'Max-Forwards: 70',
      `From: ${field('From')}`,
      `To: ${fieldOf(answer, 'To')}`,
      `Call-ID: ${field('Call-ID')}`,
      `CSeq: ${field('CSeq').replace('INVITE', 'ACK')}`,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
    ];
    return writeMessage(`ACK ${target} SIP/2.0`, own, body);
  }

  #serve(message: WireMessage, from: { readonly address: string; readonly port: number }): void {
    const method = message.startLine.split(' ')[0];
    if (statusOf(message) !== 0 || method === 'ACK') return;
    const tag = LOCAL_TAG;
    const contact = `Contact: <sip:phone@${this.contact}>`;
    if (method !== 'INVITE') {
      this.party.send(responseTo(message, '200 OK', tag), from);
      return;
    }
    const statuses = typeof this.answer === 'function' ? this.answer(message) : this.answer;
    for (const status of statuses) {
      const { lines = [], body } = this.says(message, status);
      const described = body === '' ? [] : ['Content-Type: application/sdp'];
      const more = [contact, ...described, ...lines];
      this.party.send(responseTo(message, status, tag, more, body), from);
    }
  }
}

function fieldsOf(text: string): (readonly [string, string])[] {
  return text
    .slice(0, text.indexOf('\r\n\r\n'))
    .split('\r\n')
    .slice(1)
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const);
}
