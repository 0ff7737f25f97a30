/** Stores of tokens, users and webhooks as requests are to meet them: what the store does not take is no defect of the program. */
import { UnavailableError } from '../base/errors.ts';

interface Writes<T> {
  put(record: T): Promise<void>;
  delete(id: string): Promise<void>;
}

interface Records<T> extends Writes<T> {
  get(id: string): Promise<T | undefined>;
  list(): Promise<readonly T[]>;
}

/** The store, whose writes reject with an UnavailableError, whatever it has rejected with. */
export function toldApart<T>(store: Records<T>): Records<T> {
  return { get: (id) => store.get(id), list: () => store.list(), ...writesToldApart(store) };
}

export function writesToldApart<T>(store: Writes<T>): Writes<T> {
  return {
    put: (record) => store.put(record).catch(sayUnavailable),
    delete: (id) => store.delete(id).catch(sayUnavailable),
  };
}

function sayUnavailable(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  throw new UnavailableError(`the store did not take it: ${reason}`);
}
