import { type RunnerTask, type RunnerTestCase, type RunnerTestSuite, TestRunner, type TestTryOptions } from 'vitest';
import { Attempts } from './attempts.ts';
import { ownChildren, stopAllChildren, stopChildrenOf } from './child.ts';
import { ruledOut } from './test-workers.ts';

/** Every test begins the suites around it anew, as a second attempt does: what one needs of those before it shows. */
const OWN_WORLDS = process.env['TANDEM_OWN_WORLDS'] !== undefined;

/** Begins the suites around a test anew after an attempt that failed; leaves out what workers rule out, where engines have them. */
export default class AttemptRunner extends TestRunner {
  readonly #attempts = new Attempts((suite) => TestRunner.getSuiteHooks(suite as RunnerTestSuite), stopAllChildren);

  override async onBeforeRunTask(test: RunnerTask): Promise<void> {
    if (ruledOut(test) !== undefined) test.mode = 'skip';
    await super.onBeforeRunTask(test);
  }

  override async onBeforeRunSuite(suite: RunnerTestSuite): Promise<void> {
    if (ruledOut(suite) !== undefined) suite.mode = 'skip';
    // Of one that is left out the end is not told. What fails here is tried again before its first test, which then says so.
    if (suite !== suite.file && suite.mode === 'run' && suite.result?.state !== 'fail')
      await this.#attempts.enter(suite).catch(console.error);
    await super.onBeforeRunSuite(suite);
  }

  override async onAfterRunSuite(suite: RunnerTestSuite): Promise<void> {
    this.#attempts.leave(suite);
    await super.onAfterRunSuite(suite);
  }

  override async onBeforeTryTask(test: RunnerTask, options: TestTryOptions): Promise<void> {
    await this.#attempts.enter(test);
    super.onBeforeTryTask(test, options);
  }

  async runTask(test: RunnerTestCase): Promise<void> {
    await ownChildren(test, TestRunner.getTestFn(test));
  }

  override async onAfterRetryTask(test: RunnerTestCase, options: TestTryOptions): Promise<void> {
    await super.onAfterRetryTask(test, options);
    const isFailed = test.result?.state === 'fail';
    if (isFailed || OWN_WORLDS) this.#attempts.failed(test);
    if (isFailed) await stopChildrenOf(test);
    this.#attempts.leave(test);
  }
}
