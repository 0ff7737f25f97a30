/**
 * A node that stood still (a stopped process) or was cut off may have been taken for dead: its calls go on at another node, and what lies
 * in its sockets, or is due by its timers, is no more its own to serve. So while others may take its calls, and after that until the store
 * has said in one exchange whose they are, messages and timers wait; calls that were taken are forgotten before anything is served. While
 * the store does not answer, the other nodes are asked which of the calls they have taken. Where the monotonic clock stood as well (a
 * suspended machine) the store's time tells, at the next telling.
 */
import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { type SharedCalls, SURE_MS } from '../../call/index.ts';
import type { Fence } from '../../sip/endpoint/index.ts';
import type { Flow, TransportUser } from '../../sip/transport/index.ts';
import type { Acquaintances } from '../acquaintances.ts';
import type { CallKeeper } from './call-keeper.ts';
import { HeldMessages } from './held-messages.ts';
import type { LostCalls } from './lost-calls.ts';
import { isPeerAnswer } from './peer-question.ts';

export interface CallFenceOptions {
  readonly store: Pick<SharedCalls, 'heard' | 'answers'>;
  readonly keeper: Pick<CallKeeper, 'keepsCalls' | 'confirm'>;
  readonly nodes: Pick<LostCalls, 'hasOthers' | 'ask'>;
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Known peers. */
  readonly sources: Pick<Acquaintances, 'knows'>;
}

/** A node that lives finds out twice a second that the store is away. It answers the others' OPTIONS, and keeps its calls. */
const AWAY_MS = 1_000;
/** Nobody asks a node whose messages come in as ever; one that hears nothing at all may be cut off from everybody. */
const CUT_OFF_MS = 400;
/** How long a store that does not answer is waited for, after a standstill. */
const STORE_MS = 1_500;
/**
 * The same where messages come in again and the store may be away for long: whoever waits for an answer has not tried another node yet. The
 * other nodes too are waited for so long then: what is sent over a link that is just back is lost until the kernel has asked for the
 * neighbour again, which it does once a second.
 */
const REACHED_MS = 1_200;
/** Nodes that live answer within milliseconds, and are asked five times meanwhile. */
const NODES_MS = 500;
/** After a standstill of so long, what begins something and lay in a socket is not served over UDP: it is sent again where it is wanted. */
const OLD_MS = 2_500;
/** What the others have said holds for so long: they take calls only of a node that has answered them nothing for longer. */
const ASKED_MS = 500;
/** So long a wait is told of, where there may be two a second. */
const LONG_MS = 100;
/** Between looks at what is known, while all is well without it. */
const LOOK_MS = 100;

/** Who has said whose the calls are; undefined: nobody has. */
type Word = 'store' | 'nodes' | undefined;

/**
 * ```
 *  open ──until is past, and others may have its calls──▶ asking ──answered, or given up──▶ open
 *                                                            │ after a long standstill
 *                                                            ▼
 *                                                         waking ──the sockets have been read──▶ open
 * ```
 * - `open`: until then nothing is looked at; afterwards each message and timer is a look
 * - `asking`: the store, or the other nodes, are asked whose the calls are; what comes is held. What begins something and comes before `oldUntilMs` is left
 * - `waking`: the sockets may be read later than the answer of the store: what begins something is left until then
 */
type Phase =
  | { readonly kind: 'open'; readonly untilMs: number }
  | { readonly kind: 'asking'; readonly oldUntilMs: number; readonly held: HeldMessages }
  | { readonly kind: 'waking'; readonly untilMs: number };

export class CallFence implements Fence {
  readonly #options: CallFenceOptions;
  readonly #fireDue: (() => void) | undefined;
  #phase: Phase = { kind: 'open', untilMs: Number.NEGATIVE_INFINITY };
  /** When something last came from the network, while the store was away. */
  #cameAtMs: number | undefined = undefined;
  /** The store was waited for in vain; it is not waited for again for want of messages before it was there. */
  #gaveUpAtMs = Number.NEGATIVE_INFINITY;
  /** Until then what the other nodes have said holds. */
  #askedUntilMs = Number.NEGATIVE_INFINITY;
  /** They were asked, and not all that may have calls have answered. */
  #unsureAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: CallFenceOptions) {
    this.#options = options;
    this.#fireDue = options.scheduler.holdWhile?.(() => this.#holding(false) !== undefined);
  }

  takes(text: string, flow: Flow, server: Pick<TransportUser, 'onMessage'>): boolean {
    if (this.#isOpen()) return false;
    const held = this.#holding(true);
    // This is how others find out whether this node lives: it does. So does this one find out about them.
    if (text.startsWith('OPTIONS ') || isPeerAnswer(text)) return false;
    if (!flow.reliable && this.#isOld() && beginsSomething(text)) return true;
    held?.add(() => server.onMessage(text, flow), text.length, this.#options.sources.knows(flow.remoteAddress));
    return held !== undefined;
  }

  takesEnd(tell: () => void): boolean {
    const held = this.#holding(false);
    // There are no more of these than connections, and nothing tells of them again.
    held?.addEnd(tell);
    return held !== undefined;
  }

  #isOpen(): boolean {
    return this.#phase.kind === 'open' && this.#options.scheduler.nowMs() <= this.#phase.untilMs;
  }

  /** Whether what begins something has lain in its socket for so long that whoever wanted it has gone elsewhere, or sends it again. */
  #isOld(): boolean {
    const phase = this.#phase;
    if (phase.kind === 'open') return false;
    return this.#options.scheduler.nowMs() <= (phase.kind === 'asking' ? phase.oldUntilMs : phase.untilMs);
  }

  /** What holds messages and timers, while something does. */
  #holding(isMessage: boolean): HeldMessages | undefined {
    if (this.#phase.kind !== 'asking' && !this.#isOpen()) this.#look(this.#options.scheduler.nowMs(), isMessage);
    return this.#phase.kind === 'asking' ? this.#phase.held : undefined;
  }

  #look(nowMs: number, isMessage: boolean): void {
    const { store, keeper } = this.#options;
    if (!keeper.keepsCalls) {
      this.#open(nowMs, nowMs + LOOK_MS);
      return;
    }
    const { atMs, isInDoubt, missedAtMs, isSilent } = store.heard();
    const isHeard = nowMs <= atMs + SURE_MS;
    // Before it is heard of again after it was given up, nothing new can be known.
    if (isHeard && !(isInDoubt && atMs > this.#gaveUpAtMs)) {
      this.#open(nowMs, Math.min(atMs + SURE_MS, nowMs + LOOK_MS));
      this.#cameAtMs = undefined;
      return;
    }
    const quietMs = nowMs - (this.#cameAtMs ?? nowMs);
    if (isMessage || this.#cameAtMs === undefined) this.#cameAtMs = nowMs;
    if (!isHeard && nowMs <= this.#askedUntilMs) return;
    if (isHeard || nowMs > Math.max(missedAtMs, this.#gaveUpAtMs) + AWAY_MS) this.#askAfterStandstill(nowMs, atMs);
    // The store is away, and this process has not stood still. Each message counts, so each is looked at.
    else this.#askWhileAway(nowMs, atMs, isMessage, isSilent && quietMs > CUT_OFF_MS);
  }

  #askAfterStandstill(nowMs: number, heardAtMs: number): void {
    const asks = { isAwakening: nowMs - heardAtMs > OLD_MS, isTold: true };
    void this.#ask(nowMs, asks, async (hasCome) => {
      if (await this.#options.keeper.confirm()) return 'store';
      return this.#eitherSays(this.#storeSays(STORE_MS), this.#nodesSay(heardAtMs, NODES_MS, hasCome));
    });
  }

  /** @param wasCutOff nothing came from anywhere for a while, and it may have been this node's network */
  #askWhileAway(nowMs: number, heardAtMs: number, isMessage: boolean, wasCutOff: boolean): void {
    const { hasOthers } = this.#options.nodes;
    const mayAskStore = wasCutOff && this.#gaveUpAtMs < heardAtMs;
    const asksStore = mayAskStore && isMessage;
    // Where somebody did not answer, and nothing has come since, nobody waits for an answer again.
    const asksNodes = hasOthers && (isMessage || (this.#cameAtMs ?? nowMs) > this.#unsureAtMs);
    if (hasOthers && !asksNodes && nowMs > this.#unsureAtMs + ASKED_MS)
      void this.#nodesSay(heardAtMs, NODES_MS, () => false);
    if (!asksStore && !asksNodes) return;
    void this.#ask(nowMs, { isAwakening: false, isTold: asksStore }, async (hasCome) => {
      const nodes = (isNow: boolean) => {
        if (!asksNodes) return Promise.resolve(false);
        // Who did not answer while the network was away, and came back meanwhile, is asked once more.
        const isReached = () => isNow || (!wasCutOff && hasCome());
        return this.#nodesSay(heardAtMs, wasCutOff && isNow ? REACHED_MS : NODES_MS, isReached);
      };
      const first = nodes(isMessage);
      if (asksStore) return this.#eitherSays(this.#storeSays(REACHED_MS), first);
      if (await first) return 'nodes';
      if (isMessage || !wasCutOff || !hasCome()) return undefined;
      return this.#eitherSays(mayAskStore ? this.#storeSays(REACHED_MS) : Promise.resolve(false), nodes(true));
    });
  }

  async #storeSays(withinMs: number): Promise<boolean> {
    const { store, keeper, scheduler } = this.#options;
    const isSaid = (await store.answers(withinMs)) && (await keeper.confirm());
    if (!isSaid && this.#phase.kind === 'asking') this.#gaveUpAtMs = scheduler.nowMs();
    return isSaid;
  }

  async #nodesSay(heardAtMs: number, withinMs: number, isReached: () => boolean): Promise<boolean> {
    this.#unsureAtMs = this.#options.scheduler.nowMs();
    const isSure = await this.#options.nodes.ask({ heardAtMs, withinMs, isReached });
    const nowMs = this.#options.scheduler.nowMs();
    this.#unsureAtMs = isSure ? Number.NEGATIVE_INFINITY : nowMs;
    if (isSure || isReached()) this.#askedUntilMs = nowMs + ASKED_MS;
    return isSure;
  }

  /** The first one that can say it. */
  async #eitherSays(store: Promise<boolean>, nodes: Promise<boolean>): Promise<Word> {
    const of = async (said: Promise<boolean>, word: Word) =>
      (await said) ? word : Promise.reject(new Error('unsaid'));
    return Promise.any([of(store, 'store'), of(nodes, 'nodes')]).catch(() => undefined);
  }

  #open(nowMs: number, untilMs: number): void {
    const isWaking = this.#phase.kind === 'waking' && nowMs <= this.#phase.untilMs;
    if (!isWaking) this.#phase = { kind: 'open', untilMs };
  }

  async #ask(
    beganMs: number,
    { isAwakening, isTold }: { readonly isAwakening: boolean; readonly isTold: boolean },
    asked: (isReached: () => boolean) => Promise<Word>,
  ): Promise<void> {
    const { scheduler, store, log } = this.#options;
    const held = new HeldMessages();
    const leftMs = this.#phase.kind === 'waking' ? this.#phase.untilMs : Number.NEGATIVE_INFINITY;
    this.#phase = { kind: 'asking', oldUntilMs: isAwakening ? Number.POSITIVE_INFINITY : leftMs, held };
    const sinceMs = Math.round(beganMs - store.heard().atMs);
    let word: Word;
    try {
      word = await asked(() => held.size > 0);
    } catch (error) {
      log.error('call-fence-failed', { error: String(error) });
    }
    const nowMs = scheduler.nowMs();
    const { size: messages, dropped } = held;
    const heldMs = Math.round(nowMs - beganMs);
    const said = { storeAnswered: word === 'store', nodesAnswered: word === 'nodes' };
    if (isTold || heldMs >= LONG_MS) log.warn('calls-in-doubt', { sinceMs, heldMs, messages, dropped, ...said });
    // Where nobody has said anything, and nothing came, the next message has them asked again.
    const openMs = word === undefined && messages === 0 ? -1 : LOOK_MS;
    this.#phase = { kind: isAwakening ? 'waking' : 'open', untilMs: nowMs + openMs };
    for (const act of held.all()) this.#do(act);
    this.#fireDue?.();
  }

  /** What one of them throws costs none of the others. */
  #do(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#options.log.error('call-fence-failed', { error: String(error) });
    }
  }
}

/** A request outside of dialogs that has an answer. */
function beginsSomething(text: string): boolean {
  if (/^(?:SIP\/2\.0|ACK|CANCEL) /.test(text)) return false;
  const to = /^(?:to|t)[ \t]*:([^\r\n]*)/im.exec(text)?.[1];
  return to !== undefined && !/;[ \t]*tag[ \t]*=/i.test(to);
}
