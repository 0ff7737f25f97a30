/** What Redis holds of the provisioning: by which changes it has come where it is, and the documents. */
import { inSlices, type Steps } from '../../base/steps.ts';
import { tenantIn } from '../../provisioning/directory/places.ts';
import { withFieldsOf } from '../../provisioning/directory/same.ts';
import { editSteps } from '../../provisioning/directory/store.ts';
import { compactTenantSteps, compactTrunkSteps } from '../../provisioning/trunk-settings/compact.ts';
import type { Provisioned } from '../../provisioning/trunk-settings/schema.ts';
import { type ChangedNames, type DocumentKind, type Documents, named } from '../documents.ts';
import type { Sealer } from '../sealer.ts';
import { changeOf, placeOf, type StreamEntry } from './events.ts';
import { REPLACED } from './identity.ts';
import type { Keys } from './keys.ts';
import { isChain, type StoredChange, type StorePlace } from './lineage.ts';
import type { RedisLink } from './link.ts';

const READ_TIMEOUT_MS = 5000;
const DOCUMENTS_PER_READ = 100;

export interface ProvisioningReaderOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly sealer: Sealer;
  readonly storeId: string;
}

export class ProvisioningReader {
  readonly #options: ProvisioningReaderOptions;

  constructor(options: ProvisioningReaderOptions) {
    this.#options = options;
  }

  /** Where the store is. */
  async place(): Promise<StorePlace> {
    const { keys, storeId } = this.#options;
    const [id, version, commit] = (await this.#ask('HMGET', keys.meta, 'id', 'version', 'commit')) as (Buffer | null)[];
    if (String(id) !== storeId) throw new Error(REPLACED);
    return placeOf(version, commit);
  }

  /** The changes of these versions, as far as they are there still. */
  async events(from: number, to: number | '+'): Promise<StoredChange[]> {
    const last = to === '+' ? to : `${to}-0`;
    const entries = (await this.#ask('XRANGE', this.#options.keys.events, `${from}-0`, last)) as StreamEntry[];
    return entries.map(changeOf);
  }

  /**
   * The changes that lead from there to where the store is; undefined when one is not there any more, or the store has come another way.
   *
   * @param token of the change by which `version` has come; empty: not known
   */
  async eventsAfter(version: number, token: string, place: StorePlace): Promise<StoredChange[] | undefined> {
    if (version === 0 || place.version <= version) return undefined;
    const events = await this.events(version, place.version);
    const known = events[0]?.version === version ? events.shift() : undefined;
    const isSameLine = token === '' || known?.token === token;
    return isSameLine && isChain(events, version, place.version) ? events : undefined;
  }

  async all(): Promise<Provisioned> {
    const tenants = await this.#listed('tenants', compactTenantSteps);
    const trunks = await this.#listed('trunks', compactTrunkSteps);
    return { tenants, trunks, certificates: await this.#listed('certificates', asItIs) };
  }

  /** The state after these changes; what none of them names is the same as before. */
  async after(state: Provisioned, changes: readonly ChangedNames[]): Promise<Provisioned> {
    const [tenants, trunks, certificates] = [
      netOf(changes, 'tenants'),
      netOf(changes, 'trunks'),
      netOf(changes, 'certificates'),
    ];
    // What was removed and written again comes last, as it was written then.
    const gone = { deleteTenants: tenants.gone, deleteTrunks: trunks.gone, deleteCertificates: certificates.gone };
    const without = await inSlices(editSteps(state, gone));
    const asBefore: Compact<'tenants'> = function* (tenant) {
      return yield* withFieldsOf(yield* compactTenantSteps(tenant), tenantIn(state, tenant.name));
    };
    const putTenants = await this.#fetch('tenants', tenants.come, asBefore);
    const putTrunks = await this.#fetch('trunks', trunks.come, compactTrunkSteps);
    const putCertificates = await this.#fetch('certificates', certificates.come, asItIs);
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

  async #listed<K extends DocumentKind>(kind: K, compact: Compact<K>): Promise<Documents[K][]> {
    const names = (await this.#ask('ZRANGE', this.#options.keys.orderOf(kind), 0, -1)) as Buffer[];
    return [...(await this.#fetch(kind, names.map(String), compact)).values()];
  }

  async #fetch<K extends DocumentKind>(
    kind: K,
    names: readonly string[],
    compact: Compact<K>,
  ): Promise<Map<string, Documents[K]>> {
    const { keys, sealer } = this.#options;
    const documents = new Map<string, Documents[K]>();
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

  #ask(name: string, ...args: (string | number)[]): Promise<unknown> {
    const { link } = this.#options;
    return link.within(READ_TIMEOUT_MS, link.command(name, ...args));
  }
}

/** What changes one after the other come to: what they remove, and what they write that stays. */
function netOf(changes: readonly ChangedNames[], kind: DocumentKind) {
  const [gone, come] = [new Set<string>(), new Set<string>()];
  for (const change of changes) {
    const names = named(change, kind);
    for (const name of names.gone) {
      gone.add(name);
      come.delete(name);
    }
    for (const name of names.put) come.add(name);
  }
  return { gone: [...gone], come: [...come] };
}

type Compact<K extends DocumentKind> = (document: Documents[K]) => Steps<Documents[K]>;

// biome-ignore lint/correctness/useYield: nothing of it is shared.
function* asItIs<T>(document: T): Steps<T> {
  return document;
}

function* opened<K extends DocumentKind>(
  sealer: Sealer,
  place: string,
  sealed: Buffer,
  compact: Compact<K>,
): Steps<Documents[K]> {
  return yield* compact(yield* sealer.openDocument<Documents[K]>(place, sealed));
}
