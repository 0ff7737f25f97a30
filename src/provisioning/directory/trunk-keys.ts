/**
 * What a trunk may not have in common with another, and what makes trunks of one provider, as texts: a table of them finds the trunks
 * that a new one could clash with without looking at all others.
 */
import type { Trunk } from '../trunk-settings/schema.ts';
import { sourcesOf } from '../trunk-settings/sources.ts';
import { uniqueKeysOf } from '../trunk-settings/uniqueness.ts';

/** Worked out anew each time: a table of trunks has them already, and only changes ask. */
export function keysOf(trunk: Trunk): readonly string[] {
  return [ownedNameKey(trunk), ...uniqueKeysOf(trunk), ...providerKeysOf(trunk)];
}

/** Brands and names; networks are compared otherwise. */
export function providerKeysOf(trunk: Trunk): string[] {
  const { brands, names } = sourcesOf(trunk);
  return [...brands.map((brand) => `source brand ${brand}`), ...names.map((name) => `source name ${name}`)];
}

/** Names are unique per owner. */
export function ownedNameKey({ owner, name }: Pick<Trunk, 'owner' | 'name'>): string {
  return `owned ${owner}\u0000${name}`;
}
