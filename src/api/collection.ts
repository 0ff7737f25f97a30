/** What a tenant owns, each kind as `tenants/{tenant}/<segment>`, and how a change of one item is thought out. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Problem } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import { TextMap } from '../base/text-map.ts';
import { tenantIn, tenantPlace } from '../provisioning/directory/places.ts';
import { referencesTo } from '../provisioning/tenants/references.ts';
import {
  extensionSchema,
  groupSchema,
  inboundRuleSchema,
  outboundRuleSchema,
  serviceSchema,
  type Tenant,
} from '../provisioning/tenants/schema.ts';
import type { Provisioned } from '../provisioning/trunk-settings/schema.ts';
import { requireTenant } from './access.ts';
import { factOf, type PlannedResource } from './change.ts';
import { type ApiContext, identityOf, withManager } from './context.ts';
import { type Document, entityTag, requireMatch, withoutSecrets } from './documents.ts';
import type { ResourceAsker, ResourceKind } from './managed-resource.ts';
import { ApiProblem, invalid, notFound, taken } from './problem.ts';
import { requireAllowedTrust } from './sources.ts';
import type { Identity } from './tokens.ts';

type CollectionName = 'extensions' | 'groups' | 'services' | 'outboundRules' | 'inboundRules';
export type Item = Document;

export interface Collection {
  readonly segment: string;
  readonly field: CollectionName;
  readonly singular: string;
  readonly idSuffix: string;
  /** The field that names an item in the path. */
  readonly key: 'number' | 'name';
  readonly schema: z.ZodType;
}

export const EXTENSIONS: Collection = {
  segment: 'extensions',
  field: 'extensions',
  singular: 'extension',
  idSuffix: 'Extension',
  key: 'number',
  schema: extensionSchema,
};
export const INBOUND_RULES: Collection = {
  segment: 'inbound-rules',
  field: 'inboundRules',
  singular: 'inbound rule',
  idSuffix: 'InboundRule',
  key: 'name',
  schema: inboundRuleSchema,
};
export const COLLECTIONS: readonly Collection[] = [
  EXTENSIONS,
  { segment: 'groups', field: 'groups', singular: 'group', idSuffix: 'Group', key: 'name', schema: groupSchema },
  {
    segment: 'services',
    field: 'services',
    singular: 'service',
    idSuffix: 'Service',
    key: 'number',
    schema: serviceSchema,
  },
  {
    segment: 'outbound-rules',
    field: 'outboundRules',
    singular: 'outbound rule',
    idSuffix: 'OutboundRule',
    key: 'name',
    schema: outboundRuleSchema,
  },
  INBOUND_RULES,
];

export const keyText = z.string().min(1).max(128);

/** What could stand in a header field: no line breaks, no control characters. */
export function plainText(most: number) {
  return z
    .string()
    .max(most)
    .regex(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/, { error: 'must not contain control characters' });
}

interface ItemPath {
  readonly tenant: string;
  /** Absent where one is made. */
  readonly key?: string | undefined;
}

/** How an item of a tenant is found, changed and shown. */
export function itemKind(context: ApiContext, collection: Collection): ResourceKind<Item, ItemPath> {
  const find = (asker: ResourceAsker<ItemPath>, state: Provisioned) =>
    itemsOf(tenantFor(asker, state), collection).find((item) => item[collection.key] === asker.params.key);
  return {
    schema: collection.schema,
    existing: (asker, state) => {
      const item = find(asker, state);
      if (item === undefined) throw notFound(`${collection.singular} ${asker.params.key ?? ''}`);
      return item;
    },
    isFree: (asker, state) => find(asker, state) === undefined,
    requireNew: (asker, state, wanted) => requireNewKey(tenantFor(asker, state), collection, wanted),
    plan: (asker, state, before, after) => planItem(context, collection, asker, state, before, after),
    planDeletion: (asker, state, before) => planItem(context, collection, asker, state, before, undefined),
    // An item belongs to whom its tenant belongs to.
    view: ({ params }, item) => itemView(context, params.tenant, item),
  };
}

/** @param before undefined for a new item @param after undefined for one that is deleted */
function* planItem(
  context: ApiContext,
  collection: Collection,
  asker: ResourceAsker<ItemPath>,
  state: Provisioned,
  before: Item | undefined,
  after: Item | undefined,
): Steps<PlannedResource> {
  const { identity, params, ifMatch, ifNoneMatch } = asker;
  const tenant = tenantFor(asker, state);
  requireSameKey(params.key, collection, after);
  requireMatch(ifMatch, before && entityTag(before, context.entityTagKey));
  if (before !== undefined && ifNoneMatch === '*') {
    throw new ApiProblem(412, 'exists', `${collection.singular} exists already`);
  }
  const items = [...itemsOf(tenant, collection)];
  const index = before === undefined ? items.length : items.indexOf(before);
  items.splice(index, before === undefined ? 0 : 1, ...(after === undefined ? [] : [after]));
  const name = String((after ?? before)?.[collection.key]);
  const key = encodeURIComponent(name);
  const tenantPath = `tenants[${tenantPlace(state, tenant.name)}]`;
  const changed = { ...tenant, [collection.field]: items } as Tenant;
  yield* requireAllowedTrust(context, identity, state, changed, tenant);
  return {
    change: { putTenants: [changed] },
    facts: [factOf(`tenants/${tenant.name}/${collection.segment}/${key}`, tenant.name, before, after)],
    ...(after === undefined
      ? { deletes: `${collection.singular} ${key}`, referrers: referrersOf(name, collection, changed, tenantPath) }
      : {}),
    bodyPaths: new Map([[`${tenantPath}.${collection.field}[${index}]`, '']]),
  };
}

/** What names a number that is deleted; names of groups and rules are looked after by the rules of provisioning. */
function referrersOf(number: string, collection: Collection, tenant: Tenant, tenantPath: string): Problem[] {
  if (collection.key !== 'number') return [];
  return referencesTo(new Set([number]), tenant).map(({ path }) => ({
    code: 'in-use',
    path: `${tenantPath}.${path}`,
    message: `refers to ${number}`,
  }));
}

/** An item is renamed by deleting it and making another: what refers to it does so by this name. */
function requireSameKey(key: string | undefined, collection: Collection, after: Item | undefined): void {
  if (key === undefined || after === undefined || after[collection.key] === key) return;
  const message = `must be "${key}", as in the path; a ${collection.singular} cannot be renamed`;
  throw invalid([{ code: 'name-fixed', path: collection.key, message }]);
}

function requireNewKey(tenant: Tenant, collection: Collection, after: Item): void {
  const { key, singular } = collection;
  const isTaken = itemsOf(tenant, collection).some((item) => item[key] === after[key]);
  if (isTaken) throw taken(key, `${singular} ${String(after[key])} exists already`);
}

/** Whose resource is asked for, or which tenant. */
export function tenantFor(
  { identity, params }: ResourceAsker<{ readonly tenant: string }>,
  state: Provisioned,
): Tenant {
  return visibleTenant(identity, state, params.tenant);
}

/** A tenant by name, if this admin may see it. */
export function visibleTenant(identity: Identity, state: Provisioned, name: string): Tenant {
  requireTenant(identity, name);
  const tenant = tenantIn(state, name);
  if (tenant === undefined) throw notFound(`tenant ${name}`);
  return tenant;
}

/** The same for whoever asks. */
export function knownTenant(context: ApiContext, request: FastifyRequest, name: string): Tenant {
  return visibleTenant(identityOf(request), context.provisioning.current().state, name);
}

/** The tenant of the path. */
export function tenantOf(request: FastifyRequest, state: Provisioned): Tenant {
  return visibleTenant(identityOf(request), state, (request.params as { tenant: string }).tenant);
}

export function itemsOf(tenant: Tenant, collection: Collection): readonly Item[] {
  return tenant[collection.field] as readonly unknown[] as readonly Item[];
}

/** Whoever asks for many of them asks this once. */
export function* itemsByKey(tenant: Tenant, collection: Collection): Steps<TextMap<Item>> {
  const items = new TextMap<Item>();
  for (const [index, item] of itemsOf(tenant, collection).entries()) {
    items.set(String(item[collection.key]), item);
    if (index % 64 === 0) yield;
  }
  return items;
}

/** An item belongs to whom its tenant belongs to. */
export function itemView(context: ApiContext, tenant: string, item: Item): object {
  return withManager(context, `tenants/${tenant}`, withoutSecrets(item) as object);
}
