/**
 * How well a stranger can tell two kinds by how long their answers took: the chance that one of the second took longer than one of the
 * first (the area under the ROC curve). 0.5: not at all.
 */
export function areaUnderCurve(first: readonly number[], second: readonly number[]): number {
  const all = [...first.map((ms) => ({ ms, isSecond: false })), ...second.map((ms) => ({ ms, isSecond: true }))];
  all.sort((a, b) => a.ms - b.ms);
  let rankSum = 0;
  for (let start = 0; start < all.length; ) {
    let end = start;
    while (end < all.length && all[end]?.ms === all[start]?.ms) end++;
    // Those that are equal share their ranks.
    const rank = (start + 1 + end) / 2;
    for (let index = start; index < end; index++) if (all[index]?.isSecond === true) rankSum += rank;
    start = end;
  }
  return (rankSum - (second.length * (second.length + 1)) / 2) / (first.length * second.length);
}
