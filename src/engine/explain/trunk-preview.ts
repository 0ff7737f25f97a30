/**
 * The INVITE that a trunk would send as it would be written: the pipeline of a live call, on a world that holds this trunk, one tenant
 * and a rule that sends everything there. The trunk need not exist; nothing is sent, and nothing is asked of the DNS.
 */
import { randomToken } from '../../base/ids.ts';
import { type Explanation, explain, type TrunkPreviewQuestion } from '../../outbound/index.ts';
import { Directory } from '../../provisioning/directory/directory.ts';
import { DidPool } from '../../provisioning/tenants/did-pool.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import { provisioningSchema, type TrunkSettings } from '../../provisioning/trunk-settings/schema.ts';
import type { Routing } from '../route/routing.ts';
import { imagineInvite } from './imagined-invite.ts';

const EXAMPLE = 'example';
const EXAMPLE_EXTENSION = '101';
const UP = { up: true, full: false, reason: '' };

export function previewTrunk(routing: Routing, { trunk, tenant, from, to }: TrunkPreviewQuestion): Explanation {
  const directory = worldOf(trunk, tenant);
  const [owner] = directory.tenants as [Tenant];
  const number = from ?? owner.extensions[0]?.number ?? EXAMPLE_EXTENSION;
  const caller = directory.party(owner.name, number) ?? directory.party(owner.name, owner.extensions[0]?.number ?? '');
  if (caller === undefined) throw new Error('the world of a preview has an extension');
  const request = imagineInvite({ from: number, to }, owner.domain);
  const context = { directory, tenant: owner, request, sessionId: randomToken() };
  const facts = routing.outboundFacts(context, caller, to, undefined);
  return explain({ ...facts, trunkState: () => UP });
}

function worldOf(trunk: TrunkSettings, tenant: Tenant | undefined): Directory {
  const name = tenant?.name ?? EXAMPLE;
  const assigned = trunk.tenants.find((assignment) => assignment.tenant === name);
  const pool = assigned?.didPool ?? (trunk.owner === name || tenant === undefined ? trunk.didPool : undefined);
  const rule = { name: 'preview', match: {}, routes: [{ trunk: trunk.name }] };
  const { tenants, trunks } = provisioningSchema.parse({
    tenants: [
      tenant === undefined
        ? { name, domain: `${EXAMPLE}.invalid`, extensions: [exampleExtension(pool)], outboundRules: [rule] }
        : {
            ...tenant,
            extensions: tenant.extensions.length === 0 ? [exampleExtension(pool)] : tenant.extensions,
            outboundRules: [rule],
            inboundRules: [],
          },
    ],
    trunks: [{ ...trunk, enabled: true, owner: 'system', tenants: [{ tenant: name, didPool: pool ?? '' }] }].map(
      ({ didPool: _didPool, ...rest }) => rest,
    ),
  });
  return new Directory({ tenants, trunks, certificates: [] });
}

/** It shows the first number of the pool. */
function exampleExtension(pool: string | undefined) {
  const first = pool === undefined || pool.trim() === '' ? undefined : DidPool.parse(pool).firsts[0];
  const shown = first === undefined ? {} : { outboundCallerId: String(first) };
  return { number: EXAMPLE_EXTENSION, name: 'Alice Example', password: randomToken(), ...shown };
}
