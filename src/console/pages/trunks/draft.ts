/** What the wizard holds while it is filled in: texts as they are typed, and the trunk that comes of them. */
import type { Problem } from '../../../base/errors.ts';
import type { BrandPreset, TrunkInput, TrunkView } from '../../client/types.ts';

export const STEPS = [
  'type',
  'provider',
  'teams',
  'whatsapp',
  'server',
  'credentials',
  'options',
  'tenants',
  'parameters',
  'check',
  'doctor',
] as const;
export type Step = (typeof STEPS)[number];

/** What only one type asks for; the others are asked for all else. */
const OF_TYPE: Readonly<Partial<Record<Step, readonly TrunkInput['type'][]>>> = {
  teams: ['teams'],
  whatsapp: ['whatsapp'],
  server: ['ip', 'register', 'accept-register'],
  credentials: ['register', 'accept-register'],
  options: ['ip', 'register', 'accept-register'],
  parameters: ['ip', 'register', 'accept-register', 'teams'],
};

/** The steps of a draft: the type of a trunk that is edited stays. WhatsApp's number must be in the pool, which comes first there. */
export function stepsOf({ type }: TrunkDraft, isNew: boolean): readonly Step[] {
  const steps = STEPS.filter((step) => (OF_TYPE[step]?.includes(type) ?? true) && (step !== 'type' || isNew));
  if (type !== 'whatsapp') return steps;
  const others: readonly Step[] = steps.filter((step) => step !== 'tenants');
  return others.toSpliced(others.indexOf('whatsapp'), 0, 'tenants');
}

/** What the Cloud API needs, with the texts that are secret. */
export const WHATSAPP_FIELDS = [
  'number',
  'phoneNumberId',
  'accountId',
  'accessToken',
  'appSecret',
  'verifyToken',
] as const;
export const WHATSAPP_SECRETS: ReadonlySet<string> = new Set(['accessToken', 'appSecret', 'verifyToken']);
type WhatsappField = (typeof WHATSAPP_FIELDS)[number];

/** The options that the guide names, in its order, and what a register trunk has beside. */
export const SWITCHES = [
  'usePrivateIp',
  'rewriteViaHost',
  'verifyPort',
  'telUriRequestLine',
  'telUriTo',
  'stirShaken',
  'removePlus',
  'registeredNodeOnly',
] as const;
export type Switch = (typeof SWITCHES)[number];

/** What else is said of signed calls, the default first; the first two only where calls are signed. */
export const STIR_CHOICES = {
  stirWhenUnsignable: ['refuse', 'unsigned'],
  stirRichCallData: ['off', 'rcd', 'shaken'],
  stirVerify: ['auto', 'off', 'tag', 'reject'],
} as const;
export type StirChoice = keyof typeof STIR_CHOICES;

/** The fields of the guide's table, with the parts that each has. */
export const FIELDS = {
  requestUri: ['user', 'host'],
  contact: ['user', 'host'],
  to: ['displayName', 'user', 'host'],
  from: ['displayName', 'user', 'host'],
  remotePartyIdCalled: ['displayName', 'user', 'host'],
  remotePartyIdCalling: ['displayName', 'user', 'host'],
  pAssertedIdentity: ['displayName', 'user', 'host'],
  pPreferredIdentity: ['displayName', 'user', 'host'],
  pCalledPartyId: ['displayName', 'user', 'host'],
} as const;
export type InviteField = keyof typeof FIELDS;
export type Part = 'displayName' | 'user' | 'host';
export const INBOUND_FIELDS = ['calledNumber', 'callerNumber', 'callerDisplayName'] as const;

export interface TrunkDraft {
  readonly type: TrunkInput['type'];
  readonly name: string;
  readonly brand: string;
  readonly host: string;
  readonly anotherAccount: boolean;
  readonly port: string;
  readonly transport: string;
  readonly proxyHost: string;
  readonly proxyPort: string;
  readonly associatedIps: string;
  readonly authName: string;
  readonly password: string;
  readonly registerSeconds: string;
  /** Undefined: as the brand or the default has it. */
  readonly switches: Readonly<Partial<Record<Switch, boolean>>>;
  readonly stir: Readonly<Partial<Record<StirChoice, string>>>;
  readonly keepAlive: boolean | undefined;
  readonly keepAliveSeconds: string;
  readonly tenants: readonly { readonly tenant: string; readonly didPool: string }[];
  readonly didPool: string;
  /** `from.user` → variable, or `=text` for a custom one. */
  readonly outbound: Readonly<Record<string, string>>;
  readonly removeHeaders: readonly string[] | undefined;
  readonly privacy: readonly string[] | undefined;
  readonly inbound: Readonly<Record<string, string>>;
  /** `targets`: one a line. */
  readonly teams: Readonly<Record<'fqdn' | 'certificate' | 'targets', string>>;
  readonly whatsapp: Readonly<Record<WhatsappField, string>>;
}

/** Fields of a draft that are texts, as they are typed. */
export type DraftText = { [K in keyof TrunkDraft]: TrunkDraft[K] extends string ? K : never }[keyof TrunkDraft];

export function emptyDraft(type: TrunkDraft['type']): TrunkDraft {
  return {
    type,
    name: '',
    brand: 'generic',
    host: '',
    anotherAccount: false,
    port: '',
    transport: '',
    proxyHost: '',
    proxyPort: '',
    associatedIps: '',
    authName: '',
    password: '',
    registerSeconds: '',
    switches: {},
    stir: {},
    keepAlive: undefined,
    keepAliveSeconds: '',
    tenants: [],
    didPool: '',
    outbound: {},
    removeHeaders: undefined,
    privacy: undefined,
    inbound: {},
    teams: { fqdn: '', certificate: '', targets: '' },
    whatsapp: { number: '', phoneNumberId: '', accountId: '', accessToken: '', appSecret: '', verifyToken: '' },
  };
}

type Json = Readonly<Record<string, unknown>>;

export function draftOf(trunk: TrunkView): TrunkDraft {
  const { options = {}, credentials, outboundParameters = {}, inboundParameters = {} } = trunk;
  const outbound: Record<string, string> = {};
  for (const [field, parts] of Object.entries(FIELDS)) {
    const mapping = (outboundParameters as Json)[field] as Json | undefined;
    if (mapping === undefined || Array.isArray(mapping)) continue;
    for (const part of parts) if (mapping[part] !== undefined) outbound[`${field}.${part}`] = textOf(mapping[part]);
  }
  const inbound: Record<string, string> = {};
  for (const field of INBOUND_FIELDS) {
    const source = (inboundParameters as Json)[field];
    if (typeof source === 'string') inbound[field] = source;
  }
  return {
    ...emptyDraft(trunk.type),
    name: trunk.name,
    brand: trunk.brand ?? 'generic',
    host: trunk.host ?? '',
    anotherAccount: trunk.anotherAccount === true,
    port: numberText(trunk.port),
    transport: trunk.transport ?? '',
    proxyHost: trunk.outboundProxy?.host ?? '',
    proxyPort: numberText(trunk.outboundProxy?.port),
    associatedIps: (trunk.associatedIps ?? []).join('\n'),
    authName: credentials?.authName ?? credentials?.username ?? '',
    registerSeconds: numberText(credentials?.registerSeconds),
    switches: Object.fromEntries(
      SWITCHES.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
    ),
    stir: Object.fromEntries(
      Object.keys(STIR_CHOICES).flatMap((name) => {
        const value = (options as Json)[name];
        return value === undefined ? [] : [[name, String(value)]];
      }),
    ),
    keepAlive: options.keepAlive?.enabled,
    keepAliveSeconds: numberText(options.keepAlive?.intervalSeconds),
    tenants: (trunk.tenants ?? []).map(({ tenant, didPool }) => ({ tenant, didPool })),
    didPool: trunk.didPool ?? '',
    outbound,
    removeHeaders: outboundParameters.removeHeaders,
    privacy: outboundParameters.privacy,
    inbound,
    teams: {
      fqdn: trunk.teams?.fqdn ?? '',
      certificate: trunk.teams?.certificate ?? '',
      targets: (trunk.teams?.targets ?? []).join('\n'),
    },
    whatsapp: {
      ...emptyDraft(trunk.type).whatsapp,
      number: trunk.whatsapp?.number ?? '',
      phoneNumberId: trunk.whatsapp?.phoneNumberId ?? '',
      accountId: trunk.whatsapp?.accountId ?? '',
    },
  };
}

function textOf(source: unknown): string {
  return typeof source === 'string' ? source : `=${(source as { custom: string }).custom}`;
}

function numberText(value: number | undefined): string {
  return value === undefined ? '' : String(value);
}

/** The trunk that is written; `before` is the one that is edited, whose other settings stay. */
export function trunkOf(draft: TrunkDraft, before: TrunkView | undefined): TrunkInput {
  const { status: _status, managedBy: _managedBy, ...kept } = (before ?? {}) as Partial<TrunkView>;
  const trunk = {
    ...kept,
    type: draft.type,
    name: draft.name.trim(),
    brand: draft.brand,
    host: filled(draft.host),
    anotherAccount: draft.anotherAccount ? true : undefined,
    port: numeric(draft.port),
    transport: filled(draft.transport),
    outboundProxy:
      draft.proxyHost.trim() === ''
        ? undefined
        : { ...kept.outboundProxy, host: draft.proxyHost.trim(), port: numeric(draft.proxyPort) },
    associatedIps: associatedIps(draft),
    credentials: credentials(draft, kept.credentials),
    options: options(draft, kept.options),
    tenants: assignments(draft, kept.tenants),
    didPool: filled(draft.didPool),
    outboundParameters: outboundParameters(draft, kept.outboundParameters),
    teams: teams(draft, kept.teams),
    whatsapp: whatsapp(draft, kept.whatsapp),
    inboundParameters: { ...kept.inboundParameters, ...inboundParameters(draft, kept.inboundParameters) },
  };
  return withoutGaps(trunk) as TrunkInput;
}

function associatedIps({ associatedIps: text }: TrunkDraft): string[] | undefined {
  return entriesOf(text);
}

function entriesOf(text: string): string[] | undefined {
  const entries = text.split(/[\s,;]+/).filter((entry) => entry !== '');
  return entries.length === 0 ? undefined : entries;
}

function teams(
  { type, teams: { fqdn, certificate, targets } }: TrunkDraft,
  kept: TrunkInput['teams'],
): object | undefined {
  if (type !== 'teams') return undefined;
  return { ...kept, fqdn: filled(fqdn), certificate: filled(certificate), targets: entriesOf(targets) };
}

/** A secret that is left empty stays as it is. */
function whatsapp({ type, whatsapp: given }: TrunkDraft, kept: TrunkInput['whatsapp']): object | undefined {
  if (type !== 'whatsapp') return undefined;
  return { ...kept, ...Object.fromEntries(WHATSAPP_FIELDS.map((name) => [name, filled(given[name])])) };
}

export function needsCredentials({ type }: TrunkDraft): boolean {
  return type === 'register' || type === 'accept-register';
}

function credentials(draft: TrunkDraft, kept: TrunkInput['credentials']): object | undefined {
  if (!needsCredentials(draft)) return kept;
  return {
    ...kept,
    authName: filled(draft.authName),
    password: draft.password === '' ? undefined : draft.password,
    registerSeconds: draft.type === 'register' ? numeric(draft.registerSeconds) : kept?.registerSeconds,
  };
}

function options(
  { type, switches, stir, keepAlive, keepAliveSeconds }: TrunkDraft,
  kept: TrunkInput['options'],
): object {
  return {
    ...kept,
    ...switches,
    ...stir,
    // Chosen before the switch that they take was off again.
    ...(switches.stirShaken === false && { stirWhenUnsignable: undefined, stirRichCallData: undefined }),
    // Ticked before another type was chosen.
    ...(type !== 'register' && { registeredNodeOnly: undefined }),
    keepAlive:
      keepAlive === undefined && keepAliveSeconds === '' && kept?.keepAlive === undefined
        ? undefined
        : { ...kept?.keepAlive, enabled: keepAlive, intervalSeconds: numeric(keepAliveSeconds) },
  };
}

function assignments({ tenants }: TrunkDraft, kept: TrunkInput['tenants']): object[] {
  return tenants
    .filter(({ tenant }) => tenant !== '')
    .map((entry) => ({ ...kept?.find(({ tenant }) => tenant === entry.tenant), ...entry }));
}

function outboundParameters(draft: TrunkDraft, kept: TrunkInput['outboundParameters']): object {
  const parameters: Record<string, unknown> = { ...kept };
  for (const [field, parts] of Object.entries(FIELDS)) {
    if (Array.isArray(parameters[field])) continue;
    const mapping: Record<string, unknown> = {};
    for (const part of parts) {
      const source = draft.outbound[`${field}.${part}`] ?? '';
      if (source !== '') mapping[part] = source.startsWith('=') ? { custom: source.slice(1) } : source;
    }
    parameters[field] = Object.keys(mapping).length === 0 ? undefined : mapping;
  }
  return { ...parameters, removeHeaders: draft.removeHeaders, privacy: draft.privacy };
}

function inboundParameters({ inbound }: TrunkDraft, kept: TrunkInput['inboundParameters']): object {
  return Object.fromEntries(
    INBOUND_FIELDS.filter((field) => !Array.isArray((kept as Json | undefined)?.[field])).map((field) => [
      field,
      filled(inbound[field] ?? ''),
    ]),
  );
}

function filled(text: string): string | undefined {
  return text.trim() === '' ? undefined : text.trim();
}

/** What is no number is sent as it is: the engine says what is wrong with it. */
function numeric(text: string): number | string | undefined {
  const typed = text.trim();
  if (typed === '') return undefined;
  return Number.isNaN(Number(typed)) ? typed : Number(typed);
}

function withoutGaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutGaps);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [name, withoutGaps(field)]),
  );
}

const STEP_OF: readonly (readonly [RegExp, Step])[] = [
  [/^(type|owner)\b/, 'type'],
  [/^(name|brand|id)\b/, 'provider'],
  [/^teams\b/, 'teams'],
  [/^whatsapp\b/, 'whatsapp'],
  [/^credentials\b/, 'credentials'],
  [/^options\b/, 'options'],
  [/^(tenants|didPool)\b/, 'tenants'],
  [/^(outboundParameters|inboundParameters)\b/, 'parameters'],
];

/** The step at which a fault can be mended; what stands nowhere is about the server. */
export function stepOf({ path }: Problem): Step {
  return STEP_OF.find(([pattern]) => pattern.test(path))?.[1] ?? (path === '' ? 'check' : 'server');
}

/** Faults of a preview have the trunk in front of their paths. */
export function ofTrunk(faults: readonly Problem[]): readonly Problem[] {
  return faults.map((fault) => ({ ...fault, path: fault.path.replace(/^trunk\.?/, '') }));
}

/** What a brand fills in where nothing is written. */
export function presetSwitch(preset: BrandPreset | undefined, name: Switch): boolean {
  return preset?.options?.[name] === true;
}
