/**
 * A node that stood still (a stopped process) or was cut off may have been taken for dead: its calls go on at another node, and what lies
 * in its sockets, or is due by its timers, is no more its own to serve. So while others may take its calls, and after that until the store
 * has said in one exchange whose they are, messages and timers wait; calls that were taken are forgotten before anything is served. Where
 * the monotonic clock stood as well (a suspended machine) the store's time tells, at the next telling.
 */
import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { type SharedCalls, SURE_MS } from '../../call/index.ts';
import type { Fence } from '../../sip/endpoint/index.ts';
import type { Flow, TransportUser } from '../../sip/transport/index.ts';
import type { Acquaintances } from '../acquaintances.ts';
import type { CallKeeper } from './call-keeper.ts';
import { HeldMessages } from './held-messages.ts';

export interface CallFenceOptions {
  readonly store: Pick<SharedCalls, 'heard' | 'answers'>;
  readonly keeper: Pick<CallKeeper, 'keepsCalls' | 'confirm'>;
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
/** The same where messages come in again and the store may be away for long: whoever waits for an answer has not tried another node yet. */
const REACHED_MS = 1_200;
/** After a standstill of so long, what begins something and lay in a socket is not served over UDP: it is sent again where it is wanted. */
const OLD_MS = 2_500;
/** Between looks at what is known, while all is well without it. */
const LOOK_MS = 100;

/**
 * ```
 *  open ──until is past, and others may have its calls──▶ asking ──answered, or given up──▶ open
 *                                                            │ after a long standstill
 *                                                            ▼
 *                                                         waking ──the sockets have been read──▶ open
 * ```
 * - `open`: until then nothing is looked at; afterwards each message and timer is a look
 * - `asking`: the store is asked whose the calls are; what comes is held. What begins something and comes before `oldUntilMs` is left
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

  constructor(options: CallFenceOptions) {
    this.#options = options;
    this.#fireDue = options.scheduler.holdWhile?.(() => this.#holding(false) !== undefined);
  }

  takes(text: string, flow: Flow, server: Pick<TransportUser, 'onMessage'>): boolean {
    if (this.#isOpen()) return false;
    const held = this.#holding(true);
    // This is how others find out whether this node lives: it does.
    if (text.startsWith('OPTIONS ')) return false;
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
    if (isHeard || nowMs > Math.max(missedAtMs, this.#gaveUpAtMs) + AWAY_MS) {
      const isAwakening = nowMs - atMs > OLD_MS;
      const confirmed = async () => (await keeper.confirm()) || ((await store.answers(STORE_MS)) && keeper.confirm());
      void this.#ask(nowMs, isAwakening, confirmed);
      return;
    }
    // The store is away, and this process has not stood still. Each message counts, so each is looked at.
    const quietMs = nowMs - (this.#cameAtMs ?? nowMs);
    if (isMessage || this.#cameAtMs === undefined) this.#cameAtMs = nowMs;
    if (!isMessage || !isSilent || quietMs <= CUT_OFF_MS || this.#gaveUpAtMs >= atMs) return;
    void this.#ask(nowMs, false, async () => (await store.answers(REACHED_MS)) && keeper.confirm());
  }

  #open(nowMs: number, untilMs: number): void {
    const isWaking = this.#phase.kind === 'waking' && nowMs <= this.#phase.untilMs;
    if (!isWaking) this.#phase = { kind: 'open', untilMs };
  }

  async #ask(beganMs: number, isAwakening: boolean, confirmed: () => Promise<boolean>): Promise<void> {
    const { scheduler, store, log } = this.#options;
    const held = new HeldMessages();
    const leftMs = this.#phase.kind === 'waking' ? this.#phase.untilMs : Number.NEGATIVE_INFINITY;
    this.#phase = { kind: 'asking', oldUntilMs: isAwakening ? Number.POSITIVE_INFINITY : leftMs, held };
    const sinceMs = Math.round(beganMs - store.heard().atMs);
    let isAnswered = false;
    try {
      isAnswered = await confirmed();
    } catch (error) {
      log.error('call-fence-failed', { error: String(error) });
    }
    const nowMs = scheduler.nowMs();
    if (!isAnswered) this.#gaveUpAtMs = nowMs;
    const { size: messages, dropped } = held;
    const heldMs = Math.round(nowMs - beganMs);
    log.warn('calls-in-doubt', { sinceMs, heldMs, messages, dropped, storeAnswered: isAnswered });
    this.#phase = { kind: isAwakening ? 'waking' : 'open', untilMs: nowMs + LOOK_MS };
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
