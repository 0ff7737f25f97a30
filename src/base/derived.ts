/**
 * What `make` works out of a value that never changes: worked out when it is first asked for, kept for as long as the value lives.
 * `make` must depend on nothing but its argument.
 */
export function derived<Value extends object, Result>(make: (value: Value) => Result): (value: Value) => Result {
  const results = new WeakMap<Value, Result>();
  return (value) => {
    const known = results.get(value);
    if (known !== undefined || results.has(value)) return known as Result;
    const result = make(value);
    results.set(value, result);
    return result;
  };
}
