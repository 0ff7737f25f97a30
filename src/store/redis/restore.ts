/** Writes a node's copy into a Redis that has lost the store: the same store again, with everything that the copy holds. */
import { randomUUID } from 'node:crypto';
import type { List } from '../../base/chunked-list.ts';
import { StateError } from '../../base/errors.ts';
import { inSlices, type Steps } from '../../base/steps.ts';
import { KINDS, nameOf, type ProvisionedDocument } from '../documents.ts';
import type { Sealer } from '../sealer.ts';
import { type Keys, SCHEMA } from './keys.ts';
import type { Copy } from './last-copy.ts';
import type { RedisLink } from './link.ts';
import { FINISH_RESTORE, WHILE_HELD } from './scripts.ts';

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

/** A command for a key while the lock is held, which is for a while longer then; rejects with a StateError where it is not any more. */
type Held = (command: string, key: string, ...args: (string | number | Buffer)[]) => Promise<void>;

/** Rejects with a StateError when Redis holds a store, or another node is at the same. However long it takes, none begins beside it. */
export async function restoreStore(options: RestoreOptions): Promise<void> {
  const { link, keys, sealer, copy } = options;
  const lock = keys.named('restoring');
  const token = randomUUID();
  if ((await link.command('SET', lock, token, 'NX', 'PX', LOCK_MS)) === null)
    throw new StateError('another node restores the store at this moment');
  const held: Held = async (command, key, ...args) => {
    mustHold(await link.run(WHILE_HELD, [lock, key], [token, LOCK_MS, command, ...args]));
  };
  try {
    if (Number(await link.command('EXISTS', keys.meta)) === 1)
      throw new StateError('Redis holds a store; empty it first if that one is not wanted');
    const provisioned = KINDS.flatMap((kind) => [keys[kind], keys.orderOf(kind)]);
    for (const key of [...provisioned, keys.events, ...RECORDS.map((kind) => keys[kind]), keys.bindingEvents])
      await held('DEL', key);
    const { state } = copy.provisioned;
    for (const kind of KINDS) {
      const documents: List<ProvisionedDocument> = state[kind];
      const names = documents.map((document) => nameOf(kind, document));
      const sealed = (at: number) =>
        sealer.sealDocument(`${kind}/${names[at]}`, documents.at(at) as ProvisionedDocument);
      await put(held, keys[kind], names, sealed, keys.orderOf(kind));
    }
    for (const kind of RECORDS) {
      const records = copy[kind];
      const ids = records.map(({ id }) => id);
      await put(held, keys[kind], ids, (at) => sealer.sealDocument(`${kind}/${ids[at]}`, records[at] as object));
    }
    const meta = [
      token,
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
    if (Number(mustHold(await link.run(FINISH_RESTORE, [keys.meta, lock], meta))) !== 1)
      throw new StateError('a store was made in Redis meanwhile');
  } finally {
    await held('DEL', lock).catch(() => {});
  }
}

function mustHold(answer: unknown): unknown {
  if (answer === null) throw new StateError('this took so long that another node restores the store by now');
  return answer;
}

/** Some documents a command, so that no other one waits for them. */
async function put(
  held: Held,
  key: string,
  names: readonly string[],
  sealed: (at: number) => Steps<Buffer[]>,
  order?: string,
): Promise<void> {
  for (let from = 0; from < names.length; from += DOCUMENTS_PER_COMMAND) {
    const some = names.slice(from, from + DOCUMENTS_PER_COMMAND);
    const documents: (string | Buffer)[] = [];
    for (const [at, name] of some.entries()) documents.push(name, Buffer.concat(await inSlices(sealed(from + at))));
    await held('HSET', key, ...documents);
    if (order !== undefined) await held('ZADD', order, ...some.flatMap((name, at) => [from + at + 1, name]));
  }
}
