/**
 * What is provisioned, as this node knows it, and the one way to change it: the whole next state is checked against every rule, then
 * committed, then served. Nothing is half-applied: a change that breaks a rule, or that the store did not take, changes nothing.
 *
 * Calls go on meanwhile: what takes long (the check of a whole document, the tables of a large snapshot) is done in slices of a few
 * milliseconds, and of a state that was whole only what a change can have broken is looked at. Readers see one snapshot, the old one
 * until the new one is complete.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../../base/log.ts';
import { OneAtATime } from '../../base/one-at-a-time.ts';
import { inSlices, type Steps } from '../../base/steps.ts';
import type { StoredSetting } from '../../outbound/index.ts';
import type { ResolvedSources } from '../check/pool-overlaps.ts';
import { type CheckContext, checkChangeSteps, checkSteps } from '../check/provisioning.ts';
import { Directory } from '../directory/directory.ts';
import { certificateIn, tenantIn, trunkIn } from '../directory/places.ts';
import { sameDocument } from '../directory/same.ts';
import {
  type ChangeResult,
  editSteps,
  type ProvisionedState,
  type ProvisioningChange,
  type ProvisioningCommit,
  type ProvisioningEdits,
  type ProvisioningStore,
} from '../directory/store.ts';
import type { Extension, Tenant } from '../tenants/schema.ts';
import { compactTenantSteps, compactTrunk } from '../trunk-settings/compact.ts';
import { trunkIdOf, withBrand, withTrunkIds } from '../trunk-settings/effective.ts';
import type { Provisioned, Provisioning, Trunk, TrunkSettings } from '../trunk-settings/schema.ts';
import type { ChangePreview } from './change-preview.ts';
import { followRenames } from './renaming.ts';

export interface ProvisionerOptions {
  readonly store: ProvisioningStore;
  readonly log: Log;
  readonly context: CheckContext;
  /** Asks what these trunks' names resolve to, and gives what is known of all trunks; soon, whatever the DNS does. */
  readonly locate?: (trunks: readonly Trunk[]) => Promise<ResolvedSources['networksOf']>;
  /** Serves a new snapshot. */
  readonly onDirectory: (directory: Directory) => void;
}

type CheckedChange =
  | Exclude<ChangePreview, { outcome: 'possible' }>
  | {
      readonly outcome: 'possible';
      readonly commit: ProvisioningCommit;
      readonly next: Provisioned;
      /** Nothing is written. */
      readonly isSame: boolean;
    };

/** How often a change that this node makes by itself is tried again when others commit at the same time. */
const MAX_TRIES = 20;

export class Provisioner {
  readonly #options: ProvisionerOptions;
  #provisioned: ProvisionedState = { version: 0, state: { tenants: [], trunks: [], certificates: [] } };
  #directory = Directory.EMPTY;
  /** One change at a time on this node; other nodes are met by the version. */
  readonly #changes = new OneAtATime();
  /** One snapshot is made at a time, each after the one before it. */
  readonly #serving = new OneAtATime();
  /** Every rule was asked of all that is provisioned: from now on a change is asked for what it brings. */
  #isWhole = false;

  constructor(options: ProvisionerOptions) {
    this.#options = options;
  }

  get directory(): Directory {
    return this.#directory;
  }

  current(): ProvisionedState {
    return this.#provisioned;
  }

  /** Reads what the store has, and from then on whatever other nodes commit. */
  async load(): Promise<void> {
    await this.#serve(await this.#options.store.load());
    this.#options.store.onChange?.(() => {
      this.refresh().catch((error: Error) => this.#options.log.warn('provisioning-not-read', { error: error.message }));
    });
  }

  /** Reads the store again; serves what is newer. */
  async refresh(): Promise<void> {
    const read = await this.#options.store.load();
    await this.#serve(read);
  }

  /** Applies a change made against `expectedVersion`. */
  apply(change: ProvisioningChange): Promise<ChangeResult> {
    return this.#changes.run(() => this.#apply(change));
  }

  /**
   * Makes the state hold these tenants, trunks and certificates as written: those that are there are replaced, others stay. Trunks are told apart by
   * id, or by owner and name when they have none. Applying the same twice changes nothing the second time.
   */
  async put(wanted: Provisioning): Promise<ChangeResult> {
    return this.update((state) => ({
      putTenants: wanted.tenants,
      putTrunks: withTrunkIds(wanted.trunks, state.trunks),
      putCertificates: wanted.certificates,
    }));
  }

  /** Applies a change that is worked out from the state as it is, again when somebody else was faster. */
  async update(work: (state: Provisioned) => ProvisioningEdits): Promise<ChangeResult> {
    for (let tries = 1; ; tries++) {
      const { version, state } = this.#provisioned;
      const result = await this.apply({ ...work(state), expectedVersion: version });
      if (result.outcome !== 'stale' || tries === MAX_TRIES) return result;
    }
  }

  /** Writes settings that dial codes of a tenant's extensions asked for. */
  storeSettings(tenantName: string, settings: readonly StoredSetting[]): Promise<ChangeResult> {
    const wanted = Map.groupBy(settings, ({ extension }) => extension);
    return this.update((state) => {
      const tenant = tenantIn(state, tenantName);
      if (tenant === undefined) return {};
      const extensions = tenant.extensions.map((extension): Extension => {
        const given = wanted.get(extension.number);
        return given === undefined ? extension : Object.assign({ ...extension }, ...given.map(({ set }) => set));
      });
      return { putTenants: [{ ...tenant, extensions }] };
    });
  }

  /** Checks a change as {@link apply} does, and says what would be served after it; changes nothing. */
  preview(change: ProvisioningChange): Promise<ChangePreview> {
    return this.#changes.run(() => this.#preview(change));
  }

  async #preview(change: ProvisioningChange): Promise<ChangePreview> {
    const checked = await this.#check(change);
    if (checked.outcome !== 'possible') return checked;
    return { outcome: 'possible', directory: await inSlices(Directory.after(this.#directory, checked.next)) };
  }

  async #check(change: ProvisioningChange): Promise<CheckedChange> {
    const { version, state } = this.#provisioned;
    if (change.expectedVersion !== version) return { outcome: 'stale' };
    const wanted: ProvisioningCommit = {
      expectedVersion: version,
      putTenants: await inSlices(followRenames(state, change)),
      putTrunks: change.putTrunks ?? [],
      putCertificates: change.putCertificates ?? [],
      deleteTenants: change.deleteTenants ?? [],
      deleteTrunks: change.deleteTrunks ?? [],
      deleteCertificates: change.deleteCertificates ?? [],
    };
    const commit = await inSlices(withoutUnchanged(state, wanted));
    const next = await inSlices(editSteps(state, commit));
    const written = new Set<object>([...commit.putTenants, ...commit.putTrunks, ...commit.putCertificates]);
    const context = await this.#contextFor(state, commit.putTrunks);
    const problems = await inSlices(
      this.#isWhole ? checkChangeSteps(this.#directory, next, context, written) : checkSteps(next, context, written),
    );
    if (problems.length > 0) return { outcome: 'refused', problems };
    const isSame =
      written.size === 0 &&
      next.tenants.length === state.tenants.length &&
      next.trunks.length === state.trunks.length &&
      next.certificates.length === state.certificates.length;
    return { outcome: 'possible', commit, next, isSame };
  }

  async #apply(change: ProvisioningChange): Promise<ChangeResult> {
    const checked = await this.#check(change);
    if (checked.outcome !== 'possible') return checked;
    const { commit, next, isSame } = checked;
    if (isSame) {
      this.#isWhole = true;
      return { outcome: 'applied', version: commit.expectedVersion };
    }
    try {
      const result = await this.#options.store.commit(commit);
      if (result.outcome === 'stale') {
        await this.refresh();
        return { outcome: 'stale' };
      }
      await this.#serve({ version: result.version, state: next });
      this.#isWhole = true;
      return { outcome: 'applied', version: result.version };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.error('provisioning-not-written', { reason });
      return { outcome: 'unavailable', reason };
    }
  }

  /** The check's context, with what the DNS says of trunks that are new or changed in what decides whose a call is. */
  async #contextFor(before: Provisioned, written: readonly TrunkSettings[]): Promise<CheckContext> {
    const { locate } = this.#options;
    const context = { ...this.#options.context, before };
    if (locate === undefined || written.length === 0) return context;
    const moved = await inSlices(movedTrunks(before, written));
    if (moved.size === 0) return context;
    const networksOf = await locate([...moved.values()]);
    return { ...context, resolved: { moved: new Set(moved.keys()), networksOf } };
  }

  /** Serves a newer state than the one that is served. */
  #serve(provisioned: ProvisionedState): Promise<void> {
    return this.#serving.run(async () => {
      if (provisioned.version < this.#provisioned.version) return;
      const directory = await inSlices(Directory.after(this.#directory, provisioned.state));
      this.#provisioned = provisioned;
      this.#directory = directory;
      this.#options.onDirectory(directory);
    });
  }
}

/** The commit without what is stored already as it is wanted. */
function* withoutUnchanged(state: Provisioned, commit: ProvisioningCommit): Steps<ProvisioningCommit> {
  const putTenants: Tenant[] = [];
  for (const tenant of commit.putTenants) {
    const stored = tenantIn(state, tenant.name);
    if (!(yield* sameDocument(tenant, stored))) putTenants.push(yield* compactTenantSteps(tenant, stored));
    yield;
  }
  const putTrunks: TrunkSettings[] = [];
  for (const trunk of commit.putTrunks) {
    if (!isDeepStrictEqual(trunk, trunkIn(state, trunkIdOf(trunk)))) putTrunks.push(compactTrunk(trunk));
    yield;
  }
  const putCertificates = commit.putCertificates.filter(
    (certificate) => !isDeepStrictEqual(certificate, certificateIn(state, certificate.name)),
  );
  return { ...commit, putTenants, putTrunks, putCertificates };
}

/** Those whose sources or pools are others than before, as written and as they take effect. */
function* movedTrunks(before: Provisioned, written: readonly TrunkSettings[]): Steps<Map<TrunkSettings, Trunk>> {
  const moved = new Map<TrunkSettings, Trunk>();
  for (const trunk of written) {
    if (isMoved(trunk, trunkIn(before, trunkIdOf(trunk)))) moved.set(trunk, withBrand(trunk));
    yield;
  }
  return moved;
}

/** Whether a trunk's sources or pools are others than before. */
function isMoved(after: TrunkSettings, before: TrunkSettings | undefined): boolean {
  const decisive = ({
    type,
    brand,
    host,
    outboundProxy,
    associatedIps,
    tls,
    options,
    didPool,
    tenants,
  }: TrunkSettings) => [
    [type, brand, host, outboundProxy?.host, associatedIps, tls?.peerNames, tls?.serverName, options.mutualTls],
    [didPool, tenants],
  ];
  return before === undefined || (before !== after && !isDeepStrictEqual(decisive(before), decisive(after)));
}
