import { type RunnerTask, type RunnerTestCase, type RunnerTestSuite, TestRunner, type TestTryOptions } from 'vitest';
import { Attempts } from './attempts.ts';
import { stopAllChildren } from './child.ts';

/** Begins the suites around a test anew after an attempt that failed. */
export default class AttemptRunner extends TestRunner {
  readonly #attempts = new Attempts((suite) => TestRunner.getSuiteHooks(suite as RunnerTestSuite), stopAllChildren);

  override async onBeforeRunSuite(suite: RunnerTestSuite): Promise<void> {
    // What fails here is tried again before its first test, which then says so.
    if (suite !== suite.file) await this.#attempts.beforeWithin(suite.suite ?? suite.file).catch(console.error);
    await super.onBeforeRunSuite(suite);
  }

  override async onBeforeTryTask(test: RunnerTask, options: TestTryOptions): Promise<void> {
    await this.#attempts.beforeWithin(test.suite ?? test.file);
    super.onBeforeTryTask(test, options);
  }

  override async onAfterRetryTask(test: RunnerTestCase, options: TestTryOptions): Promise<void> {
    await super.onAfterRetryTask(test, options);
    if (test.result?.state === 'fail') this.#attempts.failedIn(test.suite ?? test.file);
  }
}
