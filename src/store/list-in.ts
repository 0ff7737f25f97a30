/** A list that was written as JSON; undefined: this is none. What its items are is for who takes them to look at. */
export function listIn<T>(document: string): readonly T[] | undefined {
  try {
    const list: unknown = JSON.parse(document);
    return Array.isArray(list) ? (list as T[]) : undefined;
  } catch {
    return undefined;
  }
}
