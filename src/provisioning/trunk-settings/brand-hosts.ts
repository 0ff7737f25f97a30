/** Which brand a host belongs to, by the hosts and host patterns that the brands' presets name. */
import { type BrandPreset, brands } from './brands.ts';

interface BrandHosts {
  readonly exact: ReadonlyMap<string, BrandPreset>;
  readonly patterns: readonly { readonly pattern: RegExp; readonly brand: BrandPreset }[];
}

let hosts: BrandHosts | undefined;

/** The brand of a host in lower case; undefined for nobody's. */
export function brandOfHost(host: string): BrandPreset | undefined {
  hosts ??= readHosts();
  return hosts.exact.get(host) ?? hosts.patterns.find(({ pattern }) => pattern.test(host))?.brand;
}

/** Each `{…}` of a pattern stands for one or more characters. */
function readHosts(): BrandHosts {
  const exact = new Map<string, BrandPreset>();
  const patterns: { pattern: RegExp; brand: BrandPreset }[] = [];
  for (const brand of brands()) {
    for (const { host } of brand.hosts) {
      const parts = host.toLowerCase().split(/(?:\{[^}]*\})+/);
      if (parts.length === 1) exact.set(host.toLowerCase(), brand);
      else
        patterns.push({
          pattern: new RegExp(`^${parts.map((part) => part.replaceAll('.', '[.]')).join('.+')}$`),
          brand,
        });
    }
  }
  return { exact, patterns };
}
