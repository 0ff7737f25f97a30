import { OneAtATime } from '../base/one-at-a-time.ts';
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

  /** @param require is asked of what the user is when its turn has come: what it throws leaves it there */
  delete(id: string, require: (now: UserRecord | undefined) => void): Promise<void> {
    return this.#turns.run(async () => {
      require(await this.#store.get(id));
      await this.#store.delete(id);
    });
  }

  /** None like them is being made meanwhile. @param deleted hears of each */
  deleteAll(isOver: (user: UserRecord) => boolean, deleted: (user: UserRecord) => void): Promise<void> {
    return this.#turns.run(async () => {
      for (const user of (await this.#store.list()).filter(isOver)) {
        await this.#store.delete(user.id);
        deleted(user);
      }
    });
  }

  /** @param require is asked of all that there are when its turn has come: what it throws leaves the user unmade */
  add(user: UserRecord, require: (known: readonly UserRecord[]) => void): Promise<void> {
    return this.#turns.run(async () => {
      require(await this.#store.list());
      await this.#store.put(user);
    });
  }

  /** @param change gives what the user is to be, of what it is now; undefined where there is none. What it throws leaves it as it is. */
  change(
    id: string,
    change: (now: UserRecord | undefined) => UserRecord,
  ): Promise<{ readonly before: UserRecord | undefined; readonly after: UserRecord }> {
    return this.#turns.run(async () => {
      const before = await this.#store.get(id);
      const after = change(before);
      await this.#store.put(after);
      return { before, after };
    });
  }
}
