/** Writes a node's copy into a Redis that has lost the store: the same store again, with everything that the copy holds. */
import { randomUUID } from 'node:crypto';
import { StateError } from '../../base/errors.ts';
import type { Sealer } from '../sealer.ts';
import { type Keys, SCHEMA } from './keys.ts';
import type { Copy } from './last-copy.ts';
import type { RedisLink } from './link.ts';
import { FINISH_RESTORE } from './scripts.ts';

const LOCK_MS = 60_000;
const DOCUMENTS_PER_COMMAND = 50;

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
    await link.command('DEL', keys.tenants, keys.tenantOrder, keys.trunks, keys.trunkOrder);
    await link.command('DEL', keys.certificates, keys.certificateOrder, keys.events);
    await link.command('DEL', keys.tokens, keys.users, keys.webhooks, keys.bindingEvents);
    const { tenants, trunks, certificates } = copy.provisioned.state;
    await put(
      link,
      keys.tenants,
      keys.tenantOrder,
      tenants.map(({ name }) => name),
      (at) => sealer.sealJson(`tenants/${tenants.at(at)?.name}`, tenants.at(at)),
    );
    await put(
      link,
      keys.trunks,
      keys.trunkOrder,
      trunks.map(({ id }) => id ?? ''),
      (at) => sealer.sealJson(`trunks/${trunks.at(at)?.id ?? ''}`, trunks.at(at)),
    );
    await put(
      link,
      keys.certificates,
      keys.certificateOrder,
      certificates.map(({ name }) => name),
      (at) => sealer.sealJson(`certificates/${certificates.at(at)?.name}`, certificates.at(at)),
    );
    for (const [kind, key] of [
      ['tokens', keys.tokens],
      ['users', keys.users],
      ['webhooks', keys.webhooks],
    ] as const) {
      const records = copy[kind];
      await put(
        link,
        key,
        undefined,
        records.map(({ id }) => id),
        (at) => sealer.sealJson(`${kind}/${records[at]?.id}`, records[at]),
      );
    }
    const meta = [
      copy.storeId,
      SCHEMA,
      sealer.seal('key-check', 'tandem'),
      sealer.seal('nonce-secret', copy.nonceSecret),
      options.version + 1,
      Math.max(tenants.length, trunks.length, certificates.length),
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
  order: string | undefined,
  names: readonly string[],
  documentOf: (index: number) => Buffer,
): Promise<void> {
  for (let from = 0; from < names.length; from += DOCUMENTS_PER_COMMAND) {
    const some = names.slice(from, from + DOCUMENTS_PER_COMMAND);
    await link.command('HSET', key, ...some.flatMap((name, at) => [name, documentOf(from + at)]));
    if (order !== undefined) await link.command('ZADD', order, ...some.flatMap((name, at) => [from + at + 1, name]));
  }
}
