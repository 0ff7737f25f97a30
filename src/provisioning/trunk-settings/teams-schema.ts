/** The Teams side of a trunk as written and as it takes effect. */

import { isIP } from 'node:net';
import { z } from 'zod';
import { optional } from '../../base/schema.ts';
import type { HostPort } from '../../base/transport.ts';
import { host, port } from '../tenants/fields.ts';
import { certificateName } from './certificate-schema.ts';

/** Where Teams listens. */
export const TEAMS_PORT = 5061;
/** Where Teams answers, in the order in which it wants to be asked. */
const TARGETS = ['sip', 'sip2', 'sip3'].map((name) => `${name}.pstnhub.microsoft.com:${TEAMS_PORT}`);
const target = z.string().refine((text) => readTarget(text) !== undefined, {
  error: 'must be a host name, with a colon and a port where that is not 5061',
});

export const teamsSchema = z.strictObject({
  fqdn: z
    .string()
    .max(253)
    .describe(
      "The session border controller's name as it was added in the Teams admin center; Contact, From and Via say it.",
    ),
  certificate: certificateName.describe(
    'Certificate with `use: tls` that has this name: shown as TLS client and as server.',
  ),
  targets: optional(
    z.array(target).min(1).max(6),
    'Where Teams is, tried in this order: host names, with a port where that is not 5061. Default sip, sip2 and sip3.pstnhub.microsoft.com.',
  ),
});
type TeamsSettings = z.infer<typeof teamsSchema>;

/** The Teams side of a trunk as it takes effect. */
export interface TeamsSide {
  /** Lower case. */
  readonly fqdn: string;
  readonly certificate: string;
  readonly targets: readonly [HostPort, ...HostPort[]];
}

/** Undefined for a trunk of another type. */
export function teamsSideOf({
  type,
  teams,
}: {
  readonly type: string;
  readonly teams?: TeamsSettings | undefined;
}): TeamsSide | undefined {
  if (type !== 'teams' || teams === undefined) return undefined;
  const [first, ...others] = (teams.targets ?? TARGETS).flatMap((text) => readTarget(text) ?? []);
  if (first === undefined) return undefined;
  return { fqdn: teams.fqdn.toLowerCase(), certificate: teams.certificate, targets: [first, ...others] };
}

function readTarget(text: string): HostPort | undefined {
  const [name = '', number, ...more] = text.split(':');
  if (more.length > 0 || isIP(name) !== 0 || !host.safeParse(name).success) return undefined;
  const at = number === undefined ? TEAMS_PORT : Number(number);
  return port.safeParse(at).success ? { host: name.toLowerCase(), port: at } : undefined;
}
