import { randomBytes, randomUUID } from 'node:crypto';
import { SettingsError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { wrongKey } from '../key.ts';
import type { Sealer } from '../sealer.ts';
import { type Keys, SCHEMA } from './keys.ts';
import type { RedisLink } from './link.ts';
import { GONE_AFTER_MS } from './redis-nodes.ts';
import { INITIALIZE } from './scripts.ts';

/** Which store this is: what was in Redis before must be there again after a restart of it. */
export interface StoreIdentity {
  readonly id: string;
  readonly nonceSecret: Uint8Array;
}

/**
 * Makes the store when Redis has none, unless nodes at work here have lost theirs; checks what it has: schema, key. Throws a
 * SettingsError.
 */
export async function openIdentity(
  link: RedisLink,
  keys: Keys,
  sealer: Sealer,
  url: string,
  log: Log,
): Promise<StoreIdentity> {
  const made = [
    randomUUID(),
    SCHEMA,
    sealer.seal('key-check', 'tandem'),
    sealer.seal('nonce-secret', randomBytes(32).toString('hex')),
  ];
  const answer = (await link.run(INITIALIZE, [keys.meta, keys.nodes], [...made, GONE_AFTER_MS])) as Buffer[];
  const [outcome, id, schema, keyCheck, nonceSecret] = answer;
  if (String(outcome) === 'orphans') {
    const message = `is empty, though nodes are at work on it (${answer.slice(1).join(', ')}): have one of them bring the store back with "tandem store restore"`;
    throw new SettingsError([{ code: 'store-replaced', path: url, message }]);
  }
  if (String(outcome) === 'made') log.warn('store-made', { url });
  if (id === undefined || keyCheck === undefined || nonceSecret === undefined || schema === undefined) {
    throw new SettingsError([
      { code: 'store-unreadable', path: url, message: 'the answer of Redis was not understood' },
    ]);
  }
  checkSchema(schema, url);
  try {
    sealer.open('key-check', keyCheck);
  } catch {
    throw wrongKey(url);
  }
  return {
    id: id.toString('latin1'),
    nonceSecret: new Uint8Array(Buffer.from(sealer.open('nonce-secret', nonceSecret), 'hex')),
  };
}

export function checkSchema(schema: Buffer, url: string): void {
  if (Number(schema) > SCHEMA) {
    throw new SettingsError([
      {
        code: 'store-too-new',
        path: url,
        message: `was written by a newer version of tandem (schema ${schema}; this one knows ${SCHEMA}); start that version`,
      },
    ]);
  }
}

/** Refusal of a Redis that is not the one this node has worked with. */
export const REPLACED =
  'Redis is empty or holds another store than before: bring the old one back ("tandem store restore" writes this node\'s copy), or remove last-copy.json to go on with this one';

/** Refusal of a store that a newer program has taken over. */
export const TOO_NEW = 'a newer version of tandem has brought the store up to date; start that version on this node';
