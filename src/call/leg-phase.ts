import type { ReliableReceiver } from '../sip/dialog/index.ts';

/** How far a leg is, and what is there only so far. */
export type Phase =
  | { readonly kind: 'early'; readonly receiver?: ReliableReceiver }
  | { readonly kind: 'confirmed' }
  | { readonly kind: 'leaving'; readonly reasons: readonly string[]; isByeSent: boolean }
  | { readonly kind: 'gone' };

export const EARLY: Phase = { kind: 'early' };
export const CONFIRMED: Phase = { kind: 'confirmed' };
export const GONE: Phase = { kind: 'gone' };
