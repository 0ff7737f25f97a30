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
/** What waits at most: of known addresses about as much as a socket holds, and little of strangers. */
const MAX_KNOWN = { messages: 20_000, octets: 15 * 1024 * 1024 };
const MAX_STRANGE = { messages: 1_000, octets: 1024 * 1024 };

export class CallFence implements Fence {
  readonly #options: CallFenceOptions;
  readonly #fireDue: (() => void) | undefined;
  /** Until then it is known to be open. */
  #openUntilMs = Number.NEGATIVE_INFINITY;
  #isAsking = false;
  #waiting: (() => void)[] = [];
  #known = { messages: 0, octets: 0 };
  #strange = { messages: 0, octets: 0 };
  #dropped = 0;
  /** When something last came from the network, while the store was away. */
  #cameAtMs: number | undefined = undefined;
  /** It has stood still for so long that whoever wanted something has gone to another node, or sends it again. */
  #isAwakening = false;
  #oldUntilMs = Number.NEGATIVE_INFINITY;
  /** The store was waited for in vain; it is not waited for again for want of messages before it was there. */
  #gaveUpAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: CallFenceOptions) {
    this.#options = options;
    this.#fireDue = options.scheduler.holdWhile?.(() => this.#isShut(false));
  }

  takes(text: string, flow: Flow, server: Pick<TransportUser, 'onMessage'>): boolean {
    return this.#options.scheduler.nowMs() > this.#openUntilMs && this.#judge(text, flow, server);
  }

  takesEnd(tell: () => void): boolean {
    const isShut = this.#isShut(false);
    // There are no more of these than connections, and nothing tells of them again.
    if (isShut) this.#waiting.push(tell);
    return isShut;
  }

  #judge(text: string, flow: Flow, server: Pick<TransportUser, 'onMessage'>): boolean {
    const isShut = this.#isShut(true);
    // This is how others find out whether this node lives: it does.
    if (text.startsWith('OPTIONS ')) return false;
    const isOld = this.#isAwakening || this.#options.scheduler.nowMs() <= this.#oldUntilMs;
    if (isOld && !flow.reliable && beginsSomething(text)) return true;
    if (isShut && this.#hasPlace(text, flow)) this.#waiting.push(() => server.onMessage(text, flow));
    return isShut;
  }

  #hasPlace(text: string, { remoteAddress }: Flow): boolean {
    const isKnown = this.#options.sources.knows(remoteAddress);
    const [held, most] = isKnown ? [this.#known, MAX_KNOWN] : [this.#strange, MAX_STRANGE];
    const fits = held.messages < most.messages && held.octets + text.length <= most.octets;
    held.messages += Number(fits);
    held.octets += fits ? text.length : 0;
    this.#dropped += Number(!fits);
    return fits;
  }

  #isShut(isMessage: boolean): boolean {
    const nowMs = this.#options.scheduler.nowMs();
    if (nowMs <= this.#openUntilMs) return false;
    if (this.#isAsking) return true;
    return !this.#isSure(nowMs, isMessage);
  }

  #isSure(nowMs: number, isMessage: boolean): boolean {
    const { store, keeper } = this.#options;
    if (!keeper.keepsCalls) {
      if (nowMs > this.#oldUntilMs) this.#openUntilMs = nowMs + LOOK_MS;
      return true;
    }
    const { atMs, isInDoubt, missedAtMs, isSilent } = store.heard();
    const isHeard = nowMs <= atMs + SURE_MS;
    // Before it is heard of again after it was given up, nothing new can be known.
    if (isHeard && !(isInDoubt && atMs > this.#gaveUpAtMs)) {
      if (nowMs > this.#oldUntilMs) this.#openUntilMs = Math.min(atMs + SURE_MS, nowMs + LOOK_MS);
      this.#cameAtMs = undefined;
      return true;
    }
    if (isHeard || nowMs > Math.max(missedAtMs, this.#gaveUpAtMs) + AWAY_MS) {
      this.#isAwakening = nowMs - atMs > OLD_MS;
      void this.#ask(
        nowMs,
        async () => (await keeper.confirm()) || ((await store.answers(STORE_MS)) && keeper.confirm()),
      );
      return false;
    }
    // The store is away, and this process has not stood still. Each message counts, so each is looked at.
    const quietMs = nowMs - (this.#cameAtMs ?? nowMs);
    if (isMessage || this.#cameAtMs === undefined) this.#cameAtMs = nowMs;
    if (!isMessage || !isSilent || quietMs <= CUT_OFF_MS || this.#gaveUpAtMs >= atMs) return true;
    void this.#ask(nowMs, async () => (await store.answers(REACHED_MS)) && keeper.confirm());
    return false;
  }

  async #ask(beganMs: number, confirmed: () => Promise<boolean>): Promise<void> {
    const { scheduler, store, log } = this.#options;
    this.#isAsking = true;
    const sinceMs = Math.round(beganMs - store.heard().atMs);
    let isAnswered = false;
    try {
      isAnswered = await confirmed();
    } catch (error) {
      log.error('call-fence-failed', { error: String(error) });
    }
    this.#isAsking = false;
    if (!isAnswered) this.#gaveUpAtMs = scheduler.nowMs();
    const fields = { sinceMs, heldMs: Math.round(scheduler.nowMs() - beganMs), messages: this.#waiting.length };
    log.warn('calls-in-doubt', { ...fields, dropped: this.#dropped, storeAnswered: isAnswered });
    this.#dropped = 0;
    this.#known = { messages: 0, octets: 0 };
    this.#strange = { messages: 0, octets: 0 };
    this.#openUntilMs = this.#isAwakening ? Number.NEGATIVE_INFINITY : scheduler.nowMs() + LOOK_MS;
    // The sockets may be read later than the answer of the store.
    if (this.#isAwakening) this.#oldUntilMs = scheduler.nowMs() + LOOK_MS;
    this.#isAwakening = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const act of waiting) this.#do(act);
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
