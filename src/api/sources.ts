import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { covers, type Network, parseAddress, parseNetwork } from '../base/network.ts';
import type { SourceOverlap } from '../provisioning/check/overlaps.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Provisioning, TrunkSettings } from '../provisioning/trunk-settings/schema.ts';
import { isSystemAdmin, requireSystemAdmin } from './access.ts';
import { type ApiContext, describe, identityOf } from './context.ts';
import { named } from './openapi.ts';
import { page, pageFields, pageOf } from './paging.ts';
import { forbidden } from './problem.ts';
import type { Identity } from './tokens.ts';

/** The widest networks that a tenant admin may claim, by the number of words of an address. */
const WIDEST: Readonly<Record<number, number>> = { 1: 24, 4: 48 };

interface Claim {
  readonly text: string;
  readonly network: Network;
}

/** What is asked of every claim of a tenant admin's. */
interface Claiming {
  readonly context: ApiContext;
  readonly identity: Identity;
  readonly state: Provisioning;
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
  const fresh = freshOf(sourcesOf(trunk), before === undefined ? [] : sourcesOf(before));
  requireAllowed({ context, identity, state }, fresh, '');
}

/**
 * Where a tenant admin's extensions are believed without a password: within the same bounds, and nowhere that a trunk of others sends
 * from. A trunk's claims are told apart by the number that is called; whoever trusts an address is asked before any trunk.
 */
export function requireAllowedTrust(
  context: ApiContext,
  identity: Identity,
  state: Provisioning,
  tenant: Tenant,
  before: Tenant,
): void {
  if (isSystemAdmin(identity)) return;
  const trusting = tenant.extensions.filter(({ trustedAddresses }) => trustedAddresses.length > 0);
  if (trusting.length === 0) return;
  const had = new Map(before.extensions.map((extension) => [extension.number, extension]));
  for (const extension of trusting) {
    const { number, trustedAddresses } = extension;
    const earlier = had.get(number);
    if (extension === earlier) continue;
    const fresh = freshOf(claimsIn(trustedAddresses), claimsIn(earlier?.trustedAddresses ?? []));
    const where = `trustedAddresses of extension ${number}: `;
    requireAllowed({ context, identity, state }, fresh, where);
    const taken = firstOfTrunks(context, tenant.name, fresh);
    if (taken !== undefined) throw forbidden(`${where}${taken.text} cannot be trusted: a trunk sends from there`);
  }
}

function requireAllowed({ context, identity, state }: Claiming, fresh: readonly Claim[], where: string): void {
  for (const { text, network } of fresh) {
    const widest = WIDEST[network.words.length] ?? 0;
    if (network.length < widest)
      throw forbidden(`${where}only a system admin may claim networks wider than /${widest}, such as ${text}`);
  }
  if (fresh.length === 0) return;
  const taken = fresh.find(({ network }) => isTrustedElsewhere(state, identity.tenant, network));
  const claimed = taken ?? firstRegistered(context, identity.tenant, fresh);
  if (claimed !== undefined) throw forbidden(`${where}${claimed.text} cannot be claimed`);
}

function freshOf(claims: readonly Claim[], before: readonly Claim[]): Claim[] {
  const had = new Set(before.map(({ text }) => text));
  return claims.filter(({ text }) => !had.has(text));
}

/** Addresses and networks as the admin wrote them; what a brand brings along is no claim of the admin's. */
function sourcesOf({ host, outboundProxy, type, associatedIps = [] }: TrunkSettings): Claim[] {
  // The host of a gateway is a label, which nothing is sent to.
  return claimsIn([type === 'accept-register' ? '' : (host ?? ''), outboundProxy?.host ?? '', ...associatedIps]);
}

function claimsIn(texts: readonly string[]): Claim[] {
  return texts.flatMap((text) => {
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
          return trusted !== undefined && meet(network, trusted);
        }),
      ),
  );
}

function firstRegistered({ engine }: ApiContext, tenant: string | undefined, claims: readonly Claim[]) {
  return engine.firstRegisteredElsewhere(tenant, (address) => {
    const words = parseAddress(address);
    if (words === undefined) return undefined;
    const single = { words, length: words.length * 32 };
    return claims.find(({ network }) => covers(network, single));
  });
}

function firstOfTrunks({ engine }: ApiContext, tenant: string, claims: readonly Claim[]): Claim | undefined {
  if (claims.length === 0) return undefined;
  return engine.firstTrunkSourceElsewhere(tenant, (source) => claims.find(({ network }) => meet(network, source)));
}

function meet(a: Network, b: Network): boolean {
  return covers(a, b) || covers(b, a);
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
    async (request) => {
      requireSystemAdmin(identityOf(request), 'see what other tenants claim');
      return page(await context.engine.trunkOverlaps(), request.query as z.infer<typeof querystring>, overlapView);
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
