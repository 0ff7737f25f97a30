/**
 * Tenants and trunks as they are kept: what most of them have in common (empty lists, default dial codes, no forwarding) is there once
 * for all. Of 100,000 extensions a fifth of the objects is left, and so a fifth of what the garbage collector goes through while calls
 * wait.
 */
import { isDeepStrictEqual } from 'node:util';
import { allAtOnce, type Steps } from '../../base/steps.ts';
import type { Extension, Tenant } from '../tenants/schema.ts';
import type { TrunkSettings } from './schema.ts';

/** Longer ones are nobody else's. */
const LONGEST_SHARED = 600;
const MOST_SHARED = 5_000;
const EXTENSIONS_PER_STEP = 50;
const OWN_OF_TENANT: ReadonlySet<string> = new Set(['extensions']);
const OWN_OF_TRUNK: ReadonlySet<string> = new Set(['credentials', 'tenants', 'tls']);
const NOTHING: ReadonlySet<string> = new Set();

/** By their kind and JSON. */
const shared = new Map<string, object>();

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
  return { ...sharing(tenant, OWN_OF_TENANT), extensions };
}

export function compactTrunk(trunk: TrunkSettings): TrunkSettings {
  return sharing(trunk, OWN_OF_TRUNK);
}

// biome-ignore lint/correctness/useYield: one step, where steps are asked for.
export function* compactTrunkSteps(trunk: TrunkSettings): Steps<TrunkSettings> {
  return compactTrunk(trunk);
}

function compactExtension(extension: Extension): Extension {
  return sharing(extension, NOTHING);
}

function sharing<T extends object>(document: T, own: ReadonlySet<string>): T {
  const copy = { ...document } as Record<string, unknown>;
  for (const name of Object.keys(copy)) {
    const field = copy[name];
    if (typeof field === 'object' && field !== null && !own.has(name)) copy[name] = sharedLike(field, 'written');
  }
  return copy as T;
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
  const key = `${kind} ${text}`;
  let one = shared.get(key);
  if (one === undefined) {
    // What is common comes back soon.
    if (shared.size >= MOST_SHARED) shared.clear();
    one = Object.freeze(value);
    shared.set(key, one);
  }
  // JSON does not tell a field that is undefined from one that is not there.
  return isDeepStrictEqual(one, value) ? (one as T) : value;
}
