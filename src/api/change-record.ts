import type { RecordStore } from './ports.ts';
import { notNow } from './problem.ts';

const MAX_TRIES = 8;

/**
 * Makes another one of a record. Where another node or request was faster, it is made of what that one has left, so that no change undoes
 * another, and what `change` requires holds for the very record that it changes.
 *
 * @param change gives what is to be, of what there is; undefined is none. What it throws leaves the record as it is
 * @throws ApiProblem 409 when others keep changing it
 */
export async function changeRecord<T, After extends T | undefined>(
  store: Pick<RecordStore<T>, 'get' | 'replace'>,
  id: string,
  change: (now: T | undefined) => After,
): Promise<{ readonly before: T | undefined; readonly after: After }> {
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const before = await store.get(id);
    const after = change(before);
    if (after === before || (await store.replace(id, before, after))) return { before, after };
  }
  throw notNow(409, 'concurrent-changes', 'others keep changing the same state; try again', 1);
}
