/** What became of many rows, and what a node listens on, as the API answers it. */

import { z } from 'zod';
import { optional } from '../../base/schema.ts';

export const manyReportAnswer = z.object({
  applied: z.boolean().describe('Whether anything was changed.'),
  created: z.int(),
  updated: z.int(),
  deleted: z.int(),
  unchanged: z.int(),
  refused: z
    .int()
    .describe('Rows that something speaks against, each perhaps by several faults; they are left as they are.'),
  faults: z
    .array(
      z.object({
        row: z.int().describe('The line of the file, from 1; of `keys` the place, from 0.'),
        key: z.string().describe('Number or name; empty where the row has none.'),
        path: z.string().describe('The field, or the column.'),
        code: z.string(),
        message: z.string(),
      }),
    )
    .describe('The first 1,000.'),
});

export const csvReportAnswer = manyReportAnswer.extend({
  rows: z.int().describe('Rows that were read, without the header.'),
  encoding: z.enum(['utf-8', 'utf-16le', 'utf-16be', 'windows-1252']),
  separator: z.enum([',', ';', '\t']),
  columns: z.array(z.string()).describe('Columns that were understood.'),
});

export const listenerAnswer = z.object({
  id: z.string().describe('What trunks name in `options.listener`.'),
  transport: z.enum(['udp', 'tcp', 'tls']),
  host: z.string(),
  port: z.int(),
  publicHost: optional(z.string(), 'What trunks are told in place of `host`.'),
  publicPort: z.int().optional(),
  trunks: z.int().describe('Trunks that use this transport.'),
  certificate: optional(
    z.object({
      subject: z.string(),
      names: z.array(z.string()).describe('Names and addresses that it is for.'),
      notAfter: z.string(),
    }),
    'What a TLS listener shows.',
  ),
  clientCertificate: optional(z.string(), 'Whether peers have to show one.'),
  minVersion: z.string().optional(),
  managedBy: optional(z.string(), 'The configuration file that it is in; absent for one that was added here.'),
  certificateName: optional(z.string(), 'The provisioned certificate that it shows.'),
  problem: optional(z.string(), 'Why it is not open, or does not show the certificate that it should.'),
});
