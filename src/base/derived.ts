/**
 * What `make` works out of a value that never changes: worked out when it is first asked for, kept for as long as the value lives.
 * `make` must depend on nothing but its argument.
 */
export function derived<Value extends object, Result>(make: (value: Value) => Result): (value: Value) => Result {
  const results = new WeakMap<Value, { readonly result: Result }>();
  return (value) => {
    let known = results.get(value);
    if (known === undefined) {
      known = { result: make(value) };
      results.set(value, known);
    }
    return known.result;
  };
}
