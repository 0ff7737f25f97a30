/** What a change would do, as the API answers it. */

import { z } from 'zod';
import { optional } from '../../base/schema.ts';
import { callDifference } from '../../outbound/explanation.ts';

export const applySummaryAnswer = z.object({ created: z.int(), updated: z.int(), unchanged: z.int() });

export const planAnswer = applySummaryAnswer.extend({
  callsPlayed: z
    .int()
    .describe('The latest outbound calls, as many as `limits.explainedCalls` keeps; of workers each its own.'),
  missing: optional(z.array(z.string()), 'Workers that did not answer.'),
  callsChanged: z.int().describe('Of these, how many would leave differently.'),
  calls: z.array(callDifference.extend({ callId: z.string() })).describe('The latest 100 of them.'),
});
