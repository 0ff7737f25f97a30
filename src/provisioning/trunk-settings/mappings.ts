/**
 * Outbound and inbound parameters: which variable fills which part of which header field (guide "Configurable SIP Fields" and
 * "Variables"). A part takes a variable name or `{ custom: "text" }`; user parts and display names take number and name
 * variables, host parts take host variables, nothing else.
 */

import { z } from 'zod';
import { nearest } from '../../base/nearest.ts';
import { optional, whole } from '../../base/schema.ts';
import { bracketed, headerText, isHost, unbracket } from '../tenants/fields.ts';

/** Variables for user parts and display names. */
export const USER_VARIABLES = [
  'AuthID',
  'CalledNum',
  'CallerNum',
  'CallerDispName',
  'OriginatorCallerID',
  'OutboundCallerId',
  'OutboundCallerIdAndOriginatorCallerID',
  'Anonymous',
] as const;
/** The display name is left out. */
export const NO_DISPLAY_NAME = 'none';
const DISPLAY_NAMES = [...USER_VARIABLES, NO_DISPLAY_NAME] as const;
/** Variables for host parts. */
export const HOST_VARIABLES = ['TrunkHostPort', 'OutHostPort', 'ContactUri', 'SipDomain'] as const;
export type UserVariable = (typeof USER_VARIABLES)[number];
export type HostVariable = (typeof HOST_VARIABLES)[number];

/** RFC 3261 §25.1 `user`: unreserved, escaped or user-unreserved. */
const USER = /^(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+$/;
/** Escapes of CR, LF, NUL and other controls: they would be controls again in the eyes of a peer that decodes them. */
const ESCAPED_CONTROL = /%(?:[01][0-9A-Fa-f]|7[Ff])/;

export function isUriUser(text: string): boolean {
  return USER.test(text) && !ESCAPED_CONTROL.test(text);
}

/** RFC 3261 §25.1 `hostport`. */
export function isHostPort(text: string): boolean {
  if (isHost(text)) return !text.includes(':') || text.startsWith('[');
  const colon = text.lastIndexOf(':');
  if (colon <= 0 || !/^[0-9]{1,5}$/.test(text.slice(colon + 1))) return false;
  const portNumber = Number(text.slice(colon + 1));
  const name = text.slice(0, colon);
  if (portNumber < 1 || portNumber > 65_535 || !isHost(name)) return false;
  return !unbracket(name).includes(':') || name.startsWith('[');
}

const custom = <T extends z.ZodType>(text: T) => z.strictObject({ custom: text.describe('Fixed text.') });

const variableError = (allowed: readonly string[], part: string) => (issue: { input?: unknown }) => {
  const input = issue.input;
  const other = allowed === (HOST_VARIABLES as readonly string[]) ? USER_VARIABLES : HOST_VARIABLES;
  if (typeof input === 'string' && (other as readonly string[]).includes(input)) {
    return `${input} cannot fill a ${part}; use one of ${allowed.join(', ')} or { custom: "…" }`;
  }
  const guess = typeof input === 'string' ? nearest(input, allowed) : undefined;
  return `must be one of ${allowed.join(', ')} or { custom: "…" }${guess === undefined ? '' : `; did you mean ${guess}?`}`;
};

const userPart = z.union(
  [
    z.enum(USER_VARIABLES),
    custom(
      z.string().max(128).refine(isUriUser, {
        error: 'is no valid user part of a SIP URI (RFC 3261 §25.1); escape other characters as %HH',
      }),
    ),
  ],
  { error: variableError(USER_VARIABLES, 'user part') },
);
const displayNamePart = z.union([z.enum(DISPLAY_NAMES), custom(headerText(128))], {
  error: variableError(DISPLAY_NAMES, 'display name'),
});
const hostPart = z.union(
  [
    z.enum(HOST_VARIABLES),
    custom(
      z
        .string()
        .max(260)
        .overwrite(bracketed)
        .refine(isHostPort, { error: 'is no valid host or host:port of a SIP URI (RFC 3261 §25.1)' }),
    ),
  ],
  { error: variableError(HOST_VARIABLES, 'host part') },
);

const when = optional(
  z.enum(['anonymous', 'not-anonymous', 'forwarded']),
  'Use this mapping only for anonymous, not anonymous or forwarded calls; default: always.',
);
export type MappingCondition = 'anonymous' | 'not-anonymous' | 'forwarded';

const uriMapping = z.strictObject({
  when,
  user: optional(userPart, 'User part of the URI.'),
  host: optional(hostPart, 'Host part of the URI.'),
});
const namedMapping = z.strictObject({
  when,
  displayName: optional(displayNamePart, 'Display name; `none` leaves it out.'),
  user: optional(userPart, 'User part of the URI.'),
  host: optional(hostPart, 'Host part of the URI.'),
});
/** One way to fill a header field; parts left out take the field's default. */
export type Mapping = z.infer<typeof namedMapping>;

/** A field takes one mapping, or several of which the first whose `when` holds is used. */
const oneOrMore = <T extends z.ZodType>(mapping: T) => z.union([mapping, z.array(mapping).min(1).max(4)]);

/** What is written by {@link oneOrMore}, or not at all. */
export function toList<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

export const REMOVABLE_HEADERS = ['P-Asserted-Identity', 'P-Preferred-Identity', 'P-Called-Party-ID'] as const;
export type RemovableHeader = (typeof REMOVABLE_HEADERS)[number];
/** Names of header fields are the same in any case (RFC 3261 §7.3.1); kept as they are written here. Of anything else the enum says what is wrong. */
const removableHeader = z.preprocess((written: string) => {
  const name = typeof written === 'string' ? written.toLowerCase() : undefined;
  return REMOVABLE_HEADERS.find((header) => header.toLowerCase() === name) ?? written;
}, z.enum(REMOVABLE_HEADERS));
export const PRIVACY_TYPES = ['id', 'user', 'header'] as const;
export type PrivacyType = (typeof PRIVACY_TYPES)[number];

const unless = (text: string) => `${text} Left out, it is sent with its defaults.`;
const ifSet = (text: string) => `${text} Not sent unless set.`;

export const outboundParametersSchema = z.strictObject({
  requestUri: optional(oneOrMore(uriMapping), unless('Request-URI.')),
  contact: optional(oneOrMore(uriMapping), unless('Contact.')),
  to: optional(oneOrMore(namedMapping), unless('To.')),
  from: optional(oneOrMore(namedMapping), unless('From.')),
  remotePartyIdCalled: optional(oneOrMore(namedMapping), ifSet('Remote-Party-ID;party=called.')),
  remotePartyIdCalling: optional(oneOrMore(namedMapping), ifSet('Remote-Party-ID;party=calling.')),
  pAssertedIdentity: optional(oneOrMore(namedMapping), ifSet('P-Asserted-Identity.')),
  pPreferredIdentity: optional(oneOrMore(namedMapping), ifSet('P-Preferred-Identity.')),
  pCalledPartyId: optional(oneOrMore(namedMapping), ifSet('P-Called-Party-ID.')),
  removeHeaders: optional(z.array(removableHeader).max(3), 'Identity headers that are never sent; names in any case.'),
  privacy: optional(
    z.array(z.enum(PRIVACY_TYPES)).max(3),
    'Privacy types (RFC 3323, 3325) that anonymous calls get on this trunk.',
  ),
});
/** Outbound parameters as written. */
export type OutboundParametersSettings = z.infer<typeof outboundParametersSchema>;

export const MAPPED_FIELDS = [
  'requestUri',
  'contact',
  'to',
  'from',
  'remotePartyIdCalled',
  'remotePartyIdCalling',
  'pAssertedIdentity',
  'pPreferredIdentity',
  'pCalledPartyId',
] as const;
export type MappedField = (typeof MAPPED_FIELDS)[number];

/** Outbound parameters as they take effect: each field a list of mappings, empty where a field has none. */
export interface OutboundParameters extends Readonly<Record<MappedField, readonly Mapping[]>> {
  readonly removeHeaders: readonly RemovableHeader[];
  readonly privacy: readonly PrivacyType[];
}

/** The custom value, in any case, that drops a removable header (guide "Remove SIP Headers on Outbound Messages"). */
const REMOVE = 'remove';

/** Says whether a mapping's user part is the custom value that drops the header field. */
export function isRemoval({ user }: Mapping): boolean {
  return typeof user === 'object' && user.custom.toLowerCase() === REMOVE;
}

/** Fields whose user part may be that value. */
export const REMOVABLE_FIELDS = [
  'pAssertedIdentity',
  'pPreferredIdentity',
  'pCalledPartyId',
] as const satisfies readonly MappedField[];

const NAMED_INBOUND_FIELDS = [
  'to',
  'from',
  'contact',
  'remotePartyIdCalled',
  'remotePartyIdCalling',
  'pAssertedIdentity',
  'pPreferredIdentity',
  'pCalledPartyId',
  'diversion',
  'historyInfo',
] as const;
type NamedInboundField = (typeof NAMED_INBOUND_FIELDS)[number];
/** Where an inbound value may be read from. */
export type InboundSource = 'requestUri.user' | `${NamedInboundField}.user` | `${NamedInboundField}.displayName`;
export const INBOUND_SOURCES: readonly [InboundSource, ...InboundSource[]] = [
  'requestUri.user',
  ...NAMED_INBOUND_FIELDS.flatMap((field): InboundSource[] => [`${field}.user`, `${field}.displayName`]),
];

const inboundSource = z.enum(INBOUND_SOURCES, { error: `must be one of ${INBOUND_SOURCES.join(', ')}` });
const sources = z.union([inboundSource, z.array(inboundSource).min(1).max(8)], {
  error: (issue) => (typeof issue.input === 'string' ? `must be one of ${INBOUND_SOURCES.join(', ')}` : undefined),
});

const DIGITS_AND_PLUS = /^\+?[0-9*#]{0,20}$/;
const dialled = z.string().regex(DIGITS_AND_PLUS, { error: 'must be digits, * and # with an optional leading +' });

/** Brings what a carrier sends into the form that rules and pools expect: strip, then the first prefix that fits, then prepend. */
const normalization = <T extends z.ZodType<string>>(text: T) =>
  z.strictObject({
    strip: optional(whole(1, 40), 'How many characters to take off the front.'),
    replacePrefix: optional(
      z
        .array(
          z.strictObject({
            from: text.describe('What the value begins with; empty: anything.'),
            to: text.describe('What takes its place.'),
          }),
        )
        .min(1)
        .max(20),
      'The first whose `from` the value begins with is applied.',
    ),
    prepend: optional(text, 'What to put in front at the end.'),
  });
export interface Normalization {
  readonly strip?: number | undefined;
  readonly replacePrefix?: readonly { readonly from: string; readonly to: string }[] | undefined;
  readonly prepend?: string | undefined;
}

const normalizeSchema = z.strictObject({
  calledNumber: optional(normalization(dialled), 'Of the called number.'),
  callerNumber: optional(normalization(dialled), "Of the caller's number; other texts than numbers stay."),
  callerDisplayName: optional(normalization(headerText(64)), "Of the caller's name."),
});

export const inboundParametersSchema = z.strictObject({
  calledNumber: optional(
    sources,
    'Where the called number is read; of several the first that somebody has counts, numbers before names, and where `to.user` is among them the Request-URI and then P-Called-Party-ID are asked last. Default `to.user`.',
  ),
  callerNumber: optional(sources, "Where the caller's number is read. Default `from.user`."),
  callerDisplayName: optional(sources, "Where the caller's name is read. Default `from.displayName`."),
  normalize: optional(normalizeSchema, 'What is done to each value that was read: strip, replace a prefix, prepend.'),
});

/** Inbound parameters as they take effect; the sources of each value in the order they are tried. */
export interface InboundParameters {
  readonly calledNumber: readonly InboundSource[];
  readonly callerNumber: readonly InboundSource[];
  readonly callerDisplayName: readonly InboundSource[];
  /** What is done to each value; undefined: it stays as it was read. */
  readonly normalize: Readonly<Record<InboundValue, Normalization | undefined>>;
}
export type InboundValue = 'calledNumber' | 'callerNumber' | 'callerDisplayName';
