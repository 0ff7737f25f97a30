/** Trunks, brands, certificates and registrations, as the API answers them. */

import { z } from 'zod';
import { optional } from '../../base/schema.ts';
import { TRUNK_STATES } from '../trunk-states.ts';
import { optionalText, time } from './shared.ts';

export const certificateFactsAnswer = z
  .object({
    subject: z.string(),
    issuer: z.string(),
    serialNumber: z.string(),
    fingerprint256: z.string(),
    notBefore: time,
    notAfter: time,
    names: optional(z.array(z.string()), 'Host names that it has; of certificates for TLS.'),
    codes: z.array(z.string()).describe('Service provider codes of its TNAuthList (RFC 8226).'),
    numbers: z.array(z.string()).describe('Numbers and ranges of its TNAuthList.'),
    servedAt: optional(z.string(), 'Path at which this node serves the chain.'),
  })
  .describe('What the certificate itself says.');

const object = z.record(z.string(), z.unknown());
const listed = z.array(z.union([z.string(), z.number(), object]));
const settingValue = z.union([z.string(), z.number(), z.boolean(), listed, object, z.null()]);

export const effectiveTrunkAnswer = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  brand: z.string(),
  values: z.array(
    z.object({
      path: z.string().describe("As in the trunk's settings: `options.removePlus`, `outboundParameters.from.user`."),
      value: settingValue.describe('Null: nothing, e.g. no limit, or a header field that is not sent.'),
      from: z
        .enum(['own', 'brand', 'default'])
        .describe("Whose value it is: the trunk's own, its brand's preset, or the default."),
    }),
  ),
});

export const sourceOverlapAnswer = z.object({
  kind: z.enum(['brand', 'name', 'network']),
  source: z.string().describe('A brand, a host or certificate name, an address or a network.'),
  claims: z.array(
    z.object({
      trunkId: z.string(),
      trunk: z.string().describe("The trunk's name."),
      owner: z.string().describe('`system` or a tenant.'),
      tenants: z.array(z.string()).describe('Who uses the trunk.'),
      claim: z.string().describe('What it claims; for a network perhaps a wider one.'),
      origin: z
        .enum(['settings', 'dns', 'registration'])
        .describe('Whether it is written in the settings, resolved from a name, or where a gateway registered from.'),
    }),
  ),
});

export const registrationAnswer = z.object({
  addressOfRecord: z.string(),
  tenant: optionalText,
  extension: optionalText,
  trunkId: optional(z.string(), 'Of a gateway: its trunk.'),
  contact: z.string(),
  transport: z.string(),
  source: z.string().describe('Where it came from, as `address:port`.'),
  userAgent: optionalText,
  expiresAt: time,
  node: z.string().describe('The node that took it, and through which calls to it go.'),
});

export const leaseAnswer = z.object({
  trunkId: z.string(),
  trunk: z.string(),
  owner: z.string(),
  node: z.string().describe('The node that registers it.'),
  state: z.enum(TRUNK_STATES),
  since: time,
  server: optional(z.string(), 'Where it is registered.'),
  expiresAt: time.optional(),
});
