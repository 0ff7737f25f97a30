import type { Problem } from '../../base/errors.ts';
import { allAtOnce, type Steps } from '../../base/steps.ts';
import type { Tenant } from '../tenants/schema.ts';
import type { CertificateSettings } from '../trunk-settings/certificate-schema.ts';
import type { Provisioned, TrunkSettings } from '../trunk-settings/schema.ts';
import { editedByName, editedTrunks } from './places.ts';

/** Everything provisioned at one moment. */
export interface ProvisionedState {
  /** 0 for a store that nothing was ever written to; grows with every commit, whichever node made it. */
  readonly version: number;
  readonly state: Provisioned;
}

/** Whole documents to write and names to remove, all or nothing. */
export interface ProvisioningEdits {
  readonly putTenants?: readonly Tenant[];
  /** Each with its id. */
  readonly putTrunks?: readonly TrunkSettings[];
  readonly putCertificates?: readonly CertificateSettings[];
  readonly deleteTenants?: readonly string[];
  /** By id. */
  readonly deleteTrunks?: readonly string[];
  /** By name. */
  readonly deleteCertificates?: readonly string[];
}

/** Edits that were worked out from the state of one version, and hold for that one only. */
export interface ProvisioningChange extends ProvisioningEdits {
  readonly expectedVersion: number;
}

export type ChangeResult =
  | { readonly outcome: 'applied'; readonly version: number }
  /** Somebody else changed the state after `expectedVersion`; read again. */
  | { readonly outcome: 'stale' }
  /** The state after the change would break these rules. */
  | { readonly outcome: 'refused'; readonly problems: readonly Problem[] }
  /** The store does not answer, or its disk is full. Nothing was changed. */
  | { readonly outcome: 'unavailable'; readonly reason: string };

/** A change that was checked already. */
export type ProvisioningCommit = Required<ProvisioningChange>;

export type CommitResult =
  | { readonly outcome: 'committed'; readonly version: number }
  /** Somebody else committed after `expectedVersion`: read again, check again. */
  | { readonly outcome: 'stale' };

/**
 * Keeps what is provisioned. A commit is all or nothing and durable when it is acknowledged; of two commits against the same version
 * one is stale, on whichever nodes they were made. Methods reject when the store cannot be reached or written; nothing has then changed.
 */
export interface ProvisioningStore {
  load(): Promise<ProvisionedState>;
  commit(commit: ProvisioningCommit): Promise<CommitResult>;
  /** Hears, within 1 s, that another node committed; the listener then loads. Returns the function that ends it. */
  onChange?(listener: () => void): () => void;
}

/** The state after these edits; what is replaced keeps its place, what is new comes last. */
export function applyEdits(state: Provisioned, edits: ProvisioningEdits): Provisioned {
  return allAtOnce(editSteps(state, edits));
}

/** {@link applyEdits} in steps: twenty thousand tenants may come at once. */
export function* editSteps(state: Provisioned, edits: ProvisioningEdits): Steps<Provisioned> {
  const { putTenants = [], putTrunks = [], deleteTenants = [], deleteTrunks = [] } = edits;
  const { putCertificates = [], deleteCertificates = [] } = edits;
  return {
    tenants: yield* editedByName(state.tenants, putTenants, deleteTenants),
    trunks: yield* editedTrunks(state.trunks, putTrunks, deleteTrunks),
    certificates: yield* editedByName(state.certificates, putCertificates, deleteCertificates),
  };
}
