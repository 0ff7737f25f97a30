export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[Math.min(index, sorted.length - 1)] ?? Number.NaN;
  const middle = sorted.length / 2;
  const median = sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2;
  return { min: at(0), median, max: at(sorted.length - 1) };
}

export function formatSpread({ min, median, max }: Spread, digits = 0): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** Figures of several servers by round, a line each: the spread, what `note` says of it, and the ratio round by round to Kamailio, else to the first. */
export function printComparison(cost: ReadonlyMap<string, readonly number[]>, note = (_name: string) => ''): void {
  const [first = ''] = cost.keys();
  const baseName = cost.has('kamailio') ? 'kamailio' : first;
  const base = cost.size > 1 ? cost.get(baseName) : undefined;
  const width = Math.max(12, ...[...cost.keys()].map((name) => name.length));
  for (const [name, values] of cost) {
    const ratios = base === undefined ? [] : values.map((value, round) => value / (base[round] ?? Number.NaN));
    const ratio = base === undefined ? '' : `   × ${baseName} ${formatSpread(spread(ratios), 2)}`;
    console.log(`  ${name.padEnd(width)} ${formatSpread(spread(values)).padEnd(20)} ${note(name).padEnd(20)}${ratio}`);
  }
}
