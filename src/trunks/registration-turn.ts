import type { DigestClient, DigestGiveUp } from '../sip/auth/index.ts';
import { type SipResponse, textFromOctets } from '../sip/message/index.ts';
import { type Flow, isOwnShortage, type Target } from '../sip/transport/index.ts';
import { MAX_HOLD_MS } from './evidence.ts';
import { Exchange, type ExchangeUser, type TrunkEndpoint } from './exchange.ts';
import { type Reach, whenLocated } from './hops.ts';
import type { Pacer } from './pacer.ts';
import type { RegisterSeries } from './register-series.ts';
import { type RegistrarAsked, type RegistrarPlace, RegistrarRedirection } from './registrar-redirection.ts';
import { minExpiresSeconds, retryAfterSeconds } from './registration-answer.ts';
import { ownAddress, sendOptions } from './trunk-requests.ts';

export interface TurnPorts {
  readonly endpoint: TrunkEndpoint;
  readonly pacer: Pacer;
  readonly digest: () => DigestClient | undefined;
  /**
   * Targets of the trunk's registrar or proxy, or of the place that the registrar has named instead. Throws or rejects when it cannot
   * be located.
   */
  readonly locate: (place?: RegistrarPlace) => Reach | Promise<readonly Target[]>;
  /** What is learnt about a target; `holdMs` when it asked to be left alone. */
  readonly noteTarget: (to: Flow | Target, answered: boolean, holdMs: number | undefined) => void;
}

/** Why a turn did not register. */
export interface TurnFailure {
  readonly reason: string;
  readonly code?: number | undefined;
  /** The registrar said when to come again. */
  readonly retrySeconds?: number | undefined;
  /** Set when the last target was silent: nobody answered. */
  readonly silence?: 'timeout' | 'transport-error';
}

/** Whose turn it is. It hears exactly one of the ends, unless the turn was abandoned. */
export interface TurnUser {
  readonly series: RegisterSeries;
  onAccepted(response: SipResponse, flow: Flow | undefined, asked: RegistrarAsked): void;
  /** The credentials are refused, or the address is not served there. */
  onRefused(response: SipResponse, gaveUp: DigestGiveUp | undefined): void;
  onFailed(failure: TurnFailure): void;
  /** A defect met it where no message is being handled. */
  onFault(error: unknown): void;
}

const REFUSALS: ReadonlySet<number | undefined> = new Set([401, 403, 404, 407]);
/** With another target to go to, a silent one is given up earlier than timer F. */
const ATTEMPT_TIMEOUT_MS = 8_000;
const HOUR_SECONDS = 3600;
const MAX_RAISES = 3;

/**
 * One turn of a registration: a REGISTER with what the answers to it make necessary. A target that is silent or answers 503 is followed
 * by the next one (RFC 3263 §4.3), 423 by a longer time (RFC 3261 §10.2.8), a redirection by the place that it names (§8.1.3.4).
 */
export class RegistrationTurn implements ExchangeUser, RegistrarAsked {
  readonly #user: TurnUser;
  readonly #ports: TurnPorts;
  readonly #redirection = new RegistrarRedirection();
  #targets: readonly (Flow | Target)[];
  #position = 0;
  place: RegistrarPlace | undefined;
  #exchange: Exchange | undefined;
  #raises = 0;
  #isAbandoned = false;

  /** @param targets at least one */
  constructor(user: TurnUser, ports: TurnPorts, targets: readonly (Flow | Target)[]) {
    this.#user = user;
    this.#ports = ports;
    this.#targets = targets;
  }

  get to(): Flow | Target {
    return this.#targets[this.#position] as Flow | Target;
  }

  /** A REGISTER has left that was not answered: the registrar may have taken it. */
  get isUnderWay(): boolean {
    return this.#exchange !== undefined;
  }

  begin(): void {
    this.#redirection.begin(this.#user.series.trunk);
    this.#ask();
  }

  /** Whatever comes from now on is nobody's concern. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#exchange?.abandon();
    this.#exchange = undefined;
  }

  #ask(): void {
    const { to } = this;
    const { endpoint, digest, pacer } = this.#ports;
    const { series } = this.#user;
    const { trunk } = series;
    const own = ownAddress(trunk, endpoint, to);
    if (own === undefined) {
      this.#user.onFailed({ reason: `nothing listens for ${to.transport}` });
      return;
    }
    const isLast = this.#position + 1 >= this.#targets.length;
    this.#exchange = new Exchange({
      endpoint,
      to,
      digest: digest(),
      build: () => series.next(own, this),
      send: {
        ...sendOptions(trunk, endpoint, to),
        ...(isLast ? {} : { transactionTimeoutMs: ATTEMPT_TIMEOUT_MS }),
      },
      user: this,
      onResend: () => pacer.charge(),
    });
    this.#exchange.start();
  }

  onAnswer(response: SipResponse, exchange: Exchange, gaveUp: DigestGiveUp | undefined): void {
    if (exchange !== this.#exchange) return;
    this.#exchange = undefined;
    const { status } = response;
    const retrySeconds = retryAfterSeconds(response);
    const holdMs =
      status === 503 && retrySeconds !== undefined ? Math.min(retrySeconds * 1000, MAX_HOLD_MS) : undefined;
    this.#ports.noteTarget(exchange.to, holdMs === undefined, holdMs);
    if (status < 300) this.#user.onAccepted(response, exchange.flow, this);
    // RFC 3261 §10.3 step 7: an hour is never too brief, so one that says nothing of use is asked for that.
    else if (status === 423 && (this.#raise(minExpiresSeconds(response)) || this.#raise(HOUR_SECONDS))) this.#again();
    // RFC 3263 §4.3: 503 is a failure of this target only.
    else if (status === 503 && this.#nextTarget()) this.#again();
    else if (isRefusal(status) && !isForLater(response, exchange)) this.#user.onRefused(response, gaveUp);
    else if (status < 600 && this.#goElsewhere(status < 400 ? response : undefined)) return;
    else this.#user.onFailed({ reason: textFromOctets(response.reason), code: status, retrySeconds });
  }

  onSilence(reason: string, cause: 'timeout' | 'transport-error', exchange: Exchange): void {
    if (exchange !== this.#exchange) return;
    this.#exchange = undefined;
    if (!isOwnShortage(reason)) this.#ports.noteTarget(exchange.to, false, undefined);
    if (this.#nextTarget()) this.#again();
    else if (!this.#goElsewhere(undefined)) this.#user.onFailed({ reason, silence: cause });
  }

  onFault(error: unknown): void {
    if (this.#isAbandoned) throw error;
    this.#user.onFault(error);
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
    if (redirection !== undefined) this.#redirection.add(redirection, this.#user.series.trunk);
    const place = this.#redirection.next();
    if (place === undefined) return false;
    whenLocated(
      () => this.#ports.locate(place),
      (targets) => {
        if (this.#isAbandoned) return;
        this.place = place;
        this.#targets = targets;
        this.#position = 0;
        this.#again();
      },
      ({ message }) => {
        if (this.#isAbandoned || this.#goElsewhere(undefined)) return;
        this.#user.onFailed({ reason: message, code: redirection?.status });
      },
    );
    return true;
  }

  /** Only upwards: a border controller and the registrar behind it may each want more. */
  #raise(minSeconds: number | undefined): boolean {
    if (minSeconds === undefined || this.#raises >= MAX_RAISES || !this.#user.series.raise(minSeconds)) return false;
    this.#raises++;
    return true;
  }
}

/** Of the credentials (RFC 3261 §10.3: 404 is an address that the registrar does not serve). */
export function isRefusal(status: number | undefined): boolean {
  return REFUSALS.has(status);
}

/** Who says when to come again (RFC 3261 §20.33), and has seen no credentials, refuses none. */
function isForLater(response: SipResponse, { hadCredentials }: Exchange): boolean {
  const { status } = response;
  return (status === 403 || status === 404) && !hadCredentials && retryAfterSeconds(response) !== undefined;
}
