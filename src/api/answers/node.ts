/** The node and its store, as the API answers them. */
import { z } from 'zod';
import type { ReloadReport, StoreStatus } from '../ports.ts';
import type { Loose } from './shared.ts';

export const healthAnswer = z.object({ status: z.literal('ok'), version: z.string() });
export const readinessAnswer = z.object({ status: z.enum(['ready', 'not-ready']), reasons: z.array(z.string()) });
export const reloadAnswer = z.object({
  applied: z.array(z.string()).describe('In force now: settings, tenants and trunks, by path.'),
  needsRestart: z.array(z.string()).describe('Settings that were changed since the start and wait for a restart.'),
}) satisfies z.ZodType<Loose<ReloadReport>>;

export const storeAnswer = z.object({
  kind: z.enum(['embedded', 'redis']),
  problems: z.array(z.string()).describe('What is wrong, as in `/readyz`.'),
  clockOffsetMs: z.int().describe("How far this node's clock is ahead of the store's, in milliseconds."),
  nodes: z
    .array(
      z.object({
        node: z.string(),
        store: z.string().optional().describe('Which store its copy is of.'),
        version: z.int().optional().describe('How new its copy is.'),
      }),
    )
    .describe('The node that is asked first.'),
}) satisfies z.ZodType<Loose<StoreStatus>>;
