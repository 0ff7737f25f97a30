/** The thread that reads and writes the files, so that no call waits for a disk. Runs one operation at a time, in the order asked. */
import { parentPort, workerData } from 'node:worker_threads';
import { faultOf, type OrderAnswer } from '../pending-orders.ts';
import { EmbeddedFiles, type EmbeddedFilesOptions } from './files.ts';
import type { WorkerOrder } from './worker-client.ts';

const port = parentPort;
if (port === null) throw new Error('the store worker runs in a worker thread only');

let files: EmbeddedFiles | undefined;

function answerTo({ id, operation, argument }: WorkerOrder): OrderAnswer {
  try {
    switch (operation) {
      case 'open':
        files = new EmbeddedFiles(workerData as EmbeddedFilesOptions);
        return { id, value: undefined };
      case 'close':
        files?.close();
        files = undefined;
        return { id, value: undefined };
      default: {
        if (files === undefined) throw new Error('the store is closed');
        const run = files[operation] as (argument: unknown) => unknown;
        return { id, value: run(argument) };
      }
    }
  } catch (error) {
    return { id, fault: faultOf(error) };
  }
}

port.on('message', (order: WorkerOrder) => {
  port.postMessage(answerTo(order));
  if (order.operation === 'close') port.close();
});
