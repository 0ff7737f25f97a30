import { useEffect, useState } from 'preact/hooks';

/** A value that pages share; whoever uses it is drawn again when it changes. */
export interface Signal<T> {
  readonly value: T;
  set(next: T): void;
  subscribe(listener: () => void): () => void;
}

export function signalOf<T>(initial: T): Signal<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get value() {
      return value;
    },
    set(next) {
      if (Object.is(value, next)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useSignal<T>(signal: Signal<T>): T {
  const [, redraw] = useState(0);
  useEffect(() => signal.subscribe(() => redraw((count) => count + 1)), [signal]);
  return signal.value;
}
