/**
 * A node that stood still (a stopped process) or was cut off may have been taken for dead: its calls go on at another node, and what lies
 * in its sockets, or is due by its timers, is no more its own to serve. So while others may take its calls, and after that until the store
 * has said in one exchange whose they are, messages and timers wait; calls that were taken are forgotten before anything is served. While
 * the store does not answer, the other nodes are asked which of the calls they have taken. Where the monotonic clock stood as well (a
 * suspended machine) the store's time tells, at the next telling.
 */
import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { type HeardOf, type SharedCalls, SURE_MS } from '../../call/index.ts';
import type { Endpoint, Fence } from '../../sip/endpoint/index.ts';
import type { Flow, TransportUser } from '../../sip/transport/index.ts';
import type { Acquaintances } from '../acquaintances.ts';
import type { CallWriter } from './call-writer.ts';
import { HeldMessages } from './held-messages.ts';
import type { LostCalls, LostCallsQuestion, Said } from './lost-calls.ts';
import { isPeerAnswer } from './peer-question.ts';

export interface CallFenceOptions {
  readonly store: Pick<SharedCalls, 'heard' | 'answers'>;
  readonly writer: Pick<CallWriter, 'keepsCalls' | 'confirm'>;
  readonly nodes: Pick<LostCalls, 'hasOthers' | 'ask'>;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly endpoint: Pick<Endpoint, 'onFault'>;
  /** Known peers. */
  readonly sources: Pick<Acquaintances, 'knows'>;
}

/** A node that lives finds out twice a second that the store is away. It answers the others' OPTIONS, and keeps its calls. */
const AWAY_MS = 1_000;
/** Nobody asks a node whose messages come in as ever; one that hears nothing at all may be cut off from everybody. */
const CUT_OFF_MS = 400;
/** How long a store that does not answer is waited for: whoever waits for an answer of this node has not tried another one yet. */
const STORE_MS = 1_500;
/** Nodes that live answer within milliseconds, and are asked five times meanwhile. */
const NODES_MS = 500;
/**
 * Not so where this node's own network may have been away: what is sent over a link that is just back is lost until the kernel has asked for
 * the neighbour again, which it does once a second.
 */
const NODES_AFTER_CUT_MS = 1_200;
/** So often both are asked where nobody at all answers after a silence: that all have ended is less likely than that this node is not heard yet. */
const MOST_ROUNDS = 2;
/** After a standstill of so long, what begins something and lay in a socket is not served over UDP: it is sent again where it is wanted. */
const OLD_MS = 2_500;
/** What the others have said holds for so long: they take calls only of a node that has answered them nothing for longer. */
const ASKED_MS = 500;
/** A store that is there and does not say whose the calls are is asked no more often. */
const STORE_AGAIN_MS = 500;
/** So long a wait is told of, where there may be two a second. */
const LONG_MS = 100;
/** Between looks at what is known, while all is well without it. */
const LOOK_MS = 100;

/** Who has said whose the calls are; undefined: nobody has. */
type Word = 'store' | 'nodes' | undefined;

/** Resolves with who has said it. @param hasCome whether something has been held since */
type Question = (hasCome: () => boolean) => Promise<Word>;

interface Asking {
  /** After a standstill so long that the sockets may be read later than the answer. */
  readonly isAwakening: boolean;
  /** The log tells of it, however short it is. */
  readonly isTold: boolean;
}

/**
 * What is known of whose the calls are:
 * - `sure`: the store has heard of this node lately, so nobody takes its calls; or it has been asked in vain, and nothing new can be known
 * - `doubted`: the store has heard of it after a silence, and not said since whose they are
 * - `stood still`: this process did nothing for a while; what it knows of its store is as old
 * - `reached`: the store has not heard of it for too long, and can be asked: it answers, or the connection fails
 * - `silent`: nothing is heard from the store: this node may have been cut off from everybody
 * - `refused`: somebody says that the store is away: the network is well
 */
type Standing = 'sure' | 'doubted' | 'stood still' | 'reached' | 'silent' | 'refused';

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
  /** When something last came from the network. */
  #cameAtMs: number;
  /** The store was waited for in vain. */
  #gaveUpAtMs = Number.NEGATIVE_INFINITY;
  /** It was there, and has not said whose the calls are. */
  #unansweredUntilMs = Number.NEGATIVE_INFINITY;
  /**
   * When it had last heard of this node, as a write over a connection that was there was left without an answer, and whatever was asked after
   * that: it answers reads and leaves writes waiting. The node tells it of itself on and on; until it hears that nothing waits for it again.
   */
  #muteSinceMs: number | undefined = undefined;
  /** Until then what the other nodes have said holds. */
  #saidUntilMs = Number.NEGATIVE_INFINITY;
  /** Not all of them have said anything, and until then nobody waits for them again. */
  #unsaidUntilMs = Number.NEGATIVE_INFINITY;
  /** They were asked, and not all that may have calls have answered. */
  #unsureAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: CallFenceOptions) {
    this.#options = options;
    this.#cameAtMs = options.scheduler.nowMs();
    this.#fireDue = options.scheduler.holdWhile?.(() => this.#holding() !== undefined);
  }

  takes(text: string, flow: Flow, server: Pick<TransportUser, 'onMessage'>): boolean {
    const nowMs = this.#options.scheduler.nowMs();
    const quietMs = nowMs - this.#cameAtMs;
    this.#cameAtMs = nowMs;
    if (this.#isOpen(nowMs)) return false;
    const held = this.#holding(quietMs);
    // This is how others find out whether this node lives: it does. So does this one find out about them.
    if (text.startsWith('OPTIONS ') || isPeerAnswer(text)) return false;
    if (!flow.reliable && this.#isOld() && beginsSomething(text)) return true;
    held?.add(() => server.onMessage(text, flow), text.length, this.#options.sources.knows(flow.remoteAddress));
    return held !== undefined;
  }

  takesEnd(tell: () => void): boolean {
    const held = this.#holding();
    // There are no more of these than connections, and nothing tells of them again.
    held?.addEnd(tell);
    return held !== undefined;
  }

  #isOpen(nowMs: number): boolean {
    return this.#phase.kind === 'open' && nowMs <= this.#phase.untilMs;
  }

  /** Whether what begins something has lain in its socket for so long that whoever wanted it has gone elsewhere, or sends it again. */
  #isOld(): boolean {
    const phase = this.#phase;
    if (phase.kind === 'open') return false;
    return this.#options.scheduler.nowMs() <= (phase.kind === 'asking' ? phase.oldUntilMs : phase.untilMs);
  }

  /**
   * What holds messages and timers, while something does.
   *
   * @param quietMs a message has come, so long after the one before; undefined: something is due
   */
  #holding(quietMs?: number): HeldMessages | undefined {
    const nowMs = this.#options.scheduler.nowMs();
    if (this.#phase.kind !== 'asking' && !this.#isOpen(nowMs)) this.#look(nowMs, quietMs);
    return this.#phase.kind === 'asking' ? this.#phase.held : undefined;
  }

  #look(nowMs: number, quietMs: number | undefined): void {
    const { store, writer } = this.#options;
    if (!writer.keepsCalls) {
      this.#open(nowMs, nowMs + LOOK_MS);
      return;
    }
    const heard = store.heard();
    const standing = this.#standing(nowMs, heard);
    if (standing === 'sure') this.#open(nowMs, Math.min(heard.atMs + SURE_MS, nowMs + LOOK_MS));
    else if (standing === 'doubted') this.#askStore(nowMs, heard.atMs, standing);
    // Nobody takes calls of a node that has just answered all the others. Without their word each message counts, so each is looked at.
    else if (nowMs <= this.#saidUntilMs) return;
    else if (standing === 'stood still' || standing === 'reached') this.#askStore(nowMs, heard.atMs, standing);
    else if (nowMs > this.#unsaidUntilMs) this.#askNodes(nowMs, heard.atMs, standing === 'silent', quietMs);
  }

  #standing(nowMs: number, { atMs, isInDoubt, missedAtMs, contact }: HeardOf): Standing {
    const isReached = contact === 'reached' && nowMs > this.#unansweredUntilMs && atMs !== this.#muteSinceMs;
    if (nowMs <= atMs + SURE_MS) return isInDoubt && (isReached || atMs > this.#gaveUpAtMs) ? 'doubted' : 'sure';
    if (nowMs > Math.max(missedAtMs, this.#gaveUpAtMs) + AWAY_MS) return 'stood still';
    if (isReached) return 'reached';
    return contact === 'silent' ? 'silent' : 'refused';
  }

  #askStore(nowMs: number, heardAtMs: number, standing: 'doubted' | 'stood still' | 'reached'): void {
    const isAwakening = standing === 'stood still' && nowMs - heardAtMs > OLD_MS;
    const nodesMs = standing === 'reached' ? NODES_AFTER_CUT_MS : NODES_MS;
    this.#begin(nowMs, { isAwakening, isTold: true }, async (hasCome) => {
      const { writer, store } = this.#options;
      if (await writer.confirm()) return 'store';
      const isLeftWaiting = standing === 'reached' && store.heard().contact === 'silent';
      const storeSays = this.#storeSays().then((isSaid) => {
        if (isLeftWaiting && !isSaid) this.#muteSinceMs = heardAtMs;
        return isSaid;
      });
      return this.#eitherSays(storeSays, this.#nodesSay(heardAtMs, nodesMs, hasCome));
    });
  }

  /** The store is away, and this process has not stood still. */
  #askNodes(nowMs: number, heardAtMs: number, isSilent: boolean, quietMs: number | undefined): void {
    const { hasOthers } = this.#options.nodes;
    const isMessage = quietMs !== undefined;
    // It may have been this node's own network.
    const wasQuiet = (quietMs ?? nowMs - this.#cameAtMs) > CUT_OFF_MS;
    const mayBeCutOff = isSilent || wasQuiet;
    const mayAskStore = isSilent && wasQuiet && this.#gaveUpAtMs < heardAtMs;
    const asksStore = mayAskStore && isMessage;
    // Where somebody did not answer, and nothing has come since, nobody waits for an answer again.
    const asksNodes = hasOthers && (isMessage || this.#cameAtMs > this.#unsureAtMs);
    if (hasOthers && !asksNodes && nowMs > this.#unsureAtMs + ASKED_MS)
      this.#nodesSay(heardAtMs, NODES_MS, () => false).catch((error: unknown) => this.#failed(error));
    if (!asksStore && !asksNodes) return;
    this.#begin(nowMs, { isAwakening: false, isTold: asksStore }, async (hasCome) => {
      if (!isMessage) {
        const isReached = () => !mayBeCutOff && hasCome();
        if ((await this.#nodesSay(heardAtMs, NODES_MS, isReached)) === 'sure') return 'nodes';
        // What has come meanwhile waits as if it had been there before.
        if (!mayBeCutOff || !hasCome()) return undefined;
      }
      const nodesMs = mayBeCutOff ? NODES_AFTER_CUT_MS : NODES_MS;
      for (let round = isSilent && wasQuiet ? 1 : MOST_ROUNDS; ; round++) {
        const isLast = round >= MOST_ROUNDS;
        const isReached = (isAnswered: boolean) => isLast || isAnswered;
        const nodes = asksNodes ? this.#nodesSay(heardAtMs, nodesMs, isReached) : Promise.resolve<Said>('unsure');
        const word = await this.#eitherSays(mayAskStore ? this.#storeSays() : Promise.resolve(false), nodes);
        if (word !== undefined || isLast || (await nodes) !== 'unheard') return word;
      }
    });
  }

  async #storeSays(): Promise<boolean> {
    const { store, writer, scheduler } = this.#options;
    const isThere = await store.answers(STORE_MS);
    const isSaid = isThere && (await writer.confirm());
    if (isSaid || this.#phase.kind !== 'asking') return isSaid;
    this.#gaveUpAtMs = scheduler.nowMs();
    if (isThere || store.heard().contact === 'reached') this.#unansweredUntilMs = this.#gaveUpAtMs + STORE_AGAIN_MS;
    return false;
  }

  async #nodesSay(heardAtMs: number, withinMs: number, isReached: LostCallsQuestion['isReached']): Promise<Said> {
    this.#unsureAtMs = this.#options.scheduler.nowMs();
    const said = await this.#options.nodes.ask({ heardAtMs, withinMs, isReached });
    const nowMs = this.#options.scheduler.nowMs();
    this.#unsureAtMs = said === 'sure' ? Number.NEGATIVE_INFINITY : nowMs;
    if (said === 'sure') this.#saidUntilMs = nowMs + ASKED_MS;
    else if (isReached(said !== 'unheard')) this.#unsaidUntilMs = nowMs + ASKED_MS;
    return said;
  }

  /** The first one that can say it. */
  async #eitherSays(store: Promise<boolean>, nodes: Promise<Said>): Promise<Word> {
    const of = async (isSaid: Promise<boolean>, word: Word) =>
      (await isSaid) ? word : Promise.reject(new Error('unsaid'));
    const isSure = nodes.then((said) => said === 'sure');
    return Promise.any([of(store, 'store'), of(isSure, 'nodes')]).catch(() => undefined);
  }

  #open(nowMs: number, untilMs: number): void {
    const isWaking = this.#phase.kind === 'waking' && nowMs <= this.#phase.untilMs;
    if (!isWaking) this.#phase = { kind: 'open', untilMs };
  }

  #begin(nowMs: number, asking: Asking, asked: Question): void {
    this.#ask(nowMs, asking, asked).catch((error: unknown) => this.#failed(error));
  }

  async #ask(beganMs: number, { isAwakening, isTold }: Asking, asked: Question): Promise<void> {
    const { scheduler, store, log } = this.#options;
    const held = new HeldMessages();
    const leftMs = this.#phase.kind === 'waking' ? this.#phase.untilMs : Number.NEGATIVE_INFINITY;
    this.#phase = { kind: 'asking', oldUntilMs: isAwakening ? Number.POSITIVE_INFINITY : leftMs, held };
    const sinceMs = Math.round(beganMs - store.heard().atMs);
    let word: Word;
    try {
      word = await asked(() => held.size > 0);
    } catch (error) {
      this.#failed(error);
    }
    const nowMs = scheduler.nowMs();
    const { size: messages, dropped } = held;
    const heldMs = Math.round(nowMs - beganMs);
    const said = { storeAnswered: word === 'store', nodesAnswered: word === 'nodes' };
    if (isTold || heldMs >= LONG_MS) log.warn('calls-in-doubt', { sinceMs, heldMs, messages, dropped, ...said });
    // Where nobody has said anything each message is looked at: the store may be there in a moment.
    const isLookedAt = word === undefined && !isAwakening;
    this.#phase = { kind: isAwakening ? 'waking' : 'open', untilMs: isLookedAt ? nowMs - 1 : nowMs + LOOK_MS };
    for (const act of held.all()) this.#do(act);
    this.#do(() => this.#fireDue?.());
  }

  /** What one of them throws costs none of the others. */
  #do(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#options.endpoint.onFault(error, { met: 'call-fence' });
  }
}

/** A request outside of dialogs that has an answer. */
function beginsSomething(text: string): boolean {
  if (/^(?:SIP\/2\.0|ACK|CANCEL) /.test(text)) return false;
  const to = /^(?:to|t)[ \t]*:([^\r\n]*)/im.exec(text)?.[1];
  return to !== undefined && !/;[ \t]*tag[ \t]*=/i.test(to);
}
