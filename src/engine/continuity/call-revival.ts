/**
 * Calls that come back with the first request within them: their node has ended, and what it had of them in memory and in the store is
 * gone. A request that carries its call (`sealed-contacts.ts`) is believed when it is of the dialog that was sealed, comes from where that
 * party may send from, and nobody who lives can have the call.
 */
import type { Log } from '../../base/log.ts';
import { cancelTimer, type Scheduler, type Timer } from '../../base/scheduler.ts';
import type { CallPeers, CallSnapshot, CallStore, Calls, CallToken, Fate } from '../../call/index.ts';
import type { ServerTransaction } from '../../sip/endpoint/index.ts';
import { HeaderId, type SipRequest } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { CallKeeper } from './call-keeper.ts';
import type { CallRebuilder } from './call-rebuilder.ts';
import { type CallRestorerOptions, reacherOf, restorerOf } from './call-restorer.ts';
import type { KnownNodes } from './known-nodes.ts';
import type { AskedBy, AskedDialog, AskedNode, Knowledge, PeerQuestions } from './peer-question.ts';
import { processOf, type SealedContacts, type Self, shortMark } from './sealed-contacts.ts';

export interface CallRevivalOptions extends CallRestorerOptions {
  readonly contacts: SealedContacts;
  readonly rebuilder: CallRebuilder;
  readonly keeper: Pick<CallKeeper, 'adopt' | 'hasEnded' | 'hasMoved' | 'has'>;
  readonly calls: Pick<Calls, 'find'>;
  readonly store: Pick<CallStore, 'fate' | 'clockOffsetMs'>;
  readonly known: Pick<KnownNodes, 'names' | 'lastAddressOf' | 'isHeard' | 'signs'>;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly self: Self;
  readonly questions: Pick<PeerQuestions, 'knows' | 'lives'>;
  /** Whether a request of this leg may come over a flow. */
  readonly plausible: Required<CallPeers>['plausible'];
}

const ANSWER_MS = 600;
/** How long it is believed of a node that it is there, or not. */
const BELIEVED_MS = 1_000;
/** Nodes tell of themselves twice a second. */
const HEARD_MS = 1_500;
const TELL_MS = 1_000;
/** RFC 3261 §14.2: by then the caller may have brought the call back. */
const RETRY_SECONDS = '5';

/** What is still to be done with the request: it is received here, or passed on to the node that has its call, or was answered. */
type Revived = 'here' | 'elsewhere' | 'answered';

export class CallRevival {
  readonly #options: CallRevivalOptions;
  /** Whether nodes were there when they were asked last. */
  readonly #lived = new Map<string, { readonly atMs: number; readonly answer: Promise<boolean> }>();
  /** Calls that are asked about, by id; true: another node that asks at the same time goes on with it. */
  readonly #asked = new Map<string, { isLeft: boolean }>();
  #untold = 0;
  #timer: Timer | undefined = undefined;

  constructor(options: CallRevivalOptions) {
    this.#options = options;
  }

  /** The call that a request carries, if it may be somebody else's; `own`: what this process has had is here, or is over. */
  carried(request: SipRequest): CallToken | 'own' | undefined {
    const { contacts, keeper, self } = this.#options;
    const token = contacts.open(request);
    if (token === undefined) return undefined;
    if (keeper.has(token.id) || keeper.hasEnded(token.id)) return 'own';
    const isOwn = processOf(token) === processOf(self);
    return isOwn && !keeper.hasMoved(token.id) ? 'own' : token;
  }

  /** Goes on with the call, if nobody else does. */
  async revive(token: CallToken, transaction: ServerTransaction): Promise<Revived> {
    const { log, contacts } = this.#options;
    try {
      return await this.#revive(token, transaction);
    } catch (error) {
      contacts.counters.refused++;
      log.warn('call-not-restored', { call: token.id, error: String(error) });
      return 'here';
    }
  }

  /** What another node that asks may know of a dialog. */
  knowledgeOf({ node, id, process, callId, ours, theirs }: AskedBy): Knowledge {
    const { keeper, calls, self } = this.#options;
    const leg = calls.find(callId, ours, theirs);
    if (keeper.has(id) || (leg !== undefined && leg.state !== 'leaving')) return 'has';
    if (keeper.hasEnded(id) || leg !== undefined) return 'had';
    const asked = this.#asked.get(id);
    if (asked !== undefined) {
      // Both ask: the first by name goes on with it.
      if (self.name < node) return 'has';
      asked.isLeft = true;
      return 'none';
    }
    return process === processOf(self) && !keeper.hasMoved(id) ? 'had' : 'none';
  }

  async #revive(token: CallToken, transaction: ServerTransaction): Promise<Revived> {
    const { keeper, contacts } = this.#options;
    const { request, flow } = transaction;
    const fate = keeper.has(token.id) ? 'elsewhere' : await this.#fateOf(token, request);
    if (fate === 'elsewhere') contacts.counters.elsewhere++;
    if (fate === 'over') contacts.counters.over++;
    // Another request of it may have come meanwhile.
    if (keeper.has(token.id) || keeper.hasEnded(token.id)) return 'here';
    if (fate !== 'unknown') return fate === 'elsewhere' ? fate : 'here';
    // Everybody who was called has one of these: it ends what it is of, and makes no call that talks.
    if (token.answeredAtMs === undefined && request.method !== 'BYE') {
      contacts.counters.refused++;
      transaction.reply(500, undefined, [[HeaderId.RetryAfter, RETRY_SECONDS]]);
      return 'answered';
    }
    const snapshot = this.#options.rebuilder.rebuilt(token, request);
    if (snapshot !== undefined && this.#goOn(token, snapshot, flow, request)) this.#noteRebuilt();
    else contacts.counters.refused++;
    return 'here';
  }

  stop(): void {
    this.#timer = cancelTimer(this.#timer);
  }

  #goOn(token: CallToken, snapshot: CallSnapshot, flow: Flow, request: SipRequest): boolean {
    const { keeper, plausible } = this.#options;
    const near = token.isCaller ? snapshot.caller : snapshot.callee;
    const reach = reacherOf(this.#options);
    const destination = reach(near.place, near.options);
    if (!plausible({ options: near.options, destination }, flow, request)) return false;
    // Who has just sent is reached the same way.
    return keeper.adopt(snapshot, () => ({
      ...restorerOf(snapshot, this.#options),
      reach: (place, options) => (options === near.options ? flow : reach(place, options)),
    }));
  }

  async #fateOf(token: CallToken, request: SipRequest): Promise<Fate> {
    const { self } = this.#options;
    // They come back, with their calls.
    if (self.siblings.some((sibling) => shortMark(sibling) === token.node)) return 'elsewhere';
    const asked = this.#asked.get(token.id) ?? { isLeft: false };
    this.#asked.set(token.id, asked);
    try {
      const [atNodes, inStore] = await Promise.all([this.#fateAtNodes(token, request), this.#fateInStore(token)]);
      if (asked.isLeft) return 'elsewhere';
      return atNodes === 'unknown' ? inStore : atNodes;
    } finally {
      this.#asked.delete(token.id);
    }
  }

  #fateInStore({ id, answeredAtMs, startedAtMs, ...by }: CallToken): Promise<Fate> {
    const { store } = this.#options;
    const atMs = (answeredAtMs ?? startedAtMs) - (store.clockOffsetMs?.() ?? 0);
    // One that is away knows nothing.
    return store.fate({ id, process: processOf(by), answeredAtMs: atMs }).catch(() => 'unknown');
  }

  /** Every node that is known is asked: the call may have gone from one to another. */
  async #fateAtNodes(token: CallToken, request: SipRequest): Promise<Fate> {
    const dialog = {
      ...{ callId: request.callId(), ours: request.toTag() ?? '', theirs: request.fromTag() ?? '' },
      ...{ id: token.id, process: processOf(token) },
    };
    const names = this.#options.known.names();
    const answers = await Promise.all(names.map((name) => this.#knowledgeAt(name, dialog)));
    if (answers.includes('has')) return 'elsewhere';
    return answers.includes('had') ? 'over' : 'unknown';
  }

  async #knowledgeAt(name: string, dialog: AskedDialog): Promise<Knowledge | undefined> {
    const { known, questions, scheduler } = this.#options;
    const address = known.lastAddressOf(name);
    // One that is there and cannot be asked may have it.
    if (address === undefined) return known.isHeard(name, HEARD_MS) ? 'has' : undefined;
    const node = { name, address, signs: known.signs(name) };
    if (!(await this.#lives(node, scheduler.nowMs() - BELIEVED_MS))) return undefined;
    const askedAtMs = scheduler.nowMs();
    const answer = await questions.knows(node, dialog, ANSWER_MS);
    if (answer !== undefined) return answer;
    // One that is busy may have it; or it has ended since it was believed to live.
    return (await this.#lives(node, askedAtMs)) ? 'has' : undefined;
  }

  /** Of a thousand calls that come at once one asks. `sinceMs`: what was asked earlier is not believed. */
  #lives(node: AskedNode, sinceMs: number): Promise<boolean> {
    const { scheduler, questions } = this.#options;
    const asked = this.#lived.get(node.name);
    const nowMs = scheduler.nowMs();
    if (asked !== undefined && asked.atMs > sinceMs) return asked.answer;
    const answer = questions.lives(node, ANSWER_MS);
    this.#lived.set(node.name, { atMs: nowMs, answer });
    return answer;
  }

  /** Of many calls there is one line a second. */
  #noteRebuilt(): void {
    const { scheduler, log, contacts } = this.#options;
    contacts.counters.rebuilt++;
    this.#untold++;
    this.#timer ??= scheduler.schedule(
      TELL_MS,
      {
        onTimer: () => {
          this.#timer = undefined;
          log.warn('calls-rebuilt', { count: this.#untold });
          this.#untold = 0;
        },
      },
      0,
    );
  }
}
