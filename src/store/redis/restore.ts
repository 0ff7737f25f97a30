/** Writes a node's copy into a Redis that has lost the store: the same store again, with everything that the copy holds. */
import { randomUUID } from 'node:crypto';
import type { List } from '../../base/chunked-list.ts';
import { StateError } from '../../base/errors.ts';
import { inSlices, type Steps } from '../../base/steps.ts';
import type { Sealer } from '../sealer.ts';
import { KINDS, nameOf, type ProvisionedDocument } from './documents.ts';
import { type Keys, SCHEMA } from './keys.ts';
import type { Copy } from './last-copy.ts';
import type { RedisLink } from './link.ts';
import { FINISH_RESTORE } from './scripts.ts';

const LOCK_MS = 60_000;
const DOCUMENTS_PER_COMMAND = 50;
const RECORDS = ['tokens', 'users', 'webhooks'] as const;

export interface RestoreOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly sealer: Sealer;
  readonly copy: Copy;
  /** The highest version that any node has seen; the store goes on behind it, so that every node reads it anew. */
  readonly version: number;
  /** Grows with time: a sequence of bindings that no node has seen. */
  readonly sequence: number;
}

/** Rejects with a StateError when Redis holds a store, or another node is at the same. */
export async function restoreStore(options: RestoreOptions): Promise<void> {
  const { link, keys, sealer, copy } = options;
  const lock = keys.named('restoring');
  if ((await link.command('SET', lock, '1', 'NX', 'PX', LOCK_MS)) === null)
    throw new StateError('another node restores the store at this moment');
  try {
    if (Number(await link.command('EXISTS', keys.meta)) === 1)
      throw new StateError('Redis holds a store; empty it first if that one is not wanted');
    await link.command('DEL', ...KINDS.flatMap((kind) => [keys[kind], keys.orderOf(kind)]), keys.events);
    await link.command('DEL', ...RECORDS.map((kind) => keys[kind]), keys.bindingEvents);
    const { state } = copy.provisioned;
    for (const kind of KINDS) {
      const documents: List<ProvisionedDocument> = state[kind];
      const names = documents.map((document) => nameOf(kind, document));
      const sealed = (at: number) =>
        sealer.sealDocument(`${kind}/${names[at]}`, documents.at(at) as ProvisionedDocument);
      await put(link, keys[kind], names, sealed, keys.orderOf(kind));
    }
    for (const kind of RECORDS) {
      const records = copy[kind];
      const ids = records.map(({ id }) => id);
      await put(link, keys[kind], ids, (at) => sealer.sealDocument(`${kind}/${ids[at]}`, records[at] as object));
    }
    const meta = [
      copy.storeId,
      SCHEMA,
      sealer.seal('key-check', 'tandem'),
      sealer.seal('nonce-secret', copy.nonceSecret),
      options.version + 1,
      Math.max(...KINDS.map((kind) => state[kind].length)),
      options.sequence,
      randomUUID(),
      keys.channel,
    ];
    if (Number(await link.run(FINISH_RESTORE, [keys.meta], meta)) !== 1)
      throw new StateError('a store was made in Redis meanwhile');
  } finally {
    await link.command('DEL', lock).catch(() => {});
  }
}

/** Some documents a command, so that no other one waits for them. */
async function put(
  link: RedisLink,
  key: string,
  names: readonly string[],
  sealed: (at: number) => Steps<Buffer[]>,
  order?: string,
): Promise<void> {
  for (let from = 0; from < names.length; from += DOCUMENTS_PER_COMMAND) {
    const some = names.slice(from, from + DOCUMENTS_PER_COMMAND);
    const documents: (string | Buffer)[] = [];
    for (const [at, name] of some.entries()) documents.push(name, Buffer.concat(await inSlices(sealed(from + at))));
    await link.command('HSET', key, ...documents);
    if (order !== undefined) await link.command('ZADD', order, ...some.flatMap((name, at) => [from + at + 1, name]));
  }
}
