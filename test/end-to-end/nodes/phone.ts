import { createSocket, type Socket } from 'node:dgram';
import { replaceAuthorization } from '../../../src/sip/auth/digest-client.ts';
import { DigestClient } from '../../../src/sip/auth/index.ts';
import {
  createResponse,
  HeaderId,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../../src/sip/message/index.ts';
import { onSip } from '../../kit/sip-datagrams.ts';

const ALLOW = [HeaderId.Allow, 'INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE'] as const;
const SDP = 'v=0\r\no=p 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8\r\n';

const ANSWER_MS = 40_000;

export interface Called {
  readonly status: number;
  /** From the INVITE to its final answer. */
  readonly ms: number;
  readonly response: SipResponse;
}

/** Rows that a call has in the store: where its parties are at two workers, each has a half. */
export function halvesOf(call: Called | undefined, callee: Phone): 1 | 2 {
  const placeOf = (message: SipRequest | SipResponse | undefined) =>
    /@([^>;]*)/.exec(message?.headers.value(HeaderId.Contact) ?? '')?.[1];
  return placeOf(call?.response) === placeOf(callee.invites.at(-1)?.request) ? 1 : 2;
}

/** A phone of tenant acme over UDP, as bare as can be: it registers at whichever node it is told, takes calls and places them. */
export class Phone {
  readonly user: string;
  readonly invites: {
    readonly request: SipRequest;
    readonly from: string;
    readonly port: number;
    readonly atMs: number;
    /** It was answered with a provisional response. */
    readonly isRinging: boolean;
  }[] = [];
  /** Requests in dialogs that came, by method. */
  readonly heard: string[] = [];
  /** Call-IDs of calls that rang and were cancelled. */
  readonly cancelled = new Set<string>();
  /** Contacts that it was told in its dialogs, by Call-ID. */
  readonly told = new Map<string, string>();
  /** Header fields that its requests carry besides. */
  fields: readonly string[] = [];
  /** What it answers an INVITE; 0: nothing, nor anything else. */
  answers = 200;
  /** Responses by {@link exchangeOf}: the first final one, and the status of the latest. Nothing here looks through all of them: there may be thousands of calls. */
  readonly #finals = new Map<string, SipResponse>();
  readonly #answered = new Map<string, number>();
  readonly #waiting = new Map<string, (final: SipResponse) => void>();
  readonly #calledWith = new Set<string>();
  /** Of requests within dialogs that it has heard (RFC 3261 §17.2.3). */
  readonly #branches = new Set<string>();
  readonly #socket: Socket = createSocket('udp4');
  /** Calls that are over for it, by Call-ID, with the branch of the BYE that it has heard; empty where its own is answered. */
  readonly #over = new Map<string, string>();
  readonly #host: string;
  /** Of what it asked and has no answer to. */
  readonly #timers = new Set<NodeJS.Timeout>();
  #serial = 0;
  #isClosed = false;
  #port = 0;

  constructor(user: string, host = '127.0.0.1') {
    this.user = user;
    this.#host = host;
  }

  async open(): Promise<this> {
    onSip(this.#socket, (text, from) => {
      if (this.answers === 0) return;
      const message = parseMessage(text);
      if (message.kind === 'response') {
        this.#note(message);
        return;
      }
      if (message.method === 'ACK') return;
      const branch = message.topVia().branch ?? '';
      // RFC 3261 §12.2.2: it has no such dialog any more.
      if ((this.#over.get(message.callId()) ?? branch) !== branch) {
        this.#answer(message, 481, from);
        return;
      }
      if (message.method === 'BYE') this.#over.set(message.callId(), branch);
      if (message.method === 'INVITE' && !this.#isCopy(message))
        this.invites.push({
          request: message,
          from: from.address,
          port: from.port,
          atMs: performance.now(),
          isRinging: this.answers < 200,
        });
      else if (!this.#isRetransmission(message)) this.heard.push(message.method);
      if (message.method === 'UPDATE') this.told.set(message.callId(), message.headers.value(HeaderId.Contact) ?? '');
      if (message.method === 'INVITE' && this.cancelled.has(message.callId())) return;
      this.#answer(message, message.method === 'INVITE' ? this.answers : 200, from);
      const cancelled = message.method === 'CANCEL' && this.#rings(message);
      if (cancelled) {
        this.cancelled.add(message.callId());
        this.#answer(cancelled.request, 487, { address: cancelled.from, port: cancelled.port });
      }
    });
    await new Promise<void>((resolve) => this.#socket.bind(0, this.#host, resolve));
    this.#port = this.#socket.address().port;
    return this;
  }

  /** Answers the call that rings since its last INVITE came, at the address that it came from. */
  pickUp(): void {
    const { request, from, port } = this.invites.at(-1) ?? {};
    if (request === undefined || from === undefined || port === undefined) throw new Error('nobody calls');
    this.#answer(request, 200, { address: from, port });
  }

  #answer(request: SipRequest, status: number, to: { readonly address: string; readonly port: number }): void {
    const answersCall = request.method === 'INVITE' && status < 300;
    const response = createResponse(request, status, undefined, {
      toTag: `${this.user}-tag`,
      headers: answersCall ? [[HeaderId.Contact, `<${this.contact}>`], ALLOW] : [],
      ...(answersCall ? { body: SDP, contentType: 'application/sdp' } : {}),
    });
    this.#socket.send(Buffer.from(serialize(response), 'latin1'), to.port, to.address);
  }

  get contact(): string {
    return `sip:${this.user}@${this.#host}:${this.#port}`;
  }

  close(): void {
    this.#isClosed = true;
    // Nobody waits for these any more: what a failed test has begun does not fail the next one.
    for (const timer of this.#timers) clearTimeout(timer);
    this.#socket.close();
  }

  /** Registers at a node, `host:port`, or leaves with 0 seconds; answers the final response. */
  register(node: string, { expires = 600, contact = `<${this.contact}>` } = {}): Promise<SipResponse> {
    const fields = [`Contact: ${contact}`, `Expires: ${expires}`];
    return this.#signedIn(node, 'REGISTER', 'sip:acme.test', `sip:${this.user}@acme.test`, 'registrar', fields, '');
  }

  /** Calls a number through a node; acknowledges the answer and, when it was taken, hangs up after `talkMs` (infinity: never). */
  async call(node: string, number: string, talkMs = 0): Promise<Called> {
    const began = performance.now();
    const uri = `sip:${number}@acme.test`;
    const fields = [`Contact: <${this.contact}>`, `Allow: ${ALLOW[1]}`, 'Content-Type: application/sdp'];
    const response = await this.#signedIn(node, 'INVITE', uri, uri, 'proxy', fields, SDP);
    const ms = performance.now() - began;
    if (response.status < 300) {
      const target = targetOf(response);
      const hop = hopOf(routesBack(response)[0] ?? target);
      const cseq = Number.parseInt(response.headers.value(HeaderId.CSeq) ?? '1', 10);
      this.#send(hop, this.#inDialog('ACK', `sip:${target}`, response, cseq));
      if (Number.isFinite(talkMs))
        setTimeout(() => this.#send(hop, this.#inDialog('BYE', `sip:${target}`, response, cseq + 1)), talkMs);
    }
    return { status: response.status, ms, response };
  }

  /** BYE of a call that it placed, to a node; answers the final response. */
  hangUp(node: string, { response }: Called): Promise<SipResponse> {
    const [route] = routesBack(response);
    const bye = this.#inDialog(
      'BYE',
      `sip:${route === undefined ? at(node, response) : targetOf(response)}`,
      response,
      9,
    );
    return this.#ask(route === undefined ? node : hopOf(route), bye, response.callId(), 9);
  }

  /** BYE of a call that it took. */
  hangUpOn(node: string, invite: SipRequest): Promise<SipResponse> {
    const asCalled = createResponse(invite, 200, undefined, { toTag: `${this.user}-tag` });
    const { headers } = asCalled;
    const [from, to] = [headers.value(HeaderId.From) ?? '', headers.value(HeaderId.To) ?? ''];
    headers.set(HeaderId.From, to);
    headers.set(HeaderId.To, from);
    // The other way round: what a caller reads from the last to the first.
    headers.remove(HeaderId.RecordRoute);
    for (const route of routesOf(invite).reverse()) headers.add(HeaderId.RecordRoute, route);
    const [route] = routesOf(invite);
    const uri = `sip:${route === undefined ? at(node, invite) : targetOf(invite)}`;
    const hop = route === undefined ? node : hopOf(route);
    return this.#ask(hop, this.#inDialog('BYE', uri, asCalled, 9), invite.callId(), 9);
  }

  async #signedIn(
    node: string,
    method: string,
    uri: string,
    to: string,
    role: 'registrar' | 'proxy',
    fields: readonly string[],
    body: string,
  ): Promise<SipResponse> {
    const callId = `${this.user}-${method}-${++this.#serial}-${this.#port}`;
    const text = (cseq: number) =>
      [
        `${method} ${uri} SIP/2.0`,
        `Via: SIP/2.0/UDP ${this.#host}:${this.#port};branch=z9hG4bK${callId}-${cseq};rport`,
        'Max-Forwards: 70',
        `From: <sip:${this.user}@acme.test>;tag=${callId}`,
        `To: <${to}>`,
        `Call-ID: ${callId}`,
        `CSeq: ${cseq} ${method}`,
        ...fields,
        ...this.fields,
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n');
    const first = parseMessage(text(1)) as SipRequest;
    const challenge = await this.#ask(node, serialize(first), callId, 1);
    if (challenge.status !== 401 && challenge.status !== 407) return challenge;
    if (method === 'INVITE') this.#send(node, ackOf(text(1), challenge));
    const client = new DigestClient({ username: this.user, secret: { password: `secret-${this.user}` } });
    const answer = client.answer(challenge, first, role, 0);
    if (answer.kind !== 'retry') throw new Error(answer.reason);
    const second = parseMessage(text(2)) as SipRequest;
    replaceAuthorization(second, answer.headers);
    const final = await this.#ask(node, serialize(second), callId, 2);
    if (method === 'INVITE' && final.status >= 300) this.#send(node, ackOf(text(2), final));
    return final;
  }

  #note(response: SipResponse): void {
    const exchange = exchangeOf(response);
    this.#answered.set(exchange, response.status);
    if (response.method() === 'BYE' && response.status >= 200) this.#over.set(response.callId(), '');
    if (response.status < 200 || this.#finals.has(exchange)) return;
    this.#finals.set(exchange, response);
    this.#waiting.get(exchange)?.(response);
  }

  /** Sends it, again every half second until a response is there, and waits for the final one. */
  async #ask(node: string, text: string, callId: string, cseq: number): Promise<SipResponse> {
    const exchange = `${callId} ${cseq}`;
    this.#send(node, text);
    const again = setInterval(() => this.#answered.has(exchange) || this.#send(node, text), 500);
    const { promise, resolve, reject } = Promise.withResolvers<SipResponse>();
    const line = text.slice(0, text.indexOf('\r'));
    const timeout = setTimeout(() => {
      const heard = this.#answered.get(exchange) ?? 'nothing';
      reject(new Error(`waited ${ANSWER_MS} ms for an answer to ${line} (${callId}, ${cseq}): ${heard} came`));
    }, ANSWER_MS);
    this.#timers.add(again).add(timeout);
    const known = this.#finals.get(exchange);
    if (known === undefined) this.#waiting.set(exchange, resolve);
    else resolve(known);
    try {
      return await promise;
    } finally {
      for (const timer of [again, timeout]) {
        clearTimeout(timer);
        this.#timers.delete(timer);
      }
      this.#waiting.delete(exchange);
    }
  }

  #inDialog(method: string, uri: string, response: SipResponse, cseq: number): string {
    const callId = response.headers.value(HeaderId.CallId) ?? '';
    return [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.#host}:${this.#port};branch=z9hG4bK${callId}-${method};rport`,
      'Max-Forwards: 70',
      ...routesBack(response).map((route) => `Route: ${route}`),
      `From: ${response.headers.value(HeaderId.From)}`,
      `To: ${response.headers.value(HeaderId.To)}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n');
  }

  #send(node: string, text: string): void {
    if (this.#isClosed) return;
    const [host = '', port = ''] = node.split(':');
    this.#socket.send(Buffer.from(text, 'latin1'), Number(port), host);
  }

  /** The INVITE that a CANCEL is for, where it has no final answer. */
  #rings(cancel: SipRequest): (typeof this.invites)[number] | undefined {
    const branch = cancel.topVia().branch;
    return this.invites.find(({ request, isRinging }) => isRinging && request.topVia().branch === branch);
  }

  #isRetransmission(request: SipRequest): boolean {
    const branch = request.topVia().params.get('branch') ?? '';
    const isKnown = this.#branches.has(branch);
    this.#branches.add(branch);
    return isKnown;
  }

  #isCopy(request: SipRequest): boolean {
    const isKnown = this.#calledWith.has(request.callId());
    this.#calledWith.add(request.callId());
    return isKnown;
  }
}

/** What a response answers: Call-ID and number of the request. */
function exchangeOf({ headers }: SipResponse): string {
  return `${headers.value(HeaderId.CallId)} ${Number.parseInt(headers.value(HeaderId.CSeq) ?? '', 10)}`;
}

function routesOf({ headers }: SipRequest | SipResponse): string[] {
  return [...headers.listValues(HeaderId.RecordRoute)];
}

/** The route set of a caller (RFC 3261 §12.1.2). */
function routesBack(response: SipResponse): string[] {
  return routesOf(response).reverse();
}

/** Contact, without angle brackets and scheme. */
function targetOf({ headers }: SipRequest | SipResponse): string {
  return /<sip:([^>]*)>/.exec(headers.value(HeaderId.Contact) ?? '')?.[1] ?? '';
}

/** `host:port` of a URI or Route. */
function hopOf(uri: string): string {
  const place = uri.replace(/^<sip:/, '').replace(/[;>].*/, '');
  return place.slice(place.indexOf('@') + 1);
}

/** A node, as the URI of a Contact that another one gave, with all its parameters. */
function at(node: string, message: SipRequest | SipResponse): string {
  const target = targetOf(message);
  const parameters = target.indexOf(';');
  return parameters < 0 ? node : node + target.slice(parameters);
}

/** RFC 3261 §17.1.1.3. */
function ackOf(invite: string, response: SipResponse): string {
  const keep = invite.split('\r\n').filter((line) => /^(Via|Max-Forwards|From|Call-ID):/.test(line));
  const cseq = Number.parseInt(response.headers.value(HeaderId.CSeq) ?? '1', 10);
  const start = (invite.split('\r\n')[0] ?? '').replace('INVITE', 'ACK');
  return [
    start,
    ...keep,
    `To: ${response.headers.value(HeaderId.To)}`,
    `CSeq: ${cseq} ACK`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}
