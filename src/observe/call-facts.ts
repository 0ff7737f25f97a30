/** What is told of calls. Loaded only where the OpenAPI document is made: others need the types alone. */

import { z } from 'zod';
import type { Given } from '../base/given.ts';
import { optional } from '../base/schema.ts';
import { DIRECTION, optionalText, time } from './fields.ts';

export const sipCallIds = z
  .array(z.string())
  .describe(
    "The SIP Call-IDs of its legs, the caller's first; of those that took another's place the first 32 and the latest.",
  );

/** One try of one trunk or phone. */
const attempt = z.object({
  trunkId: optionalText,
  trunk: optionalText,
  extension: optionalText,
  node: optional(
    z.string(),
    'The other node that it left through, because that one is registered (`registeredNodeOnly`).',
  ),
  target: optional(z.string(), 'Where it was sent, as `transport:address:port`.'),
  status: z.int().optional(),
  reason: optionalText,
  cause: optional(z.string(), "The peer's Reason header field, or why nothing was sent."),
  startedAt: time,
  durationMs: z.number(),
});

const stream = z.object({
  packets: z.int().describe('RTP packets that came from the party.'),
  octets: z.int(),
  lost: optional(z.int(), 'Packets of the party that the other side missed, as the reports (RTCP) say.'),
  jitterMs: z.number().optional(),
  mos: optional(z.number(), 'Mean opinion score, 1 to 5, as the relay works it out.'),
});

const verification = z.object({
  result: z.enum(['passed', 'failed', 'none']),
  source: z.enum(['identity', 'carrier']).describe("Verified here, or by the carrier's word."),
  attestation: z.enum(['A', 'B', 'C']).optional(),
  number: optional(z.string(), 'The number that was signed.'),
  code: optional(z.int(), 'Why it failed: the status of RFC 8224.'),
  reason: optionalText,
  originationId: optionalText,
  signer: optional(z.string(), 'Subject of the certificate.'),
  divertedFrom: optional(z.array(z.string()), 'Numbers that others sent the call on from.'),
  shown: optional(
    z.object({
      name: z.string().describe('Empty: no name was signed.'),
      icon: optional(z.string(), 'URL; what is there has the digest that was signed.'),
      callReason: optionalText,
      signer: z.string().describe('Subject of the certificate that says so.'),
    }),
    'How the caller is to be shown (rich call data), verified.',
  ),
  findings: z.array(z.string()).describe('What was found of each Identity value.'),
});

const whatsapp = z.object({
  callId: optionalText.describe("WhatsApp's own id of the call."),
  userId: optionalText.describe('The user, also where the number is not shown.'),
  parentUserId: optionalText,
  userName: optionalText,
  buttonPayload: optionalText.describe('What the business has put behind the button that the user called by.'),
  linkPayload: optionalText.describe('The same of a link.'),
  durationSeconds: optional(z.int(), 'How long the call was, as WhatsApp says.'),
});

/** What is kept of a call when it ends (the CDR). Durations are milliseconds. */
export const callRecordFacts = z.object({
  callId: z.string(),
  sipCallIds,
  tenant: optionalText,
  direction: DIRECTION,
  callerNumber: z.string().describe('As it came.'),
  callerNumberSent: optional(z.string(), 'As the called side was shown it.'),
  calledNumber: z.string().describe('As dialled.'),
  calledNumberSent: optional(z.string(), 'As sent.'),
  extension: optionalText,
  outboundCallerId: optionalText,
  outboundCallerIdSource: optional(z.string(), 'Which setting gave it: app, extension, rule, group, company.'),
  anonymous: z.boolean().optional(),
  signed: optional(
    z.enum(['A', 'B', 'C', 'div']),
    'How it was signed on the trunk tried last: the attestation, or `div` of a call that was sent on.',
  ),
  signedWith: optionalText.describe('Name of the certificate that signed it.'),
  originId: optionalText.describe('`origid` of the token (RFC 8588 §5).'),
  outboundRule: optionalText,
  inboundRule: optionalText,
  verification: optional(verification, "What was found of the caller's number (STIR/SHAKEN)."),
  whatsapp: optional(whatsapp, 'What WhatsApp has said of a call with it.'),
  trunkId: optionalText,
  trunk: optionalText,
  attempts: z.array(attempt).describe('Every trunk or phone that was tried, in order.'),
  startedAt: time,
  ringingAt: time.optional(),
  answeredAt: time.optional(),
  endedAt: time,
  durationMs: z.number(),
  talkMs: z.number().describe('From answer to end; 0 when it was not answered.'),
  status: z.int(),
  reason: z.string(),
  hungUpBy: z.enum(['caller', 'callee', 'engine']),
  endReason: optional(
    z.string(),
    'Why the call ended, in one word: `bye`, `cancel`, `refused`, `media-timeout`, `no-ack`, `session-expired`, `node-ended`.',
  ),
  rebuilt: optional(
    z.enum(['whole', 'timed-from-invite']),
    'The call went on from what a Contact carried (`continuity.contactToken`), after node and store had lost it; `timed-from-invite`: `answeredAt` is the time of its start.',
  ),
  takeovers: optional(
    z.int(),
    'How many processes had the call before the one that recorded it; left out: none. One that was cut off may have recorded its end as well: of two records of one call the one with fewer counts.',
  ),
  media: optional(
    z.array(z.object({ caller: stream, callee: stream })),
    'What the media relay has counted, of each pair of parties in turn: a transfer makes another one.',
  ),
});

const codes = z.record(z.string(), z.int()).describe('How many ended with each final status; `none` without one.');
const series = z.array(z.int());

export const callStatisticsFacts = z.object({
  from: time,
  until: time,
  stepSeconds: z.int(),
  completeFrom: time.describe(
    'From when on nothing is missing: the node may have been started later, or have had too many calls.',
  ),
  points: z.array(
    z.object({
      at: time.describe('When the calls began: from then on for `stepSeconds`.'),
      calls: z.int(),
      answered: z.int(),
      delayMedianMs: optional(z.number(), 'From the INVITE to the first ring or the answer.'),
      delay95Ms: optional(z.number(), 'The same of the slowest twentieth.'),
    }),
  ),
  trunks: z
    .array(
      z.object({
        trunkId: z.string(),
        trunk: z.string(),
        attempts: series.describe('A number for each point.'),
        answered: series,
        codes: codes,
      }),
    )
    .describe('Attempts by trunk, the most tried first.'),
  codes: codes,
});

/** A message of the trace, as it is shown and kept. */
export const traceMessage = z.object({
  at: time,
  atMs: z.number().describe('The same as milliseconds since 1970.'),
  direction: z.enum(['sent', 'received']),
  transport: z.string(),
  local: z.string().describe('`address:port` of the engine.'),
  remote: z.string().describe('`address:port` of the peer.'),
  sipCallId: z.string(),
  leg: optional(z.string(), 'What the peer is to the call: `caller`, a trunk, an extension.'),
  text: z.string().describe('The message, secrets masked.'),
});
export type TraceMessage = Given<typeof traceMessage> & {
  /** The message as octets, one character each, secrets masked; left out: those of the text in UTF-8. */
  readonly octets?: string | undefined;
};
