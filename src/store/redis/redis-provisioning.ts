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
  applyEdits,
  type CommitResult,
  type ProvisionedState,
  type ProvisioningCommit,
  type ProvisioningStore,
} from '../../provisioning/directory/store.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import type { CertificateSettings } from '../../provisioning/trunk-settings/certificate-schema.ts';
import { compactTenantSteps, compactTrunkSteps } from '../../provisioning/trunk-settings/compact.ts';
import type { TrunkSettings } from '../../provisioning/trunk-settings/schema.ts';
import type { Sealer } from '../sealer.ts';
import { REPLACED } from './identity.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { COMMIT, PASS_VERSION } from './scripts.ts';

/** How long after it was sent a commit may still be done: this, and a millisecond for every 10 kB. */
const COMMIT_DEADLINE_MS = 1000;
const BYTES_PER_MS = 10_000;
const READ_TIMEOUT_MS = 5000;
/** How long an answer that was lost is looked for. */
const SETTLE_MS = 2000;
const REPLICA_WAIT_MS = 300;
const DOCUMENTS_PER_READ = 100;
const MAX_READS = 50;

interface ChangedNames {
  readonly putTenants: readonly string[];
  readonly putTrunks: readonly string[];
  readonly deleteTenants: readonly string[];
  readonly deleteTrunks: readonly string[];
  /** Left out by an older node. */
  readonly putCertificates?: readonly string[];
  readonly deleteCertificates?: readonly string[];
}

export interface RedisProvisioningOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly sealer: Sealer;
  readonly storeId: string;
  readonly log: Log;
  /** There is a replica that may be made master: a commit waits until it has been sent there. */
  readonly hasReplica: boolean;
  /** What is known already, from the last known copy. */
  readonly copy?: ProvisionedState | undefined;
  /** Why nothing may be written now. */
  readonly refusal: () => string | undefined;
  /** Hears of every new state. */
  readonly onState: () => void;
}

export class RedisProvisioning implements ProvisioningStore {
  readonly #options: RedisProvisioningOptions;
  readonly #listeners = new Set<() => void>();
  #copy: ProvisionedState;
  #copiedAtMs = 0;
  #reading: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #commitsUnderWay = 0;
  /** The last answer of Redis that was not looked at; undefined: none. */
  #seen: { readonly version: number; readonly askedAtMs: number } | undefined = undefined;

  constructor(options: RedisProvisioningOptions) {
    this.#options = options;
    this.#copy = options.copy ?? { version: 0, state: { tenants: [], trunks: [], certificates: [] } };
  }

  /** The last state known; needs no Redis. */
  get copy(): ProvisionedState {
    return this.#copy;
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
   * Redis gave this version in answer to a question of `askedAtMs` (performance.now()). While a commit of this node is under way the
   * version may be its own: whether there is news is told when it is done.
   */
  seen(version: number, askedAtMs: number): void {
    this.#seen = { version, askedAtMs };
    this.#tell();
  }

  close(): void {
    this.#isClosed = true;
    this.#listeners.clear();
  }

  #tell(): void {
    if (this.#commitsUnderWay > 0 || this.#seen === undefined) return;
    const { version, askedAtMs } = this.#seen;
    this.#seen = undefined;
    // A lower version is one that Redis fell back to, or an answer from before the copy's version.
    const isNews = version > this.#copy.version || (version < this.#copy.version && askedAtMs > this.#copiedAtMs);
    if (!isNews) return;
    for (const listener of this.#listeners) listener();
  }

  async #commit(commit: ProvisioningCommit): Promise<CommitResult> {
    const { link, keys, storeId, refusal } = this.#options;
    const why = refusal();
    if (why !== undefined) throw new Error(why);
    const token = randomToken();
    const documents = await inSlices(this.#argumentsOf(commit));
    const bytes = documents.reduce<number>((sum, one) => sum + (typeof one === 'number' ? 1 : one.length), 0);
    const limitMs = COMMIT_DEADLINE_MS + Math.ceil(bytes / BYTES_PER_MS);
    const [seconds, microseconds] = (await link.within(COMMIT_DEADLINE_MS, link.command('TIME'))) as Buffer[];
    const deadlineMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) + limitMs;
    const args = [storeId, commit.expectedVersion, deadlineMs, keys.channel, token, ...documents];
    const sentAtMs = performance.now();
    let outcome: string;
    try {
      const kinds = [keys.tenants, keys.tenantOrder, keys.trunks, keys.trunkOrder];
      const scriptKeys = [keys.meta, keys.events, ...kinds, keys.certificates, keys.certificateOrder];
      outcome = String(((await link.within(limitMs, link.run(COMMIT, scriptKeys, args))) as Buffer[])[0]);
    } catch (error) {
      outcome = await this.#settle(commit.expectedVersion, token, sentAtMs + limitMs, error);
    }
    switch (outcome) {
      case 'committed':
        if (this.#options.hasReplica) await this.#waitForReplica();
        return this.#committed(commit);
      case 'stale':
        return { outcome: 'stale' };
      case 'replaced':
        throw new Error(REPLACED);
      default:
        throw new Error('Redis was too slow to commit; nothing was changed');
    }
  }

  /** Redis acknowledges before its replicas have a write: a failover at that moment would lose it. */
  async #waitForReplica(): Promise<void> {
    const { link, log } = this.#options;
    const count = Number(await link.command('WAIT', 1, REPLICA_WAIT_MS).catch(() => 0));
    if (count === 0) log.warn('commit-not-replicated', { waitedMs: REPLICA_WAIT_MS });
  }

  #committed(commit: ProvisioningCommit): CommitResult {
    const version = commit.expectedVersion + 1;
    if (this.#copy.version === commit.expectedVersion) {
      this.#serve({ version, state: applyEdits(this.#copy.state, commit) });
    }
    return { outcome: 'committed', version };
  }

  *#argumentsOf(commit: ProvisioningCommit): Steps<(string | number | Buffer)[]> {
    const { sealer } = this.#options;
    const tenants: (string | Buffer)[] = [];
    for (const tenant of commit.putTenants) {
      tenants.push(tenant.name, yield* sealer.sealDocument(`tenants/${tenant.name}`, tenant));
      yield;
    }
    const trunks: (string | Buffer)[] = [];
    for (const trunk of commit.putTrunks) {
      const id = trunk.id ?? '';
      trunks.push(id, yield* sealer.sealDocument(`trunks/${id}`, trunk));
      yield;
    }
    const certificates: (string | Buffer)[] = [];
    for (const certificate of commit.putCertificates) {
      const { name } = certificate;
      certificates.push(name, sealer.sealJson(`certificates/${name}`, certificate));
      yield;
    }
    const putTenants = commit.putTenants.map(({ name }) => name);
    const putTrunks = commit.putTrunks.map(({ id }) => id ?? '');
    const putCertificates = commit.putCertificates.map(({ name }) => name);
    const names: Required<ChangedNames> = {
      putTenants,
      putTrunks,
      putCertificates,
      deleteTenants: without(commit.deleteTenants, putTenants),
      deleteTrunks: without(commit.deleteTrunks, putTrunks),
      deleteCertificates: without(commit.deleteCertificates, putCertificates),
    };
    return [
      JSON.stringify(names),
      names.deleteTenants.length,
      ...names.deleteTenants,
      putTenants.length,
      ...tenants,
      names.deleteTrunks.length,
      ...names.deleteTrunks,
      putTrunks.length,
      ...trunks,
      names.deleteCertificates.length,
      ...names.deleteCertificates,
      putCertificates.length,
      ...certificates,
    ];
  }

  /** What became of a commit whose answer was lost: its event tells. Rejects with `cause` when it was not done. */
  async #settle(expectedVersion: number, token: string, mayBeDoneUntilMs: number, cause: unknown): Promise<string> {
    const { keys } = this.#options;
    const giveUpAtMs = Math.max(performance.now(), mayBeDoneUntilMs) + SETTLE_MS;
    while (performance.now() < giveUpAtMs && !this.#isClosed) {
      try {
        const askedAtMs = performance.now();
        const id = `${expectedVersion + 1}-0`;
        const [entry] = (await this.#ask('XRANGE', keys.events, id, id)) as StreamEntry[];
        if (entry !== undefined) return fieldOf(entry, 'token') === token ? 'committed' : 'stale';
        if (askedAtMs > mayBeDoneUntilMs) throw cause;
      } catch (error) {
        if (error === cause) throw cause;
      }
      await pause(100);
    }
    throw cause;
  }

  async #read(): Promise<ProvisionedState> {
    const { link, keys, storeId } = this.#options;
    let work = this.#copy;
    for (let tries = 0; tries < MAX_READS; tries++) {
      const [id, number] = (await this.#ask('HMGET', keys.meta, 'id', 'version')) as (Buffer | null)[];
      if (String(id) !== storeId) throw new Error(REPLACED);
      const version = Number(number);
      if (version === work.version) {
        if (work !== this.#copy) this.#serve(work);
        return work;
      }
      if (version < work.version) {
        await link.run(PASS_VERSION, [keys.meta, keys.events], [storeId, work.version, keys.channel]);
        continue;
      }
      const changes = await this.#changesBetween(work.version, version);
      // What was read belongs to `version` only if that is still the version; the next turn of the loop tells.
      work = { version, state: changes === undefined ? await this.#all() : await this.#after(work, changes) };
    }
    throw new Error('the provisioning changes faster than it can be read');
  }

  #ask(name: string, ...args: (string | number)[]): Promise<unknown> {
    const { link } = this.#options;
    return link.within(READ_TIMEOUT_MS, link.command(name, ...args));
  }

  #serve(state: ProvisionedState): void {
    this.#copy = state;
    this.#copiedAtMs = performance.now();
    this.#options.onState();
  }

  /** The changes after `from` up to `to`, in order; undefined when one is not there any more. */
  async #changesBetween(from: number, to: number): Promise<ChangedNames[] | undefined> {
    if (from === 0) return undefined;
    const { keys } = this.#options;
    const entries = (await this.#ask('XRANGE', keys.events, `${from + 1}-0`, `${to}-0`)) as StreamEntry[];
    if (entries.length !== to - from) return undefined;
    return entries.map((entry) => JSON.parse(fieldOf(entry, 'change')) as ChangedNames);
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

  async #after({ state }: ProvisionedState, changes: readonly ChangedNames[]): Promise<ProvisionedState['state']> {
    const tenants = new Map<string, Tenant | undefined>(state.tenants.map((tenant) => [tenant.name, tenant]));
    const trunks = new Map<string, TrunkSettings | undefined>(state.trunks.map((trunk) => [trunk.id ?? '', trunk]));
    const certificates = new Map<string, CertificateSettings | undefined>(
      state.certificates.map((certificate) => [certificate.name, certificate]),
    );
    for (const change of changes) {
      for (const name of change.deleteTenants) tenants.delete(name);
      for (const id of change.deleteTrunks) trunks.delete(id);
      for (const name of change.putTenants) tenants.set(name, undefined);
      for (const id of change.putTrunks) trunks.set(id, undefined);
      for (const name of change.deleteCertificates ?? []) certificates.delete(name);
      for (const name of change.putCertificates ?? []) certificates.set(name, undefined);
    }
    return {
      tenants: await this.#complete('tenants', tenants, compactTenantSteps),
      trunks: await this.#complete('trunks', trunks, compactTrunkSteps),
      certificates: await this.#complete('certificates', certificates, asItIs<CertificateSettings>),
    };
  }

  /** Fetches the documents that are missing; keeps the order. */
  async #complete<T>(
    kind: 'tenants' | 'trunks' | 'certificates',
    documents: Map<string, T | undefined>,
    compact: Compact<T>,
  ): Promise<T[]> {
    const missing = [...documents].filter(([, document]) => document === undefined).map(([name]) => name);
    for (const [name, document] of await this.#fetch(kind, missing, compact)) documents.set(name, document);
    return [...documents.values()].filter((document) => document !== undefined);
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

// biome-ignore lint/correctness/useYield: nothing of it is shared.
function* asItIs<T>(document: T): Steps<T> {
  return document;
}

type Compact<T> = (document: T) => Steps<T>;

function* opened<T>(sealer: Sealer, place: string, sealed: Buffer, compact: Compact<T>): Steps<T> {
  return yield* compact(yield* sealer.openDocument<T>(place, sealed));
}

/** An entry as XRANGE gives it: id, then names and values in turn. */
export type StreamEntry = readonly [Buffer, readonly Buffer[]];

export function fieldOf([, fields]: StreamEntry, name: string): string {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (String(fields[i]) === name) return String(fields[i + 1]);
  }
  return '';
}

function without(names: readonly string[], others: readonly string[]): string[] {
  const excluded = new Set(others);
  return names.filter((name) => !excluded.has(name));
}
