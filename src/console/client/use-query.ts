import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { PageFreshness } from './events.ts';
import { RequestError, reachable } from './http.ts';
import { useSignal } from './signal.ts';

export interface QueryState<T> {
  /** What was read last; it stays while it is read again. */
  readonly data: T | undefined;
  /** Whether that is what is asked for now, rather than what was asked for before. */
  readonly isCurrent: boolean;
  readonly error: RequestError | undefined;
  readonly loading: boolean;
  reload(): void;
}

/**
 * Reads something and keeps it fresh: again when `key` changes, when it is time or an event tells, and when the engine is back. What was read stays on
 * the page meanwhile, so that nothing jumps.
 */
export function useQuery<T>(key: string, read: () => Promise<T>, fresh?: number | PageFreshness): QueryState<T> {
  const { refreshMs, turn: occasion } = typeof fresh === 'object' ? fresh : { refreshMs: fresh, turn: 0 };
  const [state, setState] = useState<{ key: string; data?: T; error?: RequestError; loading: boolean }>({
    key,
    loading: true,
  });
  const [turn, setTurn] = useState(0);
  const latest = useRef(read);
  latest.current = read;
  const isReachable = useSignal(reachable);
  useEffect(() => {
    let current = true;
    let asked = 0;
    let told = 0;
    /** An answer that comes later than that to a later question is older than what is shown. */
    const load = async () => {
      const turn = ++asked;
      const isLatest = () => {
        const isIt = current && turn > told;
        if (isIt) told = turn;
        return isIt;
      };
      try {
        const data = await latest.current();
        if (isLatest()) setState({ key, data, loading: false });
      } catch (error) {
        if (!isLatest()) return;
        if (!(error instanceof RequestError)) throw error;
        setState((before) => ({
          key,
          ...(before.key === key && before.data !== undefined ? { data: before.data } : {}),
          error,
          loading: false,
        }));
      }
    };
    if (!isReachable) return;
    setState((before) => ({ ...before, loading: true }));
    void load();
    const timer =
      refreshMs === undefined
        ? undefined
        : window.setInterval(() => {
            if (document.visibilityState === 'visible') void load();
          }, refreshMs);
    return () => {
      current = false;
      window.clearInterval(timer);
    };
  }, [key, turn, occasion, refreshMs, isReachable]);
  const reload = useCallback(() => setTurn((count) => count + 1), []);
  const { data, error, loading } = state;
  return { data, isCurrent: data !== undefined && state.key === key, error, loading, reload };
}
