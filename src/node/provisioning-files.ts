import { isDeepStrictEqual } from 'node:util';
import { SettingsError, UnavailableError } from '../base/errors.ts';
import type { Provisioner } from '../engine/provisioner.ts';
import type { AuditFact, AuditLog } from '../observe/index.ts';
import { contextOf, loadProvisioningWithFiles, readProvisioningPart, settingsError } from '../settings/load.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { trunkIdOf, withTrunkIds } from '../trunks/effective.ts';
import type { Provisioning } from '../trunks/schema.ts';

/** What the provisioning files of a node hold, and what becomes of it. */
export class ProvisioningFiles {
  readonly #provisioner: Provisioner;
  readonly #audit: AuditLog;
  readonly #environment: NodeJS.ProcessEnv;
  /** Resource (`tenants/acme`, `trunks/7`) to the file that owns it. */
  #owners: ReadonlyMap<string, string> = new Map();

  constructor(provisioner: Provisioner, audit: AuditLog, environment: NodeJS.ProcessEnv) {
    this.#provisioner = provisioner;
    this.#audit = audit;
    this.#environment = environment;
  }

  /** The file that owns `tenants/NAME` or `trunks/ID`: only there it is changed. */
  ownerOf(resource: string): string | undefined {
    return this.#owners.get(resource);
  }

  /**
   * Makes the state hold what the files say, all files or none, and notes each change in the audit log. Returns the resources that
   * changed. Throws a SettingsError, or an UnavailableError when the store takes no changes.
   */
  async apply(settings: NodeSettings): Promise<readonly string[]> {
    const { provisioning: files, provisioningMode } = settings;
    const isSeed = provisioningMode === 'seed';
    if (files.length === 0 || (isSeed && this.#provisioner.current().version > 0)) {
      this.#owners = new Map();
      return [];
    }
    const loaded = loadProvisioningWithFiles(files, this.#environment, contextOf(settings));
    if (loaded.provisioning === undefined) throw settingsError(loaded.problems);
    const before = this.#provisioner.current().state;
    await put(this.#provisioner, loaded.provisioning);
    const after = this.#provisioner.current().state;
    const owners = ownersOf(files, this.#environment, after);
    this.#owners = isSeed ? new Map() : owners;
    const facts = changesOf(before, after, owners);
    for (const fact of facts) this.#audit.record(fact);
    return facts.map(({ resource }) => resource);
  }
}

async function put(provisioner: Provisioner, wanted: Provisioning): Promise<void> {
  const result = await provisioner.put(wanted);
  switch (result.outcome) {
    case 'applied':
      return;
    case 'refused':
      throw new SettingsError(result.problems);
    case 'stale':
      throw new UnavailableError(
        'provisioning files were not applied: other nodes changed the store at the same time, over and over',
      );
    case 'unavailable':
      throw new UnavailableError(`provisioning files were not applied: ${result.reason}`);
  }
}

/** Each file by itself, to know what is whose. */
function ownersOf(files: readonly string[], environment: NodeJS.ProcessEnv, state: Provisioning): Map<string, string> {
  const owners = new Map<string, string>();
  for (const file of files) {
    const { provisioning } = readProvisioningPart([file], environment);
    for (const { name } of provisioning?.tenants ?? []) owners.set(`tenants/${name}`, file);
    for (const wanted of withTrunkIds(provisioning?.trunks ?? [], state.trunks))
      owners.set(`trunks/${trunkIdOf(wanted)}`, file);
  }
  return owners;
}

function changesOf(before: Provisioning, after: Provisioning, owners: ReadonlyMap<string, string>): AuditFact[] {
  const known = resourcesOf(before);
  const facts: AuditFact[] = [];
  for (const [resource, { value, tenant }] of resourcesOf(after)) {
    const file = owners.get(resource);
    const previous = known.get(resource)?.value;
    if (file === undefined || isDeepStrictEqual(previous, value)) continue;
    facts.push({
      actor: `file:${file}`,
      action: previous === undefined ? 'create' : 'update',
      resource,
      ...(tenant === undefined ? {} : { tenant }),
      ...(previous === undefined ? {} : { before: previous }),
      after: value,
    });
  }
  return facts;
}

function resourcesOf({ tenants, trunks }: Provisioning) {
  const resources = new Map<string, { readonly value: object; readonly tenant: string | undefined }>();
  for (const tenant of tenants) resources.set(`tenants/${tenant.name}`, { value: tenant, tenant: tenant.name });
  for (const trunk of trunks) {
    const tenant = trunk.owner === 'system' ? undefined : trunk.owner;
    resources.set(`trunks/${trunkIdOf(trunk)}`, { value: trunk, tenant });
  }
  return resources;
}
