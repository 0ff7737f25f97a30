/** The thread that reads large provisioning files: YAML of 10 MB takes five seconds, and memory that ends with the thread. */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { type AsideAnswer, asideData, sendParts } from './aside.ts';
import { type FileContext, type LoadedProvisioning, loadProvisioning } from './load.ts';
import type { Environment } from './secrets.ts';

export interface FilesInput {
  readonly files: readonly string[];
  readonly environment: Environment;
  readonly context: FileContext;
  /** The digests that the asker knows, one behind the other. */
  readonly known: string;
}

/** What is said of the files beside what they hold. */
export type FilesAnswer = Omit<LoadedProvisioning, 'provisioning'>;

/** 120 bits of SHA-256: no two documents of a machine have the same by chance. */
const DIGEST_LENGTH = 20;

const { input, port } = asideData<FilesInput>();

const known = new Set<string>();
for (let at = 0; at < input.known.length; at += DIGEST_LENGTH) known.add(input.known.slice(at, at + DIGEST_LENGTH));

function digestOf(document: object): readonly [string, boolean] {
  const digest = createHash('sha256').update(JSON.stringify(document)).digest('base64url').slice(0, DIGEST_LENGTH);
  return [digest, known.has(digest)];
}

function answer(): AsideAnswer<FilesAnswer> {
  try {
    const { provisioning, problems, parts } = loadProvisioning(input.files, input.environment, input.context);
    if (provisioning !== undefined) sendParts(port, provisioning, digestOf);
    return { rest: { problems, parts } };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.postMessage(answer());
