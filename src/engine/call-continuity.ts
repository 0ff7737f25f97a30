/** Answered calls beyond the life of a process: this node's own in the store, and here those of nodes that have ended. */
import type { Log } from '../base/log.ts';
import type { Scheduler } from '../base/scheduler.ts';
import type { CallFacts, CallStore, Calls, LiveRecord, WaitingSnapshot } from '../call/index.ts';
import type { Endpoint, ServerTransaction } from '../sip/endpoint/index.ts';
import type { SipRequest } from '../sip/message/index.ts';
import type { KeepingObserver } from './call-audience.ts';
import { CallKeeper } from './call-keeper.ts';
import { type CallRestorerOptions, movedHere, restorerOf, targetHere } from './call-restorer.ts';
import { CallSuccession } from './call-succession.ts';
import type { PeerNodes } from './peer-nodes.ts';
import { answersOptions } from './peer-question.ts';

/** A phone that was cancelled is ready for the next call then. */
const CANCELLED_MS = 200;

export interface CallContinuityOptions {
  readonly store: CallStore | undefined;
  readonly peers: PeerNodes;
  readonly endpoint: Endpoint;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly calls: () => Calls;
  readonly restoring: Omit<CallRestorerOptions, 'monotonicMs'>;
  /** What the record of a call will say besides its facts. */
  readonly recordFacts: (record: LiveRecord) => CallFacts;
  /** Whether a request comes from somebody who may have a call of another node: strangers do not wait. */
  readonly isKnown: (request: SipRequest, address: string) => boolean;
}

export class CallContinuity {
  readonly #keeper: CallKeeper | undefined;
  readonly #succession: CallSuccession | undefined;
  readonly #options: CallContinuityOptions;
  /** Another node has the calls, or will in a moment. */
  #hasLeft = false;

  constructor(options: CallContinuityOptions) {
    this.#options = options;
    const { store, scheduler, log, calls, restoring, recordFacts, endpoint, peers } = options;
    if (store === undefined) return;
    const monotonicMs = (wallMs: number) => wallMs - scheduler.wallMs() + scheduler.nowMs();
    const keeper = new CallKeeper({
      store,
      scheduler,
      log,
      calls,
      recordFacts,
      restorer: (snapshot) => restorerOf(snapshot, { ...restoring, monotonicMs }),
      movedHere: (snapshot) => movedHere(snapshot, endpoint),
      placeAgain: (waiting) => this.#placeAgain(waiting),
    });
    this.#keeper = keeper;
    if (store.shared === undefined) return;
    this.#succession = new CallSuccession({
      store: store.shared,
      peers,
      scheduler,
      asks: (node, withinMs) => answersOptions(node, withinMs, endpoint),
      takeOver: (node, kept) => keeper.takeOver(node, kept),
    });
  }

  /** Brings back what the process before had; before a socket is open. */
  async restore(): Promise<void> {
    await this.#keeper?.restore();
  }

  /** The sockets are open: follows other nodes from now on. */
  start(): void {
    this.#keeper?.placeWaiting();
    this.#succession?.start();
  }

  /** Takes no more calls of other nodes. */
  handOver(): void {
    this.#succession?.stop();
  }

  /** The node ends: another one goes on with its calls, where there is one. What is left of them is to be ended. */
  async leaveCalls(): Promise<void> {
    this.#succession?.stop();
    if (this.#options.store?.shared === undefined || !this.#options.peers.hasSuccessor()) return;
    try {
      this.#hasLeft = ((await this.#keeper?.handOver()) ?? 0) > 0;
    } catch (error) {
      this.#options.log.warn('calls-not-handed-over', { error: String(error) });
    }
  }

  /** The calls were ended in good order. */
  async stop(): Promise<void> {
    this.#succession?.stop();
    await this.#keeper?.stop();
  }

  /** A request within a dialog that is not here: its call may come from a node that has just ended. */
  mayCome({ request, flow }: ServerTransaction, retry: () => void): boolean {
    // What is not answered is sent again, and by then to the other node.
    if (this.#hasLeft) return true;
    if (this.#succession === undefined || !this.#options.isKnown(request, flow.remoteAddress)) return false;
    return this.#succession.mayCome(retry);
  }

  /** Whoever was asked by the process before is cancelled in its name; the caller's INVITE is received once more. */
  #placeAgain({ invite, from, cancels }: WaitingSnapshot): void {
    const { endpoint, scheduler } = this.#options;
    for (const { text, to } of cancels) endpoint.flowTo(targetHere(to, endpoint)).send(text);
    const flow = endpoint.flowTo(targetHere(from, endpoint));
    scheduler.schedule(CANCELLED_MS, { onTimer: () => endpoint.onMessage(invite, flow) }, 0);
  }

  /** What the store has to know of calls, besides whoever else is told. */
  get observer(): KeepingObserver | undefined {
    return this.#keeper;
  }
}
