/** A suite of tests, or the file, as far as this needs it. */
export interface SuiteLike extends TaskLike {
  readonly name: string;
}

export interface SuiteHooks {
  readonly beforeAll: readonly ((suite: never) => unknown)[];
  readonly afterAll: readonly ((suite: never) => unknown)[];
}

/** A test, or a suite in a file, as far as this needs it. */
export interface TaskLike {
  readonly suite?: SuiteLike | undefined;
  readonly file: SuiteLike;
}

/**
 * What a failed attempt leaves behind is nobody's known state: a node that it killed, calls that are up, a port that its SIPp has. Before the
 * next attempt, or the next test, the suites around it end and begin again by their own `afterAll` and `beforeAll`, and what still runs in
 * between is stopped. So these hooks make everything that they need, whenever they are run.
 *
 * Where tests run side by side, nothing ends that another one is in: only suites that have nobody else in them begin anew, the others once
 * they are empty.
 */
export class Attempts {
  readonly #hooksOf: (suite: SuiteLike) => SuiteHooks;
  readonly #stopRest: () => Promise<void>;
  /** Suites whose state is not known. */
  readonly #spoilt = new Set<SuiteLike>();
  /** Attempts that run, and suites that are open. */
  readonly #inside = new Set<TaskLike>();
  /** Suites begin: nobody enters. */
  #beginning: Promise<void> | undefined = undefined;

  /** @param stopRest stops what the hooks have not stopped; called while no other test runs */
  constructor(hooksOf: (suite: SuiteLike) => SuiteHooks, stopRest: () => Promise<void>) {
    this.#hooksOf = hooksOf;
    this.#stopRest = stopRest;
  }

  /** Before an attempt of a test, or before a suite. Rejects when a suite around it does not begin; the next one tries it again. */
  async enter(task: TaskLike): Promise<void> {
    // Why it did not begin is said to whoever began it.
    while (this.#beginning !== undefined) await this.#beginning.catch(() => {});
    this.#inside.add(task);
    const around = aroundTask(task);
    const first = around.findIndex((suite) => this.#spoilt.has(suite) && this.#isAlone(task, suite));
    if (first < 0) return;
    this.#beginning = this.#beginAnew(task, around.slice(first)).finally(() => {
      this.#beginning = undefined;
    });
    await this.#beginning;
  }

  /** The attempt, or the suite, is over. */
  leave(task: TaskLike): void {
    this.#inside.delete(task);
  }

  /** Before {@link leave}: the attempt failed. */
  failed(task: TaskLike): void {
    for (const each of aroundTask(task)) this.#spoilt.add(each);
  }

  /** Whether nobody else is in the suite. */
  #isAlone(task: TaskLike, suite: SuiteLike): boolean {
    const own: readonly TaskLike[] = [task, ...aroundTask(task)];
    return [...this.#inside].every((other) => own.includes(other) || !aroundTask(other).includes(suite));
  }

  async #beginAnew(task: TaskLike, suites: readonly SuiteLike[]): Promise<void> {
    for (const each of suites.toReversed()) await this.#end(each);
    if (this.#isAlone(task, task.file)) await this.#stopRest();
    for (const each of suites) this.#spoilt.add(each);
    for (const each of suites) await this.#begin(each);
    for (const each of suites) this.#spoilt.delete(each);
  }

  async #end(suite: SuiteLike): Promise<void> {
    for (const hook of this.#hooksOf(suite).afterAll.toReversed())
      try {
        await hook(suite as never);
      } catch (error) {
        // Its attempt has failed: that its world does not end well either says nothing more.
        console.warn(`after a failed attempt "${suite.name}" did not end well:`, error);
      }
  }

  async #begin(suite: SuiteLike): Promise<void> {
    for (const hook of this.#hooksOf(suite).beforeAll) {
      const cleanup = await hook(suite as never);
      if (typeof cleanup === 'function')
        throw new Error('what a beforeAll returns is not called before it runs again: use afterAll');
    }
  }
}

/** The file and the suites in it, to the innermost one. */
function aroundTask({ suite, file }: TaskLike): SuiteLike[] {
  return suite === undefined || suite === file ? [file] : [...aroundTask(suite), suite];
}
