/**
 * The registration of one register trunk with its provider (RFC 3261 §10.2, docs/trunks.md).
 *
 * ```
 *  standby ──lease──▶ registering ──2xx──▶ registered ──flow lost──▶ registering
 *     ▲                    │  ▲                │ refresh fails
 *     └──lease elsewhere───┤  └──back-off──┐   ▼
 *                          ├──────────────▶ failed
 *                          └─3 refusals of the credentials─▶ rejected ──retry──▶ registering
 *  any ──end──▶ ended (after a last REGISTER that removes the Contact: registration-farewell.ts)
 * ```
 *
 * Rules: something is being done about it (registration-work.ts) while it is registering, registered or failed, and in no other state.
 * A refresh that is answered with an error leaves the registration alone until it lapses; one that nobody answers fails it at once.
 */
import type { Timer, TimerTarget } from '../base/scheduler.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { DigestGiveUp } from '../sip/auth/index.ts';
import { type SipResponse, textFromOctets } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import { Lease, type LeaseHolder, type LeasePort } from './lease.ts';
import { RegisterSeries } from './register-series.ts';
import type { RegistrarAsked } from './registrar-redirection.ts';
import {
  flowTimerSeconds,
  formerPlaces,
  grantedSeconds,
  isTranslated,
  retryAfterSeconds,
  serviceRoutes,
} from './registration-answer.ts';
import { Farewell } from './registration-farewell.ts';
import { FIRST_SPREAD_MS, refreshDelayMs, Setbacks, TAKEOVER_SPREAD_MS } from './registration-timing.ts';
import { isRefusal, type TurnFailure } from './registration-turn.ts';
import { RegistrationWork, type WorkPorts, type WorkUser } from './registration-work.ts';
import { ownAddress } from './trunk-requests.ts';

export interface RegistrationPorts extends WorkPorts {
  readonly random: () => number;
  readonly userAgent: string;
  readonly lease: LeasePort;
  /** Names the trunk in the Contact: to whoever does not know it, one as good as random. */
  readonly tokenOf: (trunk: Trunk) => string;
  /** State, code or reason changed. */
  readonly onChange: (registration: Registration) => void;
}

/** What the provider has granted, and the server that has it. */
export interface GrantedRegistration extends RegistrarAsked {
  readonly seconds: number;
  /** The connection or address that the registration was made over. */
  readonly flow: Flow | undefined;
  /** Since when it has been registered over that. */
  readonly sinceMs: number;
  /** When the provider forgets it, unless it is refreshed. */
  readonly lapsesAtMs: number;
  readonly lapse: Timer;
  /** RFC 3608 §6.1: kept until the next registration replaces them. */
  readonly serviceRoutes: readonly string[];
}

interface Registered {
  readonly state: 'registered';
  readonly work: RegistrationWork;
  readonly grant: GrantedRegistration;
}

/** Why a trunk is not registered whose first REGISTER has not been answered. */
export const NOT_ASKED = 'not asked yet';

/** How it stands at the provider. */
type Standing =
  | Registered
  | { readonly state: 'standby'; readonly isElsewhere: boolean }
  | { readonly state: 'registering' | 'failed'; readonly work: RegistrationWork }
  | { readonly state: 'rejected' | 'ended' };

const KEEP_ALIVE_MS = 110_000;
/** As often as RFC 5626 §4.4.2 has it for STUN over UDP, 24 to 29 s; CRLF serves, as nobody need answer. */
const NAT_KEEP_ALIVE_MS = 26_500;

export class Registration implements TimerTarget, WorkUser, LeaseHolder {
  readonly series: RegisterSeries;
  lastCode: number | undefined;
  reason = NOT_ASKED;
  readonly #ports: RegistrationPorts;
  readonly #lease: Lease;
  readonly #setbacks: Setbacks;
  #standing: Standing = { state: 'standby', isElsewhere: false };

  constructor(trunk: Trunk, ports: RegistrationPorts) {
    this.series = new RegisterSeries(trunk, ports.tokenOf(trunk), ports.userAgent);
    this.#ports = ports;
    this.#lease = new Lease(`registration ${trunk.id}`, ports.lease, ports.scheduler, this);
    this.#setbacks = new Setbacks(ports.random);
  }

  get state(): Standing['state'] {
    return this.#standing.state;
  }

  /** What the provider has granted; undefined while it has nothing. */
  get grant(): GrantedRegistration | undefined {
    return this.#standing.state === 'registered' ? this.#standing.grant : undefined;
  }

  /** This node registers the trunk. */
  get holdsLease(): boolean {
    return this.#lease.held;
  }

  /** Another node registers this trunk. */
  get isElsewhere(): boolean {
    return this.#standing.state === 'standby' && this.#standing.isElsewhere;
  }

  start(): void {
    this.#lease.start();
  }

  /** New settings that do not touch the registration; they count from the next refresh on. */
  update(trunk: Trunk): void {
    this.series.trunk = trunk;
  }

  /** An administrator's word: forget the refusals and try now. */
  retry(): void {
    if (this.state === 'ended' || !this.#lease.held) return;
    this.#setbacks.forget();
    const work = this.#work;
    if (work.isAsking) return;
    work.dueIn(0);
    if (this.grant === undefined) this.#become({ state: 'registering', work }, 'asked to try again', this.lastCode);
  }

  /** A connection is gone; if it was the one of the registration, inbound calls have no way in any more. */
  flowClosed(flow: Flow): void {
    const standing = this.#standing;
    if (standing.state === 'registered' && standing.grant.flow === flow && !standing.work.isAsking)
      this.#flowLost(standing);
  }

  /** Removes the Contact at the provider if it is there, and stops. `done` is called once. */
  end(done: () => void = () => {}): void {
    if (this.state === 'ended') {
      done();
      return;
    }
    const { turn } = this.#work;
    // A REGISTER that has not been answered may have been taken.
    const asked = this.grant ?? (turn?.isUnderWay === true ? turn : undefined);
    this.#become({ state: 'ended' }, 'ended', this.lastCode);
    const over = () => {
      this.#lease.end();
      done();
    };
    if (asked === undefined) over();
    else new Farewell({ ports: this.#ports, series: this.series, asked, done: over }).start();
  }

  // Lease.

  onLease(): void {
    if (this.state === 'ended') return;
    const work = this.#work;
    work.dueIn(this.#ports.random() * (this.isElsewhere ? TAKEOVER_SPREAD_MS : FIRST_SPREAD_MS));
    this.#become({ state: 'registering', work }, NOT_ASKED, undefined);
  }

  onLeaseElsewhere(): void {
    if (this.state === 'ended') return;
    this.#become({ state: 'standby', isElsewhere: true }, 'another node registers this trunk', this.lastCode);
  }

  isLeasedNow(): boolean {
    return this.#lease.isHeldNow();
  }

  /** The provider has forgotten it by now. */
  onTimer(): void {
    if (this.#standing.state !== 'registered') return;
    const { work } = this.#standing;
    this.#become({ state: 'failed', work }, 'the registration lapsed', this.lastCode);
    work.lapsed();
  }

  // The end of a turn.

  onAccepted(response: SipResponse, flow: Flow | undefined, { to, place }: RegistrarAsked): void {
    const seconds = grantedSeconds(response, this.series.token, this.series.askedSeconds);
    if (seconds <= 0) {
      this.onFailed({ reason: 'registered for 0 seconds', code: response.status });
      return;
    }
    const { scheduler, random } = this.#ports;
    const nowMs = scheduler.nowMs();
    const [work, before] = [this.#work, this.grant];
    before?.lapse.cancel();
    this.#setbacks.registered();
    if (flow?.reliable === true) {
      const flowTimer = flowTimerSeconds(response);
      flow.keepAlive(flowTimer === undefined ? KEEP_ALIVE_MS : flowTimer * 800);
    } else if (flow !== undefined && isTranslated(response, this.#ports.endpoint.advertised(flow, 'private'))) {
      flow.keepAlive(NAT_KEEP_ALIVE_MS, seconds * 1000);
    }
    const grant: GrantedRegistration = {
      seconds,
      to,
      place,
      flow,
      sinceMs: before !== undefined && before.flow === flow ? before.sinceMs : nowMs,
      lapsesAtMs: nowMs + seconds * 1000,
      lapse: scheduler.schedule(seconds * 1000, this, 0),
      serviceRoutes: serviceRoutes(response),
    };
    work.refreshIn(refreshDelayMs(seconds, random));
    const standing: Registered = { state: 'registered', work, grant };
    this.#standing = standing;
    this.reason = `registered for ${seconds} s`;
    this.lastCode = response.status;
    if (before === undefined) this.#removeFormer(response, grant);
    // Told even when these are as before: server and connection may be others.
    this.#ports.onChange(this);
    // The connection may have gone while its answer was read.
    if (flow?.closed === true && this.#standing === standing) this.#flowLost(standing);
  }

  /** The provider would go on calling a node that has ended, where it had registered. */
  #removeFormer(response: SipResponse, grant: GrantedRegistration): void {
    const own = ownAddress(this.series.trunk, this.#ports.endpoint, grant.to);
    if (own === undefined) return;
    for (const at of formerPlaces(response, this.series.token, own))
      new Farewell({ ports: this.#ports, series: this.series, asked: grant, at, done() {} }).start();
  }

  onRefused(response: SipResponse, gaveUp: DigestGiveUp | undefined): void {
    const why = gaveUp === undefined || gaveUp === 'rejected' || gaveUp === 'no-challenge' ? '' : ` (${gaveUp})`;
    const [reason, code] = [`${textFromOctets(response.reason)}${why}`, response.status];
    if (this.#setbacks.isLastRefusal()) this.#become({ state: 'rejected' }, reason, code);
    else this.#failed({ reason, code, retrySeconds: retryAfterSeconds(response) }, false);
  }

  onFailed(failure: TurnFailure): void {
    const standing = this.#standing;
    const isFlowGone = failure.silence === 'transport-error' && this.grant?.flow?.closed === true;
    if (standing.state === 'registered' && isFlowGone) this.#flowLost(standing, false);
    else this.#failed(failure, failure.silence === undefined);
  }

  onFault(error: unknown): void {
    this.#ports.endpoint.onFault(error, { trunk: this.series.trunk.name });
    this.onFailed({ reason: 'a defect' });
  }

  /** @param keeps an answer that says nothing about the registration leaves it alone until it lapses */
  #failed({ reason, code, retrySeconds, silence }: TurnFailure, keeps: boolean): void {
    const [work, grant] = [this.#work, this.grant];
    const isKept = keeps && grant !== undefined && this.#ports.scheduler.nowMs() < grant.lapsesAtMs;
    // Those that count are three at the most, and come when the provider wants them.
    const isForLater = keeps && isRefusal(code);
    work.dueIn(this.#setbacks.afterFailureMs(retrySeconds, isForLater), silence === undefined);
    this.#become(isKept ? this.#standing : { state: 'failed', work }, reason, code);
  }

  #flowLost({ work, grant }: Registered, answered = true): void {
    work.dueIn(this.#setbacks.afterFlowLossMs(this.#ports.scheduler.nowMs() - grant.sinceMs), answered);
    this.#become({ state: 'registering', work }, 'the connection was lost', this.lastCode);
  }

  /** What is being done; for who rests, what would do it. */
  get #work(): RegistrationWork {
    return 'work' in this.#standing ? this.#standing.work : new RegistrationWork(this, this.#ports);
  }

  #become(standing: Standing, reason: string, code: number | undefined): void {
    const before = this.#standing;
    const isSame = standing.state === before.state && reason === this.reason && code === this.lastCode;
    if (before.state === 'registered' && standing !== before) before.grant.lapse.cancel();
    if ('work' in before && !('work' in standing)) before.work.rest();
    this.#standing = standing;
    if (isSame) return;
    this.reason = reason;
    this.lastCode = code;
    this.#ports.onChange(this);
  }
}
