/** What came of a change of many rows, of which only the first faults are told. */
interface Told {
  /** Rows with faults. */
  readonly refused: number;
  readonly faults: readonly { readonly row: number }[];
}

/** How many rows were refused of which no fault is told. */
export function untold({ refused, faults }: Told): number {
  return Math.max(0, refused - new Set(faults.map(({ row }) => row)).size);
}
