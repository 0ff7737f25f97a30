/**
 * Tenants and what they own: extensions, groups, services and rules. One schema for YAML files, REST and the store; the types
 * below are inferred from it and are what the engine works with. References between objects are checked in `provisioning/check/provisioning.ts`.
 */

import { z } from 'zod';
import { byDefault, optional, whole } from '../../base/schema.ts';
import {
  callerId,
  dialString,
  digestPolicy,
  domain,
  extensionNumber,
  extensionRange,
  freeHeaderName,
  friendlyName,
  ha1,
  headerText,
  headerValue,
  mediaMode,
  network,
  relayedHeaderName,
  secret,
  tenantName,
  timeZone,
} from './fields.ts';
import { richCallDataSchema } from './rich-call-data.ts';
import { dialCodesSchema, holidays, hoursSchema, limitsSchema, numberProcessingSchema } from './tenant-settings.ts';

const trunkReference = friendlyName;

/** A caller ID for calls over one trunk; it precedes the same owner's `outboundCallerId` there. */
export const trunkCallerIdSchema = z.strictObject({
  trunk: trunkReference.describe('Name or id of the trunk.'),
  callerId: callerId.describe("Caller ID presented there; passed over when it is outside the tenant's pool there."),
  displayName: optional(headerText(128), 'Display name that goes with it.'),
});
export type TrunkCallerId = z.infer<typeof trunkCallerIdSchema>;

const callerIdFields = {
  outboundCallerId: optional(callerId, 'Caller ID for outbound calls over any trunk.'),
  outboundCallerIds: byDefault(
    [],
    z.array(trunkCallerIdSchema).max(100),
    'Caller IDs per trunk; they precede `outboundCallerId`.',
  ),
};

const signInFields = {
  password: optional(
    secret,
    'Digest password; `{ env: NAME }` and `{ file: PATH }` work in files. Without password and ha1 nobody can sign in.',
  ),
  ha1: optional(ha1, 'Digest hashes in place of the password, as `tandem hash` prints them.'),
  digest: optional(digestPolicy, "How it signs in, where that differs from the tenant's `digest`."),
};

export const forwardSchema = z.strictObject({
  always: byDefault(null, dialString.nullable(), 'Every call goes here.'),
  busy: byDefault(null, dialString.nullable(), 'Calls go here when the phone is busy.'),
  noAnswer: byDefault(null, dialString.nullable(), 'Calls go here when nobody answers in `noAnswerSeconds`.'),
  notRegistered: byDefault(null, dialString.nullable(), 'Calls go here when no phone is registered.'),
  noAnswerSeconds: byDefault(20, whole(1, 600), 'How long the phone rings before `noAnswer`.'),
});

export const extensionSchema = z.strictObject({
  number: extensionNumber.describe("The extension's number, unique among extensions and services of the tenant."),
  name: optional(headerText(128), "The user's name: the display name when the phone sends none."),
  enabled: byDefault(true, z.boolean(), 'A disabled extension can neither sign in nor be called.'),
  ...signInFields,
  ...callerIdFields,
  anonymousCalls: byDefault(false, z.boolean(), 'Hide the caller ID on every outbound call.'),
  richCallData: optional(
    richCallDataSchema,
    "How it is shown to those whom it calls over trunks with `stirRichCallData`; its parts precede the tenant's.",
  ),
  rejectAnonymousCallers: byDefault(false, z.boolean(), 'Refuse calls from anonymous callers (433).'),
  forward: forwardSchema.prefault({}).describe('Call forwarding.'),
  trustedAddresses: byDefault(
    [],
    z.array(network).max(64),
    "Addresses or networks whose requests are admitted as this extension without digest; by a tenant admin up to /24 (IPv6 /48), and no source of others. From names the extension (an anonymous one: P-Preferred-Identity, P-Asserted-Identity or a calling Remote-Party-ID), in the tenant's domain or no other tenant's: the node's own address is that of `defaultTenant` where that has this number. Off while empty.",
  ),
  maxContacts: optional(
    whole(1, 64),
    "How many phones may register at once; default: the node's `limits.contactsPerExtension`.",
  ),
  limits: limitsSchema.prefault({}).describe("Limits of this extension on top of the tenant's."),
  media: optional(
    mediaMode,
    "Whether its calls go through a media relay, where that differs from the tenant's `media`.",
  ),
});
export type Extension = z.infer<typeof extensionSchema>;

export const groupSchema = z.strictObject({
  name: friendlyName.describe("The group's name, unique in the tenant."),
  members: byDefault([], z.array(extensionNumber).max(10_000), 'Numbers of the member extensions.'),
  dids: byDefault(
    [],
    z.array(callerId).max(1000),
    "DIDs assigned to the group; each inside one of the tenant's pools.",
  ),
  ...callerIdFields,
});
export type Group = z.infer<typeof groupSchema>;

const serviceFields = {
  number: extensionNumber.describe("The service's number, unique among extensions and services of the tenant."),
  name: friendlyName.describe("The service's name."),
  enabled: byDefault(true, z.boolean(), 'A disabled service can neither sign in nor be called.'),
  ...signInFields,
  ...callerIdFields,
  richCallData: optional(
    richCallDataSchema,
    "How it is shown to those whom it calls over trunks with `stirRichCallData`; its parts precede the tenant's.",
  ),
  ringSeconds: byDefault(20, whole(1, 600), 'How long one member, or the application server, rings.'),
  overflow: optional(
    dialString,
    'Where the call goes when nobody answers: an extension, a service or an outside number.',
  ),
};

const applicationService = <const K extends 'queue' | 'virtual-receptionist' | 'meeting'>(kind: K) =>
  z.strictObject({
    kind: z.literal(kind).describe('An application server signs in as this service and takes and places its calls.'),
    ...serviceFields,
  });

export const ringGroupSchema = z.strictObject({
  kind: z.literal('ring-group').describe('The engine itself rings the members.'),
  ...serviceFields,
  members: z.array(extensionNumber).min(1).max(100).describe('Numbers of the member extensions, in ringing order.'),
  strategy: byDefault(
    'simultaneous',
    z.enum(['simultaneous', 'in-order']),
    'Ring all members at once or one after another.',
  ),
});

export const serviceSchema = z.discriminatedUnion('kind', [
  ringGroupSchema,
  applicationService('queue'),
  applicationService('virtual-receptionist'),
  applicationService('meeting'),
]);
export type Service = z.infer<typeof serviceSchema>;

export const outboundRouteSchema = z.strictObject({
  trunk: trunkReference.describe('Name or id of the trunk.'),
  strip: byDefault(0, whole(0, 40), 'How many characters to take off the front of the number.'),
  prepend: byDefault(
    '',
    z.string().regex(/^\+?[0-9*#]{0,20}$/, { error: 'must be digits, * and # with an optional leading +' }),
    'What to put in front, after stripping.',
  ),
  outboundCallerId: optional(callerId, "Caller ID on this route; it precedes the rule's."),
});
export type OutboundRoute = z.infer<typeof outboundRouteSchema>;

export const outboundMatchSchema = z.strictObject({
  prefixes: byDefault(
    [],
    z
      .array(
        z
          .string()
          .regex(/^\+?[0-9*#]{0,30}$/, { error: 'must be digits, * and #, or a +' })
          .min(1),
      )
      .max(1000),
    'The number begins with one of these; a lone `+` is a prefix.',
  ),
  lengths: byDefault([], z.array(whole(1, 40)).max(40), 'The number has one of these lengths.'),
  extensions: byDefault(
    [],
    z.array(extensionRange).max(1000),
    'The caller is one of these extensions or in one of these ranges.',
  ),
  groups: byDefault([], z.array(friendlyName).max(100), 'The caller is a member of one of these groups.'),
});

export const outboundRuleSchema = z.strictObject({
  name: friendlyName.describe(
    "The rule's name, unique in the tenant; it also decides between rules of equal priority.",
  ),
  enabled: byDefault(true, z.boolean(), 'A disabled rule matches nothing.'),
  priority: byDefault(100, whole(0, 1_000_000), 'The matching rule with the lowest priority wins.'),
  match: outboundMatchSchema
    .prefault({})
    .describe('Criteria, ANDed; within one any entry will do; an empty one matches everything.'),
  outboundCallerId: optional(callerId, 'Caller ID of calls by this rule when the extension has none.'),
  hours: optional(hoursSchema, 'When the rule may be used; outside of it the call is refused (403).'),
  holidays,
  routing: byDefault(
    'prioritized',
    z.enum(['prioritized', 'random']),
    'Try the routes in order or in random order without repeats.',
  ),
  routes: z.array(outboundRouteSchema).min(1).max(6).describe('Up to six routes.'),
});
export type OutboundRule = z.infer<typeof outboundRuleSchema>;

export const emergencySchema = z.strictObject({
  routes: byDefault(
    [],
    z.array(outboundRouteSchema).max(6),
    'Trunks for emergency numbers, in order. Empty: those of the rule that names the number, else every trunk of the tenant.',
  ),
  callbackNumber: optional(
    callerId,
    'Number that emergency calls show; a route may have its own. It precedes every other caller ID.',
  ),
});

/** What is known of a caller's number when a rule is chosen; `passed` is A, B, C, and what was signed without attestation. */
export const VERIFICATIONS = ['A', 'B', 'C', 'passed', 'failed', 'none'] as const;

const DESTINATION_KINDS = ['extension', 'extensions', 'service', 'number', 'hangUp'] as const;

export const destinationSchema = z
  .strictObject({
    extension: optional(extensionNumber, 'One extension.'),
    extensions: optional(extensionRange, 'A range of extensions, mapped 1:1 to the range of DIDs.'),
    service: optional(extensionNumber, 'A ring group, queue, virtual receptionist or meeting, by its number.'),
    number: optional(dialString, "An outside number, called through the tenant's outbound rules."),
    hangUp: optional(z.literal(true), 'Refuse the call.'),
  })
  .refine((destination) => DESTINATION_KINDS.filter((kind) => destination[kind] !== undefined).length === 1, {
    error: 'must have exactly one of extension, extensions, service, number, hangUp',
  });
export type InboundDestination = z.infer<typeof destinationSchema>;

export const inboundRuleSchema = z.strictObject({
  name: friendlyName.describe("The rule's name, unique in the tenant."),
  enabled: byDefault(true, z.boolean(), 'A disabled rule matches nothing.'),
  trunk: trunkReference.describe('Name or id of the trunk that the calls come from.'),
  dids: headerText(64).describe("A DID or a range of DIDs, all inside the tenant's pool on the trunk."),
  callers: byDefault(
    null,
    headerText(1000).nullable(),
    'Mask of caller numbers: `;` between numbers and ranges, `*` is one digit. The most specific mask wins.',
  ),
  verification: optional(
    z.array(z.enum(VERIFICATIONS)).min(1).max(VERIFICATIONS.length),
    "What was found of the caller's signature (STIR/SHAKEN): attestation `A`, `B` or `C`, `passed` (any of them), `failed`, `none`. A rule that asks precedes those that do not. Default: whatever was found.",
  ),
  displayNamePrefix: optional(
    headerText(64).min(1),
    "Put in front of the caller's name on the phones; a caller without a name is shown with its number behind.",
  ),
  destination: destinationSchema.describe('Where calls go.'),
  hours: optional(hoursSchema, 'Opening hours; without them always open.'),
  outsideHours: optional(destinationSchema, 'Where calls go outside `hours`; default: they are refused (480).'),
  holidays,
  onHolidays: optional(
    destinationSchema,
    'Where calls go on holidays, which precede hours; default: as outside hours.',
  ),
});
export type InboundRule = z.infer<typeof inboundRuleSchema>;

const callKind = z.enum(['trunk', 'user', 'all']);

export const headersSchema = z.strictObject({
  relay: z
    .strictObject({
      trunk: byDefault([], z.array(relayedHeaderName).max(50), 'On calls over a trunk.'),
      user: byDefault([], z.array(relayedHeaderName).max(50), 'On calls between extensions.'),
      all: byDefault([], z.array(relayedHeaderName).max(50), 'On all calls.'),
    })
    .prefault({})
    .describe("Headers of the user's own that are passed from one leg to the other, either way."),
  add: byDefault(
    [],
    z
      .array(
        z.strictObject({
          name: freeHeaderName.describe('Header name.'),
          value: headerValue.describe('Fixed value.'),
          on: byDefault('all', callKind, 'Which calls get it.'),
        }),
      )
      .max(20),
    'Headers with fixed values that are added to INVITEs.',
  ),
});

export const tenantSchema = z.strictObject({
  name: tenantName.describe("The tenant's name, unique in the system."),
  domain: domain.describe(
    'Its SIP domain, unique in the system: the realm and address of record domain of its phones.',
  ),
  timeZone: byDefault('UTC', timeZone, 'Time zone of hours and holidays.'),
  outboundCallerId: optional(callerId, 'Company caller ID: the last of the candidates.'),
  outboundCallerIds: callerIdFields.outboundCallerIds,
  richCallData: optional(
    richCallDataSchema,
    'How its callers are shown to those whom they call (rich call data, RFC 9795), signed on trunks with `stirRichCallData` with a certificate of the tenant.',
  ),
  stopOutbound: byDefault(
    false,
    z.boolean(),
    'Stop all outbound calls of the tenant at once; emergency numbers still pass.',
  ),
  emergencyNumbers: byDefault(
    ['112', '911'],
    z.array(z.string().regex(/^[0-9*#]{2,10}$/, { error: 'must be 2 to 10 digits' })).max(50),
    'Numbers that pass every bar, limit and switch, and leave as dialled; an access code in front of them is left out.',
  ),
  emergency: emergencySchema.prefault({}).describe('Where emergency calls go, and what they show.'),
  dialCodes: dialCodesSchema
    .prefault({})
    .describe('Codes that users dial in front of a number, or alone to store a setting.'),
  numberProcessing: optional(
    numberProcessingSchema,
    'Normalisation of dialled numbers before routing; off when left out.',
  ),
  digest: optional(digestPolicy, "How its phones sign in, where that differs from the node's `digest`."),
  limits: limitsSchema.prefault({}).describe('Limits of the whole tenant.'),
  media: byDefault(
    'auto',
    mediaMode,
    'Whether calls of its phones go through a media relay (`mediaRelays` of the node): `auto` where it is needed, `always`, `never`; `srtp`: the phones talk SRTP with keys in SDP; `webrtc`: DTLS-SRTP and ICE.',
  ),
  headers: headersSchema.prefault({}).describe('Relayed and added headers.'),
  extensions: byDefault([], z.array(extensionSchema), "Users' extensions."),
  groups: byDefault([], z.array(groupSchema), 'User groups.'),
  services: byDefault([], z.array(serviceSchema), 'Ring groups, queues, virtual receptionists, meetings.'),
  outboundRules: byDefault([], z.array(outboundRuleSchema), 'Which trunk an outside number goes to.'),
  inboundRules: byDefault([], z.array(inboundRuleSchema), 'Where calls from trunks go.'),
});
export type Tenant = z.infer<typeof tenantSchema>;
/** A tenant as it may be written: everything with a default may be left out. */
export type TenantInput = z.input<typeof tenantSchema>;

/** A tenant without its collections, for REST's `tenants/{t}`. */
export const tenantFieldsSchema = tenantSchema.omit({
  extensions: true,
  groups: true,
  services: true,
  outboundRules: true,
  inboundRules: true,
});
