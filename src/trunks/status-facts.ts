/** What a trunk shows of itself. Loaded only where the OpenAPI document is made: others need the types alone. */

import { z } from 'zod';
import type { Given } from '../base/given.ts';
import { optional } from '../base/schema.ts';

const time = z.iso.datetime({ offset: true });

export const trunkStatus = z.object({
  trunkId: z.string(),
  name: z.string(),
  type: z.string(),
  state: z.enum(['online', 'offline', 'registering', 'rejected', 'unknown']),
  since: time.describe('Since when it has this state.'),
  lastCode: optional(z.int(), 'The latest SIP status of its registration or ping.'),
  reason: optional(z.string(), 'Why it is not online, in words.'),
  activeCalls: z.int().describe('Calls in progress over it, at all workers of the node that is asked.'),
  elsewhere: optional(
    z.literal(true),
    'Another node registers the trunk, or has its gateway: what is said of it is what that one tells.',
  ),
  registration: optional(
    z.object({
      server: z.string().describe('Where it is registered, as `transport:address:port`.'),
      grantedSeconds: z.int().describe('For how long each time.'),
      expiresAt: time.describe('When it ends unless it is refreshed, which is done before.'),
    }),
    'Of a trunk that is registered by this node.',
  ),
  datacentres: optional(
    z.array(
      z.object({
        target: z.string().describe('As the trunk names it.'),
        address: optional(z.string(), 'Where it is by the DNS; left out where the DNS has not said.'),
        state: z
          .enum(['up', 'down', 'held', 'unknown'])
          .describe('`held`: it has asked by 503 and Retry-After to be left alone.'),
        since: time,
        lastCode: optional(z.int(), 'Of its latest answer to OPTIONS or to an INVITE.'),
        reason: z.string().optional(),
        heldUntil: time.optional(),
      }),
    ),
    'Of a teams trunk: each datacentre, in the order in which they are tried.',
  ),
  alarms: optional(
    z.array(
      z.object({
        code: z.literal('sources-coincide').describe('By the DNS it is of one provider with another trunk.'),
        message: z.string(),
        since: time,
      }),
    ),
    'What somebody has to look at though calls go on; left out when there is nothing.',
  ),
});

export type TrunkStatus = Given<typeof trunkStatus>;
export type DatacentreStatus = NonNullable<TrunkStatus['datacentres']>[number];
export type DatacentreState = DatacentreStatus['state'];
/** Its message names nobody: whoever sees the trunk sees its alarms. */
export type TrunkAlarm = NonNullable<TrunkStatus['alarms']>[number];
