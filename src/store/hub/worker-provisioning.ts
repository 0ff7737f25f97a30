import { inSlices, type Steps } from '../../base/steps.ts';
import {
  applyEdits,
  type CommitResult,
  type ProvisionedState,
  type ProvisioningCommit,
  type ProvisioningStore,
} from '../../provisioning/directory/store.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import { compactTenantSteps, compactTrunk } from '../../provisioning/trunk-settings/compact.ts';
import type { HubClient } from './hub-client.ts';

/** What is provisioned, as a worker has it: read once, and from then on followed by what each commit changed. */
export class WorkerProvisioning implements ProvisioningStore {
  readonly #files: ProvisioningStore;
  readonly #listeners = new Set<() => void>();
  /** Undefined: not read yet, or a commit is missing in between. */
  #copy: ProvisionedState | undefined;
  /** One commit after the other: what comes from another worker is brought into shape between calls. */
  #following: Promise<unknown> = Promise.resolve();

  constructor(hub: HubClient, files: ProvisioningStore) {
    this.#files = files;
    hub.onNotice((notice) => {
      if (notice.kind !== 'provisioned') return;
      const { version, commit } = notice;
      void this.#next(async () => {
        if (this.#isNext(version)) this.#follow(version, await inSlices(compacted(commit)));
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
    if (result.outcome === 'committed') await this.#next(async () => this.#follow(result.version, commit));
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

  #follow(version: number, commit: ProvisioningCommit): void {
    if (this.#isNext(version) && this.#copy !== undefined)
      this.#copy = { version, state: applyEdits(this.#copy.state, commit) };
  }
}

function* compacted(commit: ProvisioningCommit): Steps<ProvisioningCommit> {
  const putTenants: Tenant[] = [];
  for (const tenant of commit.putTenants) putTenants.push(yield* compactTenantSteps(tenant));
  yield;
  return { ...commit, putTenants, putTrunks: commit.putTrunks.map(compactTrunk) };
}
