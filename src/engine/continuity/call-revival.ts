/**
 * Calls that come back with the first request within them: their node has ended, and what it had of them in memory and in the store is
 * gone. A request that carries its call (`sealed-contacts.ts`) is believed when it is of the dialog that was sealed, comes from where that
 * party may send from, and nobody who lives can have the call.
 */
import type { Log } from '../../base/log.ts';
import { cancelTimer, type Scheduler, type Timer } from '../../base/scheduler.ts';
import { type CallSnapshot, type CallToken, markOf, type RoutedLeg } from '../../call/index.ts';
import type { ServerTransaction } from '../../sip/endpoint/index.ts';
import { HeaderId, type SipRequest } from '../../sip/message/index.ts';
import type { Flow, Target } from '../../sip/transport/index.ts';
import type { PeerNodes } from '../peer-nodes.ts';
import type { CallKeeper } from './call-keeper.ts';
import type { CallRebuilder } from './call-rebuilder.ts';
import { type CallRestorerOptions, reacherOf, restorerOf } from './call-restorer.ts';
import type { SealedContacts, Self } from './sealed-contacts.ts';

export interface CallRevivalOptions {
  readonly contacts: SealedContacts;
  readonly rebuilder: CallRebuilder;
  readonly keeper: Pick<CallKeeper, 'adopt' | 'hasEnded' | 'has'>;
  readonly restoring: CallRestorerOptions;
  readonly peers: Pick<PeerNodes, 'names' | 'addressOf'>;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly self: Self;
  /** Whether a node answers within so many ms. */
  readonly asks: (node: Target, withinMs: number) => Promise<boolean>;
  /** Whether the store has it as the call of another node; rejects when it cannot be asked. */
  readonly isElsewhere: ((callId: string) => Promise<boolean>) | undefined;
  readonly isPlausible: (leg: Pick<RoutedLeg, 'options' | 'destination'>, flow: Flow, request: SipRequest) => boolean;
}

const ANSWER_MS = 300;
/** How long it is believed of a node that it lives, or does not. */
const BELIEVED_MS = 1_000;
const TELL_MS = 1_000;
/** RFC 3261 §14.2: by then the caller may have brought the call back. */
const RETRY_SECONDS = '5';

export class CallRevival {
  readonly #options: CallRevivalOptions;
  readonly #lives = new Map<string, { readonly atMs: number; readonly answer: Promise<boolean> }>();
  #untold = 0;
  #timer: Timer | undefined = undefined;

  constructor(options: CallRevivalOptions) {
    this.#options = options;
  }

  /** The call that a request carries, if it may have been somebody else's: what this process has had is here, or is over. */
  carried(request: SipRequest): CallToken | undefined {
    const { contacts, keeper, self } = this.#options;
    const token = contacts.open(request);
    if (token === undefined || keeper.has(token.id) || keeper.hasEnded(token.id)) return undefined;
    return token.node === shortMark(self.node) && token.life === self.life ? undefined : token;
  }

  /**
   * Goes on with the call, if nobody else does. The request is to be received afterwards, whatever came of it, unless it was answered here:
   * false then.
   */
  async revive(token: CallToken, transaction: ServerTransaction): Promise<boolean> {
    const { log, contacts } = this.#options;
    try {
      return await this.#revive(token, transaction);
    } catch (error) {
      contacts.counters.refused++;
      log.warn('call-not-restored', { call: token.id, error: String(error) });
      return true;
    }
  }

  async #revive(token: CallToken, transaction: ServerTransaction): Promise<boolean> {
    const { keeper, contacts } = this.#options;
    const { request, flow } = transaction;
    if (keeper.has(token.id) || (await this.#isElsewhere(token))) {
      contacts.counters.elsewhere++;
      return true;
    }
    // Another request of it may have come meanwhile.
    if (keeper.has(token.id) || keeper.hasEnded(token.id)) return true;
    // Everybody who was called has one of these: it ends what it is of, and makes no call that talks.
    if (token.answeredAtMs === undefined && request.method !== 'BYE') {
      contacts.counters.refused++;
      transaction.reply(500, undefined, [[HeaderId.RetryAfter, RETRY_SECONDS]]);
      return false;
    }
    const snapshot = this.#options.rebuilder.rebuilt(token, request);
    if (snapshot !== undefined && this.#goOn(token, snapshot, flow, request)) this.#noteRebuilt();
    else contacts.counters.refused++;
    return true;
  }

  stop(): void {
    this.#timer = cancelTimer(this.#timer);
  }

  #goOn(token: CallToken, snapshot: CallSnapshot, flow: Flow, request: SipRequest): boolean {
    const { keeper, restoring, isPlausible } = this.#options;
    const near = token.isCaller ? snapshot.caller : snapshot.callee;
    const reach = reacherOf(restoring);
    const destination = reach(near.place, near.options);
    if (!isPlausible({ options: near.options, destination }, flow, request)) return false;
    // Who has just sent is reached the same way.
    return keeper.adopt(snapshot, () => ({
      ...restorerOf(snapshot, restoring),
      reach: (place, options) => (options === near.options ? flow : reach(place, options)),
    }));
  }

  async #isElsewhere({ id, node }: CallToken): Promise<boolean> {
    const { isElsewhere, self } = this.#options;
    // They come back, with their calls.
    if (self.siblings.some((sibling) => shortMark(sibling) === node)) return true;
    if (node !== shortMark(self.node) && (await this.#isAlive(node))) return true;
    // Without the store nobody can have taken it over.
    return isElsewhere === undefined ? false : isElsewhere(id).catch(() => false);
  }

  async #isAlive(node: number): Promise<boolean> {
    const { peers } = this.#options;
    const names = peers.names().filter((name) => shortMark(markOf(name)) === node);
    const answers = await Promise.all(names.map((name) => this.#answers(name)));
    return answers.some(Boolean);
  }

  #answers(name: string): Promise<boolean> {
    const { peers, scheduler, asks } = this.#options;
    const known = this.#lives.get(name);
    const nowMs = scheduler.nowMs();
    if (known !== undefined && nowMs - known.atMs < BELIEVED_MS) return known.answer;
    const address = peers.addressOf(name);
    const answer = address === undefined ? Promise.resolve(false) : asks(address, ANSWER_MS);
    this.#lives.set(name, { atMs: nowMs, answer });
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

/** As much of a mark as tokens have of a node's. */
function shortMark(mark: number): number {
  return mark & 0xffff;
}
