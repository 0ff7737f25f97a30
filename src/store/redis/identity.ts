import { randomBytes, randomUUID } from 'node:crypto';
import { SettingsError } from '../../base/errors.ts';
import { wrongKey } from '../key.ts';
import type { Sealer } from '../sealer.ts';
import { type Keys, SCHEMA } from './keys.ts';
import type { RedisLink } from './link.ts';
import { INITIALIZE } from './scripts.ts';

/** Which store this is: what was in Redis before must be there again after a restart of it. */
export interface Identity {
  readonly id: string;
  readonly nonceSecret: Uint8Array;
}

/** Makes the store when Redis has none, and checks what it has: schema, key. Throws a SettingsError. */
export async function openIdentity(link: RedisLink, keys: Keys, sealer: Sealer, url: string): Promise<Identity> {
  const made = [
    randomUUID(),
    SCHEMA,
    sealer.seal('key-check', 'tandem'),
    sealer.seal('nonce-secret', randomBytes(32).toString('hex')),
  ];
  const [id, schema, keyCheck, nonceSecret] = (await link.run(INITIALIZE, [keys.meta], made)) as Buffer[];
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
  'Redis holds another store than before; bring the old one back, or remove last-copy.json to go on with this one';
