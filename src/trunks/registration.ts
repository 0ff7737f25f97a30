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
 * Two things are told apart: how it stands at the provider ({@link Standing}), and what is being done about it ({@link Work}).
 *
 * Rules: one REGISTER at a time; it is sent when the provider's pacer says so; what answers make necessary belongs to the same turn
 * (registration-turn.ts); every end of a turn arms exactly one timer or rests in `rejected` or `ended`.
 * A refresh that is answered with an error leaves the registration alone until it lapses; one that nobody answers fails it at once.
 */
import { randomToken } from '../base/ids.ts';
import type { Scheduler, Timer, TimerTarget } from '../base/scheduler.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { DigestGiveUp } from '../sip/auth/index.ts';
import { type SipRequest, type SipResponse, textFromOctets } from '../sip/message/index.ts';
import type { Flow, HostPort, Target } from '../sip/transport/index.ts';
import type { Exchange } from './exchange.ts';
import type { Reach } from './hops.ts';
import { Lease, type LeaseHolder, type LeasePort } from './lease.ts';
import type { PacedUser } from './pacer.ts';
import type { RegistrarPlace } from './registrar-redirection.ts';
import {
  flowTimerSeconds,
  formerPlaces,
  grantedSeconds,
  retryAfterSeconds,
  serviceRoutes,
} from './registration-answer.ts';
import { Farewell } from './registration-farewell.ts';
import {
  backOffMs,
  FIRST_SPREAD_MS,
  FLOW_STABLE_MS,
  flowLossDelayMs,
  refreshDelayMs,
  retryAfterMs,
  TAKEOVER_SPREAD_MS,
} from './registration-timing.ts';
import { RegistrationTurn, type TurnFailure, type TurnPorts, type TurnUser } from './registration-turn.ts';
import { ownAddress, registerRequest } from './trunk-requests.ts';

export interface RegistrationPorts extends TurnPorts {
  readonly scheduler: Scheduler;
  readonly random: () => number;
  readonly userAgent: string;
  readonly lease: LeasePort;
  /** Names the trunk in the Contact: to whoever does not know it, one as good as random. */
  readonly tokenOf: (trunk: Trunk) => string;
  /** State, code or reason changed. */
  readonly onChange: (registration: Registration) => void;
}

/** What the provider has granted. */
interface HeldRegistration {
  readonly seconds: number;
  readonly to: Flow | Target;
  /** The connection or address that the registration was made over. */
  readonly flow: Flow | undefined;
  /** Since when it has been registered over that. */
  readonly sinceMs: number;
  readonly lapsesAtMs: number;
  readonly lapse: Timer;
  /** RFC 3608 §6.1: kept until the next registration replaces them. */
  readonly serviceRoutes: readonly string[];
}

/** How it stands at the provider. */
type Standing =
  | { readonly state: 'standby'; readonly isElsewhere: boolean }
  | { readonly state: 'registered'; readonly grant: HeldRegistration }
  | { readonly state: 'registering' | 'failed' | 'rejected' | 'ended' };

/** What is being done about it. */
type Work =
  | { readonly kind: 'none' }
  | { readonly kind: 'due'; readonly timer: Timer }
  | { readonly kind: 'locating' }
  /** It waits for the provider's pace. */
  | { readonly kind: 'queued'; readonly turn: RegistrationTurn }
  | { readonly kind: 'asking'; readonly turn: RegistrationTurn };

const STANDBY: Standing = { state: 'standby', isElsewhere: false };
const ELSEWHERE: Standing = { state: 'standby', isElsewhere: true };
const REGISTERING: Standing = { state: 'registering' };
const FAILED: Standing = { state: 'failed' };
const REJECTED: Standing = { state: 'rejected' };
const ENDED: Standing = { state: 'ended' };
const NONE: Work = { kind: 'none' };
const NO_ROUTES: readonly string[] = [];

/** Refusals of the credentials after which the trunk rests. */
const MAX_REFUSALS = 3;
const KEEP_ALIVE_MS = 110_000;

const Timers = { Due: 0, Lapse: 1 } as const;

export class Registration implements TimerTarget, PacedUser, TurnUser, LeaseHolder {
  /** The user part of our Contact, or its `tdm` parameter: names the trunk in the provider's requests. */
  readonly token: string;
  lastCode: number | undefined;
  reason = 'not asked yet';
  readonly #ports: RegistrationPorts;
  readonly #callId = randomToken();
  readonly #fromTag = randomToken();
  readonly #lease: Lease;
  #trunk: Trunk;
  #sequence = 0;
  #standing: Standing = STANDBY;
  #work: Work = NONE;
  /** Where the latest registration was made, and where the registrar had sent us to make it. */
  #latest: { readonly to: Flow | Target; readonly place: RegistrarPlace | undefined } | undefined;
  #raisedSeconds = 0;
  /** In a row. */
  #failures = 0;
  #refusals = 0;
  #flowLosses = 0;

  constructor(trunk: Trunk, ports: RegistrationPorts) {
    this.#trunk = trunk;
    this.#ports = ports;
    this.token = ports.tokenOf(trunk);
    this.#lease = new Lease(`registration ${trunk.id}`, ports.lease, ports.scheduler, this);
  }

  get state(): Standing['state'] {
    return this.#standing.state;
  }

  get #grant(): HeldRegistration | undefined {
    return this.#standing.state === 'registered' ? this.#standing.grant : undefined;
  }

  /** How long the provider keeps it, when it is not refreshed. */
  get leftMs(): number {
    return this.#grant === undefined ? 0 : Math.max(this.#grant.lapsesAtMs - this.#ports.scheduler.nowMs(), 0);
  }

  get grantedSeconds(): number {
    return this.#grant?.seconds ?? 0;
  }

  get serviceRoutes(): readonly string[] {
    return this.#grant?.serviceRoutes ?? NO_ROUTES;
  }

  /** The server that has the registration; undefined while there is none. */
  get target(): Flow | Target | undefined {
    return this.#grant?.to;
  }

  /** The server of the registration is where the trunk's own registrar sent us: its word, not the operator's. */
  get wasRedirected(): boolean {
    return this.#latest?.place !== undefined;
  }

  /** The connection or address that the registration was made over. */
  get flow(): Flow | undefined {
    return this.#grant?.flow;
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
    this.#trunk = trunk;
  }

  /** An administrator's word: forget the refusals and try now. */
  retry(): void {
    if (this.state === 'ended' || !this.#lease.held) return;
    this.#refusals = 0;
    this.#failures = 0;
    this.#flowLosses = 0;
    if (this.#work.kind === 'asking') return;
    if (this.#grant === undefined) this.#become(REGISTERING, 'asked to try again', this.lastCode);
    this.#arm(0);
  }

  /** A connection is gone; if it was the one of the registration, inbound calls have no way in any more. */
  flowClosed(flow: Flow): void {
    const grant = this.#grant;
    if (grant !== undefined && grant.flow === flow && this.#work.kind !== 'asking') this.#flowLost(grant);
  }

  /** Removes the Contact at the provider if it is there, and stops. `done` is called once. */
  end(done: () => void = () => {}): void {
    if (this.state === 'ended') {
      done();
      return;
    }
    const turn = 'turn' in this.#work ? this.#work.turn : undefined;
    const isKnownThere = this.#grant !== undefined || turn?.isUnderWay === true;
    const { to, place } = this.#latest ?? turn ?? {};
    this.#rest();
    this.#become(ENDED, 'ended', this.lastCode);
    const over = () => {
      this.#lease.end();
      done();
    };
    if (!isKnownThere || to === undefined) {
      over();
      return;
    }
    const request = (own: HostPort) => this.#request(own, to, place, 0);
    new Farewell({ ports: this.#ports, trunk: this.#trunk, to, request, done: over }).start();
  }

  // Lease.

  onLease(): void {
    if (this.state === 'ended') return;
    const spreadMs = this.isElsewhere ? TAKEOVER_SPREAD_MS : FIRST_SPREAD_MS;
    this.#become(REGISTERING, 'not asked yet', undefined);
    this.#arm(this.#ports.random() * spreadMs);
  }

  onLeaseElsewhere(): void {
    if (this.state === 'ended') return;
    this.#rest();
    this.#become(ELSEWHERE, 'another node registers this trunk', this.lastCode);
  }

  // Time.

  onTimer(kind: number): void {
    if (kind === Timers.Lapse) this.#become(FAILED, 'the registration lapsed', this.lastCode);
    else if (this.#lease.isHeldNow()) this.#locate();
  }

  #locate(): void {
    const work: Work = { kind: 'locating' };
    this.#work = work;
    const located = (reach: Reach): void => {
      if (this.#work !== work) return;
      const targets = 'send' in reach ? [reach] : reach;
      if (targets.length === 0) {
        this.onFailed({ reason: 'no target' });
        return;
      }
      this.#work = { kind: 'queued', turn: new RegistrationTurn(this, this.#ports, targets) };
      this.#ports.pacer.ask(this, this.#grant !== undefined);
    };
    const lost = (error: unknown): void => {
      if (this.#work === work) this.onFailed({ reason: (error as Error).message });
    };
    try {
      const targets = this.#ports.locate();
      if (targets instanceof Promise) targets.then(located).catch(lost);
      else located(targets);
    } catch (error) {
      lost(error);
    }
  }

  // A turn.

  onTurn(): void {
    if (this.#work.kind !== 'queued') return;
    const { turn } = this.#work;
    this.#work = { kind: 'asking', turn };
    if (this.#lease.isHeldNow()) turn.begin();
  }

  get trunk(): Trunk {
    return this.#trunk;
  }

  get askedSeconds(): number {
    return Math.max(this.#trunk.credentials?.registerSeconds ?? 0, this.#raisedSeconds);
  }

  raise(seconds: number): void {
    this.#raisedSeconds = seconds;
  }

  request(own: HostPort, to: Flow | Target, place: RegistrarPlace | undefined): SipRequest {
    return this.#request(own, to, place, this.askedSeconds);
  }

  #request(own: HostPort, to: Flow | Target, place: RegistrarPlace | undefined, expiresSeconds: number): SipRequest {
    const facts = {
      callId: this.#callId,
      fromTag: this.#fromTag,
      userAgent: this.#ports.userAgent,
      token: this.token,
      sequence: ++this.#sequence,
      expiresSeconds,
      place,
    };
    return registerRequest(this.#trunk, facts, own, to);
  }

  onAccepted(response: SipResponse, { flow, to }: Exchange, place: RegistrarPlace | undefined): void {
    const seconds = grantedSeconds(response, this.token, this.askedSeconds);
    if (seconds <= 0) {
      this.onFailed({ reason: 'registered for 0 seconds', code: response.status });
      return;
    }
    const { scheduler, random, pacer } = this.#ports;
    this.#leaveTurn(true);
    const nowMs = scheduler.nowMs();
    const before = this.#grant;
    before?.lapse.cancel();
    this.#latest = { to, place };
    this.#failures = 0;
    this.#refusals = 0;
    const delayMs = refreshDelayMs(seconds, random);
    pacer.setDemand(this, 1000 / delayMs);
    const lapse = scheduler.schedule(seconds * 1000, this, Timers.Lapse);
    this.#arm(delayMs);
    if (flow?.reliable === true) {
      const flowTimer = flowTimerSeconds(response);
      flow.keepAlive(flowTimer === undefined ? KEEP_ALIVE_MS : flowTimer * 800);
    }
    const grant: HeldRegistration = {
      seconds,
      to,
      flow,
      sinceMs: before !== undefined && before.flow === flow ? before.sinceMs : nowMs,
      lapsesAtMs: nowMs + seconds * 1000,
      lapse,
      serviceRoutes: serviceRoutes(response),
    };
    this.#standing = { state: 'registered', grant };
    this.reason = `registered for ${seconds} s`;
    this.lastCode = response.status;
    if (before === undefined) this.#removeFormer(response, to, place);
    // Told even when these are as before: server and connection may be others.
    this.#ports.onChange(this);
    // The connection may have gone while its answer was read.
    if (flow?.closed === true && this.#grant === grant) this.#flowLost(grant);
  }

  /** The provider would go on calling a node that has ended, where it had registered. */
  #removeFormer(response: SipResponse, to: Flow | Target, place: RegistrarPlace | undefined): void {
    const own = ownAddress(this.#trunk, this.#ports.endpoint, to);
    if (own === undefined) return;
    for (const former of formerPlaces(response, this.token, own)) {
      const request = () => this.#request(former, to, place, 0);
      new Farewell({ ports: this.#ports, trunk: this.#trunk, to, request, done: () => {} }).start();
    }
  }

  onRefused(response: SipResponse, gaveUp: DigestGiveUp | undefined): void {
    this.#refusals++;
    const why = gaveUp === undefined || gaveUp === 'rejected' || gaveUp === 'no-challenge' ? '' : ` (${gaveUp})`;
    const reason = `${textFromOctets(response.reason)}${why}`;
    this.#leaveTurn(true);
    if (this.#refusals < MAX_REFUSALS) {
      this.#retryLater({ reason, code: response.status, retrySeconds: retryAfterSeconds(response) }, true);
      return;
    }
    this.#ports.pacer.setDemand(this, 0);
    this.#become(REJECTED, reason, response.status);
  }

  onFailed(failure: TurnFailure): void {
    const grant = this.#grant;
    this.#leaveTurn(failure.silence === undefined);
    if (grant?.flow?.closed === true && failure.silence === 'transport-error') this.#flowLost(grant);
    else this.#retryLater(failure, failure.silence !== undefined);
  }

  /** An answer that says nothing about the registration leaves it alone until it lapses. */
  #retryLater({ reason, code, retrySeconds }: TurnFailure, isDown: boolean): void {
    const { random, scheduler } = this.#ports;
    this.#failures++;
    const grant = this.#grant;
    const keeps = !isDown && grant !== undefined && scheduler.nowMs() < grant.lapsesAtMs;
    this.#become(keeps ? this.#standing : FAILED, reason, code);
    this.#arm(retrySeconds === undefined ? backOffMs(this.#failures, random) : retryAfterMs(retrySeconds, random));
  }

  #flowLost({ sinceMs }: HeldRegistration): void {
    const { scheduler, random } = this.#ports;
    this.#flowLosses = scheduler.nowMs() - sinceMs >= FLOW_STABLE_MS ? 1 : this.#flowLosses + 1;
    this.#become(REGISTERING, 'the connection was lost', this.lastCode);
    this.#arm(flowLossDelayMs(this.#flowLosses, random));
  }

  #leaveTurn(answered: boolean): void {
    if (this.#work.kind !== 'asking') return;
    this.#work = NONE;
    this.#ports.pacer.done(answered);
  }

  /** Stops whatever is being done, and asks for no more of the provider's time. */
  #rest(): void {
    this.#stop();
    this.#ports.pacer.setDemand(this, 0);
  }

  #stop(): void {
    const work = this.#work;
    this.#work = NONE;
    switch (work.kind) {
      case 'due':
        work.timer.cancel();
        break;
      case 'queued':
        this.#ports.pacer.withdraw(this);
        break;
      case 'asking':
        work.turn.abandon();
        this.#ports.pacer.done(true);
        break;
      default:
        break;
    }
  }

  #arm(delayMs: number): void {
    this.#stop();
    this.#work = { kind: 'due', timer: this.#ports.scheduler.schedule(delayMs, this, Timers.Due) };
  }

  #become(standing: Standing, reason: string, code: number | undefined): void {
    const before = this.#standing;
    const isSame = standing.state === before.state && reason === this.reason && code === this.lastCode;
    if (before.state === 'registered' && standing !== before) before.grant.lapse.cancel();
    this.#standing = standing;
    if (isSame) return;
    this.reason = reason;
    this.lastCode = code;
    this.#ports.onChange(this);
  }
}
