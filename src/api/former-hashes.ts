import { argon2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock } from '../base/scheduler.ts';

/** Each check takes 19 MiB and about 70 ms of a thread of the pool, which DNS and files need too. */
const CHECKS_PER_RECORD_MS = 1000;
const MAX_WAITING = 64;
const FORM = /^\$argon2id\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/;

const deriveArgon2 = promisify(argon2) as (algorithm: 'argon2id', parameters: object) => Promise<Buffer>;

/**
 * Checks tokens against argon2id hashes, which stores of earlier versions hold until their token is used. One check at a time, and
 * one a second for each record, so that guesses hold no thread: whoever comes within that second hears `busy`.
 */
export class FormerHashes {
  readonly #clock: Clock;
  /** When a record was last checked. */
  readonly #checkedAtMs = new Map<string, number>();
  /** Checks under way, by digest: a page that asks ten things at once has its token checked once. */
  readonly #pending = new Map<string, Promise<boolean>>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  static isFormer(hash: string): boolean {
    return hash.startsWith('$argon2id$');
  }

  /** `presented`: the token's digest. */
  async check(id: string, presented: string, token: string, hash: string): Promise<boolean | 'busy'> {
    const pending = this.#pending.get(presented);
    if (pending !== undefined) return pending;
    const nowMs = this.#clock.nowMs();
    const checkedAtMs = this.#checkedAtMs.get(id);
    const isTooSoon = checkedAtMs !== undefined && nowMs - checkedAtMs < CHECKS_PER_RECORD_MS;
    if (isTooSoon || this.#pending.size >= MAX_WAITING) return 'busy';
    this.#checkedAtMs.set(id, nowMs);
    const verdict = this.#turn.then(() => matches(token, hash));
    this.#turn = verdict.catch(() => {});
    this.#pending.set(presented, verdict);
    try {
      return await verdict;
    } finally {
      this.#pending.delete(presented);
    }
  }
}

async function matches(token: string, stored: string): Promise<boolean> {
  const form = FORM.exec(stored);
  if (form === null) return false;
  const expected = Buffer.from(form[5] as string, 'base64');
  const hash = await deriveArgon2('argon2id', {
    message: Buffer.from(token),
    nonce: Buffer.from(form[4] as string, 'base64'),
    memory: Number(form[1]),
    passes: Number(form[2]),
    parallelism: Number(form[3]),
    tagLength: expected.length,
  });
  return timingSafeEqual(hash, expected);
}
