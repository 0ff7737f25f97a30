/**
 * A list with one more at its end, with room for just what it holds. Most lists of a call get one element or two: those are made in place,
 * where `concat` goes through the runtime.
 */
export function added<T>(list: readonly T[], item: T): T[] {
  if (list.length > 1) return list.concat([item]);
  return list.length === 0 ? [item] : [list[0] as T, item];
}
