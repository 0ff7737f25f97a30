/** Calls, call records and traces, as the API answers them. */
import { z } from 'zod';
import type { Loose } from '../../base/given.ts';
import { callRecordFacts, callStatisticsFacts, sipCallIds } from '../../observe/call-facts.ts';
import type { TraceMessage } from '../../observe/index.ts';
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
  missing: z.array(z.string()).optional().describe('Nodes that did not answer.'),
});

export const traceMessageAnswer = z.object({
  at: time,
  atMs: z.number().describe('The same as milliseconds since 1970.'),
  direction: z.enum(['sent', 'received']),
  transport: z.string(),
  local: z.string().describe('`address:port` of the engine.'),
  remote: z.string().describe('`address:port` of the peer.'),
  sipCallId: z.string(),
  leg: z.string().optional().describe('What the peer is to the call: `caller`, a trunk, an extension.'),
  text: z.string().describe('The message, secrets masked.'),
}) satisfies z.ZodType<Loose<TraceMessage>>;

export const callTraceAnswer = z.object({
  callId: z.string(),
  node: NODE,
  messages: z.array(traceMessageAnswer),
  ladder: z.string().describe('The messages drawn for a terminal.'),
});

export const tracePageAnswer = z.object({
  messages: z.array(
    traceMessageAnswer.extend({
      summary: z.string().describe('Method or status, e.g. `INVITE (SDP)` or `200 OK`.'),
      from: z.string().describe('User of the From URI.'),
      to: z.string().describe('User of the To URI.'),
      node: NODE,
    }),
  ),
  next: z
    .union([z.int(), z.string()])
    .describe('As `after` of the next request: what came since. Of several nodes it has the count of each.'),
  missing: z.array(z.string()).optional().describe('Nodes that did not answer.'),
});
