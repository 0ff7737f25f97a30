/**
 * Several processes on one machine are one node to its trunks and to its operator: one of them pings for all, what one has learnt of a
 * target holds for all, and a change that each of them notices is told once.
 */
import type { TrunkAttempt } from './evidence.ts';
import type { ToldHealth } from './health.ts';

/** What a ping has shown. */
export interface PingOutcome {
  /** As `describeDestination` names it. */
  readonly target: string;
  /** Undefined: silence. */
  readonly status: number | undefined;
  readonly reason: string;
  /** Of a 503 with Retry-After. */
  readonly waitSeconds?: number | undefined;
}

/** What one process has learnt of a trunk. */
export type TrunkNews = { readonly trunkId: string } & (
  | { readonly kind: 'ping'; readonly outcome: PingOutcome }
  /** By a call, of a target. */
  | { readonly kind: 'attempt'; readonly attempt: TrunkAttempt }
  | { readonly kind: 'told'; readonly health: ToldHealth }
);

export interface TrunkSharing {
  /** Whether this process is the one that pings, and that tells of what all of them notice. */
  isFirst(): boolean;
  /** For the others. */
  tell(news: TrunkNews): void;
}
