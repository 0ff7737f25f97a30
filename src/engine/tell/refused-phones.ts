/**
 * Which refused REGISTERs people are told of, and in which words: a phone that does not appear is looked for by those who read no log. A phone tries
 * again every few seconds and strangers guess, so the same is told once in ten minutes, where not too many are, and few in a minute; the log has them all.
 */
import { hostKey } from '../../base/network.ts';
import type { Clock } from '../../base/scheduler.ts';
import type { RegisterRefused } from '../../registrar/index.ts';
import { textFromOctets } from '../../sip/message/index.ts';

const AGAIN_MS = 600_000;
const MINUTE_MS = 60_000;
/** Of one domain, or of those that are nobody's here. */
const MOST_A_MINUTE = 20;
/** One host may have so many times what of these is left: three quarters at most, and the next one three quarters of the rest. */
const SHARE_OF_LEFT = 3;
/** Of all. Then the one of longest ago may be told again sooner; what was told within a minute bounds what is told in one. */
const MOST_KEPT = 1000;
const MOST_OCTETS = 64;
/** The phone is told what to ask for, and does. */
const INTERVAL_TOO_BRIEF = 423;

/** Of credentials; what is not here mends itself by the next try, or is a guess that goes on. */
const WORDS = {
  password: 'wrong password',
  'unknown-user': 'no extension has this number',
  algorithm: 'the phone answers with an algorithm that was not asked for',
  qop: 'the phone answers with a qop that was not asked for',
  'no-qop': 'an old phone that answers without qop',
  'short-count': 'an old phone that counts its answers otherwise',
  uri: 'the phone signs for another address than it registers at',
  malformed: 'credentials that cannot be read',
} as const satisfies Partial<Record<NonNullable<RegisterRefused['digest']>, string>>;

/** What is told of one. */
export interface RefusedPhone {
  /** As claimed: `101@acme.example.com`, or the host alone where no number is known. */
  readonly addressOfRecord: string;
  readonly source: string;
  readonly reason: string;
  /** Of the tenant that it asked for. */
  readonly domain: string | undefined;
}

export class RefusedPhones {
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** When each was told, of which domain it is and from which host, the oldest first. */
  readonly #told = new Map<
    string,
    { readonly atMs: number; readonly domain: string | undefined; readonly host: string }
  >();

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** What is to be told; undefined: nothing. `hint` takes the place of the words. */
  told(refused: RegisterRefused, hint: string | undefined): RefusedPhone | undefined {
    const { status, digest, host, username, sourceAddress: source, domain } = refused;
    const words = hint ?? (digest === undefined ? refused.reason : WORDS[digest as keyof typeof WORDS]);
    if (words === undefined || status === INTERVAL_TOO_BRIEF) return undefined;
    const claimed = username === undefined ? host : `${username}@${host}`;
    const addressOfRecord = textFromOctets(claimed.slice(0, MOST_OCTETS));
    const reason = `${status}: ${words}`;
    return this.#isDue(`${addressOfRecord} ${source} ${reason}`, domain, hostKey(source))
      ? { addressOfRecord, source, reason, domain }
      : undefined;
  }

  #isDue(key: string, domain: string | undefined, host: string): boolean {
    const nowMs = this.#clock.nowMs();
    for (const [known, { atMs }] of this.#told) {
      if (nowMs - atMs < AGAIN_MS) break;
      this.#told.delete(known);
    }
    if (this.#told.has(key)) return false;
    let [ofDomain, ofHost] = [0, 0];
    for (const told of this.#told.values()) {
      if (told.domain !== domain || nowMs - told.atMs >= MINUTE_MS) continue;
      ofDomain++;
      if (told.host === host) ofHost++;
    }
    if (ofHost >= SHARE_OF_LEFT * (MOST_A_MINUTE - ofDomain)) return false;
    if (this.#told.size >= MOST_KEPT) {
      const [oldest] = this.#told;
      if (oldest === undefined || nowMs - oldest[1].atMs < MINUTE_MS) return false;
      this.#told.delete(oldest[0]);
    }
    this.#told.set(key, { atMs: nowMs, domain, host });
    return true;
  }
}
