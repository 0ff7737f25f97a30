import { silentLog } from '../../src/base/log.ts';
import { Calls, type CallsOptions } from '../../src/call/calls.ts';
import type { BranchPlan, CallPlan, LegOptions, Rejection, Stage, StageOutcome } from '../../src/call/plan.ts';
import type { CallRouter } from '../../src/call/ports.ts';
import type { LiveRecord } from '../../src/call/record.ts';
import { Dialog } from '../../src/sip/dialog/index.ts';
import {
  type ClientTransaction,
  Endpoint,
  type EndpointTransport,
  type ServerTransaction,
} from '../../src/sip/endpoint/index.ts';
import {
  createResponse,
  HeaderId,
  parseMessage,
  type SipMessage,
  SipRequest,
  type SipResponse,
} from '../../src/sip/message/index.ts';
import type { Flow, Target, TransportUser } from '../../src/sip/transport/index.ts';
import { seededRandom } from '../kit/simulated-link.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

/** What the network does to each datagram. */
export interface Weather {
  loss: number;
  duplication: number;
  minDelayMs: number;
  maxDelayMs: number;
}

/** In which whatever is sent has come, and has been answered. */
const STEP_MS = 100;

export const FAIR: Weather = { loss: 0, duplication: 0, minDelayMs: 5, maxDelayMs: 5 };

/** A simulated UDP network on virtual time: real endpoints, no sockets. */
export class Network {
  readonly scheduler = new VirtualScheduler();
  weather: Weather = { ...FAIR };
  /** As over connections: nobody sends again what may be lost. */
  isReliable = false;
  /** `from>to METHOD|status`, in order of sending. */
  readonly ladder: string[] = [];
  readonly #random: () => number;
  readonly #nodes = new Map<string, SimulatedTransport>();
  /** Hosts that hear nothing and are not heard. */
  readonly silenced = new Set<string>();
  /** Swallows a message when it says so; for losing one chosen message. */
  drops: (from: string, to: string, message: SipMessage) => boolean = () => false;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
  }

  add(node: SimulatedTransport): void {
    this.#nodes.set(node.host, node);
  }

  carry(from: string, to: string, text: string): void {
    const message = parseMessage(text);
    this.ladder.push(`${from}>${to} ${message.kind === 'request' ? message.method : message.status}`);
    if (this.silenced.has(from) || this.silenced.has(to) || this.drops(from, to, message)) return;
    const { loss, duplication, minDelayMs, maxDelayMs } = this.weather;
    const copies = this.#random() < loss ? 0 : this.#random() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      this.scheduler.after(minDelayMs + this.#random() * (maxDelayMs - minDelayMs), () => {
        const node = this.#nodes.get(to);
        node?.user.onMessage(text, node.flow(from));
      });
    }
  }

  /** How often `line` was sent. */
  count(line: string): number {
    return this.ladder.filter((each) => each === line).length;
  }
}

class SimulatedFlow implements Flow {
  readonly transport = 'udp';
  readonly localPort = 5060;
  readonly remotePort = 5060;
  readonly listenerId = 'udp';
  readonly connected = true;
  readonly closed = false;
  readonly tls = undefined;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly key: string;
  readonly #network: Network;

  constructor(network: Network, local: string, remote: string) {
    this.#network = network;
    this.localAddress = local;
    this.remoteAddress = remote;
    this.key = `${local}-${remote}`;
  }

  get reliable(): boolean {
    return this.#network.isReliable;
  }

  send(text: string): void {
    this.#network.carry(this.localAddress, this.remoteAddress, text);
  }
  keepAlive(): void {}
  close(): void {}
}

class SimulatedTransport implements EndpointTransport {
  readonly host: string;
  readonly user: TransportUser;
  readonly counters = {} as EndpointTransport['counters'];
  readonly #network: Network;
  readonly #flows = new Map<string, SimulatedFlow>();

  constructor(network: Network, host: string, user: TransportUser) {
    this.#network = network;
    this.host = host;
    this.user = user;
    network.add(this);
  }

  flow(remote: string): Flow {
    let flow = this.#flows.get(remote);
    if (flow === undefined) {
      flow = new SimulatedFlow(this.#network, this.host, remote);
      this.#flows.set(remote, flow);
    }
    return flow;
  }
  flowTo(target: Target): Flow {
    return this.flow(target.address);
  }
  async open(): Promise<never[]> {
    return [];
  }
  async close(): Promise<void> {}
  listening(): never[] {
    return [];
  }
  supports(transport: string): boolean {
    return transport === 'udp';
  }
  advertised(): { host: string; port: number } {
    return { host: this.host, port: 5060 };
  }
  advertisedToward(): { host: string; port: number } {
    return { host: this.host, port: 5060 };
  }
  alias(): void {}
}

export function sdp(name: string, media = 'audio 4000 RTP/AVP 0'): string {
  return `v=0\r\no=${name} 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=${media}\r\n`;
}

export interface Content {
  body?: string;
  type?: string;
  headers?: readonly (readonly [HeaderId, string])[];
}

/** A request of a party and what came back. */
export class Sent {
  readonly request: SipRequest;
  readonly responses: SipResponse[] = [];
  transaction: ClientTransaction | undefined = undefined;
  timedOut = false;

  constructor(request: SipRequest) {
    this.request = request;
  }

  get statuses(): number[] {
    return this.responses.map((response) => response.status);
  }
  get final(): SipResponse | undefined {
    return this.responses.find((response) => response.status >= 200);
  }
}

/** A user agent under a test's control: on a real endpoint, with as few habits as possible. */
export class Party {
  readonly host: string;
  readonly endpoint: Endpoint;
  readonly network: Network;
  readonly received: SipRequest[] = [];
  readonly invites: ServerTransaction[] = [];
  readonly acks: SipRequest[] = [];
  /** Established or early dialogs by remote tag. */
  readonly dialogs: Dialog[] = [];
  /** What it does with a request; BYE and the rest of the harmless ones are 200 by default. */
  onRequest: (transaction: ServerTransaction, request: SipRequest) => void = () => {};
  /** Body of the ACK to a 2xx; undefined leaves it out, null sends no ACK at all. */
  ackBody: string | undefined | null = undefined;
  readonly #localTag: string;

  constructor(network: Network, host: string) {
    this.network = network;
    this.host = host;
    this.#localTag = `tag-${host}`;
    this.endpoint = new Endpoint(
      {
        scheduler: network.scheduler,
        supported: ['100rel', 'timer', 'replaces', 'norefersub'],
        createTransport: (user) => new SimulatedTransport(network, host, user),
      },
      {
        onRequest: (transaction, request) => this.#receive(transaction, request),
        onAck: (request) => this.acks.push(request),
      },
      silentLog,
    );
  }

  get contact(): string {
    return `<sip:${this.host}>`;
  }
  get dialog(): Dialog {
    const dialog = this.dialogs.at(-1);
    if (dialog === undefined) throw new Error(`${this.host} has no dialog`);
    return dialog;
  }
  get invite(): ServerTransaction {
    const invite = this.invites.at(-1);
    if (invite === undefined) throw new Error(`${this.host} was not invited`);
    return invite;
  }
  requests(method: string): SipRequest[] {
    return this.received.filter((request) => request.method === method);
  }

  /** Places a call to the engine. */
  call(content: Content = { body: sdp('caller') }, callId = `call-${this.host}-${this.network.ladder.length}`): Sent {
    const request = new SipRequest('INVITE', 'sip:callee@engine');
    const { headers } = request;
    headers.add(HeaderId.MaxForwards, '70');
    headers.add(HeaderId.From, `<sip:${this.host}>;tag=${this.#localTag}`);
    headers.add(HeaderId.To, '<sip:callee@engine>');
    headers.add(HeaderId.CallId, callId);
    headers.add(HeaderId.CSeq, '1 INVITE');
    headers.add(HeaderId.Contact, this.contact);
    return this.#send(fill(request, content));
  }

  /** Sends a request within a dialog. */
  send(method: string, content: Content = {}, dialog = this.dialog): Sent {
    return this.#send(fill(dialog.createRequest(method), content));
  }

  /** The same, and what comes of it. */
  calls(...asked: Parameters<Party['call']>): Sent {
    return this.#withItsEffects(() => this.call(...asked));
  }
  sends(...asked: Parameters<Party['send']>): Sent {
    return this.#withItsEffects(() => this.send(...asked));
  }
  /** Answers its latest INVITE. */
  answers(status: number, content?: Content, tag?: string): void {
    this.#withItsEffects(() => this.answer(this.invite, status, content, tag));
  }

  #withItsEffects<T>(act: () => T): T {
    const made = act();
    this.network.scheduler.advance(STEP_MS);
    return made;
  }

  /** Answers an INVITE or any other request; 101 to 299 to an INVITE make its dialog. */
  answer(transaction: ServerTransaction, status: number, content: Content = {}, tag = this.#localTag): void {
    const { request } = transaction;
    const response = fill(createResponse(request, status, undefined, { toTag: tag }), content);
    if (status > 100 && status < 300 && (request.method === 'INVITE' || request.method === 'UPDATE')) {
      if (!response.headers.has(HeaderId.Contact)) response.headers.add(HeaderId.Contact, this.contact);
      for (const route of request.headers.fieldValues(HeaderId.RecordRoute))
        response.headers.add(HeaderId.RecordRoute, route);
    }
    if (request.method === 'INVITE' && request.toTag() === undefined && status > 100 && status < 300) {
      let dialog = this.dialogs.find((each) => each.callId === request.callId() && each.localTag === tag);
      if (dialog === undefined) {
        dialog = Dialog.createUas(request, tag, this.contact);
        this.dialogs.push(dialog);
      }
      if (status >= 200) dialog.confirm();
    }
    transaction.respond(response);
  }

  #send(request: SipRequest): Sent {
    const sent = new Sent(request);
    sent.transaction = this.endpoint.sendRequest(
      request,
      { transport: 'udp', address: 'engine', port: 5060 },
      {
        onResponse: (response) => this.#onResponse(sent, response),
        onTimeout: () => {
          sent.timedOut = true;
        },
        onTransportError: () => {
          sent.timedOut = true;
        },
      },
    );
    return sent;
  }

  #onResponse(sent: Sent, response: SipResponse): void {
    sent.responses.push(response);
    if (sent.request.method !== 'INVITE' || response.status <= 100 || response.status >= 300) return;
    const tag = response.toTag();
    let dialog = this.dialogs.find((each) => each.callId === response.callId() && each.remoteTag === tag);
    if (dialog === undefined) {
      dialog = Dialog.createUac(sent.request, response);
      this.dialogs.push(dialog);
    }
    if (response.status < 200) return;
    dialog.confirm(response);
    if (this.ackBody === null) return;
    const ack = fill(dialog.createAck(sent.request), this.ackBody === undefined ? {} : { body: this.ackBody });
    this.endpoint.sendAck(ack, { transport: 'udp', address: 'engine', port: 5060 });
  }

  #receive(transaction: ServerTransaction, request: SipRequest): void {
    transaction.admit();
    this.received.push(request);
    if (request.method === 'INVITE') this.invites.push(transaction);
    for (const dialog of this.dialogs) if (dialog.callId === request.callId()) dialog.receiveRequest(request);
    this.onRequest(transaction, request);
    if (request.method !== 'INVITE' && transaction.state === 'trying') transaction.reply(200);
  }
}

export function fill<M extends SipMessage>(message: M, content: Content): M {
  for (const [id, value] of content.headers ?? []) message.headers.set(id, value);
  if (content.body !== undefined) {
    message.headers.set(HeaderId.ContentType, content.type ?? 'application/sdp');
    message.body = content.body;
  }
  return message;
}

/** The engine between the parties: a real endpoint and the calls under test. */
export class Engine {
  readonly endpoint: Endpoint;
  readonly calls: Calls;
  readonly started: LiveRecord[] = [];
  readonly ended: LiveRecord[] = [];
  readonly outOfDialog: SipRequest[] = [];
  plan: (request: SipRequest) => CallPlan = () => rejecting(404);
  /** Number of the party. */
  owner: string | undefined = undefined;
  /** The leg of whoever takes a place; undefined: one of `owner`. */
  newcomer: LegOptions | undefined = undefined;
  router: CallRouter = { referred: () => ({ status: 603 }), mayReplace: () => true };

  constructor(network: Network, options: Partial<CallsOptions> = {}) {
    this.endpoint = new Endpoint(
      {
        scheduler: network.scheduler,
        supported: ['100rel', 'timer', 'replaces', 'norefersub'],
        createTransport: (user) => new SimulatedTransport(network, 'engine', user),
      },
      {
        onRequest: (transaction, request) => this.#receive(transaction, request),
        onAck: (request, flow) => this.calls.ack(request, flow),
        onStrayAnswer: (response, flow) => this.calls.strayAnswer(response, flow),
      },
      silentLog,
    );
    this.calls = new Calls({
      endpoint: this.endpoint,
      scheduler: network.scheduler,
      router: {
        referred: (call, leg, referTo, referredBy) => this.router.referred(call, leg, referTo, referredBy),
        refusesPhone: (call, leg, referTo) => this.router.refusesPhone?.(call, leg, referTo) === true,
        mayReplace: (requester, call, leg) => this.router.mayReplace(requester, call, leg),
      },
      observers: [
        {
          onCallStarted: (record) => this.started.push(record),
          onCallEnded: (record) => this.ended.push(record),
        },
      ],
      log: silentLog,
      ...options,
    });
  }

  /** Nothing is left: no call, no leg. */
  get isEmpty(): boolean {
    return this.calls.counters.live === 0 && this.calls.counters.legs === 0;
  }

  #receive(transaction: ServerTransaction, request: SipRequest): void {
    if (this.calls.handle(transaction, request)) return;
    transaction.admit();
    if (request.method === 'INVITE' && request.headers.has(HeaderId.Replaces)) {
      this.calls.replace(transaction, this.newcomer ?? legOptions(this.owner));
    } else if (request.method === 'INVITE') {
      this.calls.start(transaction, this.plan(request));
    } else {
      this.outOfDialog.push(request);
      transaction.reply(405);
    }
  }
}

export function legOptions(owner?: string): LegOptions {
  return { contact: '<sip:engine:5060>', ...(owner !== undefined && { owner: { tenant: 'acme', number: owner } }) };
}

/** A branch to one party, with the caller's body. */
export function branchTo(
  request: SipRequest | undefined,
  hosts: string | string[],
  extra: Partial<BranchPlan> = {},
): BranchPlan {
  const list = typeof hosts === 'string' ? [hosts] : hosts;
  const type = request?.headers.value(HeaderId.ContentType);
  return {
    label: list[0] as string,
    draft: {
      requestUri: `sip:callee@${list[0]}`,
      from: '<sip:caller@engine>',
      to: `<sip:callee@${list[0]}>`,
      contact: '<sip:engine:5060>',
      routes: [],
      headers: type === undefined ? [] : [['Content-Type', type]],
      body: request?.body ?? '',
    },
    options: legOptions(list[0]),
    resolve: () => list.map((address) => ({ transport: 'udp', address, port: 5060 })),
    ...extra,
  };
}

/** A plan of stages in order; `outcomes` collects what each stage came to. */
export function stages(list: Stage[], extra: Partial<CallPlan> = {}, outcomes: StageOutcome[] = []): CallPlan {
  let index = 0;
  return {
    next(outcome) {
      if (outcome !== undefined) outcomes.push(outcome);
      return list[index++] ?? lastWord(outcome);
    },
    callerLeg: legOptions('caller'),
    facts: { direction: 'outbound', caller: 'caller', called: 'callee' },
    ...extra,
  };
}

function lastWord(outcome: StageOutcome | undefined): Rejection {
  return outcome === undefined ? { status: 404 } : { status: outcome.status, reason: outcome.reason };
}

export function rejecting(status: number): CallPlan {
  return { ...stages([]), next: () => ({ status }) };
}

/** Caller A, callees B and C, and the engine. By default everything A dials rings at B. */
export class World {
  readonly network: Network;
  readonly engine: Engine;
  readonly a: Party;
  readonly b: Party;
  readonly c: Party;

  constructor(options: { seed?: number; calls?: Partial<CallsOptions> } = {}) {
    this.network = new Network(options.seed);
    this.engine = new Engine(this.network, options.calls);
    this.a = new Party(this.network, 'a');
    this.b = new Party(this.network, 'b');
    this.c = new Party(this.network, 'c');
    this.engine.plan = (request) => stages([{ branches: [branchTo(request, 'b')] }]);
  }

  /** Lets `ms` pass. */
  run(ms = STEP_MS): void {
    this.network.scheduler.advance(ms);
  }

  /** A call from A to B, answered and acknowledged. */
  connect(): Sent {
    const sent = this.a.calls();
    this.b.answers(200, { body: sdp('callee') });
    return sent;
  }

  /** The party hangs up. */
  ends(party = this.a): boolean {
    party.send('BYE');
    return this.settles();
  }

  /** Lets every timer run out; true when the engine holds nothing any more. */
  settles(): boolean {
    this.network.scheduler.runUntilIdle();
    return this.engine.isEmpty && this.network.scheduler.armedCount === 0;
  }

  get record(): LiveRecord {
    const record = this.engine.ended.at(-1);
    if (record === undefined) throw new Error('no call has ended');
    return record;
  }
}

/** A world, and those in it. */
export function scene(options?: ConstructorParameters<typeof World>[0]) {
  const world = new World(options);
  const { a, b, c, network, engine } = world;
  return { world, a, b, c, network, engine };
}
