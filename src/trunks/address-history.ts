/** Keeps since when trunks have had the addresses of their names beyond the life of the process: a restart hands no call over. */
import type { Log } from '../base/log.ts';
import type { Scheduler } from '../base/scheduler.ts';
import { WriteBehind } from '../base/write-behind.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { AddressClaim, Precedence } from '../provisioning/directory/precedence.ts';

export interface ClaimStore {
  load(): Promise<readonly AddressClaim[]>;
  /** Keeps these; answers with the earlier of each and what was there, which another node may have noted. */
  keep(claims: readonly AddressClaim[]): Promise<readonly AddressClaim[]>;
  forget(claims: readonly AddressClaim[]): Promise<void>;
}

interface Write {
  readonly claim: AddressClaim;
  readonly isGone: boolean;
}

export class AddressHistory {
  readonly #store: ClaimStore;
  readonly #precedence: Precedence;
  readonly #log: Log;
  readonly #behind: WriteBehind<Write>;

  constructor(store: ClaimStore, precedence: Precedence, scheduler: Scheduler, log: Log) {
    this.#store = store;
    this.#precedence = precedence;
    this.#log = log;
    this.#behind = new WriteBehind({
      scheduler,
      write: (writes) => this.#write(writes),
      onRefused: (claims, { message }) => log.warn('trunk-addresses-not-written', { claims, error: message }),
    });
  }

  /** Brings back what is known of these trunks, before any of their names is asked for. */
  async begin(directory: Directory): Promise<void> {
    const earlier = await this.#load();
    const put = (claim: AddressClaim, isGone: boolean) =>
      this.#behind.put(`${claim.trunkId} ${claim.address}`, { claim, isGone });
    this.#precedence.begin(earlier, {
      onClaim: (claim) => put(claim, false),
      onGone: (claim) => put(claim, true),
    });
    this.#precedence.forgetAllBut(directory);
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    await this.#behind.flush();
  }

  async #load(): Promise<readonly AddressClaim[]> {
    try {
      return await this.#store.load();
    } catch (error) {
      this.#log.warn('trunk-addresses-not-read', { error: (error as Error).message });
      return [];
    }
  }

  async #write(writes: readonly Write[]): Promise<void> {
    const claimsOf = (isGone: boolean) => writes.flatMap((write) => (write.isGone === isGone ? [write.claim] : []));
    const [gone, kept] = [claimsOf(true), claimsOf(false)];
    if (gone.length > 0) await this.#store.forget(gone);
    if (kept.length > 0) this.#precedence.adopt(await this.#store.keep(kept));
  }
}
