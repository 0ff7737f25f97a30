/** Calls, call records and traces, as the API answers them. */

import { z } from 'zod';
import { optional } from '../../base/schema.ts';
import { callRecordFacts, callStatisticsFacts, sipCallIds, traceMessage } from '../../observe/call-facts.ts';
import { DIRECTION, NODE, optionalText, time } from './shared.ts';

export const liveCallAnswer = z.object({
  callId: z.string(),
  sipCallIds,
  tenant: optionalText,
  direction: DIRECTION,
  from: z.string(),
  to: z.string(),
  state: z
    .enum(['calling', 'ringing', 'answered', 'ending'])
    .describe('`ending`: it is over for the one that hung up, and the rest of it is being ended.'),
  trunkId: optionalText,
  trunk: optionalText,
  startedAt: time,
  answeredAt: time.optional(),
  node: NODE,
});

export const callRecordAnswer = callRecordFacts.extend({ node: NODE });

export const callStatisticsAnswer = callStatisticsFacts.extend({
  missing: optional(z.array(z.string()), 'Nodes that did not answer.'),
});

export const callTraceAnswer = z.object({
  callId: z.string(),
  node: NODE,
  messages: z.array(traceMessage),
  ladder: z.string().describe('The messages drawn for a terminal.'),
});

export const tracePageAnswer = z.object({
  messages: z.array(
    traceMessage.extend({
      summary: z.string().describe('Method or status, e.g. `INVITE (SDP)` or `200 OK`.'),
      from: z.string().describe('User of the From URI.'),
      to: z.string().describe('User of the To URI.'),
      node: NODE,
    }),
  ),
  next: z
    .union([z.int(), z.string()])
    .describe('As `after` of the next request: what came since. Of several nodes it has the count of each.'),
  missing: optional(z.array(z.string()), 'Nodes that did not answer.'),
});
