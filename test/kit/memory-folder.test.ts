import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startChild } from './child.ts';

const SOURCE = JSON.stringify(import.meta.resolve('./memory-folder.ts'));

/** A run that has its folder in `parent`, and does `then`. */
async function run(parent: string, then: string) {
  const script = `
    const { memoryFolder } = await import(${SOURCE});
    console.log('folder', memoryFolder(${JSON.stringify(parent)}, 0));
    ${then}`;
  const child = startChild(process.execPath, ['--input-type=module', '--eval', script]);
  await child.waitFor(/folder \S+\n/);
  return { child, folder: /folder (\S+)/.exec(child.output())?.[1] ?? '' };
}

const parentFolder = () => {
  const parent = mkdtempSync(join(tmpdir(), 'tandem-memory-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  return parent;
};

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('the folder goes with a run that %s ends', async (signal) => {
  const parent = parentFolder();
  const { child, folder } = await run(parent, 'setInterval(() => {}, 1000);');
  expect(existsSync(folder)).toBe(true);
  child.signal(signal);
  await child.exited;
  expect(readdirSync(parent)).toEqual([]);
});

test('what a killed run has left is removed by the next one, and nothing of a run that goes on', async () => {
  const parent = parentFolder();
  const killed = await run(parent, 'setInterval(() => {}, 1000);');
  killed.child.signal('SIGKILL');
  await killed.child.exited;
  mkdirSync(join(parent, `tandem-tests-${process.pid}-mine`));
  mkdirSync(join(parent, 'tandem-redis-others'));
  expect(existsSync(killed.folder)).toBe(true);
  const next = await run(parent, '');
  await next.child.exited;
  expect(readdirSync(parent).toSorted()).toEqual(['tandem-redis-others', `tandem-tests-${process.pid}-mine`]);
});
