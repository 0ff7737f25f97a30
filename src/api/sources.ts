import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { covers, type Network, parseAddress, parseNetwork } from '../base/network.ts';
import type { SourceOverlap } from '../trunks/overlaps.ts';
import type { Provisioning, TrunkSettings } from '../trunks/schema.ts';
import { isSystemAdmin, requireSystemAdmin } from './access.ts';
import { type ApiContext, describe, identityOf, page, pageFields, pageOf } from './context.ts';
import { named } from './openapi.ts';
import { forbidden } from './problem.ts';
import type { Identity } from './tokens.ts';

/** The widest networks that a tenant admin may claim for its trunks, by the number of words of an address. */
const WIDEST: Readonly<Record<number, number>> = { 1: 24, 4: 48 };

interface Claim {
  readonly text: string;
  readonly network: Network;
}

/**
 * A tenant admin claims for its trunks what a provider of its own may send from: single addresses and small networks, and nothing that
 * another tenant's phones are known to come from. What the trunk had before is not asked about again.
 */
export function requireAllowedSources(
  context: ApiContext,
  identity: Identity,
  state: Provisioning,
  trunk: TrunkSettings,
  before: TrunkSettings | undefined,
): void {
  if (isSystemAdmin(identity)) return;
  const had = new Set(before === undefined ? [] : claimsOf(before).map(({ text }) => text));
  const fresh = claimsOf(trunk).filter(({ text }) => !had.has(text));
  for (const { text, network } of fresh) {
    const widest = WIDEST[network.words.length] ?? 0;
    if (network.length < widest)
      throw forbidden(`only a system admin may claim networks wider than /${widest}, such as ${text}`);
  }
  if (fresh.length === 0) return;
  const taken = fresh.find(({ network }) => isTrustedElsewhere(state, identity.tenant, network));
  const claimed = taken ?? firstRegistered(context, identity.tenant, fresh);
  if (claimed !== undefined) throw forbidden(`${claimed.text} cannot be claimed`);
}

/** Addresses and networks as the admin wrote them; what a brand brings along is no claim of the admin's. */
function claimsOf(settings: TrunkSettings): Claim[] {
  const { host, outboundProxy, type } = settings;
  // The host of a gateway is a label, which nothing is sent to.
  const hosts = [type === 'accept-register' ? undefined : host, outboundProxy?.host];
  return [...hosts, ...(settings.associatedIps ?? [])].flatMap((text = '') => {
    const network = parseNetwork(text);
    return network === undefined ? [] : { text, network };
  });
}

/** Whether it meets an address that an extension of another tenant trusts in place of a password. */
function isTrustedElsewhere({ tenants }: Provisioning, tenant: string | undefined, network: Network): boolean {
  return tenants.some(
    ({ name, extensions }) =>
      name !== tenant &&
      extensions.some(({ trustedAddresses }) =>
        trustedAddresses.some((text) => {
          const trusted = parseNetwork(text);
          return trusted !== undefined && (covers(network, trusted) || covers(trusted, network));
        }),
      ),
  );
}

function firstRegistered(context: ApiContext, tenant: string | undefined, claims: readonly Claim[]): Claim | undefined {
  return context.engine.firstRegisteredElsewhere(tenant, (address) => {
    const words = parseAddress(address);
    if (words === undefined) return undefined;
    const single = { words, length: words.length * 32 };
    return claims.find(({ network }) => covers(network, single));
  });
}

const overlapShape = {
  type: 'object',
  required: ['kind', 'source', 'claims'],
  properties: {
    kind: { type: 'string', enum: ['brand', 'name', 'network'] },
    source: { type: 'string', description: 'A brand, a host or certificate name, an address or a network.' },
    claims: {
      type: 'array',
      items: {
        type: 'object',
        required: ['trunkId', 'trunk', 'owner', 'tenants', 'claim', 'origin'],
        properties: {
          trunkId: { type: 'string' },
          trunk: { type: 'string', description: "The trunk's name." },
          owner: { type: 'string', description: '`system` or a tenant.' },
          tenants: { type: 'array', items: { type: 'string' }, description: 'Who uses the trunk.' },
          claim: { type: 'string', description: 'What it claims; for a network perhaps a wider one.' },
          origin: {
            type: 'string',
            enum: ['settings', 'dns', 'registration'],
            description:
              'Whether it is written in the settings, resolved from a name, or where a gateway registered from.',
          },
        },
      },
    },
  },
};

/** Sources that trunks of several owners or tenants claim. */
export function overlapRoute(app: FastifyInstance, context: ApiContext): void {
  const querystring = z.strictObject({ ...pageFields });
  app.get(
    '/api/v1/trunks/overlaps',
    describe({
      operationId: 'listTrunkOverlaps',
      tag: 'trunks',
      summary: 'Sources that trunks of several owners or tenants claim',
      access: 'system',
      querystring,
      answers: { 200: pageOf(named('SourceOverlap', overlapShape)) },
    }),
    (request) => {
      requireSystemAdmin(identityOf(request), 'see what other tenants claim');
      return page(context.engine.trunkOverlaps(), request.query as z.infer<typeof querystring>, overlapView);
    },
  );
}

function overlapView({ kind, source, claims }: SourceOverlap): object {
  return {
    kind,
    source,
    claims: claims.map(({ trunk, claim, origin }) => ({
      trunkId: trunk.id,
      trunk: trunk.name,
      owner: trunk.owner,
      tenants: trunk.assignments.map(({ tenant }) => tenant),
      claim,
      origin,
    })),
  };
}
