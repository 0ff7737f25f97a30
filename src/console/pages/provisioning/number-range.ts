const MOST = 1000;

/** `098` to `102`, each with as many digits; undefined where that is no range, or one of more than 1,000 numbers. */
export function numbersBetween(first: string, last: string): readonly string[] | undefined {
  if (!/^[0-9]{1,15}$/.test(first) || !/^[0-9]{1,15}$/.test(last) || first.length !== last.length) return undefined;
  const count = Number(last) - Number(first) + 1;
  if (count < 1 || count > MOST) return undefined;
  return Array.from({ length: count }, (_, at) => String(Number(first) + at).padStart(first.length, '0'));
}
