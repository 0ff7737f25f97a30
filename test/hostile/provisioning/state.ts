/** States of many tenants, extensions and trunks, for what has to be done beside calls. */
export interface Size {
  readonly tenants: number;
  readonly extensions: number;
  readonly trunks: number;
}

/** The number of a tenant's extension by its place. */
export function extensionNumber(index: number): string {
  return String(100_000 + index);
}

/** So many addresses of a /16: `203.0` gives 203.0.0.0 and those after it. */
export function manyAddresses(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_each, index) => `${prefix}.${index >> 8}.${index & 255}`);
}

/** Document of a tenant with as many extensions. */
export function tenantDocument(name: string, extensions: number) {
  return {
    name,
    domain: `${name}.example.com`,
    extensions: Array.from({ length: extensions }, (_each, index) => ({
      number: extensionNumber(index),
      name: `Phone ${index}`,
      password: `secret-${index}`,
    })),
  };
}

/** All tenants have the same share of the extensions; each of the first has a trunk of a provider of its own, every tenth its own. */
export function stateOf({ tenants, extensions, trunks }: Size) {
  return {
    tenants: Array.from({ length: tenants }, (_each, index) =>
      tenantDocument(
        `t${index}`,
        Math.floor(((index + 1) * extensions) / tenants) - Math.floor((index * extensions) / tenants),
      ),
    ),
    trunks: Array.from({ length: trunks }, (_each, index) => trunkDocument(index, `t${index % tenants}`)),
  };
}

function trunkDocument(index: number, tenant: string) {
  const host = `10.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
  const didPool = Array.from({ length: 10 }, (_each, n) => 20_000_000_000 + (index * 10 + n) * 2).join(';');
  const shared = { id: String(100_000 + index), name: `trunk-${index}`, host };
  if (index % 10 > 0) return { ...shared, type: 'ip', tenants: [{ tenant, didPool }] };
  const credentials = { authName: `u${index}`, password: 'secret' };
  return { ...shared, type: 'register', owner: tenant, options: { registration: 'off' }, credentials, didPool };
}

/** A document of new tenants, by default with a hundred extensions each. */
export function documentOf(prefix: string, tenants: number, extensions = 100) {
  return {
    tenants: Array.from({ length: tenants }, (_each, index) => tenantDocument(`${prefix}${index}`, extensions)),
    trunks: [],
  };
}

/** A document of new trunks for the first tenants, each of a provider of its own. */
export function trunksDocument(trunks: number, firstId = 900_000) {
  return {
    trunks: Array.from({ length: trunks }, (_each, index) => ({
      id: String(firstId + index),
      name: `new-${firstId + index}`,
      type: 'ip',
      host: `10.250.${(index >> 8) + (firstId === 900_000 ? 0 : 128)}.${index & 255}`,
      tenants: [{ tenant: `t${index}`, didPool: String(41_000_000_000 + firstId + index) }],
    })),
  };
}
