/** The thread that reads large provisioning files: YAML of 25 MB takes half a minute, and gigabytes that end with the thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { type AsideAnswer, type AsideData, sendParts } from './aside.ts';
import { type FileContext, type LoadedProvisioning, loadProvisioning } from './load.ts';
import type { Environment } from './secrets.ts';

export interface FilesInput {
  readonly files: readonly string[];
  readonly environment: Environment;
  readonly context: FileContext;
}

/** What is said of the files beside what they hold. */
export type FilesAnswer = Omit<LoadedProvisioning, 'provisioning'>;

const { input, port } = workerData as AsideData<FilesInput>;

function answer(): AsideAnswer<FilesAnswer> {
  try {
    const { provisioning, problems, parts } = loadProvisioning(input.files, input.environment, input.context);
    if (provisioning !== undefined) sendParts(port, provisioning);
    return { rest: { problems, parts } };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.postMessage(answer());
