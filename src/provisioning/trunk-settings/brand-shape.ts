/** A preset of a carrier. Loaded only where the OpenAPI document is made: others need the types alone. */

import { z } from 'zod';
import { optional } from '../../base/schema.ts';
import { inboundParametersSchema, outboundParametersSchema } from './mappings.ts';
import { optionsSchema, TRUNK_TYPES } from './schema.ts';

export const brandShape = z.object({
  id: z.string(),
  name: z.string(),
  types: z.array(z.enum(TRUNK_TYPES)),
  hosts: z.array(
    z.object({
      host: z.string().describe('A host, or a pattern whose `{…}` the operator fills in.'),
      types: optional(z.array(z.enum(TRUNK_TYPES)), 'Trunk types it is for; all when left out.'),
      region: z.string().optional(),
      default: optional(z.boolean(), 'Used when the operator names none.'),
    }),
  ),
  port: z.int().optional(),
  tlsPort: z.int().optional(),
  transport: z.enum(['udp', 'tcp', 'tls']).optional(),
  transports: z.array(z.enum(['udp', 'tcp', 'tls'])),
  registerSeconds: z.int().optional(),
  associatedIps: z.array(z.string()).optional(),
  numberFormat: z
    .object({ called: z.string().optional(), caller: z.string().optional(), inbound: z.string().optional() })
    .describe('How the carrier wants numbers; routes of outbound rules bring them into this form.'),
  options: optionsSchema.partial().optional(),
  outboundParameters: outboundParametersSchema.optional(),
  inboundParameters: inboundParametersSchema.optional(),
  sources: z
    .array(z.string())
    .describe('Where the values were read: addresses of public pages, or the name of a guide.'),
  notes: z.array(z.string()).describe('What the operator has to know or to fill in.'),
});
