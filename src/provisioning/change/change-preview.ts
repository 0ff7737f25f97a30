import type { Directory } from '../directory/directory.ts';
import type { ChangeResult } from '../directory/store.ts';

/** What would come of a change: the snapshot that would be served, or why there would be none. */
export type ChangePreview =
  | { readonly outcome: 'possible'; readonly directory: Directory }
  | Extract<ChangeResult, { outcome: 'stale' | 'refused' }>;
