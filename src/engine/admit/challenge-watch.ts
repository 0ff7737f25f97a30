import { Latest } from '../../base/latest.ts';
import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { secretHash } from '../../base/shelf.ts';
import type { DigestPolicy } from '../../sip/auth/index.ts';
import { HeaderId, type SipRequest } from '../../sip/message/index.ts';

/**
 * Sees phones that stop at a challenge: they ask, are challenged, and never come with credentials, because they cannot answer what
 * is offered or have no password. Without a word about it such a phone is simply not there.
 *
 * Rules it keeps: only accounts that exist are told of, so strangers cannot fill the log with names, and others are noted as well, so that
 * the time of an answer does not say who exists; each account and address is told once until it answers; all tables are bounded, the oldest
 * entry goes first; one timer for all.
 */
export interface ChallengeWatchOptions {
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** How long a phone may take to answer, milliseconds. */
  readonly patienceMs: number;
  /** Whether somebody of this name can sign in to the realm. */
  readonly isAccount: (realm: string, user: string | undefined) => boolean;
}

/** What there is to tell of a phone that may stop there, as it came: nearly none does. */
interface Waiting {
  readonly sinceMs: number;
  readonly method: string;
  readonly realm: string;
  readonly user: string | undefined;
  readonly source: string;
  readonly userAgent: string | undefined;
  readonly algorithms: DigestPolicy['algorithms'];
  /** It came with credentials for another realm. */
  readonly hasOthers: boolean;
}

const MAX_ENTRIES = 1000;

export class ChallengeWatch {
  readonly #options: ChallengeWatchOptions;
  /** By realm, user and source; in the order of their challenges. */
  readonly #waiting = new Latest<number, Waiting>(MAX_ENTRIES);
  readonly #told = new Latest<number, true>(MAX_ENTRIES);
  /** Those who are no accounts, of whom nobody hears. */
  readonly #nobodys = new Latest<number, Waiting>(MAX_ENTRIES);
  #armed = false;

  constructor(options: ChallengeWatchOptions) {
    this.#options = options;
  }

  onChallenged(
    request: SipRequest,
    realm: string,
    user: string | undefined,
    source: string,
    policy: DigestPolicy,
  ): void {
    const key = keyOf(realm, user, source);
    if (this.#waiting.has(key) || this.#told.has(key) || this.#nobodys.has(key)) return;
    const { scheduler, isAccount } = this.#options;
    const table = isAccount(realm, user) ? this.#waiting : this.#nobodys;
    const { headers, method } = request;
    const hasOthers = headers.has(HeaderId.Authorization) || headers.has(HeaderId.ProxyAuthorization);
    const userAgent = headers.value(HeaderId.UserAgent);
    const { algorithms } = policy;
    const sinceMs = scheduler.nowMs();
    table.set(key, { sinceMs, method, realm, user, source, userAgent, algorithms, hasOthers });
    if (!this.#armed) this.#arm(this.#options.patienceMs);
  }

  onCredentials(realm: string, user: string | undefined, source: string): void {
    if (this.#waiting.size + this.#told.size + this.#nobodys.size === 0) return;
    const key = keyOf(realm, user, source);
    this.#waiting.delete(key);
    this.#told.delete(key);
    this.#nobodys.delete(key);
  }

  onOtherUri({ method, requestUri }: SipRequest, realm: string, username: string, uri: string): void {
    this.#options.log.debug('digest-uri-differs', { method, realm, username, uri, requestUri });
  }

  onTimer(): void {
    const { scheduler, log, patienceMs } = this.#options;
    this.#armed = false;
    for (const [key, waiting] of this.#waiting) {
      const leftMs = waiting.sinceMs + patienceMs - scheduler.nowMs();
      if (leftMs > 0) {
        this.#arm(leftMs);
        return;
      }
      this.#waiting.delete(key);
      this.#told.set(key, true);
      log.warn('challenge-unanswered', factsOf(waiting));
    }
  }

  #arm(delayMs: number): void {
    this.#armed = true;
    this.#options.scheduler.schedule(delayMs, this, 0);
  }
}

/** A number: V8 makes a text that is looked up one of its unique strings. Where two are alike, which takes billions, one may not be told of. */
function keyOf(realm: string, user: string | undefined, source: string): number {
  return secretHash(`${user ?? ''}@${realm} ${source}`);
}

function factsOf(waiting: Waiting): Readonly<Record<string, unknown>> {
  const { method, realm, user, source, userAgent, algorithms, hasOthers } = waiting;
  const hint = hintOf(realm, user, algorithms, hasOthers);
  return { method, realm, user, source, userAgent, algorithms: algorithms.join(', '), hint };
}

function hintOf(
  realm: string,
  user: string | undefined,
  algorithms: DigestPolicy['algorithms'],
  hasOthers: boolean,
): string {
  if (hasOthers) return `the phone answers for another realm: its realm must be ${realm}, or be left open`;
  if (algorithms.length > 1 || algorithms[0] !== 'MD5')
    return `the phone may know MD5 alone: set digest.algorithms: [MD5] on ${user ?? 'the trunk'}, its tenant or the node`;
  return 'the phone has no password, or one for another realm or user name';
}
