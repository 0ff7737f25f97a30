/**
 * Listeners that system admins have added while the node runs. Sockets belong to the machine, so they are kept in the node's own folder and not in the
 * store that nodes share.
 */

import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { optional, whole } from '../base/schema.ts';
import { friendlyName, host } from '../provisioning/tenants/fields.ts';
import { certificateName } from '../provisioning/trunk-settings/certificate-schema.ts';
import { parseWith } from './schema-problems.ts';

const TLS_FIELDS = ['certificate', 'clientCertificate', 'minVersion'] as const;

export const transportSchema = z
  .strictObject({
    name: friendlyName.describe('Name, unique on the node, by which trunks choose it (`options.listener`).'),
    transport: z.enum(['udp', 'tcp', 'tls']).describe('Transport.'),
    host: host
      .refine((text) => isIP(text) !== 0, { error: 'must be an IP address of this machine, or 0.0.0.0 or :: for all' })
      .describe('Address to listen on; `0.0.0.0` and `::` mean all.'),
    port: whole(1, 65_535).describe('Port.'),
    publicHost: optional(host, "What Via and Contact say on it toward public peers; default: the node's `advertise`."),
    publicPort: optional(whole(1, 65_535), 'Port that Via and Contact say; default: `port`.'),
    certificate: optional(
      certificateName,
      '`tls` alone, needed there: name of a provisioned certificate of the system with `use: tls`.',
    ),
    clientCertificate: optional(
      z.enum(['none', 'optional', 'required']),
      '`tls` alone: whether clients show a certificate; default: none.',
    ),
    minVersion: optional(z.enum(['TLSv1.2', 'TLSv1.3']), '`tls` alone: lowest version; default: TLSv1.2.'),
  })
  .refine(({ transport, certificate }) => transport !== 'tls' || certificate !== undefined, {
    error: 'is missing: TLS is spoken with a certificate of the system (use: tls)',
    path: ['certificate'],
  })
  .superRefine((wanted, context) => {
    if (wanted.transport === 'tls') return;
    for (const field of TLS_FIELDS)
      if (wanted[field] !== undefined)
        context.addIssue({ code: 'custom', message: 'is for the transport tls', path: [field] });
  });
/** A listener as a system admin adds it. */
export type AddedTransport = z.infer<typeof transportSchema>;

const fileSchema = z.strictObject({ transports: z.array(transportSchema) });

export interface KeptTransports {
  readonly transports: readonly AddedTransport[];
  /** Why the file cannot be used; then it is not written either. */
  readonly problem?: string;
}

/** @param folder `store.path` of the node. */
export function transportsFile(folder: string): string {
  return join(folder, 'transports.json');
}

/** What is kept; none when nothing ever was. */
export function readTransports(folder: string): KeptTransports {
  const file = transportsFile(folder);
  if (!existsSync(file)) return { transports: [] };
  try {
    const parsed = parseWith(fileSchema, JSON.parse(readFileSync(file, 'utf8')));
    if (parsed.ok) return parsed.value;
    const [first] = parsed.problems;
    return { transports: [], problem: `${file} cannot be used: ${first?.path}: ${first?.message}` };
  } catch (error) {
    return { transports: [], problem: `${file} cannot be read: ${(error as Error).message}` };
  }
}

/** All of them or none are on the disk when it returns, where folders can be synced. Throws what the file system says, and then nothing has changed. */
export function writeTransports(folder: string, transports: readonly AddedTransport[]): void {
  mkdirSync(folder, { recursive: true });
  const file = transportsFile(folder);
  const draft = `${file}.${process.pid}`;
  const descriptor = openSync(draft, 'w', 0o600);
  try {
    writeSync(descriptor, `${JSON.stringify({ transports }, undefined, 2)}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  chmodSync(draft, 0o600);
  renameSync(draft, file);
  syncFolder(folder);
}

/** A renamed file has its name for good once its folder is on the disk. It is in place already: where this is refused, nothing has failed. */
function syncFolder(folder: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(folder, 'r');
    fsyncSync(descriptor);
  } catch {
    // Some file systems sync no folders.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
