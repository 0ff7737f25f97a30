/** The first place in `[from, to)` that it is so of, as it is of all behind it; `to` where it is so of none. Few are asked of. */
export function firstPlace(from: number, to: number, isSo: (place: number) => boolean): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isSo(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
