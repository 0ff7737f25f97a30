import type { Timer } from '../base/scheduler.ts';

/** How far a branch is, and what is there only so far. */
export type BranchPhase =
  | {
      readonly kind: 'idle' | 'resolving' | 'describing' | 'signing' | 'calling' | 'cancelling' | 'answered' | 'over';
    }
  /** It waits before it tries again, here or at the next target. */
  | { readonly kind: 'repairing'; readonly goesOn: () => void; readonly timer: Timer };

export const IDLE: BranchPhase = { kind: 'idle' };
export const RESOLVING: BranchPhase = { kind: 'resolving' };
export const DESCRIBING: BranchPhase = { kind: 'describing' };
export const SIGNING: BranchPhase = { kind: 'signing' };
export const CALLING: BranchPhase = { kind: 'calling' };
export const CANCELLING: BranchPhase = { kind: 'cancelling' };
export const ANSWERED: BranchPhase = { kind: 'answered' };
export const OVER: BranchPhase = { kind: 'over' };
