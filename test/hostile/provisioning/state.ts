/** States of many tenants, extensions and trunks, for what has to be done beside calls. */
export interface Size {
  readonly tenants: number;
  readonly extensions: number;
  readonly trunks: number;
}

/** Document of a tenant with as many extensions. */
export function tenantDocument(name: string, extensions: number) {
  return {
    name,
    domain: `${name}.example.com`,
    extensions: Array.from({ length: extensions }, (_each, index) => ({
      number: String(100_000 + index),
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

/** A document of new tenants with a hundred extensions each. */
export function documentOf(prefix: string, tenants: number) {
  return {
    tenants: Array.from({ length: tenants }, (_each, index) => tenantDocument(`${prefix}${index}`, 100)),
    trunks: [],
  };
}
