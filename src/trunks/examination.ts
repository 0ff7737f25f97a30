/** What is found when somebody asks what is wrong with a trunk. Loaded only where the OpenAPI document is made: others need the types alone. */

import { z } from 'zod';
import type { Given } from '../base/given.ts';
import { optional } from '../base/schema.ts';

export const examination = z.object({
  trunkId: z.string(),
  name: z.string(),
  type: z.string(),
  healthy: z.boolean().describe('False when anything has failed.'),
  findings: z
    .array(
      z.object({
        check: z.enum([
          'settings',
          'dns',
          'egress',
          'certificate',
          'tls',
          'registration',
          'gateway',
          'token',
          'options',
          'state',
          'relay',
          'rules',
        ]),
        outcome: z.enum(['ok', 'warning', 'failed']),
        subject: optional(z.string(), 'What was looked at: a host, a target, a certificate, a tenant.'),
        message: z.string(),
        advice: optional(z.string(), 'What to do about it.'),
      }),
    )
    .describe('In the order in which a call meets them.'),
});

export type Examination = Given<typeof examination>;
export type Finding = Examination['findings'][number];
export type CheckName = Finding['check'];
export type Outcome = Finding['outcome'];
