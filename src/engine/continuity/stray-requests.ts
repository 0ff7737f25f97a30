/**
 * A party that cannot be told where its call went on (no UPDATE, no session timer) sends BYE to the node that had it, and a caller who waits
 * sends CANCEL there. When that node lives again it has no such call; it passes the request on to the others, and whichever has the call ends
 * it: one that has lost the store, and is in no roster for that, may be the one. One that has just started, or stood still, knows of none of
 * them at first, and they may not know of it: it asks again until it has told of itself, for 1.5 s.
 */
import { cancelTimer, pause, type Scheduler, type Timer } from '../../base/scheduler.ts';
import { SharedBudget } from '../../base/shared-budget.ts';
import type { Endpoint, ServerTransaction } from '../../sip/endpoint/index.ts';
import {
  HeaderId,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
  viaValues,
} from '../../sip/message/index.ts';
import type { Flow, Target } from '../../sip/transport/index.ts';
import type { Acquaintances } from '../acquaintances.ts';
import type { PeerNodes } from '../peer-nodes.ts';
import type { KnownNodes } from './known-nodes.ts';
import { type NodeMark, SENDERS_VIA, sendersVia } from './node-mark.ts';

export interface StrayRequestsOptions {
  readonly endpoint: Pick<Endpoint, 'sendRequest'>;
  readonly peers: Pick<PeerNodes, 'names' | 'isPeerAddress'>;
  readonly known: Pick<KnownNodes, 'names' | 'latestNames' | 'lastAddressOf' | 'isListed' | 'wasAt'>;
  readonly mark: NodeMark;
  readonly scheduler: Scheduler;
  /** When this node last told of itself and read of the others, or later. */
  readonly readAtMs: () => number;
  readonly sources: Pick<Acquaintances, 'senderOf'>;
}

const ANSWER_MS = 500;
/** One packet of five may be lost, each way, and a node that has the call is to be heard all the same. */
const REPEAT_MS = 100;
/** Nodes tell of themselves, and hear of each other, twice a second. */
const UNKNOWN_MS = 1_500;
const AGAIN_MS = 250;
/** That wait at one time. */
const MAX_STRANGERS = 200;
/** While a node is silent: less than the sender of a BYE or CANCEL waits (RFC 3261 §17.1.2.2: 64*T1). Nobody hears of a node that has ended for so long. */
const SILENCE_MS = 25_000;
/** Between two times that it is passed on meanwhile, at the most. */
const MOST_AGAIN_MS = 1_000;
/** Once the store is back nodes reach it within 3 s, and have the calls of one that has ended within 2 s more. */
const FOLLOWED_MS = 5_000;
/** That wait at one time, for one that is silent or for news of the others, of all senders together. */
const MAX_WAITING = 2_000;

export interface PassedCancel {
  readonly cancel: SipRequest;
  readonly from: string;
}

/** Another node had the call and has answered; none has it; or one is silent that may have it. */
export type Passed = 'taken' | 'refused' | 'silent';

/** What came back from the nodes. */
interface Answers {
  /** Of the one that had the call. */
  readonly taken: SipResponse | undefined;
  /** One that may have it has not answered: it is heard of, or nobody can have gone on with its calls yet. */
  readonly isSilent: boolean;
}

export class StrayRequests {
  readonly #options: StrayRequestsOptions;
  #unknownUntilMs = Number.NEGATIVE_INFINITY;
  /** When what was read of the others was last found to be old; who was in the roster then, and until when their calls may be nobody's yet. */
  #old: { readonly foundAtMs: number; readonly names: ReadonlySet<string>; readonly untilMs: number } | undefined;
  #strangers = 0;
  readonly #waiting = new SharedBudget(MAX_WAITING);

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
    if (request.method !== 'CANCEL' && request.method !== 'BYE') return false;
    return !this.#isOfNode(request, flow) && (this.#options.known.names().length > 0 || this.isUnknown);
  }

  /**
   * A CANCEL that another node has passed on, as its sender sent it, and his address. That can be forged, at whichever node it came to: what
   * proves him is the branch of the INVITE.
   */
  passedOn(cancel: SipRequest, flow: Pick<Flow, 'remoteAddress'>): PassedCancel | undefined {
    const sender = this.#isOfNode(cancel, flow) ? sendersVia(cancel) : undefined;
    if (sender === undefined) return undefined;
    const sent = copyOf(cancel);
    sent.headers.removeNamed(SENDERS_VIA);
    sent.headers.set(HeaderId.Via, sender.via);
    return { cancel: sent, from: sender.from };
  }

  /** By its mark, which a program of before does not write, or by where it comes from. */
  #isOfNode(request: SipRequest, { remoteAddress }: Pick<Flow, 'remoteAddress'>): boolean {
    const { peers, known, mark } = this.#options;
    return mark.isOn(request) || peers.isPeerAddress(remoteAddress) || known.wasAt(remoteAddress);
  }

  /**
   * Of a sender that is not known, as the node begins: who was known to the process before, because it had proved its password, is not to
   * this one, and its BYE came to where it was told that its call is. Resolves when it is passed on and answered; undefined: it is not.
   */
  takesStranger(transaction: ServerTransaction, refuse: () => void): Promise<void> | undefined {
    if (!this.isUnknown || this.#strangers >= MAX_STRANGERS || !this.concerns(transaction.request, transaction.flow))
      return undefined;
    return this.#passOnStranger(transaction, refuse);
  }

  async #passOnStranger(transaction: ServerTransaction, refuse: () => void): Promise<void> {
    this.#strangers++;
    try {
      // Nobody knows whether there is a call at all: each node is sent one packet for one of his.
      const { taken } = await this.#untilKnown(transaction.request, ANSWER_MS, () => false);
      if (taken === undefined) refuse();
      else transaction.reply(200);
    } finally {
      this.#strangers--;
    }
  }

  /** @param isHere whether the call has come to this node: it is asked for no more then */
  async passOn(transaction: ServerTransaction, isHere: () => boolean): Promise<Passed> {
    const { taken, isSilent } = await this.#answers(transaction.request, transaction.flow, isHere);
    if (taken !== undefined) transaction.reply(200);
    return taken !== undefined ? 'taken' : isSilent ? 'silent' : 'refused';
  }

  /**
   * A node has not answered that may have the call. Its sender hears nothing meanwhile, and sends it again: 481 would end his half of a call of
   * which the other goes on. True: a node had it, that one or one that has gone on with its calls, and it is answered.
   * @param isHere whether the call has come to this node
   */
  async waitForSilent(transaction: ServerTransaction, isHere: () => boolean): Promise<boolean> {
    const taken = await this.#takenAtLast(transaction.request, transaction.flow, isHere);
    if (taken !== undefined) transaction.reply(200);
    return taken !== undefined;
  }

  /**
   * The tag that the caller was told by the node that has his call.
   * @param isHere whether the call has come to this node
   */
  async passOnCancel(cancel: SipRequest, flow: Flow, isHere: () => boolean): Promise<string | undefined> {
    const { taken, isSilent } = await this.#answers(cancel, flow, isHere);
    return (isSilent ? await this.#takenAtLast(cancel, flow, isHere) : taken)?.toTag();
  }

  /** Undefined: its sender, or all of them, have too many that wait. */
  async #waits<T>(request: SipRequest, flow: Flow, wait: () => Promise<T>): Promise<T | undefined> {
    const sender = this.#options.sources.senderOf(request, flow);
    if (this.#waiting.fill >= 1 || this.#waiting.hasShare(sender, 1)) return undefined;
    this.#waiting.change(sender, 1);
    try {
      return await wait();
    } finally {
      this.#waiting.change(sender, -1);
    }
  }

  async #takenAtLast(request: SipRequest, flow: Flow, isHere: () => boolean): Promise<SipResponse | undefined> {
    return (await this.#waits(request, flow, () => this.#whileSilent(request, isHere)))?.taken;
  }

  async #whileSilent(request: SipRequest, isHere: () => boolean): Promise<Answers> {
    const { scheduler } = this.#options;
    const untilMs = scheduler.nowMs() + SILENCE_MS;
    let answers: Answers = { taken: undefined, isSilent: true };
    for (let ms = AGAIN_MS; answers.isSilent && scheduler.nowMs() < untilMs; ms = Math.min(2 * ms, MOST_AGAIN_MS)) {
      await pause(scheduler, ms);
      if (isHere()) break;
      this.#noteAge();
      answers = await this.#answersOnce(request, ANSWER_MS);
    }
    return answers;
  }

  async #answers(request: SipRequest, flow: Flow, isHere: () => boolean): Promise<Answers> {
    this.#noteAge();
    if (!this.isUnknown) return this.#answersOnce(request, REPEAT_MS);
    const answers = await this.#waits(request, flow, () => this.#untilKnown(request, REPEAT_MS, isHere));
    return answers ?? this.#answersOnce(request, REPEAT_MS);
  }

  /** As long as nobody is known, which may begin anew meanwhile, and not longer than a beginning lasts. @param repeatMs the first time */
  async #untilKnown(request: SipRequest, repeatMs: number, isHere: () => boolean): Promise<Answers> {
    const { scheduler } = this.#options;
    const untilMs = scheduler.nowMs() + UNKNOWN_MS;
    let answers = await this.#answersOnce(request, repeatMs);
    while (answers.taken === undefined && this.isUnknown && scheduler.nowMs() < untilMs) {
      await pause(scheduler, AGAIN_MS);
      if (isHere()) break;
      answers = await this.#answersOnce(request, ANSWER_MS);
    }
    return answers;
  }

  /**
   * After a standstill, or without the store, what this node knows of the others is old, and they may have forgotten it: as after a start, once
   * until it has read of them again.
   */
  #noteAge(): void {
    const { scheduler, peers, readAtMs } = this.#options;
    const nowMs = scheduler.nowMs();
    const atMs = readAtMs();
    if (nowMs - atMs < UNKNOWN_MS) return;
    const isNew = this.#old === undefined || atMs >= this.#old.foundAtMs;
    // While a request waits it is looked at least so often.
    const backAtMs = nowMs + MOST_AGAIN_MS + ANSWER_MS;
    this.#old = { foundAtMs: nowMs, names: new Set(peers.names()), untilMs: backAtMs + FOLLOWED_MS };
    if (isNew) this.start();
  }

  /** One that has ended while the store was away is in no roster once it is back, and its calls are on their way to others just then. */
  #mayHaveCalls(name: string): boolean {
    if (this.#options.known.isListed(name)) return true;
    return this.#old !== undefined && this.#options.scheduler.nowMs() < this.#old.untilMs && this.#old.names.has(name);
  }

  async #answersOnce(request: SipRequest, repeatMs: number): Promise<Answers> {
    let isSilent = false;
    const asked = this.#nodes().map(async ({ name, address }) => {
      const answer = await this.#ask(request, address, repeatMs);
      if (typeof answer !== 'string') return answer;
      if (answer === 'silent' && this.#mayHaveCalls(name)) isSilent = true;
      throw new Error(answer);
    });
    const taken = await Promise.any(asked).catch(() => undefined);
    return { taken, isSilent: isSilent && taken === undefined };
  }

  /** Each address once: one that has ended may be asked at that of its next process. */
  #nodes(): readonly { readonly name: string; readonly address: Target }[] {
    const { known } = this.#options;
    const nodes = known.latestNames().flatMap((name) => {
      const address = known.lastAddressOf(name);
      return address === undefined ? [] : [{ name, address }];
    });
    const key = ({ transport, address, port }: Target) => `${transport} ${address} ${port}`;
    // The latest of those at an address is the one that is there.
    return [...new Map(nodes.map((node) => [key(node.address), node])).values()];
  }

  /**
   * Over UDP it is sent again until there is an answer. Its Via goes along, by which the node finds the INVITE that a CANCEL is of, and knows whom a
   * BYE came from.
   */
  #ask(request: SipRequest, node: Target, repeatMs: number): Promise<SipResponse | 'refused' | 'silent'> {
    const { endpoint, scheduler, mark } = this.#options;
    const { promise, resolve } = Promise.withResolvers<SipResponse | 'refused' | 'silent'>();
    const nextMs = node.transport === 'udp' ? repeatMs : ANSWER_MS;
    let timer: Timer | undefined;
    let leftMs = ANSWER_MS;
    const finish = (answer: SipResponse | 'refused' | 'silent') => {
      timer = cancelTimer(timer);
      leftMs = 0;
      resolve(answer);
    };
    const user = {
      onResponse: (response: SipResponse) => {
        const { status } = response;
        // One that has no time now has not looked.
        if (status >= 300) finish(status === 503 ? 'silent' : 'refused');
        else if (status >= 200) finish(response);
      },
      onTimeout: () => {},
      onTransportError: () => finish('silent'),
    };
    const send = () => {
      if (leftMs <= 0) {
        finish('silent');
        return;
      }
      const copy = copyOf(request);
      // Whatever the sender says in it: the next node believes this one.
      copy.headers.removeNamed(SENDERS_VIA);
      copy.headers.addNamed(SENDERS_VIA, viaValues(request.headers)[0] ?? '');
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
