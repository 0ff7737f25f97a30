/** What a call or a change would do, as the API answers it. */
import { z } from 'zod';
import type { Loose } from '../../base/given.ts';
import type { Explanation, Whereabouts } from '../../outbound/index.ts';
import type { PlayedCalls } from '../ports.ts';
import { optionalText, time } from './shared.ts';

export const applySummaryAnswer = z.object({ created: z.int(), updated: z.int(), unchanged: z.int() });
const stepNote = z.object({
  step: z.string(),
  outcome: z.enum(['continue', 'reject']),
  status: z.int().optional(),
  reason: z.string(),
});

const refusal = z.object({ status: z.int(), reason: z.string(), code: z.string() });
const whereabouts = z.object({
  kind: z.enum(['outside', 'inside', 'stored', 'refused']),
  trunks: z.array(z.string()).describe('By name, in the order in which they are tried.'),
  refusal: refusal.optional(),
}) satisfies z.ZodType<Loose<Whereabouts>>;

export const planAnswer = applySummaryAnswer.extend({
  callsPlayed: z
    .int()
    .describe('The latest outbound calls, as many as `limits.explainedCalls` keeps; of workers each its own.'),
  missing: z.array(z.string()).optional().describe('Workers that did not answer.'),
  callsChanged: z.int().describe('Of these, how many would leave differently.'),
  calls: z
    .array(
      z.object({
        callId: z.string(),
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
      }) satisfies z.ZodType<Loose<PlayedCalls['changed'][number]>>,
    )
    .describe('The latest 100 of them.'),
});

const fieldReason = z.object({
  field: z.string().describe('Header field and part, e.g. `From.user`.'),
  value: z.string(),
  source: z.string(),
  origin: z.enum(['trunk', 'brand', 'default', 'call', 'tenant', 'engine']),
  reason: z.string(),
  overruled: z.literal(true).optional().describe('A later decision about the same field took its place.'),
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
      value: optionalText,
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
      source: z.string(),
      reason: z.string(),
    }),
  ),
});

export const explanationAnswer = z.object({
  tenant: z.string(),
  caller: z.object({ kind: z.string(), number: z.string(), name: z.string() }),
  dialled: z.string(),
  number: z.string().describe('After dial code and number processing.'),
  anonymous: z.boolean(),
  anonymousReason: z.string(),
  emergency: z.boolean(),
  rule: optionalText,
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
  legs: z
    .array(
      z.object({
        to: z.string().describe("The trunk's name or the extension's number."),
        target: z.string().describe('As `transport:address:port`; empty when no address is known now.'),
        fields: z
          .array(fieldReason)
          .optional()
          .describe('Of a leg to a phone: why each field is what it is. Of one to a trunk, its route tells.'),
        invite: z.string().describe('Octet for octet but for random tokens.'),
        inviteBase64: z.string(),
        answer: optionalText.describe(
          'Of a call that is only thought through: what the other side is taken to answer.',
        ),
        media: z
          .object({
            relay: z.boolean(),
            reason: z.enum(['never', 'always', 'steady', 'nat', 'profile', 'address-family', 'not-needed']),
          })
          .optional()
          .describe(
            'Whether its media goes through a media relay, which then puts its own addresses into the description.',
          ),
        at: time.optional().describe('When it was sent, for a placed call.'),
      }),
    )
    .optional()
    .describe('Every INVITE that leaves, in order, repeated and redirected ones and those to phones too.'),
  answer: z.object({ status: z.int(), reason: z.string() }).optional().describe('What the caller gets, or got.'),
}) satisfies z.ZodType<Loose<Explanation>>;
