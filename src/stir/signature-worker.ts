/** The thread that computes signatures: a batch comes, its results go back in the same order. */
import type { KeyObject } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { signEs256, verifyEs256 } from './jws.ts';
import type { SignatureBatch, SignatureResult } from './signature-thread.ts';

const port = parentPort;
if (port === null) throw new Error('the signature worker runs in a worker thread only');

const keys = new Map<number, KeyObject>();

/** What cannot be computed here is undefined: whoever asked computes it, and has the error where it belongs. */
function resultOf([input, keyId, signature]: SignatureBatch['jobs'][number]): SignatureResult {
  const key = keys.get(keyId);
  try {
    if (key === undefined) return undefined;
    return signature === undefined ? signEs256(input, key) : verifyEs256(input, signature, key);
  } catch {
    return undefined;
  }
}

port.on('message', ({ forgets, keys: added, jobs }: SignatureBatch) => {
  if (forgets) keys.clear();
  for (const [id, key] of added) keys.set(id, key);
  port.postMessage(jobs.map(resultOf));
});
port.postMessage('ready');
