import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ownChildren, startChild, stopChildrenOf } from './child.ts';

/** A process that has ended is known to the system until its parent looks, which for an orphan may take seconds. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

test.runIf(process.platform === 'linux')('a child ends with its parent, even one that is killed', async () => {
  const kit = fileURLToPath(new URL('./child.ts', import.meta.url));
  const script = `
    const { startChild } = await import(${JSON.stringify(kit)});
    console.log('child', startChild('sleep', ['600']).pid);
    setInterval(() => {}, 1000);`;
  const parent = startChild(process.execPath, ['--input-type=module', '--eval', script]);
  try {
    await parent.waitFor(/child \d+/);
    const pid = Number(/child (\d+)/.exec(parent.output())?.[1]);
    expect(isRunning(pid)).toBe(true);
    parent.signal('SIGKILL');
    await parent.exited;
    await expect.poll(() => isRunning(pid)).toBe(false);
  } finally {
    await parent.stop();
  }
});

test('a command that is not there is named in what the child printed', async () => {
  const child = startChild('no-such-command-at-all', []);
  expect(await child.exited).not.toBe(0);
  expect(child.output()).toContain('no-such-command-at-all');
});

test('side by side: what one test has started is stopped, and nothing of another, nor of their suite', async () => {
  const [one, other] = [{ name: 'one' }, { name: 'other' }];
  const start = async () => {
    await new Promise(setImmediate);
    return startChild('sleep', ['600']);
  };
  const children = await Promise.all([ownChildren(one, start), ownChildren(other, start), start()]);
  try {
    await stopChildrenOf(one);
    expect(children.map(({ pid }) => isRunning(pid))).toEqual([false, true, true]);
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
});

test('the runner, for which this file is loaded once more, stops what tests have started', async () => {
  const anew = `${import.meta.resolve('./child.ts')}?anew`;
  const runner: typeof import('./child.ts') = await import(anew);
  expect(runner.stopChildrenOf).not.toBe(stopChildrenOf);
  const test = {};
  const child = runner.ownChildren(test, () => startChild('sleep', ['600']));
  try {
    await runner.stopChildrenOf(test);
    expect(isRunning(child.pid)).toBe(false);
  } finally {
    await child.stop();
  }
});
