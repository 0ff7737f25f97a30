/**
 * A list with one more at its end, with room for just what it holds. Most lists of a call get one element and no second: that one is made
 * in place, where `concat` goes through the runtime.
 */
export function added<T>(list: readonly T[], item: T): T[] {
  return list.length === 0 ? [item] : list.concat([item]);
}
