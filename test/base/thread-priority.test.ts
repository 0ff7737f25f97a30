import { once } from 'node:events';
import { constants } from 'node:os';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

test.skipIf(process.platform !== 'linux')(
  'a thread that gives way has a priority below the normal one, whatever that of its process is',
  async () => {
    const priority = new URL('../../src/base/thread-priority.ts', import.meta.url).href;
    const script = `
    import { readlinkSync } from 'node:fs';
    import { getPriority } from 'node:os';
    import { parentPort } from 'node:worker_threads';
    import { giveWay } from ${JSON.stringify(priority)};
    giveWay();
    parentPort.postMessage(getPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1))));`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
    const [lowered] = await once(worker, 'message');
    await worker.terminate();
    expect(lowered).toBeGreaterThanOrEqual(constants.priority.PRIORITY_BELOW_NORMAL);
  },
);
