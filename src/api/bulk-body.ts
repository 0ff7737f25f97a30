/** Changes of many items at once as bodies: of a hundred thousand keys each is checked. */

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { z } from 'zod';
import { byDefault } from '../base/schema.ts';
import type { Steps } from '../base/steps.ts';
import { MOST_KEYS } from './bulk-keys.ts';
import { keyText } from './collection.ts';
import { bodyReader } from './large-body.ts';

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

type BulkInput = z.infer<typeof bulkBody>;

/** How many keys a part holds: a third of a millisecond's unpacking. */
const KEYS_PER_PART = 1_000;

export const { readText: readBulk, readBody: bulkOf } = bodyReader(
  'bulk',
  bulkBody,
  gatherKeys,
  (keys, rest: Omit<BulkInput, 'keys'>) => ({ keys, ...rest }),
);

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
