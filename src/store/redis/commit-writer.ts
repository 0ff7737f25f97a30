/** Changes of the provisioning written to Redis, each as one script, and what became of one whose answer was lost. */
import { setTimeout as pause } from 'node:timers/promises';
import { inSlices, type Steps } from '../../base/steps.ts';
import type { ProvisioningCommit } from '../../provisioning/directory/store.ts';
import { KINDS, named, nameOf, putOf } from '../documents.ts';
import type { Sealer } from '../sealer.ts';
import { REPLACED } from './identity.ts';
import type { StoredChange } from './lineage.ts';
import { type ArgumentBlocks, ArgumentWriter } from './long-command.ts';
import type { ProvisioningReader, ProvisioningReaderOptions } from './provisioning-reader.ts';
import type { Replicas } from './replicas.ts';
import { COMMIT, STILL_COMMITTED } from './scripts.ts';

/** How long after it was sent a commit may still be done: this, and a millisecond for every 10 kB. */
const COMMIT_DEADLINE_MS = 1000;
const BYTES_PER_MS = 10_000;
/** How long an answer that was lost is looked for, and how often. */
const SETTLE_MS = 2000;
const SETTLE_AGAIN_MS = 100;
/** Of asking whether a commit is kept, while connections end. */
const MAX_TRIES = 3;

export interface CommitWriterOptions extends ProvisioningReaderOptions {
  /** Those that may be made master: a commit waits until one has it. Undefined: there are none. */
  readonly replicas: Replicas | undefined;
  /** Why nothing may be written now. */
  readonly refusal: () => string | undefined;
}

type Written = 'committed' | 'stale';

export class CommitWriter {
  readonly #options: CommitWriterOptions;
  readonly #reader: ProvisioningReader;
  #isClosed = false;

  constructor(options: CommitWriterOptions, reader: ProvisioningReader) {
    this.#options = options;
    this.#reader = reader;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** @param madeOf token of the change that it follows, since another one may have the number; empty: not known */
  async write(commit: ProvisioningCommit, change: StoredChange, madeOf: string): Promise<Written> {
    const { link, keys, sealer, storeId, refusal } = this.#options;
    const why = refusal();
    if (why !== undefined) throw new Error(why);
    const { version, from, token, names, restored } = change;
    const documents = await inSlices(commitArguments(commit, change, sealer));
    const bytes = documents.blocks.reduce((sum, { length }) => sum + length, 0);
    const limitMs = COMMIT_DEADLINE_MS + Math.ceil(bytes / BYTES_PER_MS);
    const [seconds, microseconds] = (await link.within(COMMIT_DEADLINE_MS, link.command('TIME'))) as Buffer[];
    const deadlineMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) + limitMs;
    const made = [version, token, JSON.stringify(names), restored.length === 0 ? '' : JSON.stringify(restored)];
    const args = [storeId, from, deadlineMs, keys.channel, ...made, madeOf];
    const scriptKeys = [keys.meta, keys.events, ...KINDS.flatMap((kind) => [keys[kind], keys.orderOf(kind)])];
    const mayBeDoneUntilMs = performance.now() + limitMs;
    let outcome: string;
    try {
      const answer = link.within(limitMs, link.runLong(COMMIT, scriptKeys, args, documents));
      outcome = String(((await answer) as Buffer[])[0]);
    } catch (error) {
      return this.#settle(change, mayBeDoneUntilMs, Math.max(performance.now(), mayBeDoneUntilMs) + SETTLE_MS, error);
    }
    if (outcome === 'committed' || outcome === 'stale') return outcome;
    throw new Error(outcome === 'replaced' ? REPLACED : 'Redis was too slow to commit; nothing was changed');
  }

  /**
   * Redis acknowledges before its replicas have a write, and whoever follows it by failover meanwhile may not have it. False: so it is, and
   * nobody has put it back.
   */
  async isKept(change: StoredChange): Promise<boolean> {
    const { link, keys, replicas } = this.#options;
    if (replicas === undefined) return true;
    let giveUpAtMs: number | undefined;
    for (let tries = 1; ; tries++) {
      let cause: unknown = new Error('Redis has lost the change, or does not answer; it may be there all the same');
      let isThere = true;
      try {
        const args = [`${change.version}-0`, change.token];
        const asked = link.run(STILL_COMMITTED, [keys.meta, keys.events], args);
        isThere = Number(await link.within(COMMIT_DEADLINE_MS, asked)) === 1;
        if (isThere) {
          await replicas.have();
          return true;
        }
      } catch (error) {
        cause = error;
      }
      if (isThere && tries === MAX_TRIES) return false;
      giveUpAtMs ??= performance.now() + SETTLE_MS;
      const outcome = await this.#settle(change, 0, giveUpAtMs, cause);
      if (outcome === 'stale' || !isThere) return outcome === 'committed';
    }
  }

  /**
   * What became of a change whose answer was lost, or whose connection ended: its event tells, or that of who has put it back. Rejects with
   * `cause` when it was not done, or that cannot be said; without a time until when it may be done it was, and is lost where it is not there.
   */
  async #settle(change: StoredChange, mayBeDoneUntilMs: number, giveUpAtMs: number, cause: unknown): Promise<Written> {
    const { link } = this.#options;
    while (performance.now() < giveUpAtMs && !this.#isClosed) {
      const askedAtMs = performance.now();
      try {
        const since = await link.within(giveUpAtMs - askedAtMs, this.#reader.events(change.version, '+'));
        const isThere = ({ token, restored }: StoredChange) =>
          token === change.token || restored.includes(change.token);
        if (since.some(isThere)) return 'committed';
        if (since.length > 0 || mayBeDoneUntilMs === 0) return 'stale';
        if (askedAtMs > mayBeDoneUntilMs) throw cause;
      } catch (error) {
        if (error === cause) throw cause;
      }
      await pause(SETTLE_AGAIN_MS);
    }
    throw cause;
  }
}

/** What the script is told of each kind: how many documents go, and which, how many come, and each with its name. */
export function* commitArguments(
  commit: ProvisioningCommit,
  { names }: Pick<StoredChange, 'names'>,
  sealer: Sealer,
): Steps<ArgumentBlocks> {
  const args = new ArgumentWriter();
  for (const kind of KINDS) {
    const { gone } = named(names, kind);
    const put = putOf(commit, kind);
    for (const arg of [gone.length, ...gone, put.length]) args.add(arg);
    for (const document of put) {
      const name = nameOf(kind, document);
      args.add(name);
      args.add(yield* sealer.sealDocument(`${kind}/${name}`, document));
      yield;
    }
  }
  return args.end();
}
