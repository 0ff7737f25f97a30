import { OneAtATime } from '../base/one-at-a-time.ts';
import { changeRecord } from './change-record.ts';
import type { UserRecord, UserStore } from './ports.ts';

/**
 * Those who may sign in. A change is made of what a user is when its turn has come, one after the other: what takes long, as hashing a
 * password does, is done before, and undoes nothing that somebody else has changed meanwhile (that one was disabled or deleted, say).
 */
export class KnownUsers implements Pick<UserStore, 'get' | 'list'> {
  readonly #store: UserStore;
  readonly #turns = new OneAtATime();

  constructor(store: UserStore) {
    this.#store = store;
  }

  get(id: string): Promise<UserRecord | undefined> {
    return this.#store.get(id);
  }

  list(): Promise<readonly UserRecord[]> {
    return this.#store.list();
  }

  /** None like them is being made meanwhile. @param deleted hears of each */
  deleteAll(isOver: (user: UserRecord) => boolean, deleted: (user: UserRecord) => void): Promise<void> {
    return this.#turns.run(async () => {
      for (const { id } of (await this.#store.list()).filter(isOver)) {
        const { before } = await changeRecord(this.#store, id, (now) => (now && isOver(now) ? undefined : now));
        if (before !== undefined && isOver(before)) deleted(before);
      }
    });
  }

  /**
   * False: another node has given somebody this name meanwhile.
   *
   * @param require is asked of all that there are when its turn has come: what it throws leaves the user unmade
   */
  add(user: UserRecord, require: (known: readonly UserRecord[]) => void): Promise<boolean> {
    return this.#turns.run(async () => {
      require(await this.#store.list());
      return this.#store.replace(user.id, undefined, user);
    });
  }

  /**
   * @param change gives what the user is to be, of what it is now; undefined: there is none, or is to be none. What it throws leaves it as
   * it is.
   */
  change<After extends UserRecord | undefined>(
    id: string,
    change: (now: UserRecord | undefined) => After,
  ): Promise<{ readonly before: UserRecord | undefined; readonly after: After }> {
    return this.#turns.run(() => changeRecord(this.#store, id, change));
  }
}
