/**
 * Tenants and trunks as they are kept: what most of them have in common (empty lists, default dial codes, no forwarding) is there once
 * for all. Of 100,000 extensions a fifth of the objects is left, and so a fifth of what the garbage collector goes through while calls
 * wait.
 */
import { allAtOnce, type Steps } from '../../base/steps.ts';
import { measuredAs } from '../tenants/document-octets.ts';
import type { Extension, Tenant } from '../tenants/schema.ts';
import type { TrunkSettings } from './schema.ts';

/** Longer ones are nobody else's. */
const LONGEST_SHARED = 600;
/** Of a kind; when there are more it begins anew, and what is common comes back soon. */
const MOST_SHARED = 5_000;
const EXTENSIONS_PER_STEP = 50;
const OWN_OF_TENANT: ReadonlySet<string> = new Set(['extensions']);
const OWN_OF_TRUNK: ReadonlySet<string> = new Set(['credentials', 'tenants', 'tls']);
const NOTHING: ReadonlySet<string> = new Set();

/** By their kind, then by JSON. */
const shared = new Map<string, Map<string, object>>();
/** By name of a field the object that came last, and what it is kept as: what comes from another thread has one object for many. */
const latest = new Map<string, { readonly field: object; readonly one: object }>();

/** Changes the tenant that it is given, and its extensions, as {@link compactTrunk} does; what it gives back has a list of extensions of its own. */
export function compactTenant(tenant: Tenant): Tenant {
  return allAtOnce(compactTenantSteps(tenant));
}

/** {@link compactTenant} in steps; what a tenant has in common with the one that is `stored` is compact already. */
export function* compactTenantSteps(tenant: Tenant, stored?: Tenant): Steps<Tenant> {
  // With room for all: one that grows is copied a dozen times.
  const extensions = tenant.extensions.slice();
  const before = stored?.extensions ?? [];
  /** Those before it have their places still; the others are found by what they are. */
  let known: ReadonlySet<Extension> | undefined;
  for (let at = 0; at < extensions.length; at++) {
    const extension = extensions[at] as Extension;
    if (at % EXTENSIONS_PER_STEP === 0) yield;
    if (extension === before[at]) continue;
    if (before[at]?.number !== extension.number) known ??= new Set(before);
    if (known?.has(extension) !== true) extensions[at] = compactExtension(extension);
  }
  measuredAs(extensions, tenant.extensions);
  return { ...sharing(tenant, OWN_OF_TENANT), extensions };
}

/** Changes the trunk that it is given, whose fields are the shared ones then; one that is frozen is copied. */
export function compactTrunk(trunk: TrunkSettings): TrunkSettings {
  return sharing(trunk, OWN_OF_TRUNK);
}

// biome-ignore lint/correctness/useYield: one step, where steps are asked for.
export function* compactTrunkSteps(trunk: TrunkSettings): Steps<TrunkSettings> {
  return compactTrunk(trunk);
}

/** As {@link compactTrunk}. */
export function compactExtension(extension: Extension): Extension {
  return sharing(extension, NOTHING);
}

/** In place: what comes into a field says what was there, and a copy of each of 100,000 would be garbage soon. */
function sharing<T extends object>(given: T, own: ReadonlySet<string>): T {
  const document = Object.isFrozen(given) ? { ...given } : given;
  for (const name in document) {
    const field = document[name];
    if (typeof field !== 'object' || field === null || Object.isFrozen(field) || own.has(name)) continue;
    const known = latest.get(name);
    const one = known?.field === field ? known.one : sharedLike(field, 'written');
    if (one === field) continue;
    latest.set(name, { field, one });
    document[name] = one as T[typeof name];
  }
  return document;
}

/**
 * An object like this one that is there once for all who have it; for plain data of few kinds.
 *
 * @param kind what it is a part of; parts of different kinds are never the same object.
 */
export function sharedLike<T extends object>(value: T, kind: string): T {
  if (Object.isFrozen(value) || (Array.isArray(value) && value.length > LONGEST_SHARED / 2)) return value;
  const text = JSON.stringify(value);
  if (text.length > LONGEST_SHARED) return value;
  let ofKind = shared.get(kind);
  const one = ofKind?.get(text);
  if (one !== undefined) return isSame(one, value) ? (one as T) : value;
  if (ofKind === undefined || ofKind.size >= MOST_SHARED) {
    ofKind = new Map<string, object>();
    shared.set(kind, ofKind);
  }
  ofKind.set(text, Object.freeze(value));
  return value;
}

/** Of two with one JSON text, which does not tell a field that is undefined from one that is not there. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return Object.is(a, b);
  let more = 0;
  for (const name in a) {
    if (!Object.hasOwn(b, name) || !isSame(a[name as keyof typeof a], b[name as keyof typeof b])) return false;
    more++;
  }
  for (const _name in b) more--;
  return more === 0;
}
