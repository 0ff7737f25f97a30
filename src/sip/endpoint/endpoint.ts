import type { AddressScope } from '../../base/address-scope.ts';
import { PeerError, stackOf } from '../../base/errors.ts';
import { randomBranch, randomToken } from '../../base/ids.ts';
import type { Log, LogFields } from '../../base/log.ts';
import {
  DEFAULT_LIMITS,
  HeaderId,
  type MessageLimits,
  parseMessage,
  refuseExtensions,
  type SipRequest,
  type SipResponse,
  serialize,
  validateRequest,
  validateResponse,
} from '../message/index.ts';
import { type ClientTransactionOptions, TransactionLayer } from '../transaction/index.ts';
import type {
  Flow,
  HostPort,
  ListenerOptions,
  Listening,
  Target,
  TransportName,
  TransportUser,
} from '../transport/index.ts';
import { EndpointCounters } from './counters.ts';
import { Inbox } from './inbox.ts';
import type { MessageServer } from './inbox-options.ts';
import { LargeRequests, type SendOver } from './large-requests.ts';
import { Refusals, type RefusingEndpoint } from './refusals.ts';
import { isFlow, noteSource, ReplyFlow, replyPort, rerouteTarget, ViaPrefix } from './reply-route.ts';
import { closeIfSilent, SecondWay } from './second-way.ts';
import { sockets } from './sockets.ts';
import type {
  ClientTransaction,
  ClientTransactionUser,
  DrainAnswer,
  EndpointOptions,
  EndpointTransport,
  EndpointUser,
  Fence,
  MessageObserver,
  SendOptions,
} from './types.ts';

/**
 * The one place where transport, transactions and time meet.
 *
 * A message comes in as text. It is read, judged (a bad request is answered and forgotten, a bad response dropped), its source is
 * noted in Via, and its transaction gets it; what is new goes to the user. What the user sends gets its Via here.
 *
 * Rules: nothing that a peer sends ends more than its own message; a bad request costs no state; responses leave the way their
 * request came; every message is counted once in each direction.
 */
export class Endpoint implements TransportUser, RefusingEndpoint, MessageServer {
  readonly counters = new EndpointCounters();
  readonly transactions: TransactionLayer<Flow>;
  readonly transport: EndpointTransport;
  /** Orders what comes from sockets while there is more of it than time. */
  readonly inbox: Inbox | undefined;
  /** Unset: tracing costs one comparison per message. */
  observer: MessageObserver | undefined = undefined;
  /** Unset: nothing ever waits. */
  fence: Fence | undefined = undefined;
  readonly #user: EndpointUser;
  readonly #log: Log;
  readonly #options: EndpointOptions;
  readonly #supported: ReadonlySet<string>;
  readonly #large: LargeRequests;
  readonly #messageLimits: MessageLimits;
  readonly #viaPrefix = new ViaPrefix();
  readonly #refusals: Refusals;

  /** @param elder what it has learnt of peers holds here too. */
  constructor(options: EndpointOptions, user: EndpointUser, log: Log, elder?: Endpoint) {
    this.#options = options;
    this.#user = user;
    this.#log = log;
    this.#messageLimits = { ...DEFAULT_LIMITS, ...options.messageLimits };
    this.#supported = new Set((options.supported ?? []).map((tag) => tag.toLowerCase()));
    this.transactions = new TransactionLayer<Flow>({
      scheduler: options.scheduler,
      user,
      sendStateless: (response, request, flow) => this.#refusals.send(response, request, flow),
      samePeer: (expected, actual, peer) => this.isSamePeer(expected, actual, peer),
      ...(options.timers === undefined ? {} : { timers: options.timers }),
      ...(options.maxServerTransactions === undefined ? {} : { maxServerTransactions: options.maxServerTransactions }),
      ...(options.maxServerOctets === undefined ? {} : { maxServerOctets: options.maxServerOctets }),
      ...(options.sourceOf === undefined ? {} : { sourceOf: options.sourceOf }),
      ...(options.speaksForMany === undefined ? {} : { speaksForMany: options.speaksForMany }),
      ...(options.isEmergency === undefined ? {} : { isEmergency: options.isEmergency }),
      ...(options.maxLingeringOctets === undefined ? {} : { maxLingeringOctets: options.maxLingeringOctets }),
      ...(options.maxClientTransactions === undefined ? {} : { maxClientTransactions: options.maxClientTransactions }),
    });
    this.#refusals = new Refusals(this, options, this.#messageLimits, log);
    this.transport = options.createTransport?.(this) ?? sockets(options, this.#messageLimits, this, log);
    this.#large = new LargeRequests(
      this.transport,
      this.counters,
      options.scheduler,
      elder === undefined ? undefined : elder.#large,
    );
    const { scheduler: clock, sources, inboxLimits: limits, cpuShare, room } = options;
    if (sources !== undefined && options.createTransport === undefined)
      this.inbox = new Inbox({
        clock,
        cpuShare,
        room,
        ...(limits === undefined ? {} : { limits }),
        sourceOf: (address) => sources.sourceOf(address),
        server: this,
        readsOn: () => this.transport.takeTurns?.() === true,
      });
  }

  /** Opens every listener or none; throws a SettingsError that names the addresses at fault. */
  open(listeners: readonly ListenerOptions[]): Promise<Listening[]> {
    return this.transport.open(listeners);
  }

  /** From now on requests outside dialogs are answered as `answer` says, default 503; what is in progress goes on. */
  drain(answer: (request: SipRequest, flow: Flow) => DrainAnswer = () => 'refuse'): void {
    this.#refusals.drainAnswer = answer;
  }

  /** Ends every transaction without a word, then the sockets. */
  async close(): Promise<void> {
    this.transactions.close();
    await this.transport.close();
  }

  /** What Via and Contact say to a peer on a flow, toward a target, or over a transport; undefined when nothing listens for that. */
  advertised(to: Flow, scope?: AddressScope): HostPort;
  advertised(to: Flow | Target | TransportName, scope?: AddressScope): HostPort | undefined;
  advertised(to: Flow | Target | TransportName, scope: AddressScope = 'public'): HostPort | undefined {
    if (typeof to !== 'string') {
      return isFlow(to) ? this.transport.advertised(to, scope) : this.transport.advertisedToward(to, scope);
    }
    const listener = this.transport.listening().find((listening) => listening.transport === to);
    if (listener === undefined) return undefined;
    const { id, host, port } = listener;
    return this.transport.advertisedToward({ transport: to, address: host, port, listenerId: id }, scope);
  }

  /** A Call-ID for a request that begins a dialog. */
  newCallId(): string {
    return this.#options.ids === undefined ? randomToken() : this.#options.ids.newCallId();
  }

  /** The flow to a target, e.g. to keep a registered gateway's connection alive. */
  flowTo(target: Target): Flow {
    return this.transport.flowTo(target);
  }

  /**
   * Sends a request other than ACK in a client transaction of its own; the endpoint adds Via. A request is sent once: for the next
   * target make another one.
   */
  sendRequest(
    request: SipRequest,
    to: Flow | Target,
    user: ClientTransactionUser,
    options: SendOptions = {},
  ): ClientTransaction {
    const flow = this.#flowOf(to);
    const aliasWanted = !isFlow(to) && to.tls?.cert !== undefined;
    const branch = this.#newBranch();
    request.headers.prepend(HeaderId.Via, this.#via(flow, options) + branch + (aliasWanted ? ';alias' : ''));
    const text = serialize(request);
    const settings = { text, branch, timeoutMs: options.transactionTimeoutMs };
    if (isFlow(to)) {
      if (options.pastFlow !== undefined)
        return this.#sendOverIdle(request, flow, options.pastFlow, user, options, settings);
    } else {
      if (options.largeRequests !== 'udp' && this.#large.takes(to, text))
        return this.#large.send(request, to, user, this.#overAnother(request, options));
      if (flow.reliable && flow.connected) return this.#sendOverIdle(request, flow, to, user, options, settings);
    }
    return this.transactions.createClient(request, flow, user, settings);
  }

  /** Whether what came over `actual` may belong to what was sent over `expected`, or came over it from this peer: their ports may differ. */
  isSamePeer({ remoteAddress: expected }: Flow, { remoteAddress: actual }: Flow, peer?: string): boolean {
    return expected === actual || this.#options.ofOnePeer?.(expected, actual, peer) === true;
  }

  /** Goes on with an INVITE that another process has sent and that rang: what still comes to it is heard by `user`. Nothing is sent. */
  resumeInvite(invite: SipRequest, to: Flow | Target, user: ClientTransactionUser): ClientTransaction {
    return this.transactions.createClient(invite, this.#flowOf(to), user, { text: '', isUnderWay: true });
  }

  /** A connection that was idle may be dead, which shows when something is written to it. */
  #sendOverIdle(
    request: SipRequest,
    flow: Flow,
    to: Target,
    user: ClientTransactionUser,
    options: SendOptions,
    settings: ClientTransactionOptions,
  ): ClientTransaction {
    const sendOver = this.#overAnother(request, options);
    const sentAtMs = this.#options.scheduler.nowMs();
    const attempt: SecondWay = new SecondWay(user, (failure, failed) => {
      if (failure !== 'timeout') return failed.flow.closed ? sendOver(this.transport.flowTo(to), attempt) : undefined;
      closeIfSilent(failed.flow, sentAtMs);
      return undefined;
    });
    attempt.current = this.transactions.createClient(request, flow, attempt, settings);
    return attempt;
  }

  #overAnother(request: SipRequest, options: SendOptions): SendOver {
    return (flow, user, timeoutMs = options.transactionTimeoutMs) =>
      this.#sendOver(request, flow, user, options, timeoutMs);
  }

  /** The same request over another flow, with a Via for that one. */
  #sendOver(
    request: SipRequest,
    flow: Flow,
    user: ClientTransactionUser,
    options: SendOptions,
    timeoutMs: number | undefined,
  ): ClientTransaction {
    const branch = this.#newBranch();
    request.headers.set(HeaderId.Via, this.#via(flow, options) + branch);
    return this.transactions.createClient(request, flow, user, { text: serialize(request), branch, timeoutMs });
  }

  /**
   * An endpoint with the settings of this one and what it knows of its peers, for messages that are only thought through: on other
   * transports and another clock. Nothing is counted or learnt here.
   */
  rehearsal(parts: Required<Pick<EndpointOptions, 'scheduler' | 'createTransport'>>, user: EndpointUser): Endpoint {
    const { sources: _sources, overloadSeconds: _seconds, isEmergency: _isEmergency, ...settings } = this.#options;
    return new Endpoint({ ...settings, ...parts }, user, this.#log, this);
  }

  /**
   * Sends the ACK for a 2xx (§13.2.2.4), which has no transaction, and gives the flow that it went to. Sending the same request again
   * repeats it as it was. `acknowledged` is the INVITE that it acknowledges.
   */
  sendAck(request: SipRequest, to: Flow | Target, options: SendOptions = {}, acknowledged?: ClientTransaction): Flow {
    const flow = this.#flowOf(to);
    if (!request.headers.has(HeaderId.Via))
      request.headers.prepend(HeaderId.Via, this.#via(flow, options) + this.#newBranch());
    const text = serialize(request);
    acknowledged?.acknowledged(text, flow);
    flow.send(text);
    return flow;
  }

  // From the transports.

  get lookedMs(): number | undefined {
    return this.inbox?.lookedMs;
  }

  onMessage(text: string, flow: Flow, cameMs?: number): void {
    if (this.inbox === undefined) this.handle(text, flow);
    else this.inbox.push(text, flow, cameMs);
  }

  handle(text: string, flow: Flow): void {
    if (this.fence?.takes(text, flow, this) === true) return;
    this.observer?.onReceived(text, flow);
    let message: SipRequest | SipResponse;
    try {
      message = parseMessage(text, this.#messageLimits);
    } catch (error) {
      this.#countUnreadable(error, flow);
      return;
    }
    try {
      if (message.kind === 'request') this.#onRequestMessage(message, flow);
      else this.#onResponseMessage(message, flow);
    } catch (error) {
      this.onMessageFault(error, message, flow);
    }
  }

  disposes(octets: Buffer, flow: Flow, cameMs: number): boolean {
    if (this.inbox === undefined) return false;
    try {
      return this.inbox.disposes(octets, flow, cameMs);
    } catch (error) {
      this.#countFault(error, flow);
      return true;
    }
  }

  refuseUnread(text: string, flow: Flow): boolean {
    return this.#refusals.refuseUnread(text, flow);
  }

  refuseOctets(octets: Buffer, flow: Flow): boolean {
    return this.#refusals.refuseOctets(octets, flow);
  }

  onSent(text: string, flow: Flow): void {
    this.counters.sent[flow.transport].countText(text);
    this.observer?.onSent(text, flow);
  }

  onFramingLost(head: string | undefined, flow: Flow, error: PeerError): void {
    this.counters.malformed++;
    if (head === undefined) return;
    this.observer?.onReceived(head, flow);
    try {
      const message = parseMessage(head);
      if (message.kind === 'request') this.#refusals.refuse(message, flow, error.status, undefined, []);
    } catch (fault) {
      if (!(fault instanceof PeerError)) this.#countFault(fault, flow);
    }
  }

  onFlowClosed(flow: Flow, reason: string): void {
    this.#onFlowGone(flow, reason);
  }

  onFlowFailed(flow: Flow, reason: string): void {
    this.#log.info('flow-failed', {
      transport: flow.transport,
      remoteAddress: flow.remoteAddress,
      remotePort: flow.remotePort,
      reason,
    });
    this.#onFlowGone(flow, reason);
  }

  onKeepAlive(flow: Flow): void {
    this.#user.onKeepAlive?.(flow);
  }

  /**
   * §18.2.2: a response whose connection has ended goes over a new one, to the source address and the port in Via. A request fails,
   * on a later turn, since its transaction is in the middle of sending it.
   */
  onUndelivered(text: string, flow: Flow): void {
    if (!text.startsWith('SIP/2.0 ')) {
      this.#options.scheduler.schedule(
        0,
        { onTimer: () => this.#failTransactions(flow, 'the connection has ended') },
        0,
      );
      return;
    }
    try {
      const target = rerouteTarget(parseMessage(text).topVia(), flow);
      if (target === undefined) return;
      this.counters.reroutedResponses++;
      this.transport.flowTo(target).send(text);
    } catch (error) {
      // Its Via is that of the request.
      this.#countUnreadable(error, flow);
    }
  }

  #onRequestMessage(request: SipRequest, flow: Flow): void {
    this.counters.received[flow.transport].countRequest(request.method);
    const refusal = validateRequest(request, this.#messageLimits);
    if (refusal !== undefined) {
      this.#refusals.refuse(request, flow, refusal.status, refusal.reason, refusal.headers);
      return;
    }
    const via = request.topVia();
    // What a REGISTER may require is the registrar's to say (RFC 3327, RFC 5626): the first proxy of an IMS requires `path`.
    const unsupported = request.method === 'REGISTER' ? undefined : refuseExtensions(request, this.#supported);
    if (unsupported !== undefined) {
      this.#refusals.refuse(request, flow, unsupported.status, undefined, unsupported.headers);
      return;
    }
    const redirectTo = this.#refusals.redirectionOf(request, flow);
    if (redirectTo !== undefined) {
      this.#refusals.refuse(request, flow, 302, undefined, [[HeaderId.Contact, redirectTo]]);
      return;
    }
    const busySeconds = this.#refusals.busySeconds(request, flow);
    if (busySeconds !== undefined) {
      this.counters.overloaded++;
      this.#refusals.refuse(request, flow, 503, undefined, [[HeaderId.RetryAfter, String(busySeconds)]]);
      return;
    }
    // Nothing answers an ACK.
    if (request.method !== 'ACK') noteSource(request, via, flow);
    // RFC 5923 §5: the peer says that requests to its listening port may use this connection.
    if (flow.tls?.verified === true && via.params.has('alias')) this.transport.alias(flow, via.port ?? 5061);
    this.transactions.receiveRequest(request, this.replyFlow(request, flow));
  }

  #onResponseMessage(response: SipResponse, flow: Flow): void {
    if (!validateResponse(response)) {
      this.counters.malformed++;
      return;
    }
    this.counters.received[flow.transport].countResponse(response.status);
    this.transactions.receiveResponse(response, flow);
  }

  /** The way that the responses of a request take. */
  replyFlow(request: SipRequest, flow: Flow): Flow {
    if (flow.transport !== 'udp') return flow;
    const port = replyPort(request.topVia(), flow);
    if (port === flow.remotePort) return flow;
    const { remoteAddress: address, listenerId } = flow;
    return new ReplyFlow(flow, this.transport.flowTo({ transport: 'udp', address, port, listenerId }));
  }

  #flowOf(to: Flow | Target): Flow {
    if (!isFlow(to)) return this.transport.flowTo(to);
    return to instanceof ReplyFlow ? to.source : to;
  }

  #newBranch(): string {
    return this.#options.ids === undefined ? randomBranch() : this.#options.ids.newBranch();
  }

  #via(flow: Flow, options: SendOptions): string {
    const own = this.transport.advertised(flow, options.scope);
    return this.#viaPrefix.of(flow.transport, options.viaHost ?? own.host, options.viaPort ?? own.port);
  }

  #onFlowGone(flow: Flow, reason: string): void {
    if (this.fence?.takesEnd(() => this.#onFlowGone(flow, reason)) === true) return;
    this.#failTransactions(flow, reason);
    try {
      this.#user.onFlowClosed?.(flow, reason);
    } catch (error) {
      this.#countFault(error, flow);
    }
  }

  #failTransactions(flow: Flow, reason: string): void {
    try {
      this.transactions.flowFailed(flow, reason);
    } catch (error) {
      this.#countFault(error, flow);
    }
  }

  /** A fault of ours costs the message that met it a 500, and nobody else anything: also one that was served later than it came. */
  onMessageFault(error: unknown, message: SipRequest | SipResponse, flow: Flow): void {
    if (error instanceof PeerError) {
      if (message.kind === 'request') this.#refusals.refuse(message, flow, error.status, undefined, []);
      else this.counters.malformed++;
      return;
    }
    this.#countFault(error, flow);
    if (message.kind === 'response' || message.method === 'ACK') return;
    try {
      if (!this.transactions.answerFault(message)) this.#refusals.refuse(message, flow, 500, undefined, []);
    } catch (second) {
      this.#countFault(second, flow);
    }
  }

  #countUnreadable(error: unknown, flow: Flow): void {
    if (error instanceof PeerError) this.counters.malformed++;
    else this.#countFault(error, flow);
  }

  #countFault(error: unknown, { transport, remoteAddress }: Flow): void {
    this.onFault(error, { transport, remoteAddress });
  }

  /** A defect was caught. @param fields what it met */
  onFault(error: unknown, fields: LogFields): void {
    this.counters.uncaughtErrors++;
    this.#log.error('uncaught-error', { ...fields, stack: stackOf(error) });
  }
}
