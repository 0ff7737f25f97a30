import { once } from 'node:events';
import { constants } from 'node:os';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

test.skipIf(process.platform !== 'linux').each([0, 12])(
  'a thread that gives way has a priority below that of its process, and below the normal one (nice %i or more)',
  async (least) => {
    const priority = new URL('../../src/base/thread-priority.ts', import.meta.url).href;
    const script = `
    import { readlinkSync } from 'node:fs';
    import { getPriority, setPriority } from 'node:os';
    import { parentPort } from 'node:worker_threads';
    import { giveWay } from ${JSON.stringify(priority)};
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (getPriority(thread) < ${least}) setPriority(thread, ${least});
    const before = getPriority(thread);
    giveWay();
    parentPort.postMessage([before, getPriority(thread)]);`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
    const [[before, lowered]] = await once(worker, 'message');
    await worker.terminate();
    const { PRIORITY_BELOW_NORMAL: step, PRIORITY_LOW: lowest } = constants.priority;
    expect(lowered).toBe(Math.min(Math.max(before, 0) + step, lowest));
  },
);
