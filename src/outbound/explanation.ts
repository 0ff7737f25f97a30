/** What is told of what a call or a change would do. Loaded only where the OpenAPI document is made: others need the types alone. */

import { z } from 'zod';
import type { Given } from '../base/given.ts';
import { optional } from '../base/schema.ts';

const stepNote = z.object({
  step: z.string(),
  outcome: z.enum(['continue', 'reject']),
  status: z.int().optional(),
  reason: z.string(),
});

const refusal = z.object({ status: z.int(), reason: z.string(), code: z.string() });
/** Where a call goes: to the outside by its routes in their order, to a number inside, into the store, or nowhere. */
const whereabouts = z.object({
  kind: z.enum(['outside', 'inside', 'stored', 'refused']),
  trunks: z.array(z.string()).describe('By name, in the order in which they are tried.'),
  refusal: refusal.optional(),
});

/** A placed call that would leave otherwise after a change. */
export const callDifference = z.object({
  at: z.string(),
  tenant: z.string(),
  caller: z.string(),
  dialled: z.string(),
  before: whereabouts,
  after: whereabouts,
  fields: z.array(
    z.object({
      trunk: z.string(),
      field: z.string(),
      before: z.string().optional(),
      after: z.string().optional(),
      reason: z.string().optional(),
    }),
  ),
});

const fieldReason = z.object({
  field: z.string().describe('Header field and part, e.g. `From.user`.'),
  value: z.string(),
  source: z.string().describe('Where the value came from: a variable, `custom`, a directive, an option, `default`.'),
  origin: z.enum(['trunk', 'brand', 'default', 'call', 'tenant', 'engine']),
  reason: z.string(),
  dropped: optional(
    z.literal(true),
    'A step took the field off the INVITE; `value` is what it had, where that may be told.',
  ),
  overruled: optional(z.literal(true), 'A later decision about the same field took its place.'),
});

const explainedRoute = z.object({
  trunk: z.object({ id: z.string(), name: z.string(), type: z.string(), brand: z.string() }),
  refusal: refusal.optional(),
  calledNumber: z.string(),
  outboundCallerId: z.string(),
  callerIdSource: z.string(),
  candidates: z.array(
    z.object({
      source: z.string(),
      value: z.string().optional(),
      verdict: z.enum(['taken', 'passed-over']),
      reason: z.string(),
    }),
  ),
  steps: z.array(stepNote),
  fields: z.array(fieldReason),
  nextHop: z.string(),
  invite: z.string().describe('The INVITE as text.'),
  inviteBase64: z.string().describe('The same, octet for octet.'),
  ifAnswered: z.array(z.string()).describe('What answers of the other side lead to.'),
  warnings: z.array(z.string()),
  events: z.array(
    z.object({
      kind: z.enum([
        'caller-id-rejected',
        'outbound-cli-ignored',
        'foreign-number-blocked',
        'number-would-show',
        'call-not-signed',
      ]),
      trunkId: z.string(),
      value: z.string(),
      source: z
        .string()
        .describe('Which candidate, directive or field it was; of a call that is not signed: `refused` or `unsigned`.'),
      reason: z.string(),
    }),
  ),
});

/** Everything about a call that is, was or would be placed: plain data, fit for JSON. */
export const explanation = z.object({
  tenant: z.string(),
  caller: z.object({ kind: z.string(), number: z.string(), name: z.string() }),
  dialled: z.string(),
  number: z.string().describe('After dial code and number processing.'),
  anonymous: z.boolean(),
  anonymousReason: z.string(),
  emergency: z.boolean(),
  rule: z.string().optional(),
  steps: z.array(stepNote),
  refusal: refusal.extend({ retryAfterSeconds: z.int().optional() }).optional(),
  storedSetting: z
    .object({
      extension: z.string(),
      set: z.union([
        z.object({ anonymousCalls: z.boolean() }),
        z.object({ rejectAnonymousCallers: z.boolean() }),
        z.object({ outboundCallerId: z.string() }),
      ]),
    })
    .optional(),
  routes: z.array(explainedRoute),
  skipped: z.array(
    z.object({
      trunkName: z.string(),
      position: z.int(),
      code: z.enum([
        'unknown-trunk',
        'not-assigned',
        'disabled',
        'not-for-calls',
        'no-pstn',
        'down',
        'full',
        'repeated',
      ]),
      reason: z.string(),
    }),
  ),
  legs: optional(
    z.array(
      z.object({
        to: z.string().describe("The trunk's name or the extension's number."),
        target: z.string().describe('As `transport:address:port`; empty when no address is known now.'),
        fields: optional(
          z.array(fieldReason),
          'Of a leg to a phone: why each field is what it is. Of one to a trunk, its route tells.',
        ),
        invite: z.string().describe('Octet for octet but for random tokens.'),
        inviteBase64: z.string(),
        answer: optional(z.string(), 'Of a call that is only thought through: what the other side is taken to answer.'),
        media: optional(
          z.object({
            relay: z.boolean(),
            reason: z.enum(['never', 'always', 'steady', 'nat', 'profile', 'address-family', 'not-needed']),
          }),
          'Whether its media goes through a media relay, which then puts its own addresses into the description.',
        ),
        at: optional(z.iso.datetime({ offset: true }), 'When it was sent, for a placed call.'),
      }),
    ),
    'Every INVITE that leaves, in order, repeated and redirected ones and those to phones too.',
  ),
  answer: optional(z.object({ status: z.int(), reason: z.string() }), 'What the caller gets, or got.'),
});

export type Explanation = Given<typeof explanation>;
export type ExplainedLeg = NonNullable<Explanation['legs']>[number];
export type ExplainedRoute = Explanation['routes'][number];
/** A route that will not be tried. */
export type SkippedRoute = Explanation['skipped'][number];
/** A setting that a dial code stores; the caller of the pipeline writes it, then answers the phone. */
export type StoredSetting = NonNullable<Explanation['storedSetting']>;
/** Something the operator should hear of; the caller of the pipeline publishes it. */
export type OutboundEvent = ExplainedRoute['events'][number];
export type StepNote = Explanation['steps'][number];
export type CandidateNote = ExplainedRoute['candidates'][number];
/** Why a field of an INVITE is what it is. */
export type FieldReason = ExplainedRoute['fields'][number];
/** What a step has decided about a field. */
export type FieldNote = Omit<FieldReason, 'overruled'>;
export type CallDifference = Given<typeof callDifference>;
export type Whereabouts = CallDifference['before'];
