/**
 * Provisioning in Redis, with a copy in memory. The version is the sequence number of every change: a node that sees it grow reads the
 * events in between and fetches what they name; when one of them is missing it reads everything. What is read counts only when the
 * version is the same before and after, so no state is ever half of one commit and half of another.
 */
import { randomToken } from '../../base/ids.ts';
import type { Log } from '../../base/log.ts';
import { OneAtATime } from '../../base/one-at-a-time.ts';
import { inSlices } from '../../base/steps.ts';
import {
  type CommitResult,
  editSteps,
  type ProvisionedState,
  type ProvisioningCommit,
  type ProvisioningStore,
} from '../../provisioning/directory/store.ts';
import { namesIn } from '../documents.ts';
import { CommitWriter, type CommitWriterOptions } from './commit-writer.ts';
import { type Fork, Lineage, type StorePlace } from './lineage.ts';
import { ProvisioningReader } from './provisioning-reader.ts';
import { type PutBack, putBackSteps } from './put-back.ts';

const MAX_READS = 50;
/** Of what was overtaken, in a line of the log. */
const MAX_NAMES_TOLD = 20;

export interface RedisProvisioningOptions extends CommitWriterOptions {
  readonly log: Log;
  /** What is known already, from the last known copy, and by which change it has come. */
  readonly copy?: ProvisionedState | undefined;
  readonly copyToken?: string | undefined;
  /** Hears of every new state. */
  readonly onState: () => void;
}

export class RedisProvisioning implements ProvisioningStore {
  readonly #options: RedisProvisioningOptions;
  readonly #reader: ProvisioningReader;
  readonly #writer: CommitWriter;
  readonly #listeners = new Set<() => void>();
  #copy: ProvisionedState;
  /** Of the copy. */
  #lineage: Lineage;
  #copiedAtMs = 0;
  readonly #reading = new OneAtATime();
  #isClosed = false;
  #commitsUnderWay = 0;
  /** The last answer of Redis that was not looked at; undefined: none. */
  #seen: { readonly place: StorePlace; readonly askedAtMs: number } | undefined = undefined;

  constructor(options: RedisProvisioningOptions) {
    this.#options = options;
    this.#reader = new ProvisioningReader(options);
    this.#writer = new CommitWriter(options, this.#reader);
    this.#copy = options.copy ?? { version: 0, state: { tenants: [], trunks: [], certificates: [] } };
    const { version } = this.#copy;
    const isKnown = version === 0 || (options.copyToken ?? '') !== '';
    this.#lineage = isKnown ? Lineage.at({ version, token: options.copyToken }) : Lineage.UNKNOWN;
  }

  /** The last state known; needs no Redis. */
  get copy(): ProvisionedState {
    return this.#copy;
  }

  /** Of the change by which the copy has come; empty: not known. */
  get copyToken(): string {
    return this.#lineage.token;
  }

  /** Answers from the copy when Redis does not. */
  async load(): Promise<ProvisionedState> {
    try {
      return await this.read();
    } catch (error) {
      if (this.#isClosed) throw error;
      this.#options.log.warn('provisioning-read-from-copy', { version: this.#copy.version, error: String(error) });
      return this.#copy;
    }
  }

  /** Brings the copy up to date; rejects when Redis does not answer. One at a time. */
  read(): Promise<ProvisionedState> {
    return this.#reading.run(() => this.#read());
  }

  async commit(commit: ProvisioningCommit): Promise<CommitResult> {
    this.#commitsUnderWay++;
    try {
      return await this.#commit(commit);
    } finally {
      this.#commitsUnderWay--;
      this.#tell();
    }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Redis was there in answer to a question of `askedAtMs` (performance.now()). While a commit of this node is under way that
   * may be its own: whether there is news is told when it is done.
   */
  seen(place: StorePlace, askedAtMs: number): void {
    this.#seen = { place, askedAtMs };
    this.#tell();
  }

  close(): void {
    this.#isClosed = true;
    this.#writer.close();
    this.#listeners.clear();
  }

  #tell(): void {
    if (this.#commitsUnderWay > 0 || this.#seen === undefined) return;
    const { place, askedAtMs } = this.#seen;
    this.#seen = undefined;
    // Another one than the copy's, and not a later one: Redis fell back, or answered before it had the copy's.
    const isNews = place.version > this.#copy.version || (!this.#lineage.isAt(place) && askedAtMs > this.#copiedAtMs);
    if (!isNews) return;
    for (const listener of this.#listeners) listener();
  }

  async #commit(commit: ProvisioningCommit): Promise<CommitResult> {
    const { expectedVersion: from } = commit;
    if (this.#lineage === Lineage.UNKNOWN) {
      await this.read();
      return { outcome: 'stale' };
    }
    const change = { version: from + 1, from, token: randomToken(), names: namesIn(commit), restored: [] };
    const madeOf = this.#copy.version === from ? this.#lineage.token : '';
    const isStale =
      (await this.#writer.write(commit, change, madeOf)) === 'stale' || !(await this.#writer.isKept(change));
    if (isStale) return { outcome: 'stale' };
    const copy = this.#copy;
    if (copy.version === from) {
      const state = await inSlices(editSteps(copy.state, commit));
      // A look that was under way may have come to it, or further.
      if (this.#copy === copy) this.#serve({ version: change.version, state }, this.#lineage.with([change]));
    }
    return { outcome: 'committed', version: change.version };
  }

  async #read(): Promise<ProvisionedState> {
    let [work, lineage] = [this.#copy, this.#lineage];
    let isTold = false;
    for (let tries = 0; tries < MAX_READS; tries++) {
      const place = await this.#reader.place();
      if (lineage.isAt(place)) {
        if (work !== this.#copy || lineage !== this.#lineage) this.#serve(work, lineage);
        return work;
      }
      if (lineage === Lineage.UNKNOWN && place.version >= work.version) {
        [work, lineage] = [{ version: place.version, state: await this.#reader.all() }, Lineage.at(place)];
        continue;
      }
      // What was read belongs to `place` only if that is still where the store is; the next turn of the loop tells.
      const next = await this.#reader.eventsAfter(work.version, lineage.token, place);
      if (next !== undefined) {
        const names = next.map((change) => change.names);
        const state = await this.#reader.after(work.state, names);
        [work, lineage] = [{ version: place.version, state }, lineage.with(next)];
      } else if (work !== this.#copy) [work, lineage] = [this.#copy, this.#lineage];
      else {
        const events = await this.#reader.events(lineage.first, place.version);
        const fork = lineage.forkOf(events, place);
        const found = await this.#reader.all();
        const back = await inSlices(putBackSteps(work.state, found, fork, place.version));
        const isWritten = place.version <= work.version || back.count > 0;
        const version = isWritten ? await this.#putBack(back, place) : place.version;
        if (version === undefined) continue;
        if (!isTold) this.#tellOfLoss(fork, back, place, version);
        isTold = true;
        if (isWritten) continue;
        work = { version, state: found };
        lineage = lineage.joined(fork, events, place);
      }
    }
    throw new Error('the provisioning changes faster than it can be read');
  }

  /**
   * Writes what goes back. In any case the version moves past all that nodes have seen: none takes another change of the same number for
   * its own. Undefined: somebody was faster.
   */
  async #putBack({ commit, restored }: PutBack, place: StorePlace): Promise<number | undefined> {
    const version = Math.max(this.#copy.version, place.version) + 1;
    const change = { version, from: place.version, token: randomToken(), names: namesIn(commit), restored };
    return (await this.#writer.write(commit, change, place.token ?? '')) === 'stale' ? undefined : version;
  }

  #tellOfLoss(fork: Fork, back: PutBack, place: StorePlace, version: number): void {
    const { log } = this.#options;
    if (fork.isLoss) log.error('changes-lost', { known: this.#copy.version, found: place.version });
    const overtaken = back.overtaken.length;
    const names = overtaken === 0 ? {} : { names: back.overtaken.slice(0, MAX_NAMES_TOLD) };
    const fields = { count: fork.lost.length, overtaken, ...names, version };
    if (back.count > 0) log.warn('changes-put-back', fields);
    else if (overtaken > 0) log.warn('changes-overtaken', fields);
  }

  #serve(state: ProvisionedState, lineage: Lineage): void {
    this.#copy = state;
    this.#lineage = lineage;
    this.#copiedAtMs = performance.now();
    this.#options.onState();
  }
}
