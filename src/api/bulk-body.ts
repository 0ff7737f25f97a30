/** Changes of many items at once as bodies: of a hundred thousand keys each is checked. */

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { z } from 'zod';
import { byDefault } from '../base/schema.ts';
import type { Steps } from '../base/steps.ts';
import { MOST_KEYS } from './bulk-keys.ts';
import { keyText } from './collection.ts';
import { withoutMarks } from './documents.ts';
import { isLargeBody, jsonOf, readLargeBody, type Turn } from './large-body.ts';
import { check } from './validation.ts';

export const bulkBody = z.strictObject({
  keys: z.array(keyText).min(1).max(MOST_KEYS).describe('Numbers, or names, of what is changed.'),
  patch: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe('JSON Merge Patch (RFC 7396) for each of them; `null` deletes them.'),
  preview: byDefault(false, z.boolean(), 'Change nothing, and say what would come of it.'),
  onFault: byDefault(
    'refuse',
    z.enum(['refuse', 'skip']),
    '`refuse`: all or nothing; `skip`: those against which nothing speaks.',
  ),
});

export type BulkInput = z.infer<typeof bulkBody>;

/** How many keys a part holds: a third of a millisecond's unpacking. */
const KEYS_PER_PART = 1_000;

/** The body of such a change, read and checked in form; throws an ApiProblem that names every fault. The octets are used up. */
export async function bulkOf(body: unknown, inTurn: Turn): Promise<BulkInput> {
  // No body.
  if (!Buffer.isBuffer(body)) return check(bulkBody, withoutMarks(body));
  if (!isLargeBody('bulk', body)) return readBulk(body.toString());
  const { gathered: keys, rest } = await readLargeBody<string[], Omit<BulkInput, 'keys'>>(
    'bulk',
    body,
    gatherKeys,
    inTurn,
  );
  return { keys, ...rest };
}

/** The same on the thread that calls it. */
export function readBulk(text: string): BulkInput {
  return check(bulkBody, withoutMarks(jsonOf(text)));
}

/** The thread's side: sends keys, part by part. */
export function sendKeys(port: MessagePort, keys: readonly string[]): void {
  for (let at = 0; at < keys.length; at += KEYS_PER_PART) port.postMessage(keys.slice(at, at + KEYS_PER_PART));
}

function* gatherKeys(port: MessagePort): Steps<string[]> {
  const keys: string[] = [];
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: readonly string[] } | undefined;
    if (received === undefined) return keys;
    keys.push(...received.message);
    yield;
  }
}
