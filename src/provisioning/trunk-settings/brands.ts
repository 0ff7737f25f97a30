/**
 * Presets of carriers ("brands"). The data in `brands.json` holds what carriers publish; values that differ per account or that
 * only third parties report are left for the operator, named in `notes`.
 */

import type { z } from 'zod';
import type { brandShape } from './brand-shape.ts';
import data from './brands.json' with { type: 'json' };
import type { TrunkType } from './schema.ts';

export type BrandPreset = z.output<typeof brandShape>;

const BRANDS: ReadonlyMap<string, BrandPreset> = new Map(
  (data.brands as unknown as BrandPreset[]).map((brand) => [brand.id, brand]),
);

/** All brands, in the order of the data. */
export function brands(): readonly BrandPreset[] {
  return [...BRANDS.values()];
}

export function brandPreset(id: string): BrandPreset | undefined {
  return BRANDS.get(id);
}

/** The host that a brand gives a trunk of this type when the operator names none. */
export function presetHost(preset: BrandPreset, type: TrunkType): string | undefined {
  return preset.hosts.find(
    (entry) => entry.default === true && (entry.types === undefined || entry.types.includes(type)),
  )?.host;
}
