/**
 * What is looked up within a tenant: made when it is first asked for, kept with the tenant. A tenant that comes after another one takes
 * over what is the same, so that a change of one extension of ten thousand makes no table anew.
 */
import { derived } from '../../base/derived.ts';
import { LayeredMap } from '../../base/layered-map.ts';
import { allAtOnce } from '../../base/steps.ts';
import { TextMap } from '../../base/text-map.ts';
import type { Extension, Group, OutboundRule, Service, Tenant } from '../tenants/schema.ts';
import { extensionChanges } from './difference.ts';

interface Table<T> {
  get(key: string): T | undefined;
}

export class TenantTables {
  readonly #tenant: Tenant;
  #extensions: LayeredMap<Extension> | undefined;
  #services: Table<Service> | undefined;
  #groups: Table<Group> | undefined;
  #outboundRules: readonly OutboundRule[] | undefined;

  constructor(tenant: Tenant) {
    this.#tenant = tenant;
  }

  /** Of tables that nobody has asked for yet there is nothing to take over. */
  takeOver(before: TenantTables): void {
    const [was, tenant] = [before.#tenant, this.#tenant];
    if (before.#extensions !== undefined) this.#extensions = extensionsAfter(before.#extensions, was, tenant);
    if (was.services === tenant.services) this.#services = before.#services;
    if (was.groups === tenant.groups) this.#groups = before.#groups;
    if (was.outboundRules === tenant.outboundRules) this.#outboundRules = before.#outboundRules;
  }

  get extensions(): Table<Extension> {
    this.#extensions ??= new LayeredMap(tableOf(this.#tenant.extensions, ({ number }) => number));
    return this.#extensions;
  }

  get services(): Table<Service> {
    this.#services ??= tableOf(this.#tenant.services, ({ number }) => number);
    return this.#services;
  }

  get groups(): Table<Group> {
    this.#groups ??= tableOf(this.#tenant.groups, ({ name }) => name);
    return this.#groups;
  }

  /** Enabled rules by priority, then name. */
  get outboundRules(): readonly OutboundRule[] {
    this.#outboundRules ??= this.#tenant.outboundRules.filter((rule) => rule.enabled).sort(byPriorityThenName);
    return this.#outboundRules;
  }
}

export const tablesOf = derived((tenant: Tenant) => new TenantTables(tenant));

export function takeTablesOver(before: Tenant, after: Tenant): void {
  tablesOf(after).takeOver(tablesOf(before));
}

/** Undefined: so much is another that the table is better made anew. */
function extensionsAfter(
  table: LayeredMap<Extension>,
  before: Tenant,
  after: Tenant,
): LayeredMap<Extension> | undefined {
  if (before.extensions === after.extensions) return table;
  const edits = new TextMap<Extension | undefined>();
  for (const { before: was, after: is } of allAtOnce(extensionChanges(before.extensions, after.extensions)))
    edits.set((is ?? was)?.number ?? '', is);
  return edits.size > MOST_EDITS ? undefined : table.edited(edits);
}

const MOST_EDITS = 64;

/** Tenants without services or groups share one table. */
const NO_ENTRIES = new TextMap<never>();

function tableOf<T>(items: readonly T[], keyOf: (item: T) => string): TextMap<T> {
  return items.length === 0 ? NO_ENTRIES : new TextMap(items.map((item) => [keyOf(item), item] as const));
}

function byPriorityThenName(a: OutboundRule, b: OutboundRule): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
