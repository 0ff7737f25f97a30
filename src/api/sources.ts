import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Network, parseAddress, parseNetwork } from '../base/network.ts';
import { NetworkSet } from '../base/network-set.ts';
import type { Steps } from '../base/steps.ts';
import type { SourceOverlap } from '../provisioning/check/overlaps.ts';
import type { Extension, Tenant } from '../provisioning/tenants/schema.ts';
import type { Provisioned, TrunkSettings } from '../provisioning/trunk-settings/schema.ts';
import { isSystemAdmin, requireSystemAdmin } from './access.ts';
import { type ApiContext, identityOf } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { page, pageFields, pageOf } from './paging.ts';
import { forbidden } from './problem.ts';
import type { Identity } from './tokens.ts';

/** The widest networks that a tenant admin may claim, by the number of words of an address. */
const WIDEST: Readonly<Record<number, number>> = { 1: 24, 4: 48 };

interface Claim {
  readonly text: string;
  readonly network: Network;
  /** What a refusal says before it. */
  readonly where: string;
}

/** What is asked of every claim of a tenant admin's. */
interface Claiming {
  readonly context: ApiContext;
  readonly identity: Identity;
  readonly state: Provisioned;
}

/** How many extensions, trunks or claims are looked at in a step. */
const LOOKED_AT_PER_STEP = 50;

/** A trunk as it is written, and as it was. */
export interface WrittenTrunk {
  readonly trunk: TrunkSettings;
  readonly before: TrunkSettings | undefined;
}

/**
 * A tenant admin claims for its trunks what a provider of its own may send from: single addresses and small networks, and nothing that
 * another tenant's phones are known to come from. What a trunk had before is not asked about again. Any number of trunks is held
 * against all that others have in one go.
 */
export function* requireAllowedSources(
  context: ApiContext,
  identity: Identity,
  state: Provisioned,
  trunks: readonly WrittenTrunk[],
): Steps<void> {
  if (isSystemAdmin(identity)) return;
  const fresh: Claim[] = [];
  for (const { trunk, before } of trunks) {
    fresh.push(...freshOf(sourcesOf(trunk), before === undefined ? [] : sourcesOf(before)));
    yield;
  }
  yield* requireAllowed({ context, identity, state }, fresh);
}

/**
 * Where a tenant admin's extensions are believed without a password: within the same bounds, and nowhere that a trunk of others sends
 * from. A trunk's claims are told apart by the number that is called; whoever trusts an address is asked before any trunk.
 */
export function* requireAllowedTrust(
  context: ApiContext,
  identity: Identity,
  state: Provisioned,
  tenant: Tenant,
  before: Tenant,
): Steps<void> {
  if (isSystemAdmin(identity)) return;
  const trusting = tenant.extensions.filter(({ trustedAddresses }) => trustedAddresses.length > 0);
  if (trusting.length === 0) return;
  const had = new Map<string, Extension>();
  for (const extension of before.extensions) {
    had.set(extension.number, extension);
    if (had.size % LOOKED_AT_PER_STEP === 0) yield;
  }
  // Many trust the same: it is asked about once.
  const fresh = new Map<string, Claim>();
  for (const extension of trusting) {
    yield;
    const { number, trustedAddresses } = extension;
    const earlier = had.get(number);
    if (extension === earlier) continue;
    const claims = claimsIn(trustedAddresses, `trustedAddresses of extension ${number}: `);
    for (const claim of freshOf(claims, claimsIn(earlier?.trustedAddresses ?? [])))
      if (!fresh.has(claim.text)) fresh.set(claim.text, claim);
  }
  const claims = yield* requireAllowed({ context, identity, state }, [...fresh.values()]);
  if (claims.isEmpty) return;
  const taken = yield* context.engine.firstTrunkSourceElsewhere(tenant.name, (source) => claims.meeting(source));
  if (taken !== undefined) throw forbidden(`${taken.where}${taken.text} cannot be trusted: a trunk sends from there`);
}

function* requireAllowed({ context, identity, state }: Claiming, fresh: readonly Claim[]): Steps<NetworkSet<Claim>> {
  for (const { text, network, where } of fresh) {
    const widest = WIDEST[network.words.length] ?? 0;
    if (network.length < widest)
      throw forbidden(`${where}only a system admin may claim networks wider than /${widest}, such as ${text}`);
    yield;
  }
  const claims = yield* NetworkSet.of(fresh);
  if (claims.isEmpty) return claims;
  const claimed =
    (yield* firstTrustedElsewhere(state, identity.tenant, claims)) ??
    (yield* context.engine.firstRegisteredElsewhere(identity.tenant, (address) => {
      const words = parseAddress(address);
      return words === undefined ? undefined : claims.meeting({ words, length: words.length * 32 });
    }));
  if (claimed !== undefined) throw forbidden(`${claimed.where}${claimed.text} cannot be claimed`);
  return claims;
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

function claimsIn(texts: readonly string[], where = ''): Claim[] {
  return texts.flatMap((text) => {
    const network = parseNetwork(text);
    return network === undefined ? [] : { text, network, where };
  });
}

/** A claim that meets an address which an extension of another tenant trusts in place of a password. */
function* firstTrustedElsewhere(
  { tenants }: Provisioned,
  tenant: string | undefined,
  claims: NetworkSet<Claim>,
): Steps<Claim | undefined> {
  let count = 0;
  // Counted, not iterated: of a hundred thousand extensions nothing is allocated.
  for (let at = 0; at < tenants.length; at++) {
    if (++count % LOOKED_AT_PER_STEP === 0) yield;
    const { name, extensions } = tenants.at(at) as Tenant;
    if (name === tenant) continue;
    for (let place = 0; place < extensions.length; place++) {
      if (++count % LOOKED_AT_PER_STEP === 0) yield;
      const { trustedAddresses } = extensions[place] as Extension;
      if (trustedAddresses.length === 0) continue;
      for (const text of trustedAddresses) {
        const trusted = parseNetwork(text);
        const claim = trusted === undefined ? undefined : claims.meeting(trusted);
        if (claim !== undefined) return claim;
      }
    }
  }
  return undefined;
}

/** Sources that trunks of several owners or tenants claim. */
export function overlapRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listTrunkOverlaps', {
    access: 'system',
    querystring: z.strictObject({ ...pageFields }),
    answers: { 200: pageOf(named('SourceOverlap')) },
  }).by(async (request) => {
    requireSystemAdmin(identityOf(request), 'see what other tenants claim');
    return page(await context.engine.trunkOverlaps(), request.query, overlapView);
  });
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
