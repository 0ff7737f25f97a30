import { statSync } from 'node:fs';
import { SettingsError, UnavailableError } from '../base/errors.ts';
import { inSlices, type Steps } from '../base/steps.ts';
import { TextMap } from '../base/text-map.ts';
import type { AuditFact, AuditLog } from '../observe/index.ts';
import type { Provisioner } from '../provisioning/change/provisioner.ts';
import { certificateIn, tenantIn, trunkIn } from '../provisioning/directory/places.ts';
import { sameDocument } from '../provisioning/directory/same.ts';
import { trunkIdOf, withTrunkIds } from '../provisioning/trunk-settings/effective.ts';
import type { Provisioned, Provisioning } from '../provisioning/trunk-settings/schema.ts';
import { type KnownDocuments, readAside } from '../settings/aside.ts';
import type { FilesAnswer, FilesInput } from '../settings/files-thread.ts';
import {
  contextOf,
  type FilePart,
  type LoadedProvisioning,
  loadProvisioning,
  settingsError,
} from '../settings/load.ts';
import type { NodeSettings } from '../settings/node-schema.ts';

/** What is read at once while calls are served, in octets: some milliseconds. A thread of its own takes half a second to begin. */
const READ_AT_ONCE = 4_096;
/** The same before they are. */
const READ_AT_START = 262_144;

/** What the provisioning files of a node hold, and what becomes of it. */
export class ProvisioningFiles {
  readonly #provisioner: Provisioner;
  readonly #audit: AuditLog;
  readonly #environment: NodeJS.ProcessEnv;
  /** Resource (`tenants/acme`, `trunks/7`, `certificates/acme-stir`) to the file that owns it. */
  #owners: ReadonlyMap<string, string> = new TextMap();
  /** What the thread has read, as the state holds it: what is still the same is not read into objects anew. */
  #known: KnownDocuments = new TextMap();

  constructor(provisioner: Provisioner, audit: AuditLog, environment: NodeJS.ProcessEnv) {
    this.#provisioner = provisioner;
    this.#audit = audit;
    this.#environment = environment;
  }

  /** The file that owns `tenants/NAME`, `trunks/ID` or `certificates/NAME`: only there it is changed. */
  ownerOf(resource: string): string | undefined {
    return this.#owners.get(resource);
  }

  /**
   * Makes the state hold what the files say, all files or none, and notes each change in the audit log. Returns the resources that
   * changed. While calls are served large files are read aside. Throws a SettingsError, or an UnavailableError when the store takes no
   * changes.
   */
  async apply(settings: NodeSettings, isServing: boolean): Promise<readonly string[]> {
    const { provisioning: files, provisioningMode } = settings;
    const isSeed = provisioningMode === 'seed';
    if (files.length === 0 || (isSeed && this.#provisioner.current().version > 0)) {
      this.#owners = new TextMap();
      return [];
    }
    const { provisioning, problems, parts, documents } = await this.#read(settings, isServing);
    if (provisioning === undefined) throw settingsError(problems);
    const before = this.#provisioner.current().state;
    await put(this.#provisioner, provisioning);
    const after = this.#provisioner.current().state;
    const owners = await inSlices(ownersOf(parts, provisioning, after));
    this.#owners = isSeed ? new TextMap() : owners;
    this.#known = await inSlices(asStored(documents, after));
    return inSlices(this.#record(before, after, owners));
  }

  async #read(settings: NodeSettings, isServing: boolean): Promise<LoadedProvisioning & { documents: KnownDocuments }> {
    const files = settings.provisioning;
    const context = contextOf(settings);
    if (sizeOf(files) <= (isServing ? READ_AT_ONCE : READ_AT_START))
      return { ...loadProvisioning(files, this.#environment, context), documents: new TextMap() };
    const known = this.#known;
    const input = { files, environment: { ...this.#environment }, context, known: [...known.keys()].join('') };
    const thread = { thread: '../settings/files-thread', importer: import.meta.url, isServing };
    const reading = readAside<FilesInput, FilesAnswer>({ ...thread, input }, known);
    const { provisioning, documents, rest } = await reading.catch((error: Error) => {
      throw new SettingsError([{ code: 'file-unreadable', path: 'provisioning', message: whyNotRead(error) }]);
    });
    return { ...rest, documents, provisioning: rest.problems.length === 0 ? provisioning : undefined };
  }

  *#record(before: Provisioned, after: Provisioned, owners: ReadonlyMap<string, string>): Steps<string[]> {
    const changed: string[] = [];
    for (const [resource, file] of owners) {
      const { was, is, tenant } = becameOf(resource, before, after);
      if (is !== undefined && !(yield* sameDocument(was, is))) {
        changed.push(resource);
        yield* this.#audit.recordSteps({
          actor: `file:${file}`,
          action: was === undefined ? 'create' : 'update',
          resource,
          ...(tenant === undefined ? {} : { tenant }),
          ...(was === undefined ? {} : { before: was }),
          after: is,
        } satisfies AuditFact);
      }
      yield;
    }
    return changed;
  }
}

/** Documents as the state holds them, so that they are there once; without those that it holds otherwise. */
function* asStored(documents: KnownDocuments, state: Provisioned): Steps<KnownDocuments> {
  const kept = new TextMap<Provisioning['tenants' | 'trunks'][number]>();
  for (const [digest, document] of documents) {
    const stored = 'domain' in document ? tenantIn(state, document.name) : trunkIn(state, trunkIdOf(document));
    if (stored !== undefined && (yield* sameDocument(stored, document))) kept.set(digest, stored);
    yield;
  }
  return kept;
}

function whyNotRead({ message }: Error): string {
  return `the files cannot be read: ${message} (a machine with more memory, or NODE_OPTIONS=--max-old-space-size, lets them be larger)`;
}

/** Of files that cannot be read their reader says why. */
function sizeOf(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + octetsOf(file), 0);
}

function octetsOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
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

/** What is whose; later files win. */
function* ownersOf(
  parts: readonly FilePart[],
  wanted: Provisioning,
  state: Provisioned,
): Steps<ReadonlyMap<string, string>> {
  const owners = new TextMap<string>();
  const trunks = withTrunkIds(wanted.trunks, state.trunks);
  yield;
  let [tenantsSeen, trunksSeen, certificatesSeen] = [0, 0, 0];
  for (const { file, tenants, trunks: count, certificates } of parts) {
    for (const { name } of wanted.tenants.slice(tenantsSeen, tenantsSeen + tenants)) {
      owners.set(`tenants/${name}`, file);
      yield;
    }
    for (const trunk of trunks.slice(trunksSeen, trunksSeen + count)) {
      owners.set(`trunks/${trunkIdOf(trunk)}`, file);
      yield;
    }
    for (const { name } of wanted.certificates.slice(certificatesSeen, certificatesSeen + certificates)) {
      owners.set(`certificates/${name}`, file);
      yield;
    }
    tenantsSeen += tenants;
    trunksSeen += count;
    certificatesSeen += certificates;
  }
  return owners;
}

function becameOf(resource: string, before: Provisioned, after: Provisioned) {
  const key = resource.slice(resource.indexOf('/') + 1);
  if (resource.startsWith('tenants/')) return { was: tenantIn(before, key), is: tenantIn(after, key), tenant: key };
  const isCertificate = resource.startsWith('certificates/');
  const is = isCertificate ? certificateIn(after, key) : trunkIn(after, key);
  const tenant = is === undefined || is.owner === 'system' ? undefined : is.owner;
  return { was: isCertificate ? certificateIn(before, key) : trunkIn(before, key), is, tenant };
}
