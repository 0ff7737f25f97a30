/**
 * From a trunk as written to a trunk as it takes effect: for every value the operator's own word comes first, then the brand's
 * preset, then the default. The same walk tells where each value came from.
 */

import { createHash, randomInt } from 'node:crypto';
import type { List } from '../../base/chunked-list.ts';
import { derived } from '../../base/derived.ts';
import { isFreeHeaderName } from '../tenants/fields.ts';
import type { NumberFormat } from '../tenants/number-format.ts';
import { type BrandPreset, brandPreset, presetHost } from './brands.ts';
import { sharedLike } from './compact.ts';
import {
  type InboundValue,
  MAPPED_FIELDS,
  type MappedField,
  type Mapping,
  type OutboundParametersSettings,
  PRIVACY_TYPES,
  type PrivacyType,
  toList,
} from './mappings.ts';
import type {
  InboundParameters,
  KeepAliveOptions,
  OutboundParameters,
  SessionTimerPolicy,
  Trunk,
  TrunkCredentials,
  TrunkOptions,
  TrunkSettings,
} from './schema.ts';
import { teamsNetworks, teamsPreset } from './teams.ts';
import { type TeamsSide, teamsSideOf } from './teams-schema.ts';
import { WHATSAPP_HOST, type WhatsappCalls, whatsappCalls, whatsappCredentials, whatsappPreset } from './whatsapp.ts';

export const DEFAULT_KEEP_ALIVE: KeepAliveOptions = {
  enabled: false,
  intervalSeconds: 360,
  accept: '200',
  downAfter: 1,
  upAfter: 1,
};

export const DEFAULT_SESSION_TIMER: SessionTimerPolicy = {
  mode: 'request',
  expiresSeconds: 300,
  minSeconds: 90,
  refresher: 'auto',
};

export const DEFAULT_OPTIONS: TrunkOptions = {
  usePrivateIp: false,
  rewriteViaHost: false,
  verifyPort: false,
  singleVia: true,
  telUriRequestLine: false,
  telUriTo: false,
  stirShaken: false,
  stirRichCallData: 'off',
  stirVerify: 'auto',
  stirWhenUnsignable: 'refuse',
  removePlus: false,
  keepAlive: DEFAULT_KEEP_ALIVE,
  registration: 'on',
  registeredNodeOnly: false,
  bnc: false,
  trust: 'digest',
  mutualTls: false,
  callerIdOutsidePool: 'pass',
  trusted: true,
  numberMayShow: false,
  anonymousHost: 'anonymous.invalid',
  diversion: 'none',
  redirects: 'reject',
  largeRequests: 'tcp',
  contactToken: true,
  listener: '',
  internalHeaders: false,
  failoverCodes: [402, 403, 408, 488, 500, 502, 503, 504],
  earlyMediaFailover: false,
  sessionTimer: DEFAULT_SESSION_TIMER,
  media: 'auto',
  mediaFallback: 'refuse',
  codecs: [],
};

const DEFAULT_INBOUND: InboundParameters = {
  calledNumber: ['to.user'],
  callerNumber: ['from.user'],
  callerDisplayName: ['from.displayName'],
  normalize: { calledNumber: undefined, callerNumber: undefined, callerDisplayName: undefined },
};

const DEFAULT_REGISTER_SECONDS = 600;
/** Nobody has decided on privacy; an empty list of somebody's means none. */
const UNSET_PRIVACY: readonly PrivacyType[] = [];

/**
 * Chooses values and remembers, when asked to, where each came from. Paths are those of the trunk's schema.
 */
class Chooser {
  readonly #preset: string;
  readonly #sources: Map<string, string> | undefined;

  /** @param preset what is said of values that the preset gives. */
  constructor(preset: string, sources: Map<string, string> | undefined) {
    this.#preset = preset;
    this.#sources = sources;
  }

  pick<T>(path: string, written: T | undefined, preset: T | undefined, fallback: T): T {
    const source = written !== undefined ? 'trunk' : preset !== undefined ? this.#preset : 'default';
    this.#sources?.set(path, source);
    return written ?? preset ?? fallback;
  }

  /** Picks each key of `fallback` by itself. */
  pickEach<T extends object>(
    path: string,
    written: Partial<Loose<T>> | undefined,
    preset: Partial<Loose<T>> | undefined,
    fallback: T,
  ): T {
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(fallback) as (keyof T & string)[]) {
      result[key] = this.pick<unknown>(`${path}.${key}`, written?.[key], preset?.[key], fallback[key]);
    }
    return result as T;
  }
}

type Loose<T> = { [K in keyof T]: T[K] | undefined };

/**
 * The trunk as it takes effect. The same written object gives the same result object, so that an unchanged trunk keeps what is
 * cached with it from one snapshot to the next.
 */
export const withBrand = derived((settings: TrunkSettings): Trunk => {
  const trunk: Pick<Trunk, 'sources'> = new EffectiveTrunk(settings);
  return trunk as Trunk;
});

/** Has the fields of a trunk beside its sources: all of these have one shape, in a third of the room of objects with getters of their own. */
class EffectiveTrunk implements Pick<Trunk, 'sources'> {
  readonly #written: TrunkSettings;
  #sources: ReadonlyMap<string, string> | undefined;

  constructor(written: TrunkSettings) {
    this.#written = written;
    Object.assign(this, fill(written, undefined));
  }

  /** Worked out when first asked for. */
  get sources(): ReadonlyMap<string, string> {
    this.#sources ??= sourcesOf(this.#written);
    return this.#sources;
  }
}

function sourcesOf(settings: TrunkSettings): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  fill(settings, sources);
  return sources;
}

function fill(settings: TrunkSettings, sources: Map<string, string> | undefined): Omit<Trunk, 'sources'> {
  const teams = teamsSideOf(settings);
  const brand = brandPreset(settings.brand);
  const calls = whatsappCalls(settings);
  const ofType = teams !== undefined ? teamsPreset(teams) : calls === undefined ? undefined : whatsappPreset(calls);
  const preset: BrandPreset | undefined = ofType === undefined || brand === undefined ? brand : { ...brand, ...ofType };
  const choose = new Chooser(ofType === undefined ? `brand ${settings.brand}` : `type ${settings.type}`, sources);
  const transport = choose.pick(
    'transport',
    settings.transport,
    preset?.transport,
    teams === undefined ? 'udp' : 'tls',
  );
  const ownHost = teams?.targets[0].host ?? (calls === undefined ? undefined : WHATSAPP_HOST);
  const brandHost = preset === undefined ? undefined : presetHost(preset, settings.type);
  const brandPort = preset === undefined ? undefined : transport === 'tls' ? preset.tlsPort : preset.port;
  return {
    id: trunkIdOf(settings),
    name: settings.name,
    type: settings.type,
    owner: settings.owner,
    enabled: settings.enabled,
    brand: settings.brand,
    host: choose.pick('host', settings.host, brandHost ?? ownHost, ''),
    anotherAccount: settings.anotherAccount,
    port: choose.pick<number | undefined>(
      'port',
      settings.port,
      isForeignHost(settings, brandHost) ? undefined : (brandPort ?? teams?.targets[0].port),
      undefined,
    ),
    transport,
    outboundProxy:
      settings.outboundProxy === undefined
        ? undefined
        : { host: settings.outboundProxy.host, port: settings.outboundProxy.port, route: settings.outboundProxy.route },
    associatedIps: withTeams(
      choose.pick('associatedIps', settings.associatedIps, presetNetworks(preset, settings), []),
      teams,
    ),
    credentials: fillCredentials(settings, calls, preset, choose),
    tls: sharedLike(
      {
        certificate: settings.tls?.certificate,
        key: settings.tls?.key,
        ca: settings.tls?.ca,
        serverName: settings.tls?.serverName,
        allowWildcard: settings.tls?.allowWildcard ?? false,
        peerNames: settings.tls?.peerNames ?? [],
      },
      'tls',
    ),
    teams,
    whatsapp: settings.whatsapp,
    options: sharedLike(fillOptions(settings, preset, choose), 'options'),
    limits: sharedLike(
      { concurrentCalls: settings.limits.concurrentCalls, callsPerSecond: settings.limits.callsPerSecond },
      'limits',
    ),
    // A store may hold names from before they were refused.
    addHeaders: settings.addHeaders.filter(({ name }) => isFreeHeaderName(name)),
    numberFormat: choose.pick<NumberFormat>(
      'numberFormat',
      settings.numberFormat as NumberFormat | undefined,
      undefined,
      'e164',
    ),
    outboundParameters: sharedOutbound(fillOutbound(settings, preset, choose)),
    inboundParameters: sharedLike(fillInbound(settings, preset, choose), 'inbound'),
    assignments: fillAssignments(settings),
  };
}

/** Those who say nothing of privacy are told from those who want none. */
function sharedOutbound(parameters: OutboundParameters): OutboundParameters {
  return sharedLike(parameters, parameters.privacy === UNSET_PRIVACY ? 'outbound, privacy unset' : 'outbound');
}

/** A brand's port belongs to the brand's hosts; an address of the operator's own on another port-less host keeps DNS in charge. */
function isForeignHost(settings: TrunkSettings, brandHost: string | undefined): boolean {
  const preset = brandPreset(settings.brand);
  if (settings.host === undefined || settings.host === brandHost || preset === undefined) return false;
  return preset.hosts.length > 0 && !preset.hosts.some((entry) => matchesPattern(settings.host ?? '', entry.host));
}

/** Says whether a host fits a pattern such as `{trunk}.pstn.example.com`; each `{…}` stands for one or more characters. */
function matchesPattern(host: string, pattern: string): boolean {
  const parts = pattern.toLowerCase().split(/\{[^}]*\}/);
  let rest = host.toLowerCase();
  if (parts.length === 1) return rest === parts[0];
  if (!rest.startsWith(parts[0] ?? '')) return false;
  rest = rest.slice(parts[0]?.length ?? 0);
  const tail = parts[parts.length - 1] ?? '';
  return rest.length > tail.length && rest.endsWith(tail);
}

function presetNetworks(preset: BrandPreset | undefined, settings: TrunkSettings): readonly string[] | undefined {
  // A gateway that registers with us is known by its credentials, never by its provider's addresses.
  return settings.type === 'accept-register' ? undefined : preset?.associatedIps;
}

/** Microsoft's networks beside those that somebody has written. */
function withTeams(networks: readonly string[], teams: TeamsSide | undefined): readonly string[] {
  return teams === undefined ? networks : [...networks, ...teamsNetworks(teams)];
}

function fillCredentials(
  settings: TrunkSettings,
  calls: WhatsappCalls | undefined,
  preset: BrandPreset | undefined,
  choose: Chooser,
): TrunkCredentials | undefined {
  if (calls !== undefined) return whatsappCredentials(calls, DEFAULT_REGISTER_SECONDS);
  const written = settings.credentials;
  if (written === undefined) return undefined;
  const authName = written.authName ?? written.username ?? '';
  return {
    authName,
    username: written.username ?? authName,
    password: written.password ?? '',
    registerSeconds: choose.pick(
      'credentials.registerSeconds',
      written.registerSeconds,
      preset?.registerSeconds,
      DEFAULT_REGISTER_SECONDS,
    ),
    realms: written.realm === undefined ? written.realms : [written.realm, ...(written.realms ?? [])],
    digest: written.digest,
  };
}

function fillOptions(settings: TrunkSettings, preset: BrandPreset | undefined, choose: Chooser): TrunkOptions {
  const { keepAlive: writtenKeepAlive, sessionTimer: writtenTimer, ...written } = settings.options;
  const { keepAlive: presetKeepAlive, sessionTimer: presetTimer, ...fromBrand } = preset?.options ?? {};
  const { keepAlive: _keepAlive, sessionTimer: _sessionTimer, ...fallback } = DEFAULT_OPTIONS;
  return {
    ...choose.pickEach('options', written, fromBrand, fallback),
    keepAlive: choose.pickEach(
      'options.keepAlive',
      canonicalKeepAlive(writtenKeepAlive),
      canonicalKeepAlive(presetKeepAlive),
      DEFAULT_KEEP_ALIVE,
    ),
    sessionTimer: choose.pickEach('options.sessionTimer', writtenTimer, presetTimer, DEFAULT_SESSION_TIMER),
  };
}

function canonicalKeepAlive(
  keepAlive: TrunkSettings['options']['keepAlive'],
): Partial<Loose<KeepAliveOptions>> | undefined {
  if (keepAlive === undefined) return undefined;
  return { ...keepAlive, accept: keepAlive.accept === 200 ? '200' : keepAlive.accept };
}

function fillOutbound(settings: TrunkSettings, preset: BrandPreset | undefined, choose: Chooser): OutboundParameters {
  const written = settings.outboundParameters;
  const fromBrand = preset?.outboundParameters;
  const fields: Partial<Record<MappedField, readonly Mapping[]>> = {};
  for (const field of MAPPED_FIELDS) fields[field] = fillField(field, written, fromBrand, choose);
  return {
    ...(fields as Record<MappedField, readonly Mapping[]>),
    removeHeaders: choose.pick('outboundParameters.removeHeaders', written.removeHeaders, fromBrand?.removeHeaders, []),
    privacy: choose.pick('outboundParameters.privacy', written.privacy, fromBrand?.privacy, UNSET_PRIVACY),
  };
}

/** A trunk that says nothing of privacy gives all of it: an anonymous call is anonymous unless somebody decided otherwise. */
export function privacyTypes({ outboundParameters: { privacy } }: Trunk): readonly PrivacyType[] {
  return privacy === UNSET_PRIVACY ? PRIVACY_TYPES : privacy;
}

/**
 * Says whether an anonymous call's number stays hidden on this trunk: From is anonymous by type `user`; with type `id` a trunk inside
 * the trust domain hides it (RFC 3325 §7).
 */
export function hidesNumber(trunk: Trunk): boolean {
  const types = privacyTypes(trunk);
  return types.includes('user') || (types.includes('id') && trunk.options.trusted);
}

/** A plain mapping is completed part by part from the brand's; one with conditions replaces the brand's. */
function fillField(
  field: MappedField,
  written: OutboundParametersSettings,
  fromBrand: OutboundParametersSettings | undefined,
  choose: Chooser,
): readonly Mapping[] {
  const path = `outboundParameters.${field}`;
  const own = toList<Mapping>(written[field]);
  const brands = toList<Mapping>(fromBrand?.[field]);
  if (!isPlain(own) || !isPlain(brands) || own.length === 0 || brands.length === 0) {
    return choose.pick<readonly Mapping[]>(
      path,
      own.length === 0 ? undefined : own,
      brands.length === 0 ? undefined : brands,
      [],
    );
  }
  const merged: Mapping = {};
  for (const part of ['displayName', 'user', 'host'] as const) {
    const ownPart = own[0]?.[part];
    const brandPart = brands[0]?.[part];
    if (ownPart === undefined && brandPart === undefined) continue;
    (merged as Record<string, unknown>)[part] = choose.pick<unknown>(`${path}.${part}`, ownPart, brandPart, undefined);
  }
  return [merged];
}

function isPlain(mappings: readonly Mapping[]): boolean {
  return mappings.length === 0 || (mappings.length === 1 && mappings[0]?.when === undefined);
}

function fillInbound(settings: TrunkSettings, preset: BrandPreset | undefined, choose: Chooser): InboundParameters {
  const written = settings.inboundParameters;
  const fromBrand = preset?.inboundParameters;
  const pick = (key: InboundValue) =>
    choose.pick(
      `inboundParameters.${key}`,
      optionalList(written[key]),
      optionalList(fromBrand?.[key]),
      DEFAULT_INBOUND[key],
    );
  return {
    calledNumber: pick('calledNumber'),
    callerNumber: pick('callerNumber'),
    callerDisplayName: pick('callerDisplayName'),
    normalize: choose.pickEach<InboundParameters['normalize']>(
      'inboundParameters.normalize',
      written.normalize,
      fromBrand?.normalize,
      DEFAULT_INBOUND.normalize,
    ),
  };
}

function optionalList<T>(value: T | readonly T[] | undefined): readonly T[] | undefined {
  return value === undefined ? undefined : toList(value);
}

/** A tenant's own trunk has one assignment, its owner's, with the pool from its top level. */
function fillAssignments(settings: TrunkSettings): Trunk['assignments'] {
  if (settings.didPool === undefined || settings.owner === 'system') return settings.tenants;
  return [
    { tenant: settings.owner, didPool: settings.didPool },
    ...settings.tenants.filter(({ tenant }) => tenant !== settings.owner),
  ];
}

/** The id under which a trunk is reached: its own, or the one derived for it. */
export function trunkIdOf(trunk: TrunkSettings): string {
  return trunk.id ?? derivedTrunkId(trunk);
}

/**
 * The id of a trunk that was written without one: twelve digits derived from its owner and name, so that applying the same file
 * again, or on another node, gives the same id.
 */
export function derivedTrunkId(trunk: Pick<TrunkSettings, 'owner' | 'name'>): string {
  const hash = createHash('sha256').update(`${trunk.owner}\u0000${trunk.name}`).digest();
  return String(100_000_000_000 + (hash.readUIntBE(0, 6) % 900_000_000_000));
}

/** An id for a trunk that is written without one and not stored yet: {@link derivedTrunkId}, or another if that is taken. */
export function freeTrunkId(
  trunk: Pick<TrunkSettings, 'owner' | 'name'>,
  taken: Pick<ReadonlySet<string>, 'has'>,
): string {
  for (let id = derivedTrunkId(trunk); ; id = String(randomInt(100_000_000, 1_000_000_000))) {
    if (!taken.has(id)) return id;
  }
}

/**
 * Trunks as a document writes them, each with its id. One without an id is known by its owner and name: if it is stored it keeps the
 * id that it has there, if it is new it gets a {@link freeTrunkId}.
 */
export function withTrunkIds(written: readonly TrunkSettings[], stored: List<TrunkSettings>): TrunkSettings[] {
  if (written.every(({ id }) => id !== undefined)) return [...written];
  const known = new Map(stored.map((trunk) => [`${trunk.owner}\n${trunk.name}`, trunkIdOf(trunk)] as const));
  // A trunk keeps its id when its name or owner changes, so the id that a new one would get may be somebody else's.
  const taken = new Set([...known.values(), ...written.flatMap(({ id }) => id ?? [])]);
  return written.map((trunk) => {
    if (trunk.id !== undefined) return trunk;
    const id = known.get(`${trunk.owner}\n${trunk.name}`) ?? freeTrunkId(trunk, taken);
    taken.add(id);
    return { ...trunk, id };
  });
}
