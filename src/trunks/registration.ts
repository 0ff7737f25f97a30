/**
 * The registration of one register trunk with its provider (RFC 3261 §10.2, docs/trunks.md).
 *
 * ```
 *  standby ──lease──▶ registering ──2xx──▶ registered ──flow lost──▶ registering
 *     ▲                    │  ▲                │ refresh fails
 *     └──lease elsewhere───┤  └──back-off──┐   ▼
 *                          ├──────────────▶ failed
 *                          └─3 refusals of the credentials─▶ rejected ──retry──▶ registering
 *  any ──end──▶ ended (after a last REGISTER that removes the Contact)
 * ```
 *
 * Rules: one REGISTER at a time; it is sent when the provider's pacer says so; a target that is silent or answers 503 is followed by
 * the next one (RFC 3263 §4.3), a redirection by the place that it names (§8.1.3.4), within the same turn; every end of a turn arms exactly one timer or rests in `rejected` or `ended`.
 * A refresh that is answered with an error leaves the registration alone until it lapses; one that nobody answers fails it at once.
 */
import { randomToken } from '../base/ids.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { DigestClient, DigestGiveUp } from '../sip/auth/index.ts';
import { type SipRequest, type SipResponse, textFromOctets } from '../sip/message/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import { MAX_HOLD_MS } from './evidence.ts';
import { Exchange, type ExchangeUser, type TrunkEndpoint } from './exchange.ts';
import type { Reach } from './hops.ts';
import { Lease, type LeaseHolder, type LeasePort } from './lease.ts';
import type { PacedUser, Pacer } from './pacer.ts';
import { type RegistrarPlace, RegistrarRedirection } from './registrar-redirection.ts';
import {
  flowTimerSeconds,
  grantedSeconds,
  minExpiresSeconds,
  retryAfterSeconds,
  serviceRoutes,
} from './registration-answer.ts';
import {
  backOffMs,
  FIRST_SPREAD_MS,
  FLOW_STABLE_MS,
  flowLossDelayMs,
  refreshDelayMs,
  retryAfterMs,
  TAKEOVER_SPREAD_MS,
} from './registration-timing.ts';
import type { Trunk } from './schema.ts';
import { ownAddress, registerRequest, sendOptions } from './trunk-requests.ts';

export type RegistrationState = 'standby' | 'registering' | 'registered' | 'failed' | 'rejected' | 'ended';

export interface RegistrationPorts {
  readonly scheduler: Scheduler;
  readonly endpoint: TrunkEndpoint;
  readonly random: () => number;
  readonly userAgent: string;
  readonly lease: LeasePort;
  /** The pace of the trunk's provider. */
  readonly pacer: Pacer;
  readonly digest: () => DigestClient | undefined;
  /**
   * Targets of the trunk's registrar or proxy, or of the place that the registrar has named instead. Throws or rejects when it cannot
   * be located.
   */
  readonly locate: (place?: RegistrarPlace) => Reach | Promise<readonly Target[]>;
  /** What is learnt about a target; `holdMs` when it asked to be left alone. */
  readonly noteTarget: (to: Flow | Target, answered: boolean, holdMs: number | undefined) => void;
  /** State, code or reason changed. */
  readonly onChange: (registration: Registration) => void;
}

/** Refusals of the credentials after which the trunk rests (RFC 3261 §10.3: 404 is an address the registrar does not serve). */
const REFUSALS = new Set([401, 403, 404, 407]);
const MAX_REFUSALS = 3;
const KEEP_ALIVE_MS = 110_000;
/** With another target to go to, a silent one is given up earlier than timer F. */
const ATTEMPT_TIMEOUT_MS = 8_000;
const END_TIMEOUT_MS = 4_000;

const Timers = { Due: 0, Lapse: 1 } as const;

export class Registration implements TimerTarget, PacedUser, ExchangeUser, LeaseHolder {
  /** The user part of our Contact, or its `tdm` parameter: names the trunk in the provider's requests. */
  readonly token = randomToken();
  state: RegistrationState = 'standby';
  lastCode: number | undefined;
  reason = 'not asked yet';
  /** RFC 3608 §6.1: kept until the next registration replaces them. */
  serviceRoutes: readonly string[] = [];
  grantedSeconds = 0;
  readonly #ports: RegistrationPorts;
  readonly #callId = randomToken();
  readonly #fromTag = randomToken();
  readonly #lease: Lease;
  /** Another node had the lease when it was last asked for. */
  #wasElsewhere = false;
  #trunk: Trunk;
  #sequence = 0;
  /** Grows with every turn; an answer of an earlier one is ignored. */
  #turn = 0;
  #targets: readonly (Flow | Target)[] = [];
  #position = 0;
  readonly #redirection = new RegistrarRedirection();
  /** Where the registrar has sent us in this turn; undefined while the trunk's own is asked. */
  #place: RegistrarPlace | undefined;
  /** The same of the latest success. */
  #registeredPlace: RegistrarPlace | undefined;
  #exchange: Exchange | undefined;
  #inTurn = false;
  #raisedSeconds = 0;
  #raisedInTurn = false;
  #failures = 0;
  #refusals = 0;
  #flowLosses = 0;
  #registeredAtMs = 0;
  #lapsesAtMs = 0;
  #flow: Flow | undefined;
  #target: Flow | Target | undefined;
  #due: Timer | undefined;
  #lapse: Timer | undefined;
  #ending: (() => void) | undefined;

  constructor(trunk: Trunk, ports: RegistrationPorts) {
    this.#trunk = trunk;
    this.#ports = ports;
    this.#lease = new Lease(`registration ${trunk.id}`, ports.lease, ports.scheduler, this);
  }

  /** The server that has the registration; undefined while there is none. */
  get target(): Flow | Target | undefined {
    return this.state === 'registered' ? this.#target : undefined;
  }

  /** The server of the registration is where the trunk's own registrar sent us: its word, not the operator's. */
  get wasRedirected(): boolean {
    return this.#registeredPlace !== undefined;
  }

  /** The connection or address that the registration was made over. */
  get flow(): Flow | undefined {
    return this.state === 'registered' ? this.#flow : undefined;
  }

  /** Another node registers this trunk. */
  get isElsewhere(): boolean {
    return this.state === 'standby' && this.#wasElsewhere;
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
    if (this.#inTurn) return;
    if (this.state !== 'registered') this.#become('registering', 'asked to try again', this.lastCode);
    this.#arm(0);
  }

  /** A connection is gone; if it was the one of the registration, inbound calls have no way in any more. */
  flowClosed(flow: Flow): void {
    if (this.state !== 'registered' || flow !== this.#flow || this.#inTurn) return;
    this.#flowLost();
  }

  /** Removes the Contact at the provider if it is there, and stops. `done` is called once. */
  end(done: () => void = () => {}): void {
    const { pacer, scheduler } = this.#ports;
    if (this.state === 'ended') {
      done();
      return;
    }
    const isKnownThere = this.state === 'registered' || this.#exchange !== undefined;
    this.#exchange?.abandon();
    this.#exchange = undefined;
    if (this.#inTurn) this.#leaveTurn(true);
    pacer.withdraw(this);
    pacer.setDemand(this, 0);
    this.#due = cancelTimer(this.#due);
    this.#lapse = cancelTimer(this.#lapse);
    this.#turn++;
    const wayOut = this.#target ?? this.#targets[this.#position];
    this.#become('ended', 'ended', this.lastCode);
    if (!isKnownThere || wayOut === undefined) {
      this.#ended(done);
      return;
    }
    this.#ending = done;
    if (wayOut === this.#target) this.#place = this.#registeredPlace;
    this.#targets = [wayOut];
    this.#position = 0;
    this.#due = scheduler.schedule(END_TIMEOUT_MS, this, Timers.Due);
    pacer.ask(this, true);
  }

  // Lease.

  onLease(): void {
    if (this.state === 'ended') return;
    this.#become('registering', 'not asked yet', undefined);
    this.#arm(this.#ports.random() * (this.#wasElsewhere ? TAKEOVER_SPREAD_MS : FIRST_SPREAD_MS));
    this.#wasElsewhere = false;
  }

  onLeaseElsewhere(): void {
    if (this.state === 'ended') return;
    this.#wasElsewhere = true;
    this.#due = cancelTimer(this.#due);
    this.#lapse = cancelTimer(this.#lapse);
    this.#exchange?.abandon();
    this.#exchange = undefined;
    if (this.#inTurn) this.#leaveTurn(true);
    this.#ports.pacer.withdraw(this);
    this.#ports.pacer.setDemand(this, 0);
    this.#turn++;
    this.#become('standby', 'another node registers this trunk', this.lastCode);
  }

  // Time.

  onTimer(kind: number): void {
    if (kind === Timers.Lapse) {
      this.#lapse = undefined;
      if (this.state === 'registered') this.#become('failed', 'the registration lapsed', this.lastCode);
      return;
    }
    this.#due = undefined;
    if (this.state === 'ended') this.#endingOver();
    else this.#locate();
  }

  #locate(): void {
    const turn = ++this.#turn;
    const located = (targets: Reach): void => {
      if (turn !== this.#turn) return;
      this.#targets = 'send' in targets ? [targets] : targets;
      this.#position = 0;
      if (this.#targets.length === 0) this.#failed('no target', undefined, undefined, true);
      else this.#ports.pacer.ask(this, this.state === 'registered');
    };
    const lost = (error: unknown): void => {
      if (turn === this.#turn) this.#failed((error as Error).message, undefined, undefined, true);
    };
    try {
      const targets = this.#ports.locate();
      if (targets instanceof Promise) targets.then(located).catch(lost);
      else located(targets);
    } catch (error) {
      lost(error);
    }
  }

  // A turn: one REGISTER, with what the answers to it make necessary.

  onTurn(): void {
    this.#inTurn = true;
    this.#raisedInTurn = false;
    if (this.state !== 'ended') {
      this.#place = undefined;
      this.#redirection.begin(this.#trunk);
    }
    this.#ask();
  }

  #ask(): void {
    const to = this.#targets[this.#position] as Flow | Target;
    const { endpoint, digest, pacer } = this.#ports;
    const own = ownAddress(this.#trunk, endpoint, to);
    if (own === undefined) {
      const reason = `nothing listens for ${to.transport}`;
      if (this.state === 'ended') this.#endingOver();
      else this.#failed(reason, undefined, undefined, true);
      return;
    }
    const build = (): SipRequest =>
      registerRequest(
        this.#trunk,
        {
          callId: this.#callId,
          fromTag: this.#fromTag,
          userAgent: this.#ports.userAgent,
          token: this.token,
          sequence: ++this.#sequence,
          expiresSeconds: this.state === 'ended' ? 0 : this.#askedSeconds(),
          place: this.#place,
        },
        own,
        to,
      );
    const timeoutMs = this.#attemptTimeoutMs();
    const send = {
      ...sendOptions(this.#trunk, endpoint, to),
      ...(timeoutMs === undefined ? {} : { transactionTimeoutMs: timeoutMs }),
    };
    const exchange = new Exchange({
      endpoint,
      to,
      digest: digest(),
      build,
      send,
      user: this,
      onResend: () => pacer.charge(),
    });
    this.#exchange = exchange;
    exchange.start();
  }

  #askedSeconds(): number {
    return Math.max(this.#trunk.credentials?.registerSeconds ?? 0, this.#raisedSeconds);
  }

  #attemptTimeoutMs(): number | undefined {
    if (this.state === 'ended') return END_TIMEOUT_MS;
    return this.#position + 1 < this.#targets.length ? ATTEMPT_TIMEOUT_MS : undefined;
  }

  onAnswer(response: SipResponse, exchange: Exchange, gaveUp: DigestGiveUp | undefined): void {
    if (exchange !== this.#exchange) return;
    this.#exchange = undefined;
    if (this.state === 'ended') {
      this.#endingOver();
      return;
    }
    const { status } = response;
    const retrySeconds = retryAfterSeconds(response);
    const holdMs =
      status === 503 && retrySeconds !== undefined ? Math.min(retrySeconds * 1000, MAX_HOLD_MS) : undefined;
    this.#ports.noteTarget(exchange.to, holdMs === undefined, holdMs);
    if (status < 300) this.#succeeded(response, exchange);
    else if (status === 423 && this.#raise(minExpiresSeconds(response))) this.#again();
    // RFC 3263 §4.3: 503 is a failure of this target only.
    else if (status === 503 && this.#nextTarget()) this.#again();
    else if (REFUSALS.has(status)) this.#refused(response, gaveUp);
    else if (status < 600 && this.#goElsewhere(status < 400 ? response : undefined)) return;
    else this.#failed(textFromOctets(response.reason), status, retrySeconds, true);
  }

  onSilence(reason: string, cause: 'timeout' | 'transport-error', exchange: Exchange): void {
    if (exchange !== this.#exchange) return;
    this.#exchange = undefined;
    if (this.state === 'ended') {
      this.#endingOver();
      return;
    }
    this.#ports.noteTarget(exchange.to, false, undefined);
    const isFlowLost = this.state === 'registered' && cause === 'transport-error' && this.#flow?.closed === true;
    if (this.#nextTarget()) {
      this.#again();
      return;
    }
    if (this.#goElsewhere(undefined)) return;
    this.#leaveTurn(false);
    if (isFlowLost) this.#flowLost();
    else this.#retryLater(reason, undefined, undefined, true);
  }

  /** A further message in the same turn. */
  #again(): void {
    this.#ports.pacer.charge();
    this.#ask();
  }

  #nextTarget(): boolean {
    if (this.#position + 1 >= this.#targets.length) return false;
    this.#position++;
    return true;
  }

  /** Asks the next place that the registrar has named, `redirection` included. False: there is none left. */
  #goElsewhere(redirection: SipResponse | undefined): boolean {
    if (redirection !== undefined) this.#redirection.add(redirection, this.#trunk);
    const place = this.#redirection.next();
    if (place === undefined) return false;
    const turn = this.#turn;
    const located = (targets: Reach): void => {
      if (turn !== this.#turn) return;
      this.#place = place;
      this.#targets = 'send' in targets ? [targets] : targets;
      this.#position = 0;
      this.#again();
    };
    const lost = (error: unknown): void => {
      if (turn !== this.#turn || this.#goElsewhere(undefined)) return;
      this.#failed((error as Error).message, redirection?.status, undefined, true);
    };
    try {
      const targets = this.#ports.locate(place);
      if (targets instanceof Promise) targets.then(located).catch(lost);
      else located(targets);
    } catch (error) {
      lost(error);
    }
    return true;
  }

  /** §10.2.8: once, and only upwards; kept for later refreshes. */
  #raise(minSeconds: number | undefined): boolean {
    if (minSeconds === undefined || this.#raisedInTurn || minSeconds <= this.#askedSeconds()) return false;
    this.#raisedInTurn = true;
    this.#raisedSeconds = minSeconds;
    return true;
  }

  #succeeded(response: SipResponse, exchange: Exchange): void {
    const granted = grantedSeconds(response, this.token, this.#askedSeconds());
    if (granted <= 0) {
      this.#failed('registered for 0 seconds', response.status, undefined, true);
      return;
    }
    const { scheduler, random, pacer } = this.#ports;
    this.#leaveTurn(true);
    const nowMs = scheduler.nowMs();
    if (this.state !== 'registered' || exchange.flow !== this.#flow) this.#registeredAtMs = nowMs;
    this.#flow = exchange.flow;
    this.#target = exchange.to;
    this.#registeredPlace = this.#place;
    this.#failures = 0;
    this.#refusals = 0;
    this.grantedSeconds = granted;
    this.#lapsesAtMs = nowMs + granted * 1000;
    this.serviceRoutes = serviceRoutes(response);
    const delayMs = refreshDelayMs(granted, random);
    pacer.setDemand(this, 1000 / delayMs);
    this.#lapse = cancelTimer(this.#lapse);
    this.#lapse = scheduler.schedule(granted * 1000, this, Timers.Lapse);
    this.#arm(delayMs);
    if (exchange.flow?.reliable === true) {
      const flowTimer = flowTimerSeconds(response);
      exchange.flow.keepAlive(flowTimer === undefined ? KEEP_ALIVE_MS : flowTimer * 800);
    }
    this.state = 'registered';
    this.reason = `registered for ${granted} s`;
    this.lastCode = response.status;
    // Told even when these are as before: server and connection may be others.
    this.#ports.onChange(this);
    // The connection may have gone while its answer was read.
    if (this.#flow?.closed === true) this.#flowLost();
  }

  #refused(response: SipResponse, gaveUp: DigestGiveUp | undefined): void {
    this.#refusals++;
    const why = gaveUp === undefined || gaveUp === 'rejected' || gaveUp === 'no-challenge' ? '' : ` (${gaveUp})`;
    const reason = `${textFromOctets(response.reason)}${why}`;
    if (this.#refusals < MAX_REFUSALS) {
      this.#failed(reason, response.status, retryAfterSeconds(response), false);
      return;
    }
    this.#leaveTurn(true);
    this.#lapse = cancelTimer(this.#lapse);
    this.#ports.pacer.setDemand(this, 0);
    this.#become('rejected', reason, response.status);
  }

  /** `keeps`: an answer that says nothing about the registration that is still running. */
  #failed(reason: string, code: number | undefined, retrySeconds: number | undefined, keeps: boolean): void {
    this.#leaveTurn(true);
    this.#retryLater(reason, code, retrySeconds, !keeps);
  }

  #retryLater(reason: string, code: number | undefined, retrySeconds: number | undefined, isDown: boolean): void {
    const { random, scheduler } = this.#ports;
    this.#failures++;
    const keeps = !isDown && this.state === 'registered' && scheduler.nowMs() < this.#lapsesAtMs;
    if (!keeps) this.#lapse = cancelTimer(this.#lapse);
    this.#become(keeps ? 'registered' : 'failed', reason, code);
    this.#arm(retrySeconds === undefined ? backOffMs(this.#failures, random) : retryAfterMs(retrySeconds, random));
  }

  #flowLost(): void {
    const { scheduler, random } = this.#ports;
    const livedMs = scheduler.nowMs() - this.#registeredAtMs;
    this.#flowLosses = livedMs >= FLOW_STABLE_MS ? 1 : this.#flowLosses + 1;
    this.#flow = undefined;
    this.#lapse = cancelTimer(this.#lapse);
    this.#become('registering', 'the connection was lost', this.lastCode);
    this.#arm(flowLossDelayMs(this.#flowLosses, random));
  }

  #leaveTurn(answered: boolean): void {
    if (!this.#inTurn) return;
    this.#inTurn = false;
    this.#ports.pacer.done(answered);
  }

  #endingOver(): void {
    this.#due = cancelTimer(this.#due);
    this.#exchange?.abandon();
    this.#exchange = undefined;
    this.#ports.pacer.withdraw(this);
    this.#leaveTurn(true);
    const done = this.#ending;
    this.#ending = undefined;
    if (done !== undefined) this.#ended(done);
  }

  #ended(done: () => void): void {
    this.#lease.end();
    done();
  }

  #arm(delayMs: number): void {
    this.#due = cancelTimer(this.#due);
    this.#ports.pacer.withdraw(this);
    this.#turn++;
    this.#due = this.#ports.scheduler.schedule(delayMs, this, Timers.Due);
  }

  #become(state: RegistrationState, reason: string, code: number | undefined): void {
    if (state === this.state && reason === this.reason && code === this.lastCode) return;
    this.state = state;
    this.reason = reason;
    this.lastCode = code;
    if (state !== 'registered') this.serviceRoutes = [];
    this.#ports.onChange(this);
  }
}
