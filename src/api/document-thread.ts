/** The thread that reads a large provisioning document of the HTTP interface. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Problem } from '../base/errors.ts';
import { type AsideAnswer, type AsideData, sendParts } from '../settings/aside.ts';
import { readDocument } from './document.ts';
import { ApiProblem } from './problem.ts';

/** That it was read, or what it is refused for. */
export type DocumentAnswer =
  | 'read'
  | {
      readonly status: number;
      readonly code: string;
      readonly message: string;
      readonly problems: readonly Problem[];
    };

const { input, port } = workerData as AsideData<string>;

function answer(): AsideAnswer<DocumentAnswer> {
  try {
    sendParts(port, readDocument(input));
    return { rest: 'read' };
  } catch (error) {
    if (!(error instanceof ApiProblem)) return { failure: String(error) };
    const { status, code, message, problems } = error;
    return { rest: { status, code, message, problems } };
  }
}

parentPort?.postMessage(answer());
