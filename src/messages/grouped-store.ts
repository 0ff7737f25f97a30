/** Many small writes as few large ones: while one is under way the next ones gather, so that a disk's sync is shared by all that wait for it. */
import type { MessageRow, MessageStore, UserHeard } from './message-store.ts';

const MOST_AT_ONCE = 500;

interface Waiting {
  readonly row: MessageRow;
  readonly resolve: (value: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export class GroupedStore {
  readonly #store: MessageStore;
  readonly #adding: (Waiting & { readonly heard: readonly UserHeard[] })[] = [];
  readonly #saving: Waiting[] = [];
  #isWriting = false;

  constructor(store: MessageStore) {
    this.#store = store;
  }

  /** False: it was there already. */
  add(row: MessageRow, heard: readonly UserHeard[] = []): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#adding.push({ row, heard, resolve, reject });
      this.#begin();
    });
  }

  /** False: somebody else has changed it meanwhile. */
  save(row: MessageRow): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#saving.push({ row, resolve, reject });
      this.#begin();
    });
  }

  #begin(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    queueMicrotask(() => void this.#write());
  }

  async #write(): Promise<void> {
    while (this.#adding.length > 0 || this.#saving.length > 0) {
      const added = this.#adding.splice(0, MOST_AT_ONCE);
      await settle(added, (rows) =>
        this.#store.add(
          rows,
          added.flatMap(({ heard }) => heard),
        ),
      );
      await settle(onceEach(this.#saving), (rows) => this.#store.save(rows));
    }
    this.#isWriting = false;
  }
}

/** Two changes of one message are two writes. */
function onceEach(waiting: Waiting[]): Waiting[] {
  const taken: Waiting[] = [];
  const ids = new Set<string>();
  for (let at = 0; at < waiting.length && taken.length < MOST_AT_ONCE; ) {
    const next = waiting[at];
    if (next === undefined || ids.has(next.row.id)) at++;
    else {
      ids.add(next.row.id);
      taken.push(next);
      waiting.splice(at, 1);
    }
  }
  return taken;
}

async function settle(
  waiting: readonly Waiting[],
  write: (rows: readonly MessageRow[]) => Promise<readonly boolean[]>,
): Promise<void> {
  if (waiting.length === 0) return;
  try {
    const results = await write(waiting.map(({ row }) => row));
    for (const [index, { resolve }] of waiting.entries()) resolve(results[index] ?? false);
  } catch (error) {
    for (const { reject } of waiting) reject(error);
  }
}
