import {
  applyEdits,
  type CommitResult,
  type ProvisionedState,
  type ProvisioningCommit,
  type ProvisioningStore,
} from '../../provisioning/directory/store.ts';
import { compactTenant, compactTrunk } from '../../provisioning/trunk-settings/compact.ts';
import type { HubClient } from './hub-client.ts';

/** What is provisioned, as a worker has it: read once, and from then on followed by what each commit changed. */
export class WorkerProvisioning implements ProvisioningStore {
  readonly #files: ProvisioningStore;
  readonly #listeners = new Set<() => void>();
  /** Undefined: not read yet, or a commit is missing in between. */
  #copy: ProvisionedState | undefined;

  constructor(hub: HubClient, files: ProvisioningStore) {
    this.#files = files;
    hub.onNotice((notice) => {
      if (notice.kind !== 'provisioned') return;
      this.#follow(notice.version, notice.commit);
      for (const listener of this.#listeners) listener();
    });
  }

  async load(): Promise<ProvisionedState> {
    if (this.#copy !== undefined) return this.#copy;
    const read = await this.#files.load();
    // A later one may have come in the meantime.
    const known = this.#copy as ProvisionedState | undefined;
    if (known === undefined || known.version < read.version) this.#copy = read;
    return this.#copy ?? read;
  }

  async commit(commit: ProvisioningCommit): Promise<CommitResult> {
    const result = await this.#files.commit(commit);
    if (result.outcome === 'committed') this.#follow(result.version, commit);
    return result;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #follow(version: number, { putTenants, putTrunks, ...rest }: ProvisioningCommit): void {
    if (this.#copy === undefined || version <= this.#copy.version) return;
    if (version !== this.#copy.version + 1) {
      this.#copy = undefined;
      return;
    }
    const edits = { ...rest, putTenants: putTenants.map(compactTenant), putTrunks: putTrunks.map(compactTrunk) };
    this.#copy = { version, state: applyEdits(this.#copy.state, edits) };
  }
}
