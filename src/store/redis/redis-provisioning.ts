/**
 * Provisioning in Redis, with a copy in memory. The version is the sequence number of every change: a node that sees it grow reads the
 * events in between and fetches what they name; when one of them is missing it reads everything. What is read counts only when the
 * version is the same before and after, so no state is ever half of one commit and half of another.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { randomToken } from '../../base/ids.ts';
import type { Log } from '../../base/log.ts';
import { inSlices, type Steps } from '../../base/steps.ts';
import {
  type CommitResult,
  editSteps,
  type ProvisionedState,
  type ProvisioningCommit,
  type ProvisioningStore,
} from '../../provisioning/directory/store.ts';
import type { CertificateSettings } from '../../provisioning/trunk-settings/certificate-schema.ts';
import { compactTenantSteps, compactTrunkSteps } from '../../provisioning/trunk-settings/compact.ts';
import type { Sealer } from '../sealer.ts';
import { changeOf, placeOf, type StreamEntry } from './events.ts';
import { REPLACED } from './identity.ts';
import type { Keys } from './keys.ts';
import { type ChangedNames, type Fork, isChain, Lineage, type StoredChange, type StorePlace } from './lineage.ts';
import type { RedisLink } from './link.ts';
import { type Argument, argumentBlocks } from './long-command.ts';
import { type PutBack, putBackSteps } from './put-back.ts';
import type { Replicas } from './replicas.ts';
import { COMMIT, STILL_COMMITTED } from './scripts.ts';

/** How long after it was sent a commit may still be done: this, and a millisecond for every 10 kB. */
const COMMIT_DEADLINE_MS = 1000;
const BYTES_PER_MS = 10_000;
const READ_TIMEOUT_MS = 5000;
/** How long an answer that was lost is looked for. */
const SETTLE_MS = 2000;
const DOCUMENTS_PER_READ = 100;
const MAX_READS = 50;
/** Of asking whether a commit is kept, while connections end. */
const MAX_TRIES = 3;
/** Of what was overtaken, in a line of the log. */
const MAX_NAMES_TOLD = 20;

export interface RedisProvisioningOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly sealer: Sealer;
  readonly storeId: string;
  readonly log: Log;
  /** Those that may be made master: a commit waits until one has it. Undefined: there are none. */
  readonly replicas: Replicas | undefined;
  /** What is known already, from the last known copy, and by which change it has come. */
  readonly copy?: ProvisionedState | undefined;
  readonly copyToken?: string | undefined;
  /** Why nothing may be written now. */
  readonly refusal: () => string | undefined;
  /** Hears of every new state. */
  readonly onState: () => void;
}

export class RedisProvisioning implements ProvisioningStore {
  readonly #options: RedisProvisioningOptions;
  readonly #listeners = new Set<() => void>();
  #copy: ProvisionedState;
  /** Of the copy. */
  #lineage: Lineage;
  #copiedAtMs = 0;
  #reading: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #commitsUnderWay = 0;
  /** The last answer of Redis that was not looked at; undefined: none. */
  #seen: { readonly place: StorePlace; readonly askedAtMs: number } | undefined = undefined;

  constructor(options: RedisProvisioningOptions) {
    this.#options = options;
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
    const done = this.#reading.then(() => this.#read());
    this.#reading = done.catch(() => {});
    return done;
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
    const change = { version: from + 1, from, token: randomToken(), names: namesOf(commit), restored: [] };
    const madeOf = this.#copy.version === from ? this.#lineage.token : '';
    if ((await this.#write(commit, change, madeOf)) === 'stale' || !(await this.#isKept(change)))
      return { outcome: 'stale' };
    const copy = this.#copy;
    if (copy.version === from) {
      const state = await inSlices(editSteps(copy.state, commit));
      // A look that was under way may have come to it, or further.
      if (this.#copy === copy) this.#serve({ version: change.version, state }, this.#lineage.with([change]));
    }
    return { outcome: 'committed', version: change.version };
  }

  /** @param madeOf token of the change that it follows, since another one may have the number; empty: not known */
  async #write(commit: ProvisioningCommit, change: StoredChange, madeOf: string): Promise<'committed' | 'stale'> {
    const { link, keys, storeId, refusal } = this.#options;
    const why = refusal();
    if (why !== undefined) throw new Error(why);
    const { version, from, token, names, restored } = change;
    const documents = await inSlices(argumentBlocks(await inSlices(this.#argumentsOf(commit))));
    const bytes = documents.blocks.reduce((sum, { length }) => sum + length, 0);
    const limitMs = COMMIT_DEADLINE_MS + Math.ceil(bytes / BYTES_PER_MS);
    const [seconds, microseconds] = (await link.within(COMMIT_DEADLINE_MS, link.command('TIME'))) as Buffer[];
    const deadlineMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) + limitMs;
    const made = [version, token, JSON.stringify(names), restored.length === 0 ? '' : JSON.stringify(restored)];
    const args = [storeId, from, deadlineMs, keys.channel, ...made, madeOf];
    const sentAtMs = performance.now();
    let outcome: string;
    try {
      const kinds = [keys.tenants, keys.tenantOrder, keys.trunks, keys.trunkOrder];
      const scriptKeys = [keys.meta, keys.events, ...kinds, keys.certificates, keys.certificateOrder];
      outcome = String(
        ((await link.within(limitMs, link.runLong(COMMIT, scriptKeys, args, documents))) as Buffer[])[0],
      );
    } catch (error) {
      const mayBeDoneUntilMs = sentAtMs + limitMs;
      return this.#settle(change, mayBeDoneUntilMs, Math.max(performance.now(), mayBeDoneUntilMs) + SETTLE_MS, error);
    }
    switch (outcome) {
      case 'committed':
      case 'stale':
        return outcome;
      case 'replaced':
        throw new Error(REPLACED);
      default:
        throw new Error('Redis was too slow to commit; nothing was changed');
    }
  }

  /**
   * Redis acknowledges before its replicas have a write, and whoever follows it by failover meanwhile may not have it. False: so it is, and
   * nobody has put it back.
   */
  async #isKept(change: StoredChange): Promise<boolean> {
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

  *#argumentsOf(commit: ProvisioningCommit): Steps<Argument[]> {
    const { sealer } = this.#options;
    const names = namesOf(commit);
    const tenants: Argument[] = [];
    for (const tenant of commit.putTenants) {
      tenants.push(tenant.name, yield* sealer.sealDocument(`tenants/${tenant.name}`, tenant));
      yield;
    }
    const trunks: Argument[] = [];
    for (const trunk of commit.putTrunks) {
      const id = trunk.id ?? '';
      trunks.push(id, yield* sealer.sealDocument(`trunks/${id}`, trunk));
      yield;
    }
    const certificates: Argument[] = [];
    for (const certificate of commit.putCertificates) {
      const { name } = certificate;
      certificates.push(name, sealer.sealJson(`certificates/${name}`, certificate));
      yield;
    }
    return [
      names.deleteTenants.length,
      ...names.deleteTenants,
      names.putTenants.length,
      ...tenants,
      names.deleteTrunks.length,
      ...names.deleteTrunks,
      names.putTrunks.length,
      ...trunks,
      names.deleteCertificates.length,
      ...names.deleteCertificates,
      names.putCertificates.length,
      ...certificates,
    ];
  }

  /**
   * What became of a change whose answer was lost, or whose connection ended: its event tells, or that of who has put it back. Rejects with
   * `cause` when it was not done, or that cannot be said; without a time until when it may be done it was, and is lost where it is not there.
   */
  async #settle(
    change: StoredChange,
    mayBeDoneUntilMs: number,
    giveUpAtMs: number,
    cause: unknown,
  ): Promise<'committed' | 'stale'> {
    const { link } = this.#options;
    while (performance.now() < giveUpAtMs && !this.#isClosed) {
      const askedAtMs = performance.now();
      try {
        const since = await link.within(giveUpAtMs - askedAtMs, this.#events(change.version, '+'));
        const isThere = ({ token, restored }: StoredChange) =>
          token === change.token || restored.includes(change.token);
        if (since.some(isThere)) return 'committed';
        if (since.length > 0 || mayBeDoneUntilMs === 0) return 'stale';
        if (askedAtMs > mayBeDoneUntilMs) throw cause;
      } catch (error) {
        if (error === cause) throw cause;
      }
      await pause(100);
    }
    throw cause;
  }

  async #read(): Promise<ProvisionedState> {
    let [work, lineage] = [this.#copy, this.#lineage];
    let isTold = false;
    for (let tries = 0; tries < MAX_READS; tries++) {
      const place = await this.#place();
      if (lineage.isAt(place)) {
        if (work !== this.#copy || lineage !== this.#lineage) this.#serve(work, lineage);
        return work;
      }
      if (lineage === Lineage.UNKNOWN && place.version >= work.version) {
        [work, lineage] = [{ version: place.version, state: await this.#all() }, Lineage.at(place)];
        continue;
      }
      // What was read belongs to `place` only if that is still where the store is; the next turn of the loop tells.
      const next = await this.#eventsAfter(work.version, lineage, place);
      if (next !== undefined) {
        const state = await this.#after(
          work,
          next.map(({ names }) => names),
        );
        [work, lineage] = [{ version: place.version, state }, lineage.with(next)];
      } else if (work !== this.#copy) [work, lineage] = [this.#copy, this.#lineage];
      else {
        const events = await this.#events(lineage.first, place.version);
        const fork = lineage.forkOf(events, place);
        const found = await this.#all();
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
    const change = { version, from: place.version, token: randomToken(), names: namesOf(commit), restored };
    return (await this.#write(commit, change, place.token ?? '')) === 'stale' ? undefined : version;
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

  /** Where the store is. */
  async #place(): Promise<StorePlace> {
    const { keys, storeId } = this.#options;
    const [id, version, commit] = (await this.#ask('HMGET', keys.meta, 'id', 'version', 'commit')) as (Buffer | null)[];
    if (String(id) !== storeId) throw new Error(REPLACED);
    return placeOf(version, commit);
  }

  #ask(name: string, ...args: (string | number)[]): Promise<unknown> {
    const { link } = this.#options;
    return link.within(READ_TIMEOUT_MS, link.command(name, ...args));
  }

  #serve(state: ProvisionedState, lineage: Lineage): void {
    this.#copy = state;
    this.#lineage = lineage;
    this.#copiedAtMs = performance.now();
    this.#options.onState();
  }

  async #events(from: number, to: number | '+'): Promise<StoredChange[]> {
    const entries = (await this.#ask(
      'XRANGE',
      this.#options.keys.events,
      `${from}-0`,
      to === '+' ? to : `${to}-0`,
    )) as StreamEntry[];
    return entries.map(changeOf);
  }

  /** The changes that lead from there to where the store is; undefined when one is not there any more, or the store has come another way. */
  async #eventsAfter(version: number, { token }: Lineage, place: StorePlace): Promise<StoredChange[] | undefined> {
    if (version === 0 || place.version <= version) return undefined;
    const events = await this.#events(version, place.version);
    const known = events[0]?.version === version ? events.shift() : undefined;
    const isSameLine = token === '' || known?.token === token;
    return isSameLine && isChain(events, version, place.version) ? events : undefined;
  }

  async #all(): Promise<ProvisionedState['state']> {
    const { keys } = this.#options;
    const names = async (order: string) => ((await this.#ask('ZRANGE', order, 0, -1)) as Buffer[]).map(String);
    const tenants = await this.#fetch('tenants', await names(keys.tenantOrder), compactTenantSteps);
    const trunks = await this.#fetch('trunks', await names(keys.trunkOrder), compactTrunkSteps);
    const certificates = await this.#fetch(
      'certificates',
      await names(keys.certificateOrder),
      asItIs<CertificateSettings>,
    );
    return { tenants: [...tenants.values()], trunks: [...trunks.values()], certificates: [...certificates.values()] };
  }

  /** The state after these changes; what none of them names is the same as before. */
  async #after({ state }: ProvisionedState, changes: readonly ChangedNames[]): Promise<ProvisionedState['state']> {
    const tenants = netOf(changes, 'Tenants');
    const trunks = netOf(changes, 'Trunks');
    const certificates = netOf(changes, 'Certificates');
    // What was removed and written again comes last, as it was written then.
    const without = await inSlices(
      editSteps(state, {
        deleteTenants: tenants.gone,
        deleteTrunks: trunks.gone,
        deleteCertificates: certificates.gone,
      }),
    );
    const [putTenants, putTrunks, putCertificates] = [
      await this.#fetch('tenants', tenants.come, compactTenantSteps),
      await this.#fetch('trunks', trunks.come, compactTrunkSteps),
      await this.#fetch('certificates', certificates.come, asItIs<CertificateSettings>),
    ];
    const edits = {
      putTenants: [...putTenants.values()],
      putTrunks: [...putTrunks.values()],
      putCertificates: [...putCertificates.values()],
      // What Redis does not have was removed by a change that has come since; the next look reads it.
      deleteTenants: tenants.come.filter((name) => !putTenants.has(name)),
      deleteTrunks: trunks.come.filter((id) => !putTrunks.has(id)),
      deleteCertificates: certificates.come.filter((name) => !putCertificates.has(name)),
    };
    return inSlices(editSteps(without, edits));
  }

  async #fetch<T>(
    kind: 'tenants' | 'trunks' | 'certificates',
    names: readonly string[],
    compact: Compact<T>,
  ): Promise<Map<string, T>> {
    const { keys, sealer } = this.#options;
    const documents = new Map<string, T>();
    for (let at = 0; at < names.length; at += DOCUMENTS_PER_READ) {
      const some = names.slice(at, at + DOCUMENTS_PER_READ);
      const sealed = (await this.#ask('HMGET', keys[kind], ...some)) as (Buffer | null)[];
      for (const [index, name] of some.entries()) {
        const one = sealed[index];
        if (one != null) documents.set(name, await inSlices(opened(sealer, `${kind}/${name}`, one, compact)));
      }
    }
    return documents;
  }
}

/** What changes one after the other come to: what they remove, and what they write that stays. */
function netOf(changes: readonly ChangedNames[], kind: 'Tenants' | 'Trunks' | 'Certificates') {
  const gone = new Set<string>();
  const come = new Set<string>();
  for (const change of changes) {
    for (const name of change[`delete${kind}`] ?? []) {
      gone.add(name);
      come.delete(name);
    }
    for (const name of change[`put${kind}`] ?? []) come.add(name);
  }
  return { gone: [...gone], come: [...come] };
}

// biome-ignore lint/correctness/useYield: nothing of it is shared.
function* asItIs<T>(document: T): Steps<T> {
  return document;
}

type Compact<T> = (document: T) => Steps<T>;

function* opened<T>(sealer: Sealer, place: string, sealed: Buffer, compact: Compact<T>): Steps<T> {
  return yield* compact(yield* sealer.openDocument<T>(place, sealed));
}

function namesOf(commit: ProvisioningCommit): Required<ChangedNames> {
  const putTenants = commit.putTenants.map(({ name }) => name);
  const putTrunks = commit.putTrunks.map(({ id }) => id ?? '');
  const putCertificates = commit.putCertificates.map(({ name }) => name);
  return {
    putTenants,
    putTrunks,
    putCertificates,
    deleteTenants: without(commit.deleteTenants, putTenants),
    deleteTrunks: without(commit.deleteTrunks, putTrunks),
    deleteCertificates: without(commit.deleteCertificates, putCertificates),
  };
}

function without(names: readonly string[], others: readonly string[]): string[] {
  const excluded = new Set(others);
  return names.filter((name) => !excluded.has(name));
}
