/** The node and its store, as the API answers them. */

import { z } from 'zod';
import { optional } from '../../base/schema.ts';
import { time } from './shared.ts';

export const healthAnswer = z.object({ status: z.literal('ok'), version: z.string() });
export const readinessAnswer = z.object({ status: z.enum(['ready', 'not-ready']), reasons: z.array(z.string()) });
export const reloadAnswer = z.object({
  applied: z.array(z.string()).describe('In force now: settings, tenants and trunks, by path.'),
  needsRestart: z.array(z.string()).describe('Settings that were changed since the start and wait for a restart.'),
});

export const drainAnswer = z.object({
  node: z.string(),
  calls: z.int().describe('Calls in progress.'),
  limitSeconds: z.number().describe('How long they have; what is left then goes on at another node, or ends.'),
});

export const storeAnswer = z.object({
  kind: z.enum(['embedded', 'redis']),
  problems: z.array(z.string()).describe('What is wrong, as in `/readyz`.'),
  clockOffsetMs: z.int().describe("How far this node's clock is ahead of the store's, in milliseconds."),
  nodes: z
    .array(
      z.object({
        node: z.string(),
        store: optional(z.string(), 'Which store its copy is of.'),
        version: optional(z.int(), 'How new its copy is.'),
      }),
    )
    .describe('The node that is asked first.'),
});

export const nodeAnswer = z.object({
  node: z.string(),
  version: z.string(),
  startedAt: time,
  ready: z.boolean().describe('Whether it takes new calls.'),
  reasons: z.array(z.string()).describe('Why not, or what is wrong though it does: as in `/readyz`.'),
  calls: z.int().describe('In setup or in progress.'),
  registrations: z.int(),
  trunks: z.object({ total: z.int(), online: z.int() }),
  eventLoop: z
    .object({
      since: time.describe('When the measuring began: at most a minute ago.'),
      medianMs: z.number(),
      p99Ms: z.number(),
      maxMs: z.number(),
      utilization: z.number().describe('Share of the time in which it is at work, 0 to 1.'),
    })
    .describe('How long what is due waits for the thread of the calls.'),
  memory: z.object({ rssOctets: z.int(), heapUsedOctets: z.int(), heapLimitOctets: z.int() }),
  sockets: z.object({
    listening: z.array(z.object({ transport: z.string(), host: z.string(), port: z.int() })),
    open: z.int().describe('TCP and TLS connections of SIP.'),
    accepted: z.int(),
    opened: z.int(),
    refused: z.int(),
    failed: z.int(),
  }),
  waiting: z.int().describe('SIP messages that wait for their turn.'),
  overload: z
    .object({
      active: z.boolean().describe('Whether new calls are refused for want of time, now or in the last ten seconds.'),
      since: time.optional(),
      until: time.optional(),
      refused: z.int().describe('New requests that were refused in it.'),
    })
    .describe('The overload that there is, or was last since the start.'),
  mediaRelays: z.array(z.object({ url: z.string(), state: z.string(), sessions: z.int() })),
});
