/**
 * What `make` works out of a value that never changes: worked out when it is first asked for, kept for as long as the value lives;
 * nothing is taken out before. `make` must depend on nothing but its argument.
 *
 * For module level alone (`test/checks/derived.test.ts`): one that is made within a function is another each time. All of them would be kept
 * with the value, and with each what its `make` refers to.
 */
export function derived<Value extends object, Result>(make: (value: Value) => Result): (value: Value) => Result {
  return (value) => {
    const first = Kept.of(value);
    for (let kept = first; kept !== undefined; kept = kept.next) if (kept.make === make) return kept.result as Result;
    const result = make(value);
    // Read again: it may have asked for others of the same value.
    Kept.set(value, { make, result, next: Kept.of(value) });
    return result;
  };
}

/** One of what is kept with a value, in a list of all of them: of most there are one or two. */
interface KeptResult {
  readonly make: unknown;
  readonly result: unknown;
  readonly next: KeptResult | undefined;
}

/** A class whose instance is what it is given: so a class that extends it has its private fields in any object. */
class Given {
  constructor(value: object) {
    // biome-ignore lint/correctness/noConstructorReturn: that is what it is for.
    return value;
  }
}

/** Of objects to which nothing can be added: there an engine may refuse private fields too. They are few. */
const apart = new WeakMap<object, KeptResult>();

/**
 * A private field of the value, which nobody else sees, copies or compares. Tables with weak keys would do the same, but each of their
 * tens of thousands of entries is looked at twice at the end of a collection, while everything stands still.
 */
class Kept extends Given {
  #first: KeptResult | undefined;

  private constructor(value: object, first: KeptResult) {
    super(value);
    this.#first = first;
  }

  static of(value: object): KeptResult | undefined {
    if (#first in value) return value.#first;
    return Object.isExtensible(value) ? undefined : apart.get(value);
  }

  static set(value: object, first: KeptResult): void {
    if (#first in value) value.#first = first;
    else if (Object.isExtensible(value)) new Kept(value, first);
    else apart.set(value, first);
  }
}
