import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const program = (isHeard: boolean) => `
import { hearRejections } from ${JSON.stringify(new URL('../../src/node/rejections.ts', import.meta.url).href)};
const log = { error: (event, { stack }) => console.log(event, stack.split('\\n')[0]) };
let counted = 0;
const stop = hearRejections(log, () => counted++);
if (!${isHeard}) stop();
Promise.reject(new Error('nobody waits'));
Promise.reject('no error');
setTimeout(() => console.log('goes on', counted), 20);
`;

const run = (isHeard: boolean) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program(isHeard)], { timeout: 20_000 });

test('a promise that fails and that nobody waits for is logged and counted, and the process goes on', async () => {
  const { stdout } = await run(true);
  expect(stdout).toBe('unhandled-rejection Error: nobody waits\nunhandled-rejection no error\ngoes on 2\n');
});

test('once it is called back, the process ends of it, as any does', async () => {
  await expect(run(false)).rejects.toMatchObject({ code: 1, stdout: '' });
});
