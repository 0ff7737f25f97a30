/**
 * Work in steps: a generator that can be left off wherever it yields and taken up again. The same work runs at once where nobody
 * waits, or in slices between which everything else on the event loop gets its turn.
 *
 * All work in slices of a thread shares one slice a turn of the loop, however many ask at the same time, and each of them its share of
 * it. Whatever else the loop has to do comes first: while it is busy, work in slices has a third of the time, and while those wait who
 * come first ({@link letFirst}), hardly any.
 */
export type Steps<T> = Generator<void, T>;

/** How long the slices of one turn may take together. A step is to be well below a millisecond. */
const SLICE_MS = 3;
/** A turn of the loop that takes less had nothing to do. */
const IDLE_TURN_MS = 0.3;
/** While others come first there is a slice each time that so much has passed. */
const LATEST_SLICE_MS = 100;
/** What others get on a busy loop for each slice. */
const REST_SLICES = 2;

export function allAtOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Sorts a list in steps; the order of what compares equal stays. */
export function* sorted<T>(list: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  if (list.length <= SORTED_AT_ONCE) return list.toSorted(compare);
  const middle = list.length >> 1;
  const left = yield* sorted(list.slice(0, middle), compare);
  yield;
  const right = yield* sorted(list.slice(middle), compare);
  yield;
  const merged: T[] = [];
  let [l, r] = [0, 0];
  while (l < left.length && r < right.length) {
    merged.push(compare(left[l] as T, right[r] as T) <= 0 ? (left[l++] as T) : (right[r++] as T));
    if (merged.length % SORTED_AT_ONCE === 0) yield;
  }
  while (l < left.length) merged.push(left[l++] as T);
  while (r < right.length) merged.push(right[r++] as T);
  return merged;
}

const SORTED_AT_ONCE = 256;

/**
 * Leaves the event loop to others every few milliseconds. What is done within the first slice waits for nobody.
 *
 * @param patienceMs for so long it waits for those who come first ({@link letFirst}); after that it has its third of the time whoever waits
 */
export function inSlices<T>(steps: Steps<T>, patienceMs = Number.POSITIVE_INFINITY): Promise<T> {
  return new Promise((resolve, reject) => {
    background.begin({
      patientUntilMs: performance.now() + patienceMs,
      /** Goes on until the time; true when there is nothing left to do. */
      goOn(endMs: number): boolean {
        try {
          do {
            const { done, value } = steps.next();
            if (done !== true) continue;
            resolve(value);
            return true;
          } while (performance.now() < endMs);
          return false;
        } catch (error) {
          reject(error);
          return true;
        }
      },
    });
  });
}

/** While this holds of anybody, work in slices waits, for a while at a time. Returns how to end that. */
export function letFirst(waits: () => boolean): () => void {
  firsts.add(waits);
  return () => firsts.delete(waits);
}

const firsts = new Set<() => boolean>();

interface Job {
  readonly patientUntilMs: number;
  goOn(endMs: number): boolean;
}

class Background {
  /** In the order in which they have their turns. */
  readonly #jobs: Job[] = [];
  /** What this turn's slices have taken so far. */
  #spentMs = 0;
  #isScheduled = false;
  #leftAtMs = 0;
  #restMs = 0;
  #slicedAtMs = 0;

  begin(job: Job): void {
    if (this.#jobs.length > 0 || this.#spentMs >= SLICE_MS || !this.#run(job)) this.#jobs.push(job);
    this.#restMs = this.#spentMs * REST_SLICES;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#leftAtMs = performance.now();
    setImmediate(() => this.#onTurn());
  }

  #onTurn(): void {
    this.#isScheduled = false;
    const awayMs = performance.now() - this.#leftAtMs;
    this.#restMs = awayMs < IDLE_TURN_MS ? 0 : this.#restMs - awayMs;
    if (this.#restMs <= 0) this.#slice();
    if (this.#jobs.length > 0 || this.#spentMs > 0) this.#schedule();
  }

  #slice(): void {
    const nowMs = performance.now();
    const letsFirst = this.#letsFirst(nowMs);
    const isNext = (job: Job) => !letsFirst || job.patientUntilMs <= nowMs;
    if (letsFirst && !this.#jobs.some(isNext)) return;
    // The others' next slice comes as if these had none.
    if (!letsFirst) this.#slicedAtMs = nowMs;
    this.#spentMs = 0;
    while (this.#spentMs < SLICE_MS) {
      const at = this.#jobs.findIndex(isNext);
      if (at < 0) break;
      const [job] = this.#jobs.splice(at, 1) as [Job];
      if (!this.#run(job)) this.#jobs.push(job);
    }
    this.#restMs = this.#spentMs * REST_SLICES;
  }

  #letsFirst(nowMs: number): boolean {
    if (this.#jobs.length === 0 || nowMs - this.#slicedAtMs >= LATEST_SLICE_MS) return false;
    for (const waits of firsts) if (waits()) return true;
    return false;
  }

  #run(job: Job): boolean {
    const beganMs = performance.now();
    const isDone = job.goOn(beganMs + SLICE_MS - this.#spentMs);
    this.#spentMs += performance.now() - beganMs;
    return isDone;
  }
}

const background = new Background();
