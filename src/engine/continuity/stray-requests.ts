/**
 * A party that cannot be told where its call went on (no UPDATE, no session timer) sends BYE to the node that had it. When that node lives
 * again it has no such call; it passes the BYE on to the others, and whichever has the call ends it: one that has lost the store, and is in
 * no roster for that, may be the one. One that has just started, or stood still, knows of none of them at first, and they may not know of
 * it: it asks again until it has told of itself.
 */
import { pause, type Scheduler } from '../../base/scheduler.ts';
import type { Endpoint, ServerTransaction } from '../../sip/endpoint/index.ts';
import { HeaderId, parseMessage, type SipRequest, serialize } from '../../sip/message/index.ts';
import type { Target } from '../../sip/transport/index.ts';
import type { PeerNodes } from '../peer-nodes.ts';
import type { KnownNodes } from './known-nodes.ts';
import { CARRIES } from './sealed-contacts.ts';

export interface StrayRequestsOptions {
  readonly endpoint: Pick<Endpoint, 'sendRequest'>;
  readonly peers: Pick<PeerNodes, 'names' | 'addressOf' | 'isPeerAddress'>;
  readonly known: Pick<KnownNodes, 'names' | 'latestNames' | 'lastAddressOf' | 'wasAt'>;
  readonly scheduler: Scheduler;
}

const ANSWER_MS = 500;
/** Nodes tell of themselves, and hear of each other, twice a second. */
const UNKNOWN_MS = 1_500;
const AGAIN_MS = 250;
/** That wait at one time. */
const MAX_STRANGERS = 200;

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
  concerns({ request, flow }: ServerTransaction): boolean {
    const { peers, known } = this.#options;
    // What carries its call, or says so, is asked after by that.
    if (request.method !== 'BYE' || request.requestUri.includes(CARRIES)) return false;
    if (peers.isPeerAddress(flow.remoteAddress) || known.wasAt(flow.remoteAddress)) return false;
    return known.names().length > 0 || this.isUnknown;
  }

  /**
   * Of a sender that is not known, as the node begins: who was known to the process before, because it had proved its password, is not to
   * this one, and its BYE came to where it was told that its call is. True: it is passed on, and answered in any case.
   */
  takesStranger(transaction: ServerTransaction, refuse: () => void): boolean {
    if (!this.isUnknown || this.#strangers >= MAX_STRANGERS || !this.concerns(transaction)) return false;
    this.#strangers++;
    void this.passOn(transaction).then((isTaken) => {
      this.#strangers--;
      if (!isTaken) refuse();
    });
    return true;
  }

  /** True: a node had the call, and the BYE is answered. */
  async passOn(transaction: ServerTransaction): Promise<boolean> {
    let isTaken = await this.#passOn(transaction);
    while (!isTaken && this.isUnknown) {
      await pause(this.#options.scheduler, AGAIN_MS);
      isTaken = await this.#passOn(transaction);
    }
    if (isTaken) transaction.reply(200);
    return isTaken;
  }

  async #passOn(transaction: ServerTransaction): Promise<boolean> {
    const { peers } = this.#options;
    const roster = peers.names();
    // Of one that has just started, or stood still, none of them may have been heard of lately.
    const isStale = roster.length > 0 && roster.every((name) => peers.addressOf(name) === undefined);
    if (isStale && !this.isUnknown) this.start();
    const asked = this.#nodes().map((node) => this.#ask(transaction.request, node));
    return Promise.any(asked).then(
      () => true,
      () => false,
    );
  }

  /** Each address once: one that has ended may be asked at that of its next process. */
  #nodes(): readonly Target[] {
    const { known } = this.#options;
    const nodes = known.latestNames().flatMap((name) => known.lastAddressOf(name) ?? []);
    return [...new Map(nodes.map((node) => [`${node.transport} ${node.address} ${node.port}`, node])).values()];
  }

  /** Rejects where it has no such call, or does not answer. */
  async #ask(request: SipRequest, node: Target): Promise<void> {
    const copy = parseMessage(serialize(request)) as SipRequest;
    for (const id of [HeaderId.Via, HeaderId.Route]) copy.headers.remove(id);
    return new Promise((resolve, reject) => {
      const refuse = (why: string) => reject(new Error(why));
      const user = {
        onResponse: ({ status }: { readonly status: number }) => {
          if (status >= 300) refuse(`${status}`);
          else if (status >= 200) resolve();
        },
        onTimeout: () => refuse('no answer'),
        onTransportError: refuse,
      };
      this.#options.endpoint.sendRequest(copy, node, user, { transactionTimeoutMs: ANSWER_MS, scope: 'private' });
    });
  }
}
