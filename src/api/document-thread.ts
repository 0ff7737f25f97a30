/** The thread that reads a large provisioning document of the HTTP interface. */
import { parentPort, workerData } from 'node:worker_threads';
import { type AsideAnswer, type AsideData, sendParts } from '../settings/aside.ts';
import { type DocumentAnswer, readDocument } from './document.ts';
import { ApiProblem } from './problem.ts';

const { input, port } = workerData as AsideData<Uint8Array>;

function answer(): AsideAnswer<DocumentAnswer> {
  try {
    sendParts(port, readDocument(Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString()));
    return { rest: 'read' };
  } catch (error) {
    if (!(error instanceof ApiProblem)) return { failure: String(error) };
    const { status, code, message, problems } = error;
    return { rest: { status, code, message, problems } };
  }
}

parentPort?.postMessage(answer());
