import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** `goes on` is said in a later turn than the one that met the last of so many. */
const program = (meets: string, what = 'uncaughtException', met = 1) => `
import { createSocket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { WheelScheduler } from ${JSON.stringify(new URL('../../src/base/wheel-scheduler.ts', import.meta.url).href)};
import { outlive } from ${JSON.stringify(new URL('../../src/node/defects.ts', import.meta.url).href)};
const log = { error: (event, { stack }) => console.log(event, stack.split('\\n')[0]) };
let counted = 0;
const alive = setTimeout(() => {}, 15_000);
const goesOn = () => setTimeout(() => { clearTimeout(alive); console.log('goes on', counted); }, 1);
const stop = outlive(${JSON.stringify(what)}, log, () => ++counted === ${met} && goesOn());
const fail = (error = new Error('a bug')) => { throw error; };
const wheel = new WheelScheduler();
${meets}
`;

const run = (meets: string, what?: string, met?: number) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program(meets, what, met)], {
    timeout: 20_000,
  });

const REJECTS = `Promise.reject(new Error('nobody waits')); Promise.reject('no error');`;

test.each<[string, string]>([
  ['a timer of the runtime', 'setTimeout(fail, 1, undefined);'],
  ['a timer of the wheel', 'wheel.schedule(1, { onTimer: () => fail() }, 0);'],
  ['a turn of the event loop', 'setImmediate(fail, undefined);'],
  ['a microtask', 'queueMicrotask(() => fail());'],
  [
    'a datagram, of a relay or a name server',
    `const socket = createSocket('udp4', () => { socket.close(); fail(); });
     socket.bind(0, '127.0.0.1', () => socket.send('answer', socket.address().port, '127.0.0.1'));`,
  ],
  [
    'an error of a socket that nobody hears',
    `setImmediate(() => new EventEmitter().emit('error', new Error('a bug')));`,
  ],
])('a defect met by %s is logged and counted, and the process goes on', async (_by, meets) => {
  const { stdout } = await run(meets);
  expect(stdout).toBe('uncaught-error Error: a bug\ngoes on 1\n');
});

test('a promise that fails and that nobody waits for is logged and counted, and the process goes on', async () => {
  const { stdout } = await run(REJECTS, 'unhandledRejection', 2);
  expect(stdout).toBe('unhandled-rejection Error: nobody waits\nunhandled-rejection no error\ngoes on 2\n');
});

test('promises that fail end no process, however many there are', async () => {
  const rejects = 'for (let met = 0; met < 1000; met++) Promise.reject(new Error("a bug"));';
  expect((await run(rejects, 'unhandledRejection', 1000)).stdout).toMatch(/goes on 1000\n$/);
});

test.each([
  ['uncaughtException', 'stop(); setTimeout(fail, 1, undefined);'],
  ['unhandledRejection', `stop(); ${REJECTS}`],
])('once it is called back, the process ends of an %s, as any does', async (what, meets) => {
  await expect(run(meets, what)).rejects.toMatchObject({ code: 1, stdout: '' });
});

test('more than a hundred exceptions within a minute end the process and say why; a hundred, or later ones, do not', async () => {
  const met = (count: number) => `for (let met = 0; met < ${count}; met++) setImmediate(fail, undefined);`;
  const { stdout } = await run(met(100), undefined, 100);
  expect(stdout).toMatch(/goes on 100\n$/);
  await expect(run(met(101))).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^tandem ends: more than 100 defects within a minute, the last one:\nError: a bug\n {4}at Immediate\.fail/,
    ),
  });
  const later = `const now = performance.now.bind(performance); ${met(100)}
    setTimeout(() => { performance.now = () => now() + 60_000; ${met(100)} }, 20);`;
  expect((await run(later, undefined, 200)).stdout).toMatch(/goes on 200\n$/);
});
