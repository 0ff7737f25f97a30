import type { Log } from '../../base/log.ts';
import type { RedisLink } from './link.ts';

const WAIT_MS = 300;

/** Replicas that a Sentinel may make master: what was acknowledged is to be with one of them, since Redis acknowledges before. */
export class Replicas {
  readonly #link: RedisLink;
  readonly #log: Log;

  /** @param link on which everything waits meanwhile: no message may depend on it */
  constructor(link: RedisLink, log: Log) {
    this.#link = link;
    this.#log = log;
  }

  /**
   * Resolves when one has what this connection has written, or after 0.3 s with a warning: then it is in this Redis alone. Rejects when the
   * connection has ended: whoever answers now may not have it.
   */
  async have(): Promise<void> {
    const answer = this.#link.command('WAIT', 1, WAIT_MS);
    const count = Number(await this.#link.within(2 * WAIT_MS, answer));
    if (count === 0) this.#log.warn('commit-not-replicated', { waitedMs: WAIT_MS });
  }
}
