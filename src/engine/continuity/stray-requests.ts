/**
 * A party that cannot be told where its call went on (no UPDATE, no session timer) sends BYE to the node that had it, and a caller who waits
 * sends CANCEL there. When that node lives again it has no such call; it passes the request on to the others, and whichever has the call ends
 * it: one that has lost the store, and is in no roster for that, may be the one. One that has just started, or stood still, knows of none of
 * them at first: it asks again until it does.
 */
import { cancelTimer, pause, type Scheduler, type Timer } from '../../base/scheduler.ts';
import type { Endpoint, ServerTransaction } from '../../sip/endpoint/index.ts';
import { HeaderId, parseMessage, type SipRequest, type SipResponse, serialize } from '../../sip/message/index.ts';
import type { Flow, Target } from '../../sip/transport/index.ts';
import type { PeerNodes } from '../peer-nodes.ts';
import type { KnownNodes } from './known-nodes.ts';
import { type NodeMark, SENDERS_VIA } from './node-mark.ts';
import { CARRIES } from './sealed-contacts.ts';

export interface StrayRequestsOptions {
  readonly endpoint: Pick<Endpoint, 'sendRequest'>;
  readonly peers: Pick<PeerNodes, 'names' | 'addressOf' | 'isPeerAddress'>;
  readonly known: Pick<KnownNodes, 'names' | 'latestNames' | 'lastAddressOf' | 'wasAt'>;
  readonly mark: NodeMark;
  readonly scheduler: Scheduler;
}

const ANSWER_MS = 500;
/** One packet of five may be lost, each way, and a node that has the call is to be heard all the same. */
const REPEAT_MS = 100;
/** Nodes tell of themselves, and hear of each other, twice a second. */
const UNKNOWN_MS = 1_500;
const AGAIN_MS = 250;
/** That wait at one time. */
const MAX_STRANGERS = 200;

export interface PassedCancel {
  readonly cancel: SipRequest;
  readonly from: string;
}

export class StrayRequests {
  readonly #options: StrayRequestsOptions;
  #unknownUntilMs = Number.NEGATIVE_INFINITY;
  #strangers = 0;

  constructor(options: StrayRequestsOptions) {
    this.#options = options;
  }

  /** The sockets are open, on a store that others may be on: what lies in them is read before anybody is known. */
  start(): void {
    this.#unknownUntilMs = this.#options.scheduler.nowMs() + UNKNOWN_MS;
  }

  /** Nobody is known yet, nor which addresses belong to whom: a sender that seems a stranger need not be one. */
  get isUnknown(): boolean {
    return this.#options.scheduler.nowMs() < this.#unknownUntilMs;
  }

  /** Whether other nodes are to be asked: not by what one of them has passed on. */
  concerns(request: SipRequest, flow: Pick<Flow, 'remoteAddress'>): boolean {
    const { method, requestUri } = request;
    // What carries its call, or says so, is asked after by that.
    if (!(method === 'CANCEL' || (method === 'BYE' && !requestUri.includes(CARRIES)))) return false;
    return !this.#isOfNode(request, flow) && (this.#options.known.names().length > 0 || this.isUnknown);
  }

  /** A CANCEL that another node has passed on, as its sender sent it, and his address. */
  passedOn(cancel: SipRequest, flow: Pick<Flow, 'remoteAddress'>): PassedCancel | undefined {
    const [via, ...others] = cancel.headers.fieldValuesNamed(SENDERS_VIA);
    if (via === undefined || others.length > 0 || !this.#isOfNode(cancel, flow)) return undefined;
    const sent = copyOf(cancel);
    sent.headers.removeNamed(SENDERS_VIA);
    sent.headers.set(HeaderId.Via, via);
    const { params, host } = sent.topVia();
    return { cancel: sent, from: params.get('received') ?? host };
  }

  /** By its mark, which a program of before does not write, or by where it comes from. */
  #isOfNode(request: SipRequest, { remoteAddress }: Pick<Flow, 'remoteAddress'>): boolean {
    const { peers, known, mark } = this.#options;
    return mark.isOn(request) || peers.isPeerAddress(remoteAddress) || known.wasAt(remoteAddress);
  }

  /**
   * Of a sender that is not known, as the node begins: who was known to the process before, because it had proved its password, is not to
   * this one, and its BYE came to where it was told that its call is. True: it is passed on, and answered in any case.
   */
  takesStranger(transaction: ServerTransaction, refuse: () => void): boolean {
    if (!this.isUnknown || this.#strangers >= MAX_STRANGERS || !this.concerns(transaction.request, transaction.flow))
      return false;
    this.#strangers++;
    // Nobody knows whether there is a call at all: each node is sent one packet for one of his.
    void this.passOn(transaction, ANSWER_MS).then((isTaken) => {
      this.#strangers--;
      if (!isTaken) refuse();
    });
    return true;
  }

  /** True: a node had the call, and the BYE is answered. */
  async passOn(transaction: ServerTransaction, repeatMs = REPEAT_MS): Promise<boolean> {
    const taken = await this.#taken(transaction.request, repeatMs);
    if (taken !== undefined) transaction.reply(200);
    return taken !== undefined;
  }

  /** The tag that the caller was told by the node that has his call. Its Via goes along, by which that node finds his INVITE. */
  async passOnCancel(cancel: SipRequest): Promise<string | undefined> {
    const copy = copyOf(cancel);
    // Whatever the sender says in it: the next node believes this one.
    copy.headers.removeNamed(SENDERS_VIA);
    copy.headers.addNamed(SENDERS_VIA, cancel.headers.listValues(HeaderId.Via)[0] ?? '');
    return (await this.#taken(copy, REPEAT_MS))?.toTag();
  }

  /** What a node that had the call has answered. */
  async #taken(request: SipRequest, repeatMs: number): Promise<SipResponse | undefined> {
    let answer = await this.#passOn(request, repeatMs);
    while (answer === undefined && this.isUnknown) {
      await pause(this.#options.scheduler, AGAIN_MS);
      answer = await this.#passOn(request, repeatMs);
    }
    return answer;
  }

  async #passOn(request: SipRequest, repeatMs: number): Promise<SipResponse | undefined> {
    const { peers } = this.#options;
    const roster = peers.names();
    // Of one that has just started, or stood still, none of them may have been heard of lately.
    const isStale = roster.length > 0 && roster.every((name) => peers.addressOf(name) === undefined);
    if (isStale && !this.isUnknown) this.start();
    const asked = this.#nodes().map((node) => this.#ask(request, node, repeatMs));
    return Promise.any(asked).catch(() => undefined);
  }

  /** Each address once: one that has ended may be asked at that of its next process. */
  #nodes(): readonly Target[] {
    const { known } = this.#options;
    const nodes = known.latestNames().flatMap((name) => known.lastAddressOf(name) ?? []);
    return [...new Map(nodes.map((node) => [`${node.transport} ${node.address} ${node.port}`, node])).values()];
  }

  /** Rejects where it has no such call, or does not answer. Over UDP it is sent again until there is an answer. */
  #ask(request: SipRequest, node: Target, repeatMs: number): Promise<SipResponse> {
    const { endpoint, scheduler, mark } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<SipResponse>();
    const nextMs = node.transport === 'udp' ? repeatMs : ANSWER_MS;
    let timer: Timer | undefined;
    let leftMs = ANSWER_MS;
    const finish = (end: () => void) => {
      timer = cancelTimer(timer);
      leftMs = 0;
      end();
    };
    const refuse = (why: string) => finish(() => reject(new Error(why)));
    const user = {
      onResponse: (response: SipResponse) => {
        if (response.status >= 300) refuse(`${response.status}`);
        else if (response.status >= 200) finish(() => resolve(response));
      },
      onTimeout: () => {},
      onTransportError: refuse,
    };
    const send = () => {
      if (leftMs <= 0) {
        refuse('no answer');
        return;
      }
      const copy = copyOf(request);
      for (const id of [HeaderId.Via, HeaderId.Route]) copy.headers.remove(id);
      mark.put(copy);
      const transactionTimeoutMs = leftMs;
      leftMs -= nextMs;
      timer = scheduler.schedule(nextMs, { onTimer: send }, 0);
      endpoint.sendRequest(copy, node, user, { transactionTimeoutMs, scope: 'private' });
    };
    send();
    return promise;
  }
}

function copyOf(request: SipRequest): SipRequest {
  return parseMessage(serialize(request)) as SipRequest;
}
