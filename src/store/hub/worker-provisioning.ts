import { inSlices, type Steps } from '../../base/steps.ts';
import { tenantIn } from '../../provisioning/directory/places.ts';
import { withFieldsOf } from '../../provisioning/directory/same.ts';
import {
  type CommitResult,
  editSteps,
  type ProvisionedState,
  type ProvisioningCommit,
  type ProvisioningStore,
} from '../../provisioning/directory/store.ts';
import type { Extension, Tenant } from '../../provisioning/tenants/schema.ts';
import { compactTenantSteps, compactTrunk } from '../../provisioning/trunk-settings/compact.ts';
import type { Provisioned, TrunkSettings } from '../../provisioning/trunk-settings/schema.ts';
import type { CommitPart, LastPart } from '../embedded/files.ts';
import type { HubClient } from './hub-client.ts';

const TRUNKS_PER_STEP = 20;

/** What is provisioned, as a worker has it: read once, and from then on followed by what each commit changed. */
export class WorkerProvisioning implements ProvisioningStore {
  readonly #files: ProvisioningStore;
  readonly #listeners = new Set<() => void>();
  /** Undefined: not read yet, or a commit is missing in between. */
  #copy: ProvisionedState | undefined;
  /** Parts of the commit of another worker that is told next. */
  #staged: readonly CommitPart[] = [];
  /** One commit after the other: what comes from another worker is brought into shape between calls. */
  #following: Promise<unknown> = Promise.resolve();

  constructor(hub: HubClient, files: ProvisioningStore) {
    this.#files = files;
    hub.onNotice((notice) => {
      if (notice.kind === 'staged') this.#staged = notice.part.isFirst ? [notice.part] : [...this.#staged, notice.part];
      if (notice.kind !== 'provisioned') return;
      const { version, last } = notice;
      const parts = last.isStaged ? this.#staged : [];
      this.#staged = [];
      void this.#next(async () => {
        const before = this.#isNext(version) ? this.#copy?.state : undefined;
        if (before !== undefined) await this.#follow(version, await inSlices(compacted(parts, last, before)));
        for (const listener of this.#listeners) listener();
      });
    });
  }

  async load(): Promise<ProvisionedState> {
    await this.#following;
    if (this.#copy !== undefined) return this.#copy;
    const read = await this.#files.load();
    // A later one may have come in the meantime.
    const known = this.#copy as ProvisionedState | undefined;
    if (known === undefined || known.version < read.version) this.#copy = read;
    return this.#copy ?? read;
  }

  async commit(commit: ProvisioningCommit): Promise<CommitResult> {
    const result = await this.#files.commit(commit);
    // What is committed here is compact already.
    if (result.outcome === 'committed') await this.#next(() => this.#follow(result.version, commit));
    return result;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #next(step: () => Promise<void>): Promise<void> {
    const followed = this.#following.then(step);
    this.#following = followed.catch(() => {
      this.#copy = undefined;
    });
    return followed;
  }

  /** Whether a commit goes on from what is here; one that is missing in between makes the next look read all again. */
  #isNext(version: number): boolean {
    if (this.#copy !== undefined && version > this.#copy.version + 1) this.#copy = undefined;
    return this.#copy !== undefined && version === this.#copy.version + 1;
  }

  async #follow(version: number, commit: ProvisioningCommit): Promise<void> {
    const before = this.#copy;
    if (!this.#isNext(version) || before === undefined) return;
    const state = await inSlices(editSteps(before.state, commit));
    // A look that was under way may have brought a later one.
    if (this.#copy === before) this.#copy = { version, state };
  }
}

/** A commit that came in parts, put together and as it is kept beside what there is. */
function* compacted(
  parts: readonly CommitPart[],
  { isStaged: _staged, moreExtensions, ...last }: LastPart,
  before: Provisioned,
): Steps<ProvisioningCommit> {
  const whole: Tenant[] = [];
  const putTrunks: TrunkSettings[] = [];
  for (const part of [...parts, { ...last, moreExtensions }]) {
    const extensions = whole.at(-1)?.extensions as Extension[] | undefined;
    extensions?.push(...part.moreExtensions);
    whole.push(...part.putTenants);
    for (const trunk of part.putTrunks) {
      putTrunks.push(compactTrunk(trunk));
      if (putTrunks.length % TRUNKS_PER_STEP === 0) yield;
    }
    yield;
  }
  const putTenants: Tenant[] = [];
  for (const tenant of whole) {
    putTenants.push(yield* withFieldsOf(yield* compactTenantSteps(tenant), tenantIn(before, tenant.name)));
    yield;
  }
  return { ...last, putTenants, putTrunks };
}
