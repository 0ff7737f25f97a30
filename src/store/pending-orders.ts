import { type Problem, SettingsError } from '../base/errors.ts';

/** What went wrong with an order, as plain data. */
export interface OrderFault {
  readonly message: string;
  /** Set when an operator can mend it. */
  readonly problems?: readonly Problem[] | undefined;
}

export function faultOf(error: unknown): OrderFault {
  if (error instanceof SettingsError) return { message: error.message, problems: error.problems };
  return { message: error instanceof Error ? error.message : String(error) };
}

export interface OrderAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly fault?: OrderFault | undefined;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Orders to another thread or process, by number, until they are answered or whoever should is gone: none waits for ever. */
export class PendingOrders {
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #ended: Error | undefined = undefined;

  /** Why nothing is answered any more; undefined while something may be. */
  get ended(): Error | undefined {
    return this.#ended;
  }

  /**
   * @param send false: there is nobody to send it to
   * @param take is given the answer at once: whoever awaits it goes on after whatever else has come in the same turn. What it throws
   * fails the order.
   */
  ask(send: (id: number) => boolean, take?: (value: unknown) => void): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const answered = (value: unknown): void => {
        try {
          take?.(value);
          resolve(value);
        } catch (error) {
          reject(error);
        }
      };
      this.#waiting.set(id, { resolve: answered, reject });
      if (send(id)) return;
      this.#waiting.delete(id);
      reject(new Error('the store is closed'));
    });
  }

  answered({ id, value, fault }: OrderAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (fault === undefined) waiting?.resolve(value);
    else waiting?.reject(fault.problems === undefined ? new Error(fault.message) : new SettingsError(fault.problems));
  }

  /** The first reason counts. */
  end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}
