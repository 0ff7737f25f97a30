import type { Given } from '../base/given.ts';
import { isObject } from '../base/json-object.ts';
import { profileOf } from '../outbound/index.ts';
import { privacyTypes, withBrand } from '../provisioning/trunk-settings/effective.ts';
import type { Trunk, TrunkSettings } from '../provisioning/trunk-settings/schema.ts';
import type { effectiveTrunkAnswer } from './answers/trunks.ts';

/** One value in force on a trunk. */
export type EffectiveValue = Given<typeof effectiveTrunkAnswer>['values'][number];

/** Fields of the settings that are always the trunk's own. */
const OWN = new Set(['name', 'type', 'owner']);

/**
 * Every value in force, with where it comes from. `shown` are the settings as the reader may see them; `isWhole`: the reader may see
 * the trunk's own access too. A password is not a value that anybody is shown.
 */
export function effectiveValues(
  settings: TrunkSettings,
  shown: Readonly<Record<string, unknown>>,
  isWhole: boolean,
): EffectiveValue[] {
  const trunk = withBrand(settings);
  const {
    sources,
    id: _id,
    assignments: _assignments,
    outboundParameters,
    credentials,
    tls,
    addHeaders,
    ...rest
  } = trunk;
  const { password: _password, ...account } = credentials ?? { password: '' };
  const values: EffectiveValue[] = [];
  const put = (path: string, value: unknown) => leaves(path, value, values, (at) => originOf(settings, sources, at));
  for (const [name, value] of Object.entries(rest)) put(name, value);
  if (isWhole && credentials !== undefined) put('credentials', account);
  if (isWhole) put('tls', tls);
  put('addHeaders', isWhole ? addHeaders : []);
  put('tenants', shown['tenants'] ?? []);
  if (shown['didPool'] !== undefined) put('didPool', shown['didPool']);
  values.push(...mappingValues(trunk));
  const listed = (field: 'removeHeaders' | 'privacy', value: readonly string[]) =>
    values.push({
      path: `outboundParameters.${field}`,
      value,
      from: fromText(sources.get(`outboundParameters.${field}`)),
    });
  listed('removeHeaders', outboundParameters.removeHeaders);
  listed('privacy', privacyTypes(trunk));
  return values;
}

/** What fills each part of each header field, in the outbound pipeline's own words. */
function mappingValues(trunk: Trunk): EffectiveValue[] {
  const values: EffectiveValue[] = [];
  for (const { name, mappings, fallback, required } of profileOf(trunk).fields) {
    const path = `outboundParameters.${name}`;
    if (mappings.length === 0 && !required) values.push({ path, value: null, from: 'default' });
    const used = mappings.length === 0 && required ? [fallback] : mappings;
    for (const [index, mapping] of used.entries()) {
      const at = used.length === 1 ? path : `${path}[${index}]`;
      if (mapping.when !== undefined)
        values.push({ path: `${at}.when`, value: mapping.when, from: ownOr(mapping.user.origin) });
      for (const part of ['displayName', 'user', 'host'] as const) {
        const source = mapping[part];
        if (source === undefined) continue;
        const value = source.variable === 'custom' ? { custom: utf8(source.text) } : source.variable;
        values.push({ path: `${at}.${part}`, value, from: ownOr(source.origin) });
      }
    }
  }
  return values;
}

/** Plain values and lists of a part of the trunk, each with its path. */
function leaves(
  path: string,
  value: unknown,
  into: EffectiveValue[],
  from: (path: string) => EffectiveValue['from'],
): void {
  if (isObject(value)) {
    for (const [name, field] of Object.entries(value)) leaves(`${path}.${name}`, field, into, from);
  } else into.push({ path, value: (value ?? null) as EffectiveValue['value'], from: from(path) });
}

function originOf(settings: TrunkSettings, sources: Trunk['sources'], path: string): EffectiveValue['from'] {
  const source = sources.get(path);
  if (source !== undefined) return fromText(source);
  let written: unknown = settings;
  for (const name of path.split('.')) written = isObject(written) ? written[name] : undefined;
  if (OWN.has(path)) return 'own';
  const isDefault =
    written === undefined || (path === 'enabled' && written === true) || (path === 'brand' && written === 'generic');
  return isDefault || (Array.isArray(written) && written.length === 0) ? 'default' : 'own';
}

/** Custom text is kept as the octets that are sent. */
function utf8(octets: string): string {
  return Buffer.from(octets, 'latin1').toString('utf8');
}

function fromText(source: string | undefined): EffectiveValue['from'] {
  if (source === undefined || source === 'default') return 'default';
  return source === 'trunk' ? 'own' : 'brand';
}

function ownOr(origin: 'trunk' | 'brand' | 'default'): EffectiveValue['from'] {
  return origin === 'trunk' ? 'own' : origin;
}
