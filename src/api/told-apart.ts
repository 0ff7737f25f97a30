/** Stores of tokens, users and webhooks as requests are to meet them: what the store does not take is no defect of the program. */
import { askedAtStart } from '../base/at-start.ts';
import { UnavailableError } from '../base/errors.ts';
import type { RecordStore } from './ports.ts';

/** The store, whose writes reject with an UnavailableError where it refuses them, and with another error where a defect is behind it. */
export function toldApart<T>(store: RecordStore<T>): RecordStore<T> {
  return {
    get: (id) => store.get(id),
    list: () => store.list(),
    put: (record) => store.put(record).catch(sayUnavailable),
    delete: (id) => store.delete(id).catch(sayUnavailable),
    replace: (id, before, after) => store.replace(id, before, after).catch(sayUnavailable),
  };
}

/**
 * The same store at a start: what it does not take is tried again for as long as a start waits. Each write may come twice, so it is the
 * record that is tried again and not what led to it.
 */
export function atStart<T>(store: RecordStore<T>): RecordStore<T> {
  const again = (write: () => Promise<void>) => askedAtStart(write, (error) => error instanceof UnavailableError);
  return {
    get: (id) => store.get(id),
    list: () => store.list(),
    replace: (id, before, after) => store.replace(id, before, after),
    put: (record) => again(() => store.put(record)),
    delete: (id) => again(() => store.delete(id)),
  };
}

/** What the language itself throws: no store refuses with it. */
const DEFECTS = [TypeError, RangeError, ReferenceError, SyntaxError];

/**
 * What a store has rejected with, as it is answered: its refusal is told with `before` in front, and kept as the cause. A defect says
 * nothing of its inside to whoever has asked; it is the cause too, for the log.
 */
export function refusalOf(error: unknown, before = ''): Error {
  const isDefect = !(error instanceof Error) || DEFECTS.some((kind) => error instanceof kind);
  if (isDefect) return new Error('a defect behind a write to the store', { cause: error });
  return new UnavailableError(`${before}${error.message}`, { cause: error });
}

function sayUnavailable(error: unknown): never {
  throw refusalOf(error, 'the store did not take it: ');
}
