/**
 * A small SIP user agent for the demo, over one UDP socket: enough of a phone and of a carrier to register, call, answer and hang up.
 * It stands on the engine's own message layer; the engine itself is the full stack.
 */
import { createSocket, type Socket } from 'node:dgram';
import { randomBranch, randomToken } from '../base/ids.ts';
import { DigestClient } from '../sip/auth/index.ts';
import {
  createResponse,
  HeaderId,
  parseMessage,
  SipRequest,
  type SipResponse,
  serialize,
} from '../sip/message/index.ts';

const ANSWER_TIMEOUT_MS = 32_000;

export class DemoPeer {
  readonly #socket: Socket = createSocket('udp4');
  readonly #waiting = new Map<string, (response: SipResponse) => void>();
  /** Answers requests; set before anything is received. */
  onRequest: (request: SipRequest, respond: (response: SipResponse) => void, text: string) => void = () => {};
  port = 0;

  open(): Promise<void> {
    this.#socket.on('message', (octets, from) => {
      const text = octets.toString('latin1');
      const message = parseMessage(text);
      if (message.kind === 'response') {
        this.#waiting.get(message.topVia().branch ?? '')?.(message);
        return;
      }
      const respond = (response: SipResponse) =>
        this.#socket.send(Buffer.from(serialize(response), 'latin1'), from.port, from.address);
      this.onRequest(message, respond, text);
    });
    return new Promise((resolve) => {
      this.#socket.bind(0, '127.0.0.1', () => {
        this.port = this.#socket.address().port;
        resolve();
      });
    });
  }

  close(): void {
    this.#socket.close();
  }

  /** Sends a request and resolves with its final response. */
  send(request: SipRequest, port: number): Promise<SipResponse> {
    const branch = randomBranch();
    request.headers.prepend(HeaderId.Via, `SIP/2.0/UDP 127.0.0.1:${this.port};rport;branch=${branch}`);
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(() => {
        this.#waiting.delete(branch);
        reject(new Error(`no final response to ${request.method} in ${ANSWER_TIMEOUT_MS} ms`));
      }, ANSWER_TIMEOUT_MS);
      this.#waiting.set(branch, (response) => {
        if (response.status < 200) return;
        clearTimeout(timeout);
        this.#waiting.delete(branch);
        resolve(response);
      });
      this.post(request, port);
    });
  }

  /** Sends a request that has its Via already, or is owed no response. */
  post(request: SipRequest, port: number): void {
    if (!request.headers.has(HeaderId.Via)) {
      request.headers.prepend(HeaderId.Via, `SIP/2.0/UDP 127.0.0.1:${this.port};rport;branch=${randomBranch()}`);
    }
    this.#socket.send(Buffer.from(serialize(request), 'latin1'), port, '127.0.0.1');
  }
}

export interface DemoPhoneOptions {
  readonly enginePort: number;
  readonly domain: string;
  readonly number: string;
  readonly name: string;
  readonly password: string;
}

const SESSION = (port: number) =>
  `v=0\r\no=- ${port} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n`;

/** A phone that registers, places one call and hangs up. */
export class DemoPhone {
  readonly peer = new DemoPeer();
  readonly #options: DemoPhoneOptions;
  readonly #digest: DigestClient;
  #sequence = 0;

  constructor(options: DemoPhoneOptions) {
    this.#options = options;
    this.#digest = new DigestClient({ username: options.number, secret: { password: options.password } });
  }

  /** The status of the registration: 200 when it worked. */
  async register(): Promise<number> {
    const callId = randomToken();
    const response = await this.#authenticated(() => {
      const { domain, number } = this.#options;
      const request = this.#request('REGISTER', `sip:${domain}`, callId, `<sip:${number}@${domain}>`);
      request.headers.add(HeaderId.Expires, '300');
      return request;
    });
    return response.status;
  }

  /** Calls a number, calls `whileTalking` once it is answered, hangs up; gives the final status of the INVITE and its Call-ID. */
  async call(
    number: string,
    whileTalking: () => Promise<void>,
  ): Promise<{ readonly status: number; readonly callId: string }> {
    const { domain, enginePort } = this.#options;
    const callId = randomToken();
    const tag = randomToken();
    const uri = `sip:${number}@${domain}`;
    const answer = await this.#authenticated(() => {
      const request = this.#request('INVITE', uri, callId, `<${uri}>`, tag, SESSION(40_000));
      request.headers.add(HeaderId.ContentType, 'application/sdp');
      return request;
    });
    const to = answer.headers.value(HeaderId.To) ?? '';
    const target = answer.contact()?.uri;
    const remote =
      target === undefined || !('host' in target)
        ? uri
        : `sip:${target.user ?? ''}@${target.host}:${target.port ?? 5060}`;
    const ackUri = answer.status < 300 ? remote : uri;
    const ack = this.#request('ACK', ackUri, callId, to, tag);
    if (answer.status >= 300) ack.headers.prepend(HeaderId.Via, answer.headers.value(HeaderId.Via) ?? '');
    this.peer.post(ack, enginePort);
    if (answer.status < 300) {
      await whileTalking();
      this.#sequence++;
      await this.peer.send(this.#request('BYE', remote, callId, to, tag), enginePort);
    }
    return { status: answer.status, callId };
  }

  async #authenticated(make: () => SipRequest): Promise<SipResponse> {
    const { enginePort } = this.#options;
    this.#sequence++;
    const first = make();
    const challenge = await this.peer.send(first, enginePort);
    if (challenge.status !== 401 && challenge.status !== 407) return challenge;
    if (first.method === 'INVITE') this.#acknowledge(first, challenge);
    const answer = this.#digest.answer(challenge, first, `127.0.0.1:${enginePort}`, 0);
    if (answer.kind === 'give-up') return challenge;
    this.#sequence++;
    const second = make();
    for (const [id, value] of answer.headers) second.headers.add(id, value);
    return this.peer.send(second, enginePort);
  }

  /** §17.1.1.3: the ACK for a final response other than 2xx goes in the same transaction. */
  #acknowledge(invite: SipRequest, response: SipResponse): void {
    const ack = new SipRequest('ACK', invite.requestUri);
    for (const id of [HeaderId.Via, HeaderId.MaxForwards, HeaderId.From, HeaderId.CallId]) {
      ack.headers.add(id, invite.headers.value(id) ?? '');
    }
    ack.headers.add(HeaderId.To, response.headers.value(HeaderId.To) ?? '');
    ack.headers.add(HeaderId.CSeq, `${invite.cseq().sequence} ACK`);
    this.peer.post(ack, this.#options.enginePort);
  }

  #request(method: string, uri: string, callId: string, to: string, tag = randomToken(), body = ''): SipRequest {
    const { number, name, domain } = this.#options;
    const request = new SipRequest(method, uri, body);
    const { headers } = request;
    headers.add(HeaderId.MaxForwards, '70');
    headers.add(HeaderId.From, `"${name}" <sip:${number}@${domain}>;tag=${tag}`);
    headers.add(HeaderId.To, to);
    headers.add(HeaderId.CallId, callId);
    headers.add(HeaderId.CSeq, `${this.#sequence} ${method}`);
    headers.add(HeaderId.Contact, `<sip:${number}@127.0.0.1:${this.peer.port}>`);
    headers.add(HeaderId.UserAgent, 'demo phone');
    return request;
  }
}

/** A carrier that rings, answers, and takes the BYE; it shows every INVITE that it received. */
export class DemoCarrier {
  readonly peer = new DemoPeer();

  constructor(onInvite: (text: string) => void) {
    const tag = randomToken();
    this.peer.onRequest = (request, respond, text) => {
      if (request.method === 'ACK') return;
      const contact: [HeaderId, string] = [HeaderId.Contact, `<sip:carrier@127.0.0.1:${this.peer.port}>`];
      if (request.method === 'INVITE') {
        onInvite(text);
        respond(createResponse(request, 180, 'Ringing', { toTag: tag, headers: [contact] }));
        const body = SESSION(50_000);
        setTimeout(() => {
          respond(
            createResponse(request, 200, 'OK', {
              toTag: tag,
              headers: [contact],
              body,
              contentType: 'application/sdp',
            }),
          );
        }, 300);
        return;
      }
      respond(createResponse(request, 200, 'OK', { toTag: tag }));
    };
  }
}
