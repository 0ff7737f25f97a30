/** How many rows were refused of which no fault is told: only the first faults are. */
export function untold(report: {
  readonly refused: number;
  readonly faults: readonly { readonly row: number }[];
}): number {
  return Math.max(0, report.refused - new Set(report.faults.map(({ row }) => row)).size);
}
