import type { Scheduler } from './scheduler.ts';

/** A store that knows the time by itself. */
export interface StoreClock {
  /** How far this machine's clock is ahead of the store's; absent where the store has none. */
  clockOffsetMs?(): number;
}

/** The clock of the store that follows after a failover may be behind by so much; a longer way back is a clock that was wrong. */
const WAITED_FOR_MS = 60_000;
/** While it is waited for: what comes later has a later time still. */
const SLOWLY = 0.1;

/**
 * What has the time of the store on its wall, which all nodes have in common whatever their own clocks say; timers are `own`'s. Of a node
 * without a store it is its own. Where the store's would go back, by less than a minute, it goes slowly.
 */
export function storeTime(store: StoreClock | undefined, own: Scheduler): Scheduler {
  let latestMs = Number.NEGATIVE_INFINITY;
  let readAtMs = 0;
  return {
    nowMs: () => own.nowMs(),
    wallMs() {
      const wallMs = own.wallMs() - (store?.clockOffsetMs?.() ?? 0);
      const nowMs = own.nowMs();
      latestMs += SLOWLY * (nowMs - readAtMs);
      readAtMs = nowMs;
      if (wallMs > latestMs || wallMs < latestMs - WAITED_FOR_MS) latestMs = wallMs;
      return Math.floor(latestMs);
    },
    schedule: (delayMs, target, kind) => own.schedule(delayMs, target, kind),
  };
}
