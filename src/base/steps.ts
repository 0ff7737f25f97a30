/**
 * Work in steps: a generator that can be left off wherever it yields and taken up again. The same work runs at once where nobody
 * waits, or in slices between which everything else on the event loop gets its turn.
 */
export type Steps<T> = Generator<void, T>;

/** How long a slice may take. A step is to be well below a millisecond. */
const SLICE_MS = 3;
/** How often the clock is looked at, in steps. */
const STEPS_PER_LOOK = 16;

export function allAtOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Leaves the event loop to others every few milliseconds. What is done within the first slice waits for nobody. */
export async function inSlices<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const endMs = performance.now() + SLICE_MS;
    do {
      for (let step = 0; step < STEPS_PER_LOOK; step++) {
        const { done, value } = steps.next();
        if (done === true) return value;
      }
    } while (performance.now() < endMs);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
