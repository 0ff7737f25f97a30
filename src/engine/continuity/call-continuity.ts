/** Calls that ring or are answered, beyond the life of a process: this node's own in the store, and here those of nodes that have ended. */
import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import type { CallObserver, CallStore, Calls, CallToken } from '../../call/index.ts';
import type { NodeSettings } from '../../settings/node-schema.ts';
import type { Endpoint, LateCancel, ServerTransaction } from '../../sip/endpoint/index.ts';
import type { SipRequest } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { Identification } from '../../trunks/identification.ts';
import type { Acquaintances } from '../acquaintances.ts';
import type { Workers } from '../admit/dealing.ts';
import type { PeerNodes } from '../peer-nodes.ts';
import { CallFence } from './call-fence.ts';
import { CallKeeper } from './call-keeper.ts';
import { CallRebuilder } from './call-rebuilder.ts';
import { type CallRestorerOptions, movedHere, restorerOf } from './call-restorer.ts';
import { CallRevival, type CallRevivalOptions } from './call-revival.ts';
import { CallSuccession } from './call-succession.ts';
import type { KnownNodes } from './known-nodes.ts';
import { LostCalls } from './lost-calls.ts';
import type { NodeMark } from './node-mark.ts';
import { OtherHalves } from './other-halves.ts';
import { type AskedBy, type Knowledge, PeerQuestions } from './peer-question.ts';
import { RingingHalves } from './ringing-halves.ts';
import { processOf, type SealedContacts, type Self } from './sealed-contacts.ts';
import { type PassedCancel, StrayRequests } from './stray-requests.ts';
import { TakenCalls } from './taken-calls.ts';
import { UnreadStore } from './unread-store.ts';
import { type HeldCancel, WaitingCallers } from './waiting-callers.ts';

export interface CallContinuityOptions extends CallRestorerOptions {
  readonly callStore?: CallStore | undefined;
  readonly peers: PeerNodes;
  /** Calls pass between it and these, as between nodes of a store. */
  readonly workers?: Workers | undefined;
  readonly endpoint: Endpoint;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly calls: Calls;
  readonly settings: Pick<NodeSettings, 'node' | 'timers'>;
  /** What the nodes of the store share. */
  readonly secret: Uint8Array;
  readonly userAgent: string;
  readonly known: KnownNodes;
  /** Of what a node passes on. */
  readonly mark: NodeMark;
  readonly contacts: SealedContacts;
  /** Of {@link contacts}. */
  readonly self: Self;
  /** Where requests within calls may come from. */
  readonly plausible: CallRevivalOptions['plausible'];
  /** Whoever may have a call of another node: strangers do not wait. */
  readonly sources: Pick<Acquaintances, 'knows' | 'knowsSender' | 'senderOf'>;
  readonly identification: Pick<Identification, 'isOf'>;
}

export class CallContinuity {
  readonly #keeper: CallKeeper | undefined;
  readonly #succession: CallSuccession | undefined;
  readonly #revival: CallRevival | undefined;
  readonly #questions: PeerQuestions;
  readonly #taken: TakenCalls;
  readonly #strayRequests: StrayRequests;
  readonly #ringingHalves: RingingHalves | undefined;
  readonly #otherHalves: OtherHalves | undefined;
  readonly #unread: UnreadStore | undefined;
  readonly #waitingCallers: WaitingCallers;
  /** Of BYEs that wait: calls have come. */
  readonly #onArrival = new Set<() => void>();
  readonly #options: CallContinuityOptions;

  constructor(options: CallContinuityOptions) {
    this.#options = options;
    const { settings, secret, known, self, callStore: store, scheduler, calls, endpoint, served } = options;
    const waitingCallers = new WaitingCallers(options);
    this.#waitingCallers = waitingCallers;
    const asking = { node: settings.node, secret, endpoint, clock: scheduler };
    const questions = new PeerQuestions({ ...asking, scheduler });
    this.#questions = questions;
    const taken = new TakenCalls(scheduler);
    this.#taken = taken;
    const readAtMs = () => store?.shared?.heard().atMs ?? scheduler.nowMs();
    this.#strayRequests = new StrayRequests({ ...options, readAtMs });
    if (store?.shared !== undefined || options.workers !== undefined)
      this.#ringingHalves = new RingingHalves({ ...options, halves: calls.halves, questions });
    if (store === undefined) return;
    const halves = new OtherHalves({ ...options, questions });
    this.#otherHalves = halves;
    const keeper = new CallKeeper({
      ...options,
      ...{ store, process: processOf(self), waitingCallers, halves },
      grants: (record) => options.grants.held(record),
      restorer: (snapshot) => restorerOf(snapshot, options),
      movedHere: (snapshot) => movedHere(snapshot, endpoint, served),
      onLateRead: () => this.#onLateRead(),
    });
    this.#keeper = keeper;
    const rebuilder = new CallRebuilder(options);
    this.#revival = new CallRevival({ ...options, store, rebuilder, keeper, questions });
    if (store.shared === undefined) return;
    this.#unread = new UnreadStore({ hasRead: () => keeper.hasRead, scheduler });
    const held = new PeerQuestions({ ...asking, scheduler: scheduler.unheld ?? scheduler });
    const { writer } = keeper;
    const nodes = new LostCalls({ known, writer, questions: held, clock: scheduler });
    endpoint.fence = new CallFence({ ...options, store: store.shared, writer, nodes });
    this.#succession = new CallSuccession({
      ...options,
      node: settings.node,
      store: store.shared,
      questions,
      takeOver: (nodes, kept, silentMs) => {
        const ids = kept.map(({ id }) => id);
        for (const node of nodes) taken.note(node, ids);
        keeper.takeOver(nodes, kept, silentMs);
        for (const arrived of this.#onArrival) arrived();
      },
    });
  }

  /** Brings back what the process before had; before a socket is open. */
  async restore(): Promise<void> {
    await this.#keeper?.restore();
  }

  /** The sockets are open: follows other nodes from now on. */
  start(): void {
    if (this.#options.callStore?.shared !== undefined) this.#strayRequests.start();
    this.#waitingCallers.placeAll(true);
    this.#succession?.start();
    this.#ringingHalves?.start();
  }

  /** Takes no more calls of other nodes. */
  handOver(): void {
    this.#succession?.stop();
  }

  /** The node ends: another one goes on with its calls, where there is one. What is left of them is to be ended. */
  async leaveCalls(): Promise<void> {
    this.#succession?.stop();
    // Calls of another node that are this one's in the store already are left, or end, with its own.
    await this.#succession?.settled();
    if (this.#options.callStore?.shared === undefined || !this.#options.peers.hasSuccessor()) return;
    try {
      await this.#keeper?.handOver();
    } catch (error) {
      this.#options.log.warn('calls-not-handed-over', { error: String(error) });
    }
  }

  /** The calls were ended in good order. */
  async stop(): Promise<void> {
    this.#succession?.stop();
    this.#revival?.stop();
    this.#ringingHalves?.stop();
    this.#otherHalves?.stop();
    this.#unread?.stop();
    await this.#keeper?.stop();
  }

  /** Another node of the store asks about a dialog, or whether this one is there. False: nobody of the store does. */
  answers(transaction: ServerTransaction): boolean {
    return this.#questions.answer(transaction, {
      of: (question) => this.#knowledgeOf(question),
      taken: (node, ...part) =>
        this.#succession?.isTaking(node) === true ? undefined : this.#taken.page(node, ...part),
    });
  }

  #knowledgeOf(question: AskedBy): Knowledge {
    const known = this.#revival?.knowledgeOf(question) ?? 'none';
    // Of a call that is set up: there need be no dialog yet; and the process before may have begun it, whose calls are not read yet.
    const mayRing = () => this.#unread?.isUnread === true || this.#options.calls.halves.has(question.callId);
    return known === 'none' && question.process === '' && mayRing() ? 'has' : known;
  }

  /** It cancels an INVITE of the other that is answered: its caller has his call elsewhere by now, and the half here is nobody's. */
  cancelledLate({ cancel, tag, from, by }: LateCancel): void {
    const { known, calls } = this.#options;
    if (from !== by && known.mayFollow(from, by)) calls.endHalf(cancel, tag);
  }

  /** A request within a dialog that is not here, or one that is to take its place: its call may come from a node that has just ended. */
  mayCome(transaction: ServerTransaction, retry: () => void): boolean {
    return this.#mayCome(transaction, this.#served(transaction.request, transaction.flow, retry));
  }

  /** What waits is served where no message's boundary is, and with others: a defect costs it a 500, and them nothing. */
  #served<Said extends unknown[]>(request: SipRequest, flow: Flow, serve: (...said: Said) => void) {
    return (...said: Said) => {
      try {
        serve(...said);
      } catch (error) {
        this.#options.endpoint.onMessageFault(error, request, flow);
      }
    };
  }

  /** The same of what takes its time. */
  #settles(request: SipRequest, flow: Flow, settling: Promise<unknown>): void {
    settling.catch((error: unknown) => this.#options.endpoint.onMessageFault(error, request, flow));
  }

  #mayCome(transaction: ServerTransaction, retry: () => void): boolean {
    // What is not answered is sent again, and by then to the other node.
    if (this.#keeper?.hasLeft === true) return true;
    const { request, flow } = transaction;
    const isKnown = this.#knowsSender(request, flow);
    if (this.#unread?.takes(transaction, isKnown, () => this.#comesAgain(transaction, retry)) === true) return true;
    if (!isKnown) {
      const settling = this.#strayRequests.takesStranger(transaction, retry);
      if (settling !== undefined) this.#settles(request, flow, settling);
      return settling !== undefined;
    }
    const carried = this.#carriedBy(request);
    if (carried !== undefined || !this.#strayRequests.concerns(request, flow))
      return this.#mayArrive(transaction, carried === 'own' ? undefined : carried, retry);
    this.#settles(request, flow, this.#settleBye(transaction, retry));
    return true;
  }

  /**
   * What carries its call is asked after by that first. An INVITE with Replaces, whose own dialog is none yet, carries none; and what another
   * node passes on is for the one that has the call, and begins none.
   */
  #carriedBy(request: SipRequest): CallToken | 'own' | undefined {
    const isOfDialog = request.toTag() !== undefined && !this.#options.mark.isOn(request);
    return isOfDialog ? this.#revival?.carried(request) : undefined;
  }

  #knowsSender(request: SipRequest, flow: Flow): boolean {
    const { mark, sources } = this.#options;
    return mark.isOn(request) || sources.knowsSender(request, flow);
  }

  /**
   * It is answered by the node that has the call, or is tried here again: when the call has come, or nobody is left who may have it. At once when
   * it has come: who has hung up answers 481 to what tells him where his call is now, and that would end it as if he had lost it.
   */
  async #settleBye(transaction: ServerTransaction, retry: () => void): Promise<void> {
    const { request } = transaction;
    let isServed = false;
    const isHere = () => isServed || this.#legOf(request) !== undefined;
    const arrived = () => {
      const call = this.#legOf(request)?.call;
      // The other half of one between nodes is found first: BYE would go to where it was, and the record wait for its answer.
      if (isServed || call === undefined || this.#options.calls.otherHalf(call.record.id) !== undefined) return;
      isServed = true;
      retry();
    };
    this.#onArrival.add(arrived);
    try {
      if (!(await this.#takesBye(transaction, isHere)) && !isServed) retry();
    } finally {
      this.#onArrival.delete(arrived);
    }
  }

  /** Whether another node has answered it. Resolves at the latest when nobody is left who may have its call. */
  async #takesBye(transaction: ServerTransaction, isHere: () => boolean): Promise<boolean> {
    const passed = await this.#strayRequests.passOn(transaction, isHere);
    if (passed === 'taken') return true;
    const arrival = this.#arrival();
    if (passed === 'silent' && (await this.#strayRequests.waitForSilent(transaction, isHere))) return true;
    if (!isHere()) await arrival;
    return false;
  }

  #legOf(request: SipRequest): ReturnType<Calls['find']> {
    return this.#options.calls.find(request.callId(), request.toTag() ?? '', request.fromTag() ?? '');
  }

  /**
   * A CANCEL of an INVITE that is not here: its call may come from a node that has just ended, or be at another one, which is told. `answer`
   * has it answered.
   */
  mayCancel(cancel: SipRequest, flow: Flow, answer: (tag?: string) => void): boolean {
    if (this.#keeper?.hasLeft === true) return true;
    const again = this.#served(cancel, flow, answer);
    const isKnown = this.#knowsSender(cancel, flow);
    const waiting = this.#waitingCallers;
    const passed = this.#strayRequests.passedOn(cancel, flow);
    const tag = passed && this.#cancelPassed(passed);
    if (tag !== undefined) {
      again(tag);
      return true;
    }
    const held: HeldCancel =
      passed === undefined
        ? { cancel, from: flow.remoteAddress, again }
        : { ...passed, again: (other) => again(other ?? this.#cancelPassed(passed)) };
    if (this.#unread?.isUnread === true) {
      const isHeld = this.#unread.hold(isKnown, () => {
        const passedFrom = this.#strayRequests.concerns(held.cancel, flow) ? flow : undefined;
        void this.#settleCancel(held, passedFrom, this.#arrival());
      });
      if (isHeld) waiting.remember(held);
      return isHeld;
    }
    if (!isKnown) return false;
    if (waiting.holds(held) || waiting.cancels(held)) return true;
    const passesOn = this.#strayRequests.concerns(cancel, flow);
    const arrival = this.#arrival();
    if (!passesOn && arrival === undefined) return false;
    waiting.remember(held);
    void this.#settleCancel(held, passesOn ? flow : undefined, arrival);
    return true;
  }

  /** Ends what still rings by it here; gives the tag that its caller was told. */
  #cancelPassed({ cancel, from }: PassedCancel): string | undefined {
    const { endpoint, identification } = this.#options;
    const isFrom = ({ remoteAddress }: Flow, trunkId: string) =>
      remoteAddress === from || identification.isOf(trunkId, from);
    return endpoint.transactions.cancel(cancel, isFrom);
  }

  /**
   * It is answered when another node has the call, or when that has come here or does not.
   * @param passedFrom where it came from, if it is to be passed on
   */
  async #settleCancel(
    held: HeldCancel,
    passedFrom: Flow | undefined,
    arrival: Promise<void> | undefined,
  ): Promise<void> {
    const isHere = () => !this.#waitingCallers.holds(held);
    let tag: string | undefined;
    try {
      tag = passedFrom && (await this.#strayRequests.passOnCancel(held.cancel, passedFrom, isHere));
      if (tag === undefined) await arrival;
    } catch (error) {
      this.#options.endpoint.onFault(error, { remoteAddress: held.from });
    }
    this.#waitingCallers.forget(held, tag);
  }

  /** Resolves when what may come from nodes that have just ended has come. Undefined: nothing may. */
  #arrival(): Promise<void> | undefined {
    const { promise, resolve } = Promise.withResolvers<void>();
    return this.#succession?.mayCome(resolve) === true ? promise : undefined;
  }

  /** The nodes that may have taken calls of this one meanwhile are not known at once. */
  #onLateRead(): void {
    this.#strayRequests.start();
    this.#unread?.read();
  }

  /** The store has been read since it came, or was waited for in vain. */
  #comesAgain(transaction: ServerTransaction, retry: () => void): void {
    const leg = this.#legOf(transaction.request);
    const mayCome = leg === undefined && this.#keeper?.hasRead === true && this.#mayCome(transaction, retry);
    if (!mayCome) retry();
  }

  #mayArrive(transaction: ServerTransaction, carried: CallToken | undefined, retry: () => void): boolean {
    if (carried === undefined) return this.#succession?.mayCome(retry) === true;
    const { request, flow } = transaction;
    const revive = () => this.#settles(request, flow, this.#revive(carried, transaction, retry));
    if (this.#succession?.mayCome(revive, true) !== true) revive();
    return true;
  }

  async #revive(carried: CallToken, transaction: ServerTransaction, retry: () => void): Promise<void> {
    const outcome = await this.#revival?.revive(carried, transaction);
    if (outcome === 'answered') return;
    if (outcome !== 'elsewhere' || !this.#strayRequests.concerns(transaction.request, transaction.flow)) retry();
    else await this.#settleBye(transaction, retry);
  }

  /** What the store has to know of calls. */
  get observer(): Partial<CallObserver> | undefined {
    return this.#keeper;
  }
}
