import type { Reporter, TestModule } from 'vitest/node';

/** As many as a machine that others use as well may cost. */
const MOST = 2;

/** Names, at the end of a run, each test that passed only when it was tried again, with why it failed first: a test that needs this often has a fault, or the engine has. */
export class SecondAttempts implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = [...modules].flatMap((module) =>
      [...module.children.allTests('passed')]
        .filter((test) => (test.diagnostic()?.retryCount ?? 0) > 0)
        .map((test) => {
          const why = test.result().errors?.[0]?.message.split('\n', 1)[0] ?? 'no error is known';
          return `  ${module.relativeModuleId} > ${test.fullName}: ${why}`;
        }),
    );
    if (lines.length === 0) return;
    console.warn(`\nPassed at a second attempt only (${lines.length}):\n${lines.join('\n')}\n`);
    if (lines.length <= MOST) return;
    console.error(`More than ${MOST} are not the machine: the run has failed.`);
    process.exitCode = 1;
  }
}
