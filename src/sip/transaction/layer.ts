import { fnv1a } from '../../base/fnv.ts';
import { RecentHashes } from '../../base/recent-hashes.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { TokenMap } from '../../base/token-map.ts';
import { createResponse, HeaderId, type SipRequest, type SipResponse, serialize } from '../message/index.ts';
import type { ClientTransactionBase } from './client-transaction.ts';
import { TransactionCounters } from './counters.ts';
import { InviteClientTransaction } from './invite-client.ts';
import { InviteServerTransaction } from './invite-server.ts';
import { KeptServers } from './kept-servers.ts';
import { type KnownRequest, LingeringBranches, LingeringRequests } from './lingering.ts';
import { copyMark, hasCookie, keyHash, serverKey } from './matching.ts';
import { canBeMerged, MergedRequests, mergeHash } from './merged-requests.ts';
import { NonInviteClientTransaction } from './non-invite-client.ts';
import { NonInviteServerTransaction } from './non-invite-server.ts';
import { addressOf, isFull, LINGERING_AS_ONE, type PlaceJudges, ServerPlaces, type Shortage } from './server-places.ts';
import { ServerTransactionBase } from './server-transaction.ts';
import { StatelessTags } from './stateless-tag.ts';
import { DEFAULT_TIMERS, type TimerSettings } from './timers.ts';
import type { Transaction, TransactionHost } from './transaction.ts';
import type {
  Channel,
  ClientTransaction,
  ClientTransactionOptions,
  ClientTransactionUser,
  TransactionLayerUser,
} from './types.ts';

/**
 * Owns every transaction and finds the one a message belongs to (RFC 3261 §17.1.3, §17.2.3). No socket, no clock: messages come in
 * through `receive…`, time through the scheduler, and leave through each transaction's channel.
 *
 * Rules it keeps: a request reaches the user once; a response reaches a user only through its transaction; a message with the right
 * branch from another address touches nothing; over the limit, new work is refused without keeping state, and requests that end or
 * belong to calls are refused last.
 *
 * Messages handed in have passed the validator: their Via, From, To, Call-ID and CSeq are readable.
 */
export interface TransactionLayerOptions<F extends Channel> extends PlaceJudges<F> {
  readonly scheduler: Scheduler;
  readonly user: TransactionLayerUser<F>;
  /** Sends a final response for which nothing is kept; default: over the flow, as it is. */
  readonly sendStateless?: (response: SipResponse, request: SipRequest, flow: F) => void;
  /** Base times; each default is RFC 3261's. */
  readonly timers?: Partial<TimerSettings>;
  /**
   * New requests are refused with 503 from here on; those within dialogs, CANCEL and emergency calls only a quarter above it. One address
   * has three quarters of it at most. Of those that linger eight count as one. Default 100,000.
   */
  readonly maxServerTransactions?: number;
  /** The same of the octets of the heap that they take, by estimate. Default: any. */
  readonly maxServerOctets?: number;
  /** What those that linger take outside of the heap, octets, of which one source has a share. Default: 256 MB of each of five kinds, the most. */
  readonly maxLingeringOctets?: number;
  /** Client transactions above it fail with a transport error, counted alike. Default 100,000; CANCEL and requests within dialogs get a quarter more. */
  readonly maxClientTransactions?: number;
  /**
   * Whether a response, or a CANCEL or ACK, that came over `actual` may belong to a transaction of `expected`; of the latter two `peer` is who
   * was admitted ({@link ServerTransaction.admit}), if that is anybody who has several addresses. Default: any may.
   */
  readonly samePeer?: (expected: F, actual: F, peer?: string) => boolean;
}

const DEFAULT_MAX_TRANSACTIONS = 100_000;

export class TransactionLayer<F extends Channel = Channel> implements TransactionHost<F> {
  readonly scheduler: Scheduler;
  readonly timers: TimerSettings;
  readonly counters = new TransactionCounters();
  /** Of the requests among {@link TransactionCounters.refused}: for want of what. */
  readonly shortages: Record<Shortage, number> = {
    places: 0,
    placesOfAddress: 0,
    memory: 0,
    memoryOfAddress: 0,
  };
  readonly #user: TransactionLayerUser<F>;
  readonly #sendStateless: NonNullable<TransactionLayerOptions<F>['sendStateless']>;
  readonly #samePeer: TransactionLayerOptions<F>['samePeer'];
  readonly #places: ServerPlaces<F>;
  readonly #maxClients: number;
  readonly #servers = new KeptServers<ServerTransactionBase<F>>();
  /** By branch, which a CANCEL shares with its INVITE. */
  readonly #clients = new TokenMap<ClientTransactionBase<F>>();
  readonly #tags = new StatelessTags();
  /** Keys of server transactions that were kept, or began to linger, within 64*T1: nearly every request is in no list at all. */
  readonly #recent: RecentHashes;
  readonly #merged = new MergedRequests<ServerTransactionBase<F>>();
  /** First transaction of each flow's list. */
  readonly #byFlow = new Map<F, Transaction<F>>();
  readonly #lingeringRequests: LingeringRequests<F>;
  readonly #lingeringBranches: LingeringBranches<F>;

  constructor(options: TransactionLayerOptions<F>) {
    this.scheduler = options.scheduler;
    this.timers = { ...DEFAULT_TIMERS, ...options.timers };
    this.#recent = new RecentHashes(64 * this.timers.t1Ms, this.scheduler.nowMs());
    this.#user = options.user;
    this.#sendStateless = options.sendStateless ?? ((response, _request, flow) => flow.send(serialize(response)));
    this.#samePeer = options.samePeer;
    const { maxServerTransactions = DEFAULT_MAX_TRANSACTIONS, maxServerOctets = Number.POSITIVE_INFINITY } = options;
    this.#places = new ServerPlaces<F>(maxServerTransactions, maxServerOctets, options);
    this.#maxClients = options.maxClientTransactions ?? DEFAULT_MAX_TRANSACTIONS;
    const { maxLingeringOctets: mostOctets = Number.POSITIVE_INFINITY } = options;
    this.#lingeringRequests = new LingeringRequests(this.scheduler, this.timers, this.counters, mostOctets, (source) =>
      this.#places.giveRecord(source),
    );
    this.#lingeringBranches = new LingeringBranches(this.scheduler, this.timers, this.counters, mostOctets);
  }

  /** Server transactions alive now, lingering ones included. */
  get serverCount(): number {
    return this.#places.count;
  }

  /** Client transactions alive now, lingering ones included. */
  get clientCount(): number {
    return this.#clients.size + this.#lingeringBranches.size;
  }

  /** How full each limit is, 1 is the limit: requests, the memory for those without a final answer, client transactions. */
  get fill(): { readonly places: number; readonly memory: number; readonly clients: number } {
    const clients = this.#clients.size + this.#lingeringBranches.size / LINGERING_AS_ONE;
    return { ...this.#places.fill, clients: clients / this.#maxClients };
  }

  /** What lingering ones take outside of the heap. */
  get lingeringOctets(): number {
    return this.#lingeringRequests.octets + this.#lingeringBranches.octets;
  }

  /** A request that passed the validator came over `flow`; its responses go back over the same flow. */
  receiveRequest(request: SipRequest, flow: F): void {
    if (request.method === 'ACK') {
      this.#receiveAck(request, flow);
      return;
    }
    const existing = this.#find(request, request.method);
    if (existing !== undefined && isRetransmission(existing, request)) {
      existing.receiveRequest();
      return;
    }
    const shortage = this.#places.refusalOf(request, flow);
    if (shortage !== undefined) {
      this.shortages[shortage]++;
      this.#refuse(request, flow);
      return;
    }
    if (request.method === 'CANCEL') {
      this.#receiveCancel(request, flow);
      return;
    }
    const transaction = this.#serverOf(request, flow);
    // §8.2.2.2: the same request by another path gets 482.
    if (canBeMerged(request)) {
      const hash = mergeHash(request);
      if (this.#merged.has(request, hash) || this.#lingeringRequests.hasMerged(request)) {
        this.counters.merged++;
        transaction.reply(482);
        return;
      }
      transaction.mergeHash = hash;
    }
    try {
      this.#user.onRequest(transaction, request);
      // Without a final response it is somebody's who still works on it.
      transaction.admit();
    } finally {
      transaction.seen();
    }
  }

  /** A response that passed the validator came over `flow`. */
  receiveResponse(response: SipResponse, flow: F): void {
    const method = response.method();
    const branch = response.topBranch();
    // §17.1.3: the branch of the top Via and the method of CSeq find the client transaction.
    let client = this.#clients.first(branch);
    while (client !== undefined && client.method !== method) client = this.#clients.next(client);
    const transaction = client ?? this.#lingeringBranches.find(branch, method);
    if (transaction === undefined) {
      this.counters.strayResponses++;
      if (method === 'INVITE') this.#user.onStrayAnswer?.(response, flow);
      return;
    }
    if (!this.#isFrom(transaction.flow, flow)) {
      this.counters.wrongPeer++;
      return;
    }
    transaction.receiveResponse(response);
  }

  /** Sends a request, which carries its Via with a fresh branch, in a new client transaction. Not for ACK, which has none. */
  createClient(
    request: SipRequest,
    flow: F,
    user: ClientTransactionUser<F>,
    options: ClientTransactionOptions = {},
  ): ClientTransaction<F> {
    const branch = options.branch ?? request.topVia().branch;
    const transaction =
      request.method === 'INVITE'
        ? new InviteClientTransaction(this, branch, request, flow, user, options)
        : new NonInviteClientTransaction(this, branch, request, flow, user, options);
    this.counters.clientTransactions++;
    const full = isFull(this.#clients.size, this.#lingeringBranches.size, this.#maxClients, request);
    this.#clients.add(transaction);
    this.#link(transaction);
    if (full) {
      this.counters.refused++;
      transaction.refuse();
    } else if (options.isUnderWay === true && transaction instanceof InviteClientTransaction) {
      transaction.goOn();
    } else {
      transaction.start();
    }
    return transaction;
  }

  /**
   * Whether a request with a branch of this hash (FNV-1a) may be kept, if it came within 64*T1: a copy comes no later. False is sure; else
   * the request is to be read to know.
   */
  mayKnow(branchHash: number): boolean {
    return this.#recent.mayHave(branchHash, this.scheduler.nowMs());
  }

  /** Makes the To tags of what is answered without being kept. */
  get tags(): StatelessTags {
    return this.#tags;
  }

  /** True for a retransmission: its transaction is there, whatever else the node may refuse now. */
  knows(request: SipRequest): boolean {
    return this.#find(request, request.method) !== undefined;
  }

  /** Answers 500 after a fault in the user, unless the request has its answer. False: no transaction of it is kept. */
  answerFault(request: SipRequest): boolean {
    const known = this.#find(request, request.method);
    if (known instanceof ServerTransactionBase) {
      if (known.request !== request) return false;
      known.reply(500);
    }
    return known !== undefined;
  }

  /** A flow failed or closed: each of its transactions is told (§17.1.4, RFC 6026 §7.1). */
  flowFailed(flow: F, reason: string): void {
    const affected: Transaction<F>[] = [];
    for (let entry = this.#byFlow.get(flow); entry !== undefined; entry = entry.nextOnFlow) affected.push(entry);
    for (const transaction of affected) transaction.transportFailed(reason);
  }

  /** Drops every transaction without a word to anybody; no timer stays armed. */
  close(): void {
    for (const first of this.#byFlow.values())
      for (let each: Transaction<F> | undefined = first; each !== undefined; each = each.nextOnFlow) each.disarm();
    this.#lingeringRequests.clear();
    this.#lingeringBranches.clear();
    this.#servers.clear();
    this.#places.clear();
    this.#clients.clear();
    this.#merged.clear();
    this.#byFlow.clear();
  }

  /** For the machines: a transaction has reached Terminated. */
  ended(transaction: Transaction<F>): void {
    if (transaction.isClient) this.#clients.delete(transaction as ClientTransactionBase<F>);
    else this.#forget(transaction as ServerTransactionBase<F>);
    this.refused(transaction);
    this.#unlink(transaction);
  }

  answered(transaction: Transaction<F>, answer: string): void {
    const server = transaction as ServerTransactionBase<F>;
    const merges = server.mergeHash === undefined ? undefined : server.request;
    this.#lingeringRequests.add(server, answer, merges);
    this.#forget(server);
    this.#recent.add(fnv1a(server.key), this.scheduler.nowMs());
    this.#places.takeRecord(server.source);
    this.#letGo(server);
  }

  heard(transaction: Transaction<F>, ack: string, ackFlow: F, user: ClientTransactionUser<F> | undefined): void {
    const client = transaction as ClientTransactionBase<F>;
    const { token, method, flow } = client;
    this.#clients.delete(client);
    if (method === 'INVITE') this.#lingeringBranches.addAccepted(token, flow, ack, ackFlow, user);
    else this.#lingeringBranches.addOther(token, flow, method);
    this.#letGo(client);
  }

  /** For the machines: refused, it is over, and the same request by another way is one more attempt (RFC 3261 §8.2.2.2: "ongoing"). */
  refused(transaction: Transaction<F>): void {
    if (!transaction.isClient) this.#merged.delete(transaction as ServerTransactionBase<F>);
  }

  /** For the machines: a CANCEL is a request of its own, hop by hop; nothing but its final response matters to anybody else. */
  startCancel(cancel: SipRequest, flow: F, heard: () => void): void {
    this.createClient(cancel, flow, cancelUser(heard));
  }

  /** For the machines: who sent the request is somebody. */
  admitted(transaction: Transaction<F>): void {
    const server = transaction as ServerTransactionBase<F>;
    this.counters.serverTransactions++;
    server.source = this.#places.sourceOf(server.request, server.flow);
  }

  /** For the machines: the request is kept from now on. */
  keep(transaction: Transaction<F>): void {
    const server = transaction as ServerTransactionBase<F>;
    const { key, sentByHost, sentByPort } = server;
    this.#recent.add(fnv1a(key), this.scheduler.nowMs());
    if (!hasCookie(key))
      this.#evict(this.#servers.find(server.keyHash, key, sentByHost, sentByPort, server.request.method));
    this.#servers.add(server);
    server.heldOctets = this.#places.takeMachine(server.request, server.source);
    this.#link(server);
    this.#merged.add(server);
  }

  statelessTag(request: SipRequest): string {
    return this.#tags.of(request);
  }

  answerStateless(response: SipResponse, request: SipRequest, flow: F): void {
    this.counters.stateless++;
    this.#sendStateless(response, request, flow);
  }

  #receiveAck(ack: SipRequest, flow: F): void {
    const transaction = this.#find(ack, 'INVITE');
    if (transaction instanceof InviteServerTransaction && isAckOf(transaction, ack)) {
      if (!this.#isFrom(transaction.flow, flow, transaction.peer)) {
        this.counters.wrongPeer++;
        return;
      }
      if (transaction.receiveAck()) return;
    }
    // §8.2.7: it acknowledges an answer that was not kept.
    if (StatelessTags.has(ack.toTag())) this.counters.statelessAcks++;
    else this.#user.onAck(ack, flow);
  }

  /** §9.2. The CANCEL is answered here: 481 when it means no INVITE that we know, 200 otherwise, whatever becomes of the INVITE. */
  #receiveCancel(cancel: SipRequest, flow: F, isLast = false, elsewhere?: string): void {
    const invite = this.#find(cancel, 'INVITE');
    if (invite === undefined && !isLast && this.#user.onStrayCancel !== undefined) {
      const again = (tag?: string) => {
        // It may have come again meanwhile, and been answered.
        if (this.#find(cancel, cancel.method) === undefined) this.#receiveCancel(cancel, flow, true, tag);
      };
      if (this.#user.onStrayCancel(cancel, flow, again)) return;
    }
    const transaction = this.#serverOf(cancel, flow);
    if (invite === undefined && elsewhere !== undefined) {
      transaction.admit();
      transaction.adoptTag(elsewhere);
      transaction.reply(200);
      transaction.seen();
      return;
    }
    if (invite === undefined) {
      this.counters.strayCancels++;
      transaction.reply(481);
      return;
    }
    if (!this.#isFrom(invite.flow, flow, invite.peer)) {
      this.counters.wrongPeer++;
      transaction.reply(481);
      return;
    }
    transaction.admit();
    transaction.adoptTag(invite.sentTag);
    transaction.reply(200);
    transaction.seen();
    const isOpen = invite instanceof InviteServerTransaction && invite.state !== 'accepted';
    if (isOpen) invite.receiveCancel(cancel);
    else this.#user.onLateCancel?.({ cancel, tag: invite.sentTag, from: addressOf(invite.flow), by: addressOf(flow) });
  }

  /**
   * A CANCEL that came to somebody else, who passes it on and answers it. Gives the tag of the responses to its INVITE; undefined where there
   * is none from whom `isFrom` says.
   */
  cancel(cancel: SipRequest, isFrom: (flow: F, peer: string) => boolean): string | undefined {
    const invite = this.#find(cancel, 'INVITE');
    if (invite === undefined || !isFrom(invite.flow, invite.peer)) return undefined;
    if (invite instanceof InviteServerTransaction && invite.state !== 'accepted') invite.receiveCancel(cancel);
    return invite.sentTag;
  }

  #serverOf(request: SipRequest, flow: F): ServerTransactionBase<F> {
    return request.method === 'INVITE'
      ? new InviteServerTransaction(this, request, flow)
      : new NonInviteServerTransaction(this, request, flow);
  }

  /** What is known of a request, as if its method were `method` (§17.2.3, §9.2). An ACK or CANCEL with a wrong CSeq means the latest of its branch and Call-ID. */
  #find(request: SipRequest, method: string): KnownRequest<F> | undefined {
    const { host, port } = request.topVia();
    const key = serverKey(request, method);
    const mark = copyMark(request);
    const hash = keyHash(request, key, mark);
    const kept = this.#servers.find(hash, key, host, port, method, mark);
    if (kept !== undefined) return kept;
    const known = this.mayKnow(fnv1a(key)) ? this.#lingeringRequests.find(key, mark, method, host, port) : undefined;
    if (known !== undefined || method === request.method) return known;
    const likely = this.#servers.find(hash, key, host, port, method);
    return likely?.request.callId() === request.callId() ? likely : undefined;
  }

  #forget(server: ServerTransactionBase<F>): void {
    if (this.#servers.delete(server)) this.#places.giveMachine(server.source, server.heldOctets);
  }

  /** It lives on for its user alone: no timer, no flow, no merged request has to do with it. */
  #letGo(transaction: Transaction<F>): void {
    transaction.disarm();
    this.refused(transaction);
    this.#unlink(transaction);
  }

  /** An RFC 2543 peer reused everything but the To tag: the key belongs to the newer request. */
  #evict(server: ServerTransactionBase<F> | undefined): void {
    if (server === undefined) return;
    server.disarm();
    this.ended(server);
  }

  /** §8.2.7: a stateless answer, the same for each copy of the request: its tag comes of what they have in common, its Retry-After of the tag. */
  #refuse(request: SipRequest, flow: F): void {
    this.counters.refused++;
    const toTag = this.#tags.of(request);
    const response = createResponse(request, 503, undefined, {
      toTag,
      headers: [[HeaderId.RetryAfter, String(1 + (fnv1a(toTag) % 10))]],
    });
    this.answerStateless(response, request, flow);
  }

  #isFrom(expected: F, actual: F, peer?: string): boolean {
    return expected === actual || this.#samePeer === undefined || this.#samePeer(expected, actual, peer);
  }

  #link(transaction: Transaction<F>): void {
    const head = this.#byFlow.get(transaction.flow);
    transaction.nextOnFlow = head;
    if (head !== undefined) head.previousOnFlow = transaction;
    this.#byFlow.set(transaction.flow, transaction);
  }

  #unlink(transaction: Transaction<F>): void {
    const { previousOnFlow, nextOnFlow, flow } = transaction;
    if (previousOnFlow === undefined && this.#byFlow.get(flow) !== transaction) return;
    if (nextOnFlow !== undefined) nextOnFlow.previousOnFlow = previousOnFlow;
    if (previousOnFlow !== undefined) previousOnFlow.nextOnFlow = nextOnFlow;
    else if (nextOnFlow !== undefined) this.#byFlow.set(flow, nextOnFlow);
    else this.#byFlow.delete(flow);
    transaction.previousOnFlow = undefined;
    transaction.nextOnFlow = undefined;
  }
}

/** The user of a CANCEL: the INVITE's own final response or timeout tells the rest. */
function cancelUser(heard: () => void): ClientTransactionUser<never> {
  const onResponse = ({ status }: SipResponse) => (status >= 200 ? heard() : undefined);
  return { onResponse, onTimeout() {}, onTransportError() {} };
}

/** With the cookie the key says all; an RFC 2543 request must also have the To tag of the one it repeats (§17.2.3). */
function isRetransmission(known: KnownRequest<Channel>, request: SipRequest): boolean {
  if (hasCookie(request.topVia().branch)) return true;
  return known instanceof ServerTransactionBase && known.request.toTag() === request.toTag();
}

/** An RFC 2543 ACK must carry the To tag of the response it acknowledges (§17.2.3). */
function isAckOf(transaction: InviteServerTransaction<Channel>, ack: SipRequest): boolean {
  return hasCookie(ack.topVia().branch) || transaction.sentTag === ack.toTag();
}
