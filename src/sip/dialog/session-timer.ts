import { PeerError } from '../../base/errors.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import {
  HeaderId,
  type HeaderList,
  parseSessionExpires,
  type SessionExpires,
  type SipRequest,
  type SipResponse,
} from '../message/index.ts';

/**
 * The session timer of one dialog (RFC 4028), for whichever side sends or answers a session refresh request (INVITE, UPDATE).
 *
 * Rules it keeps: the interval and the refresher are those of the latest 2xx in either direction; the refresher refreshes at half the
 * interval; whoever sees no refresh ends the session min(32 s, a third of the interval) before it expires; no interval below 90 s, in
 * either direction; Min-SE only grows within a dialog.
 *
 * The caller lists `timer` in Supported of every request and response it makes.
 */
export interface SessionTimerOptions {
  /** The interval to ask for, in seconds; 0 asks for none and still serves a peer that does. Default 1800. */
  readonly intervalSeconds?: number;
  /** The shortest interval accepted, in seconds; at least 90. Default 90. */
  readonly minSeconds?: number;
  /** Who is to refresh when it is ours to say. Default `remote` for a peer that supports it, which saves us the work. */
  readonly refresher?: 'local' | 'remote';
}

export interface SessionTimerUser {
  /** Send a session refresh request now: UPDATE when the peer allows it, else a re-INVITE (§7.4). */
  onRefreshDue(): void;
  /** The session was not refreshed in time: send a BYE (§10). */
  onExpired(): void;
  /** A defect met it at a timer. */
  onFault(error: unknown): void;
}

/** An interval that was agreed on, and who refreshes. */
export interface RunningInterval {
  readonly intervalSeconds: number;
  readonly localRefreshes: boolean;
}

/** What of an interval outlives the process. */
export interface SessionInterval extends RunningInterval {
  readonly remainingMs: number;
}

/** The 422 owed to a request whose interval is too small (§9). */
export interface IntervalRefusal {
  readonly status: 422;
  readonly headers: readonly (readonly [HeaderId, string])[];
}

const REFRESH = 1;
const EXPIRE = 2;
/** §4, §5: no interval is shorter. */
const FLOOR_SECONDS = 90;
/** A peer that asks for more than a day in a 422 is not followed. */
const MAX_SECONDS = 86_400;
const MAX_TRIES_422 = 3;
/** An interval that ended meanwhile ends the session after a last chance to refresh it. */
const SOON_MS = 10_000;

export class SessionTimer implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #user: SessionTimerUser;
  readonly #wantedSeconds: number;
  readonly #minSeconds: number;
  readonly #preferred: 'local' | 'remote';
  readonly #preferenceSet: boolean;
  /** The largest Min-SE seen; 0 when none (§7.4). */
  #peerMinSeconds = 0;
  /** The running interval; 0 when there is none. */
  #intervalSeconds = 0;
  #localRefreshes = false;
  #lastAskedSeconds = 0;
  #tries422 = 0;
  #retried = false;
  #expiresAtMs = 0;
  /** For what comes next: the refresh, where it is ours, or the end. */
  #timer: Timer | undefined = undefined;

  constructor(scheduler: Scheduler, user: SessionTimerUser, options: SessionTimerOptions = {}) {
    this.#scheduler = scheduler;
    this.#user = user;
    this.#minSeconds = Math.max(options.minSeconds ?? FLOOR_SECONDS, FLOOR_SECONDS);
    const wanted = options.intervalSeconds ?? 1800;
    this.#wantedSeconds = wanted === 0 ? 0 : Math.max(wanted, this.#minSeconds);
    this.#preferred = options.refresher ?? 'remote';
    this.#preferenceSet = options.refresher !== undefined;
  }

  /** The interval in force, in seconds; 0 when the session has none. */
  get intervalSeconds(): number {
    return this.#intervalSeconds;
  }

  /** Who refreshes; undefined when nobody needs to. */
  get refresher(): 'local' | 'remote' | undefined {
    if (this.#intervalSeconds === 0) return undefined;
    return this.#localRefreshes ? 'local' : 'remote';
  }

  /** Sets Session-Expires and Min-SE of an INVITE, re-INVITE or UPDATE of ours (§7.1, §7.4); false: it has none of them. */
  ask({ headers }: SipRequest): boolean {
    const base = this.#intervalSeconds === 0 ? this.#wantedSeconds : this.#intervalSeconds;
    const seconds = base === 0 ? 0 : Math.max(base, this.#peerMinSeconds);
    this.#lastAskedSeconds = seconds;
    if (seconds > 0) headers.set(HeaderId.SessionExpires, `${seconds}${this.#askedRefresher()}`);
    // §7.4: Min-SE once a 422 or the peer's request named one; ours too when it is above the default.
    const minSeconds = Math.max(this.#peerMinSeconds, this.#minSeconds);
    const saysMinimum = this.#peerMinSeconds > 0 || (seconds > 0 && minSeconds > FLOOR_SECONDS);
    if (saysMinimum) headers.set(HeaderId.MinSE, String(Math.min(minSeconds, seconds || minSeconds)));
    return seconds > 0 || saysMinimum;
  }

  /** A 2xx to our INVITE or UPDATE came (§7.2). */
  receiveSuccess(response: SipResponse): void {
    this.#tries422 = 0;
    const granted = readable(response, HeaderId.SessionExpires);
    if (granted !== undefined) {
      const { seconds, refresher } = granted;
      // DEVIATION: a 2xx without the refresher parameter, which §9 demands, leaves the refreshes to us: the session stays alive.
      this.#run(seconds, refresher !== 'uas');
      return;
    }
    // §7.2: the peer knows no session timer; whoever asked for one does all the refreshing.
    if (this.#lastAskedSeconds > 0) {
      this.#run(this.#lastAskedSeconds, true);
      return;
    }
    this.stop();
  }

  /** A 422 to our request came (§7.3). True: send the request again, with what {@link ask} sets now. */
  receive422(response: SipResponse): boolean {
    const minimum = readable(response, HeaderId.MinSE);
    if (minimum === undefined || ++this.#tries422 > MAX_TRIES_422) return false;
    const { seconds } = minimum;
    if (seconds <= this.#lastAskedSeconds || seconds > MAX_SECONDS) return false;
    this.#peerMinSeconds = Math.max(this.#peerMinSeconds, seconds);
    return true;
  }

  /** Whether the interval that a received INVITE or UPDATE asks for is refused (§9). */
  judge(request: SipRequest): IntervalRefusal | undefined {
    const asked = readable(request, HeaderId.SessionExpires);
    if (asked === undefined || asked.seconds >= this.#minSeconds || !supportsTimer(request)) return undefined;
    return { status: 422, headers: [[HeaderId.MinSE, String(this.#minSeconds)]] };
  }

  /** The header fields of our 2xx to a received INVITE or UPDATE that {@link judge} let pass (§9, table 2); the interval runs from here. */
  acceptRequest(request: SipRequest): HeaderList {
    const requestMinSeconds = readable(request, HeaderId.MinSE)?.seconds ?? 0;
    this.#peerMinSeconds = Math.max(this.#peerMinSeconds, Math.min(requestMinSeconds, MAX_SECONDS));
    const supported = supportsTimer(request);
    const asked = readable(request, HeaderId.SessionExpires);
    const floor = Math.max(requestMinSeconds, this.#minSeconds);
    const seconds = this.#acceptedSeconds(asked?.seconds, supported, floor);
    if (seconds === 0) {
      this.stop();
      return [];
    }
    const peerRefreshes = supported && (asked?.refresher ?? (this.#preferred === 'remote' ? 'uac' : 'uas')) === 'uac';
    this.#run(seconds, !peerRefreshes);
    const headers: [HeaderId, string][] = [
      [HeaderId.SessionExpires, `${seconds};refresher=${peerRefreshes ? 'uac' : 'uas'}`],
    ];
    // §9: Require for a peer that is to refresh, and SHOULD for one that supports the timer at all.
    if (supported) headers.push([HeaderId.Require, 'timer']);
    return headers;
  }

  /**
   * Our refresh failed. True: the session is lost, send a BYE (§10: 408, 481 or timeout, which counts as 408). False: it goes on; one
   * more refresh is asked for half-way to the expiry.
   */
  refreshFailed(status: number): boolean {
    if (status === 408 || status === 481) {
      this.stop();
      return true;
    }
    if (this.#intervalSeconds > 0 && this.#localRefreshes && !this.#retried) {
      this.#retried = true;
      const remainingMs = this.#expiresAtMs - this.#scheduler.nowMs();
      if (remainingMs > 0) this.#arm(remainingMs / 2, REFRESH);
    }
    return false;
  }

  /** The interval that runs; undefined when none does. `remainingMs`: until the session ends for want of a refresh. */
  snapshot(): SessionInterval | undefined {
    if (this.#intervalSeconds === 0) return undefined;
    return {
      intervalSeconds: this.#intervalSeconds,
      localRefreshes: this.#localRefreshes,
      remainingMs: this.#expiresAtMs - this.#scheduler.nowMs(),
    };
  }

  /** Goes on with an interval that began elsewhere: what is due is done soon. */
  resume({ intervalSeconds, localRefreshes, remainingMs }: SessionInterval): void {
    this.#run(intervalSeconds, localRefreshes);
    const nowMs = this.#scheduler.nowMs();
    const passedMs = this.#expiresAtMs - nowMs - remainingMs;
    this.#expiresAtMs = nowMs + Math.max(remainingMs, SOON_MS);
    if (localRefreshes) this.#arm(Math.max(intervalSeconds * 500 - passedMs, 0), REFRESH);
    else this.#arm(this.#expiresAtMs - nowMs, EXPIRE);
  }

  /** The dialog ended, or the timer was turned off. */
  stop(): void {
    this.#intervalSeconds = 0;
    this.#timer = cancelTimer(this.#timer);
  }

  onFault(error: unknown): void {
    this.#user.onFault(error);
  }

  onTimer(kind: number): void {
    this.#timer = undefined;
    if (kind === REFRESH) {
      this.#arm(this.#expiresAtMs - this.#scheduler.nowMs(), EXPIRE);
      this.#user.onRefreshDue();
      return;
    }
    this.stop();
    this.#user.onExpired();
  }

  /** §9: copied, or reduced to what we want, never below the floor, never raised. */
  #acceptedSeconds(asked: number | undefined, supported: boolean, floor: number): number {
    if (asked !== undefined) {
      const reduced = this.#wantedSeconds === 0 ? asked : Math.min(asked, this.#wantedSeconds);
      return Math.max(reduced, Math.min(asked, floor));
    }
    // A peer that supports the timer and asks for none may be asked; one that does not support it would not understand.
    return supported && this.#wantedSeconds > 0 ? Math.max(this.#wantedSeconds, floor) : 0;
  }

  #askedRefresher(): string {
    // §7.4: within a session the roles stay; in the first request the choice is better left open (§7.1).
    if (this.#intervalSeconds > 0) return this.#localRefreshes ? ';refresher=uac' : ';refresher=uas';
    if (!this.#preferenceSet) return '';
    // The peer may not know the timer, so that only `uac` may be named before it has spoken.
    return this.#preferred === 'local' ? ';refresher=uac' : '';
  }

  #run(seconds: number, localRefreshes: boolean): void {
    this.stop();
    // §4: below 90 s is against the rules, and obeying it would let a peer make us send as fast as it likes (§11.1).
    this.#intervalSeconds = Math.max(seconds, FLOOR_SECONDS);
    this.#localRefreshes = localRefreshes;
    this.#retried = false;
    const intervalMs = this.#intervalSeconds * 1000;
    const graceMs = Math.min(32_000, intervalMs / 3);
    this.#expiresAtMs = this.#scheduler.nowMs() + intervalMs - graceMs;
    // §10: half the interval is before its end by any grace.
    if (localRefreshes) this.#arm(intervalMs / 2, REFRESH);
    else this.#arm(intervalMs - graceMs, EXPIRE);
  }

  #arm(delayMs: number, kind: number): void {
    this.#timer = cancelTimer(this.#timer);
    this.#timer = this.#scheduler.schedule(delayMs, this, kind);
  }
}

/** Session-Expires or Min-SE. One that cannot be read counts as absent: no call is lost over it. */
function readable(message: SipRequest | SipResponse, id: HeaderId): SessionExpires | undefined {
  const text = message.headers.value(id);
  try {
    return text === undefined ? undefined : parseSessionExpires(text);
  } catch (error) {
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}

function supportsTimer(message: SipRequest): boolean {
  for (const id of [HeaderId.Supported, HeaderId.Require]) {
    if (message.headers.listValues(id).some((option) => option.toLowerCase() === 'timer')) return true;
  }
  return false;
}
