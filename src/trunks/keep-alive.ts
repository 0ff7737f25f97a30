/**
 * OPTIONS pings to every target of a trunk that is in use (docs/trunks.md). One timer per trunk; at each tick the targets are asked
 * for anew, so that a changed DNS answer, a moved gateway or a new registrar is pinged from the next tick on.
 */
import { randomToken } from '../base/ids.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { KeepAliveOptions, Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { DigestClient } from '../sip/auth/index.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import { type SipResponse, textFromOctets } from '../sip/message/index.ts';
import { type Flow, isOwnShortage, type Target } from '../sip/transport/index.ts';
import { MAX_HOLD_MS } from './evidence.ts';
import { Exchange, type ExchangeUser, type TrunkEndpoint } from './exchange.ts';
import type { Reach } from './hops.ts';
import { retryAfterSeconds } from './registration-answer.ts';
import type { PingOutcome, TrunkSharing } from './sharing.ts';
import type { TargetHealth } from './target-health.ts';
import { optionsRequest, ownAddress, sendOptions } from './trunk-requests.ts';

export interface KeepAlivePorts {
  readonly scheduler: Scheduler;
  readonly endpoint: TrunkEndpoint;
  readonly random: () => number;
  readonly userAgent: string;
  /** Methods that this engine takes. */
  readonly allow: string;
  readonly digest: () => DigestClient | undefined;
  /** The targets in use; none while there is nothing to ping. */
  readonly reach: () => Reach | Promise<readonly Target[]>;
  /** What is known of a silence beforehand; undefined: nothing. */
  readonly suspicion: () => string | undefined;
  readonly noteTarget: (target: string, answered: boolean, holdMs?: number) => void;
  /** Undefined: this process pings by itself. */
  readonly sharing?: TrunkSharing | undefined;
  /** Something was learnt. */
  readonly onEvidence: () => void;
}

/** First pings are spread over at most this time. */
const FIRST_SPREAD_MS = 10_000;
const MAX_TIMEOUT_MS = 32_000;
const INTERVAL_JITTER = 0.05;

export class KeepAlive implements TimerTarget, ExchangeUser {
  readonly #ports: KeepAlivePorts;
  readonly #health: TargetHealth;
  readonly #fromTag = randomToken();
  #trunk: Trunk;
  #sequence = 0;
  #timer: Timer | undefined;
  #ended = false;
  /** Pings that wait for an answer, by target. */
  readonly #pending = new Map<string, Exchange>();

  constructor(trunk: Trunk, health: TargetHealth, ports: KeepAlivePorts) {
    this.#trunk = trunk;
    this.#health = health;
    this.#ports = ports;
  }

  start(): void {
    this.#arm(this.#ports.random() * Math.min(FIRST_SPREAD_MS, this.#intervalMs()));
  }

  update(trunk: Trunk): void {
    const before = this.#trunk.options.keepAlive.intervalSeconds;
    this.#trunk = trunk;
    if (trunk.options.keepAlive.intervalSeconds !== before) this.start();
  }

  /** Pings now, e.g. because a gateway has just registered or an administrator asks. */
  now(): void {
    if (!this.#ended) this.#arm(0);
  }

  end(): void {
    this.#ended = true;
    this.#timer = cancelTimer(this.#timer);
    for (const exchange of this.#pending.values()) exchange.abandon();
    this.#pending.clear();
  }

  onTimer(): void {
    this.#arm(this.#intervalMs() * (1 - INTERVAL_JITTER * this.#ports.random()));
    try {
      const reach = this.#ports.reach();
      if (reach instanceof Promise) reach.then((targets) => this.#pingAll(targets)).catch((error) => this.#lost(error));
      else this.#pingAll(reach);
    } catch (error) {
      this.#lost(error);
    }
  }

  onAnswer(response: SipResponse, exchange: Exchange): void {
    const key = describeDestination(exchange.to);
    if (this.#pending.get(key) !== exchange) return;
    this.#pending.delete(key);
    const { status } = response;
    const reason = textFromOctets(response.reason);
    const waitSeconds = status === 503 ? retryAfterSeconds(response) : undefined;
    this.#learned({ target: key, status, reason, waitSeconds });
  }

  onSilence(reason: string, _cause: 'timeout' | 'transport-error', exchange: Exchange): void {
    const key = describeDestination(exchange.to);
    if (this.#pending.get(key) !== exchange) return;
    this.#pending.delete(key);
    const suspicion = this.#ports.suspicion();
    const why = suspicion === undefined ? reason : `${reason}: ${suspicion}`;
    this.#learned({ target: key, status: undefined, reason: why });
  }

  /** What the process that pings for all has learnt. */
  take({ target, status, reason, waitSeconds }: PingOutcome): void {
    const options = this.#trunk.options.keepAlive;
    if (status === undefined) {
      this.#health.failed(target, undefined, reason, options);
      if (!isOwnShortage(reason)) this.#ports.noteTarget(target, false);
    } else if (waitSeconds !== undefined && waitSeconds > 0) {
      const holdMs = Math.min(waitSeconds * 1000, MAX_HOLD_MS);
      this.#health.hold(target, this.#ports.scheduler.nowMs() + holdMs, status, `asked to wait ${waitSeconds} s`);
      this.#ports.noteTarget(target, false, holdMs);
    } else if (isAccepted(status, options.accept)) {
      this.#health.alive(target, status, reason, options);
      this.#ports.noteTarget(target, true);
    } else {
      this.#health.failed(target, status, reason, options);
      this.#ports.noteTarget(target, this.#health.livenessOf(target, this.#ports.scheduler.nowMs()) !== 'down');
    }
    this.#ports.onEvidence();
  }

  #learned(outcome: PingOutcome): void {
    this.take(outcome);
    this.#ports.sharing?.tell({ kind: 'ping', trunkId: this.#trunk.id, outcome });
  }

  #pingAll(reach: Reach): void {
    if (this.#ended) return;
    const targets = 'send' in reach ? [reach] : reach;
    this.#health.keepOnly(new Set(targets.map(describeDestination)));
    if (this.#ports.sharing?.isFirst() === false) return;
    const nowMs = this.#ports.scheduler.nowMs();
    for (const to of targets) {
      const key = describeDestination(to);
      if (!this.#pending.has(key) && !this.#health.isHeld(key, nowMs)) this.#ping(to, key);
    }
    this.#ports.onEvidence();
  }

  #ping(to: Flow | Target, key: string): void {
    const { endpoint, digest, userAgent, allow } = this.#ports;
    const own = ownAddress(this.#trunk, endpoint, to);
    const options = this.#trunk.options.keepAlive;
    if (own === undefined) {
      this.#health.failed(key, undefined, `nothing listens for ${to.transport}`, options);
      return;
    }
    const facts = { callId: randomToken(), fromTag: this.#fromTag, userAgent, allow };
    const timeoutMs = Math.min(this.#intervalMs(), MAX_TIMEOUT_MS);
    const exchange = new Exchange({
      endpoint,
      to,
      digest: this.#trunk.type === 'accept-register' ? undefined : digest(),
      build: () => optionsRequest(this.#trunk, { ...facts, sequence: ++this.#sequence }, own, to),
      send: { ...sendOptions(this.#trunk, endpoint, to), transactionTimeoutMs: timeoutMs },
      user: this,
    });
    this.#pending.set(key, exchange);
    exchange.start();
  }

  /** The host could not be located: what is known of its targets stays, and stands as last heard. */
  #lost(error: unknown): void {
    if (this.#ended) return;
    this.#health.failed('', undefined, (error as Error).message, this.#trunk.options.keepAlive);
    this.#ports.onEvidence();
  }

  #intervalMs(): number {
    return this.#trunk.options.keepAlive.intervalSeconds * 1000;
  }

  #arm(delayMs: number): void {
    this.#timer = cancelTimer(this.#timer);
    this.#timer = this.#ports.scheduler.schedule(delayMs, this, 0);
  }
}

function isAccepted(status: number, accept: KeepAliveOptions['accept']): boolean {
  switch (accept) {
    case '200':
      return status === 200;
    case '2xx':
      return status >= 200 && status < 300;
    case 'any':
      return true;
    default:
      return accept.includes(status);
  }
}
