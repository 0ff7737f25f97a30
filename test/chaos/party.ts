/** A phone or a carrier on one UDP socket, written for the run: RFC 3261's transactions as bare as can be, and a log of every message. */
import { createSocket, type Socket } from 'node:dgram';
import {
  createResponse,
  HeaderId,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../src/sip/message/index.ts';
import type { Journal, Leg } from './journal.ts';

export interface World {
  readonly journal: Journal;
  readonly random: () => number;
  /** Hosts of the nodes, all on {@link SIP_PORT}. */
  readonly nodes: readonly string[];
  /** How late what goes to a host or comes from it is. */
  readonly delayMs: (host: string) => number;
}

export const SIP_PORT = 5060;
const T1_MS = 500;
const T2_MS = 4_000;
const LIFE_MS = 64 * T1_MS;
/** So long a party waits for a node before it tries the next. */
const NEXT_NODE_MS = 2_000;

export interface PartyOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly allowsUpdate: boolean;
  /** The number of a call that comes, from its INVITE. */
  readonly keyOf: (invite: SipRequest) => string;
  /** How a call that comes is treated. */
  readonly answer: () => Answer;
  /** A request outside of calls. */
  readonly onOther?: (request: SipRequest, node: string) => SipResponse | undefined;
  readonly trunkPort?: number;
}

export interface Answer {
  readonly ringMs: number;
  readonly status: number;
  /** When it hangs up itself; undefined: it leaves that to the other. */
  readonly talkMs?: number;
}

/** What a party keeps of a leg. */
export interface Dialog {
  readonly leg: Leg;
  readonly local: string;
  remote: string;
  target: string;
  cseq: number;
  /** The INVITE that came, until it has its final response. */
  invite?: { readonly request: SipRequest; readonly node: string };
  timers: NodeJS.Timeout[];
}

interface Pending {
  readonly onResponse: (response: SipResponse, node: string) => void;
}

export class Party {
  readonly options: PartyOptions;
  readonly world: World;
  readonly dialogs = new Map<string, Dialog>();
  readonly #socket: Socket = createSocket({ type: 'udp4', recvBufferSize: 1_000_000 });
  readonly #pending = new Map<string, Pending>();
  /** Responses by transaction, for copies of the request. */
  readonly #served = new Map<string, string>();
  #serial = 0;
  #isClosed = false;

  constructor(options: PartyOptions, world: World) {
    this.options = options;
    this.world = world;
  }

  async open(): Promise<this> {
    const { host, port } = this.options;
    this.#socket.on('message', (octets, from) => {
      const delayMs = this.world.delayMs(from.address);
      if (delayMs === 0) this.#receive(octets, from.address);
      else setTimeout(() => this.#receive(octets, from.address), delayMs);
    });
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind(port, host, resolve);
    });
    return this;
  }

  close(): void {
    this.#isClosed = true;
    for (const { timers } of this.dialogs.values()) for (const timer of timers) clearTimeout(timer);
    this.#socket.close();
  }

  get contact(): string {
    const { name, host, port } = this.options;
    return `<sip:${name}@${host}:${port}>`;
  }

  get allow(): string {
    return `Allow: INVITE, ACK, CANCEL, BYE, OPTIONS${this.options.allowsUpdate ? ', UPDATE' : ''}`;
  }

  newBranch(): string {
    return `z9hG4bK${this.options.name}${++this.#serial}x${Math.floor(this.world.random() * 1e9)}`;
  }

  via(branch: string): string {
    return `Via: SIP/2.0/UDP ${this.options.host}:${this.options.port};branch=${branch};rport`;
  }

  send(text: string, host: string, callId: string): void {
    if (this.#isClosed) return;
    this.world.journal.note({ who: this.options.name, isSent: true, node: host, callId, text });
    const put = () => {
      if (!this.#isClosed) this.#socket.send(Buffer.from(text, 'latin1'), SIP_PORT, host, () => {});
    };
    const delayMs = this.world.delayMs(host);
    if (delayMs === 0) put();
    else setTimeout(put, delayMs);
  }

  /** Sends a request and its copies; what is answered goes to `onResponse` for as long as somebody may answer. Returns what stops the copies. */
  transact(text: string, branch: string, callId: string, host: string, onResponse: Pending['onResponse']): () => void {
    let intervalMs = T1_MS;
    let timer: NodeJS.Timeout | undefined;
    const again = () => {
      this.send(text, host, callId);
      timer = setTimeout(again, intervalMs);
      intervalMs = Math.min(intervalMs * 2, T2_MS);
    };
    const stop = () => clearTimeout(timer);
    this.#pending.set(branch, { onResponse });
    again();
    setTimeout(stop, LIFE_MS).unref();
    return stop;
  }

  /** A request within a call or outside, at one host; undefined: nobody answered in time. */
  ask(
    text: string,
    branch: string,
    callId: string,
    host: string,
    withinMs = NEXT_NODE_MS,
  ): Promise<SipResponse | undefined> {
    return new Promise((resolve) => {
      const finish = (response: SipResponse | undefined) => {
        stop();
        clearTimeout(timeout);
        resolve(response);
      };
      const timeout = setTimeout(() => finish(undefined), withinMs);
      const stop = this.transact(text, branch, callId, host, (response) => {
        if (response.status >= 200) finish(response);
      });
    });
  }

  inDialog(method: string, dialog: Dialog, branch: string, cseq: number): string {
    return [
      `${method} ${dialog.target} SIP/2.0`,
      this.via(branch),
      'Max-Forwards: 70',
      `From: ${dialog.local}`,
      `To: ${dialog.remote}`,
      `Call-ID: ${dialog.leg.callId}`,
      `CSeq: ${cseq} ${method}`,
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n');
  }

  /** Hangs up: at the node that the Contact names, then at the others in turn, as where they share an address or a proxy is in front. */
  async hangUp(dialog: Dialog): Promise<void> {
    const { leg } = dialog;
    if (leg.endedAtMs !== undefined) return;
    leg.endedAtMs = this.world.journal.nowMs();
    leg.endedBy = 'self';
    const began = performance.now();
    const cseq = ++dialog.cseq;
    const own = hostOf(dialog.target);
    const hosts = [own, ...this.world.nodes.filter((host) => host !== own)];
    for (let turn = 0; performance.now() - began < LIFE_MS && !this.#isClosed; turn++) {
      const branch = this.newBranch();
      const host = hosts[turn % hosts.length] as string;
      const response = await this.ask(this.inDialog('BYE', dialog, branch, cseq), branch, leg.callId, host);
      // A node that drains or is overloaded sends to the next one.
      if (response === undefined || response.status === 503) continue;
      leg.byeStatus = response.status;
      leg.byeAnsweredAtMs = this.world.journal.nowMs();
      return;
    }
  }

  later(dialog: Dialog, ms: number, act: () => void): void {
    dialog.timers.push(setTimeout(act, ms));
  }

  #receive(octets: Buffer, host: string): void {
    if (this.#isClosed || octets.length < 10) return;
    const text = octets.toString('latin1');
    const message = parseMessage(text);
    const callId = message.callId();
    this.world.journal.note({ who: this.options.name, isSent: false, node: host, callId, text });
    if (message.kind === 'response') {
      this.#pending.get(branchOf(message.headers.value(HeaderId.Via)))?.onResponse(message, host);
      return;
    }
    const { method } = message;
    if (method === 'ACK') {
      const dialog = this.dialogs.get(callId);
      if (dialog?.leg.side === 'B' && dialog.leg.final === 200) dialog.leg.confirmedAtMs ??= this.world.journal.nowMs();
      return;
    }
    const key = `${method} ${branchOf(message.headers.value(HeaderId.Via))}`;
    const served = this.#served.get(key);
    if (served !== undefined) {
      if (served !== '') this.send(served, host, callId);
      return;
    }
    const reply = (status: number, more: ReplyOptions = {}) => this.#reply(message, host, key, status, more);
    this.#served.set(key, '');
    if (method === 'INVITE' && !hasTag(message)) this.#called(message, host, reply);
    else if (method === 'CANCEL') this.#cancelled(message, reply);
    else this.#within(message, host, reply);
  }

  #reply(request: SipRequest, host: string, key: string, status: number, { toTag, headers, body }: ReplyOptions): void {
    const content = body === undefined ? {} : { body, contentType: 'application/sdp' };
    const options = { toTag: toTag ?? this.options.name, headers: headers ?? [], ...content };
    const text = serialize(createResponse(request, status, undefined, options));
    this.#served.set(key, text);
    this.send(text, host, request.callId());
  }

  #called(request: SipRequest, host: string, reply: Reply): void {
    const { journal, random } = this.world;
    const { name, keyOf, answer, trunkPort = 0 } = this.options;
    const leg = journal.leg({
      key: keyOf(request),
      side: 'B',
      who: name,
      callId: request.callId(),
      node: host,
      trunkPort,
    });
    const toTag = `${name}${Math.floor(random() * 1e9)}`;
    const dialog: Dialog = {
      leg,
      local: `${request.headers.value(HeaderId.To)};tag=${toTag}`,
      remote: request.headers.value(HeaderId.From) ?? '',
      target: uriOf(request.headers.value(HeaderId.Contact)),
      cseq: 100,
      invite: { request, node: host },
      timers: [],
    };
    leg.node = hostOf(dialog.target);
    this.dialogs.set(leg.callId, dialog);
    const { ringMs, status, talkMs } = answer();
    const headers: [HeaderId, string][] = [
      [HeaderId.Contact, this.contact],
      [HeaderId.Allow, this.allow.slice(7)],
    ];
    leg.ringsAtMs.push(journal.nowMs());
    reply(180, { toTag, headers });
    this.later(dialog, ringMs, () => {
      if (leg.final !== undefined) return;
      leg.final = status;
      leg.finalAtMs = journal.nowMs();
      if (status >= 300) {
        reply(status, { toTag });
        return;
      }
      leg.answeredAtMs = journal.nowMs();
      this.#answerUntilConfirmed(dialog, () => reply(200, { toTag, headers, body: SDP }));
      if (talkMs !== undefined) this.later(dialog, talkMs, () => this.#hangUpOnceConfirmed(dialog));
    });
  }

  /** RFC 3261 §15: no BYE of a callee before the ACK to his 2xx, or before that has not come for good. */
  #hangUpOnceConfirmed(dialog: Dialog): void {
    const { confirmedAtMs, endedAtMs } = dialog.leg;
    if (confirmedAtMs === undefined && endedAtMs === undefined)
      this.later(dialog, T1_MS, () => this.#hangUpOnceConfirmed(dialog));
    else void this.hangUp(dialog);
  }

  /** RFC 3261 §13.3.1.4: again until the ACK, and BYE where it does not come. */
  #answerUntilConfirmed(dialog: Dialog, send: () => void): void {
    const { leg } = dialog;
    const began = performance.now();
    let intervalMs = T1_MS;
    const again = () => {
      if (leg.confirmedAtMs !== undefined || leg.endedAtMs !== undefined) return;
      if (performance.now() - began > LIFE_MS) {
        void this.hangUp(dialog);
        return;
      }
      send();
      this.later(dialog, intervalMs, again);
      intervalMs = Math.min(intervalMs * 2, T2_MS);
    };
    again();
  }

  #cancelled(request: SipRequest, reply: Reply): void {
    const dialog = this.dialogs.get(request.callId());
    if (dialog === undefined) {
      reply(481);
      return;
    }
    reply(200);
    const { leg, invite } = dialog;
    if (leg.final !== undefined || invite === undefined) return;
    leg.cancelledAtMs = this.world.journal.nowMs();
    leg.final = 487;
    leg.finalAtMs = leg.cancelledAtMs;
    const key = `INVITE ${branchOf(invite.request.headers.value(HeaderId.Via))}`;
    this.#reply(invite.request, invite.node, key, 487, { toTag: dialog.local.split('tag=').at(-1) ?? '' });
  }

  #within(request: SipRequest, host: string, reply: Reply): void {
    const { method } = request;
    const dialog = hasTag(request) ? this.dialogs.get(request.callId()) : undefined;
    if (dialog === undefined) {
      if (hasTag(request)) reply(481);
      else {
        const response = this.options.onOther?.(request, host);
        if (response === undefined) reply(method === 'OPTIONS' ? 200 : 501);
        else {
          const text = serialize(response);
          this.#served.set(`${method} ${branchOf(request.headers.value(HeaderId.Via))}`, text);
          this.send(text, host, request.callId());
        }
      }
      return;
    }
    const { leg } = dialog;
    if (leg.endedAtMs !== undefined) {
      reply(method === 'BYE' && leg.endedBy === 'self' ? 200 : 481);
      return;
    }
    if (method === 'BYE') {
      leg.endedAtMs = this.world.journal.nowMs();
      leg.endedBy = 'peer';
      reply(200);
      return;
    }
    const contact = request.headers.value(HeaderId.Contact);
    if ((method === 'INVITE' || method === 'UPDATE') && contact !== undefined) {
      dialog.target = uriOf(contact);
      leg.node = hostOf(dialog.target);
    }
    const asks = method === 'INVITE' || request.body !== '';
    reply(200, { headers: [[HeaderId.Contact, this.contact]], ...(asks ? { body: SDP } : {}) });
  }
}

interface ReplyOptions {
  readonly toTag?: string;
  readonly headers?: [HeaderId, string][];
  readonly body?: string;
}
type Reply = (status: number, options?: ReplyOptions) => void;

export const SDP = [
  'v=0',
  'o=chaos 1 1 IN IP4 10.9.0.1',
  's=-',
  'c=IN IP4 10.9.0.1',
  't=0 0',
  'm=audio 30000 RTP/AVP 8',
  '',
].join('\r\n');

export function branchOf(via: string | undefined): string {
  return /branch=([^;,\s]+)/.exec(via ?? '')?.[1] ?? '';
}

export function uriOf(contact: string | undefined): string {
  return /<([^>]*)>/.exec(contact ?? '')?.[1] ?? contact ?? '';
}

export function hostOf(uri: string): string {
  return uri
    .slice(uri.indexOf('@') + 1)
    .replace(/^sip:/, '')
    .replace(/[:;].*/, '');
}

function hasTag(request: SipRequest): boolean {
  return /;\s*tag=/i.test(request.headers.value(HeaderId.To) ?? '');
}
