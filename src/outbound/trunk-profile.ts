import { isIPv6 } from 'node:net';
import { derived } from '../base/derived.ts';
import { plainNumber } from '../provisioning/tenants/number.ts';
import { hidesNumber, privacyTypes } from '../provisioning/trunk-settings/effective.ts';
import {
  type HostVariable,
  isRemoval,
  type MappingCondition,
  type NO_DISPLAY_NAME,
  type UserVariable,
} from '../provisioning/trunk-settings/mappings.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { targetText } from '../provisioning/trunk-settings/teams.ts';
import { WHATSAPP_PORT, whatsappCalls } from '../provisioning/trunk-settings/whatsapp.ts';
import { hostPort, octetsFromText, transportParameter, unescapeUser } from '../sip/message/index.ts';
import { hopOf, type TrunkHop } from '../trunks/hops.ts';
import type { FieldName, HeaderField } from './draft.ts';

/**
 * A trunk as the route steps use it: its outbound parameters with the defaults filled in and everything that does not depend on the
 * call rendered once. Made once per trunk snapshot, found again by the identity of the trunk object.
 */
export interface TrunkProfile {
  readonly authId: string;
  /** `host:port`, the port left out only when the trunk has none. */
  readonly trunkHostPort: string;
  /** The same of the outbound proxy; of the trunk when it has no proxy. */
  readonly outHostPort: string;
  readonly fields: readonly CompiledField[];
  readonly nextHop: TrunkHop;
  /** Route header field values for `outboundProxy.route`. */
  readonly routes: readonly string[];
  readonly removed: ReadonlySet<FieldName>;
  readonly applyId: boolean;
  readonly applyUser: boolean;
  readonly applyHeader: boolean;
  /** False: the privacy types leave the number of an anonymous call in sight. */
  readonly hidesNumber: boolean;
  readonly name: string;
  readonly addHeaders: readonly HeaderField[];
}

export interface CompiledField {
  readonly name: FieldName;
  /** The first whose condition holds fills the field. */
  readonly mappings: readonly CompiledMapping[];
  /** Fills the field when no mapping does, and each part that comes out empty. */
  readonly fallback: CompiledMapping;
  /** Sent even without a mapping. */
  readonly required: boolean;
}

export type ValueOrigin = 'trunk' | 'brand' | 'default';

export interface CompiledMapping {
  readonly when: MappingCondition | undefined;
  /** The custom user `remove`: the field is not sent. */
  readonly remove: boolean;
  readonly displayName: MappedSource | undefined;
  readonly user: MappedSource;
  readonly host: MappedSource;
}

export interface MappedSource {
  readonly variable: UserVariable | HostVariable | 'custom' | typeof NO_DISPLAY_NAME;
  /** Text of a custom source. */
  readonly text: string;
  readonly origin: ValueOrigin;
}

export const profileOf = derived(compile);

/** Behaviour 10: what a field says when its trunk maps nothing; also in which order fields are filled. */
const DEFAULTS: readonly {
  readonly name: FieldName;
  readonly displayName?: UserVariable;
  readonly user: UserVariable;
  readonly host: HostVariable;
  readonly required: boolean;
}[] = [
  { name: 'requestUri', user: 'CalledNum', host: 'TrunkHostPort', required: true },
  { name: 'to', user: 'CalledNum', host: 'TrunkHostPort', required: true },
  { name: 'from', displayName: 'CallerDispName', user: 'OutboundCallerId', host: 'SipDomain', required: true },
  { name: 'contact', user: 'CallerNum', host: 'ContactUri', required: true },
  { name: 'pAssertedIdentity', user: 'OutboundCallerId', host: 'SipDomain', required: false },
  { name: 'pPreferredIdentity', user: 'OutboundCallerId', host: 'SipDomain', required: false },
  { name: 'pCalledPartyId', user: 'CalledNum', host: 'TrunkHostPort', required: false },
  { name: 'remotePartyIdCalled', user: 'CalledNum', host: 'TrunkHostPort', required: false },
  { name: 'remotePartyIdCalling', user: 'OutboundCallerId', host: 'SipDomain', required: false },
];

const REMOVABLE: ReadonlyMap<string, FieldName> = new Map([
  ['P-Asserted-Identity', 'pAssertedIdentity'],
  ['P-Preferred-Identity', 'pPreferredIdentity'],
  ['P-Called-Party-ID', 'pCalledPartyId'],
]);

function compile(trunk: Trunk): TrunkProfile {
  const trunkHostPort = placeOf(trunk);
  const proxy = trunk.outboundProxy;
  const { removeHeaders } = trunk.outboundParameters;
  const privacy = privacyTypes(trunk);
  const removed = new Set<FieldName>();
  for (const header of removeHeaders) {
    const field = REMOVABLE.get(header);
    if (field !== undefined) removed.add(field);
  }
  const outHostPort = proxy === undefined ? trunkHostPort : hostPort(proxy.host, proxy.port);
  const transportParam = transportParameter(trunk.transport);
  const fields = DEFAULTS.map((fallback) => compileField(trunk, fallback, removed));
  return {
    authId: octetsFromText(trunk.credentials?.authName ?? ''),
    trunkHostPort,
    outHostPort,
    fields,
    nextHop: hopOf(trunk),
    routes: proxy?.route === true ? [`<sip:${outHostPort}${transportParam};lr>`] : [],
    removed,
    applyId: privacy.includes('id'),
    applyUser: privacy.includes('user'),
    applyHeader: privacy.includes('header'),
    hidesNumber: hidesNumber(trunk),
    name: octetsFromText(trunk.name),
    addHeaders: trunk.addHeaders.map(({ name, value }): HeaderField => [name, octetsFromText(value)]),
  };
}

/** The default port of Teams and WhatsApp goes without saying. */
function placeOf(trunk: Trunk): string {
  if (trunk.teams !== undefined) return targetText(trunk.teams.targets[0]);
  const isUsual = trunk.port === WHATSAPP_PORT && whatsappCalls(trunk) !== undefined;
  return hostPort(trunk.host, isUsual ? undefined : trunk.port);
}

function compileField(trunk: Trunk, defaults: (typeof DEFAULTS)[number], removed: Set<FieldName>): CompiledField {
  const byDefault = (variable: MappedSource['variable']): MappedSource => ({ variable, text: '', origin: 'default' });
  const fallback: CompiledMapping = {
    when: undefined,
    remove: false,
    displayName: defaults.displayName === undefined ? undefined : byDefault(defaults.displayName),
    user: byDefault(defaults.user),
    host: byDefault(defaults.host),
  };
  const origin = (part: string) => partOrigin(trunk, defaults.name, part);
  const mappings: CompiledMapping[] = [];
  for (const mapping of trunk.outboundParameters[defaults.name]) {
    // The guide's own way of saying it: custom value "remove" on the user part.
    const remove = isRemoval(mapping) && isRemovable(defaults.name);
    if (remove && mapping.when === undefined) removed.add(defaults.name);
    mappings.push({
      when: mapping.when,
      remove,
      displayName:
        mapping.displayName === undefined
          ? fallback.displayName
          : source(mapping.displayName, origin('displayName'), false),
      user: mapping.user === undefined ? fallback.user : source(mapping.user, origin('user'), true),
      host: mapping.host === undefined ? fallback.host : hostSource(source(mapping.host, origin('host'), false)),
    });
  }
  return { name: defaults.name, mappings, fallback, required: defaults.required };
}

function isRemovable(name: FieldName): boolean {
  return name === 'pAssertedIdentity' || name === 'pPreferredIdentity' || name === 'pCalledPartyId';
}

function source(setting: string | { custom: string }, origin: ValueOrigin, isUser: boolean): MappedSource {
  if (typeof setting === 'string') return { variable: setting as UserVariable | HostVariable, text: '', origin };
  const text = octetsFromText(setting.custom);
  // User parts are written escaped in settings and escaped again when sent; between them stands the plain value, without the separators
  // of a number.
  return { variable: 'custom', text: isUser ? plainNumber(unescapeUser(text)) : text, origin };
}

/** RFC 3261 §25.1: an IPv6 address stands in brackets, whoever wrote it without. */
function hostSource(host: MappedSource): MappedSource {
  return isIPv6(host.text) ? { ...host, text: hostPort(host.text, undefined) } : host;
}

/** Which setting gave a value: the trunk's own, its brand's preset, or the default. */
export function originOf(trunk: Trunk, path: string): ValueOrigin {
  const source = trunk.sources.get(path) ?? 'default';
  return source === 'trunk' ? 'trunk' : source.startsWith('brand') ? 'brand' : 'default';
}

/** A plain mapping may be put together part by part; one with conditions has one origin. */
function partOrigin(trunk: Trunk, field: FieldName, part: string): ValueOrigin {
  const path = `outboundParameters.${field}`;
  return trunk.sources.has(`${path}.${part}`) ? originOf(trunk, `${path}.${part}`) : originOf(trunk, path);
}
