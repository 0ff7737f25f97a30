import type { Problem } from '../base/errors.ts';

/** What speaks against a row. */
export interface RowFault extends Problem {
  readonly row: number;
  readonly key: string;
}

/** What came of a change of many items. */
export interface ManyReport {
  readonly applied: boolean;
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  /** Rows with faults; `faults` may hold several of each. */
  readonly refused: number;
  readonly faults: readonly RowFault[];
}
