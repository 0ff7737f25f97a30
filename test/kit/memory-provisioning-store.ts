import {
  applyEdits,
  type CommitResult,
  type ProvisionedState,
  type ProvisioningCommit,
  type ProvisioningStore,
} from '../../src/provisioning/directory/store.ts';

/** Keeps nothing beyond its own life. */
export class MemoryProvisioningStore implements ProvisioningStore {
  #current: ProvisionedState = { version: 0, state: { tenants: [], trunks: [], certificates: [] } };

  load(): Promise<ProvisionedState> {
    return Promise.resolve(this.#current);
  }

  commit(commit: ProvisioningCommit): Promise<CommitResult> {
    if (commit.expectedVersion !== this.#current.version) return Promise.resolve({ outcome: 'stale' });
    const version = this.#current.version + 1;
    this.#current = { version, state: applyEdits(this.#current.state, commit) };
    return Promise.resolve({ outcome: 'committed', version });
  }
}
