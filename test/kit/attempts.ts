/** A suite of tests, or the file, as far as this needs it. */
export interface SuiteLike {
  readonly name: string;
  readonly suite?: SuiteLike | undefined;
  readonly file: SuiteLike;
}

export interface SuiteHooks {
  readonly beforeAll: readonly ((suite: never) => unknown)[];
  readonly afterAll: readonly ((suite: never) => unknown)[];
}

/**
 * What a failed attempt leaves behind is nobody's known state: a node that it killed, calls that are up, a port that its SIPp has. Before the
 * next attempt, or the next test, the suites around it end and begin again by their own `afterAll` and `beforeAll`, and what still runs in
 * between is stopped. So these hooks make everything that they need, whenever they are run.
 */
export class Attempts {
  readonly #hooksOf: (suite: SuiteLike) => SuiteHooks;
  readonly #stopRest: () => Promise<void>;
  /** Suites whose state is not known. */
  readonly #spoilt = new Set<SuiteLike>();

  /** @param stopRest stops what the hooks have not stopped */
  constructor(hooksOf: (suite: SuiteLike) => SuiteHooks, stopRest: () => Promise<void>) {
    this.#hooksOf = hooksOf;
    this.#stopRest = stopRest;
  }

  /** A test of this suite failed. */
  failedIn(suite: SuiteLike): void {
    for (const each of aroundSuite(suite)) this.#spoilt.add(each);
  }

  /** Before a test of this suite, or a suite in it. Rejects when a suite does not begin; the next one tries it again. */
  async beforeWithin(suite: SuiteLike): Promise<void> {
    const suites = aroundSuite(suite);
    const first = suites.findIndex((each) => this.#spoilt.has(each));
    if (first < 0) return;
    const anew = suites.slice(first);
    for (const each of anew.toReversed()) await this.#end(each);
    await this.#stopRest();
    for (const each of anew) this.#spoilt.add(each);
    for (const each of anew) await this.#begin(each);
    for (const each of anew) this.#spoilt.delete(each);
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
function aroundSuite(suite: SuiteLike): SuiteLike[] {
  return suite === suite.file ? [suite] : [...aroundSuite(suite.suite ?? suite.file), suite];
}
