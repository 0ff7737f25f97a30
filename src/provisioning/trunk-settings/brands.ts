/**
 * Presets of carriers ("brands"). The data in `brands.json` holds what carriers publish; values that differ per account or that
 * only third parties report are left for the operator, named in `notes`.
 */

import type { z } from 'zod';
import data from './brands.json' with { type: 'json' };
import type { inboundParametersSchema, outboundParametersSchema } from './mappings.ts';
import type { TrunkOptionsSettings, TrunkTransport, TrunkType } from './schema.ts';

export interface BrandHost {
  /** A host, or a pattern whose `{…}` the operator fills in. */
  readonly host: string;
  /** Trunk types it is for; all when left out. */
  readonly types?: readonly TrunkType[];
  readonly region?: string;
  /** Used when the operator names none. */
  readonly default?: boolean;
}

export interface BrandPreset {
  readonly id: string;
  readonly name: string;
  readonly types: readonly TrunkType[];
  readonly hosts: readonly BrandHost[];
  readonly port?: number;
  readonly tlsPort?: number;
  readonly transport?: TrunkTransport;
  readonly transports: readonly TrunkTransport[];
  readonly registerSeconds?: number;
  readonly associatedIps?: readonly string[];
  /** How the carrier wants numbers; routes of outbound rules bring them into this form. */
  readonly numberFormat: { readonly called?: string; readonly caller?: string; readonly inbound?: string };
  readonly options?: TrunkOptionsSettings;
  readonly outboundParameters?: z.infer<typeof outboundParametersSchema>;
  readonly inboundParameters?: z.infer<typeof inboundParametersSchema>;
  /** Where the values were read: addresses of public pages, or the name of a guide. */
  readonly sources: readonly string[];
  /** What the operator has to know or to fill in. */
  readonly notes: readonly string[];
}

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
