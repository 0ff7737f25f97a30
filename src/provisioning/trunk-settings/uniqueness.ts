/**
 * Behaviour 25: a host and authentication name belong to one trunk over register and accept-register trunks, and a provider has one ip
 * trunk: one per host, whatever the port, and one per brand. A further ip trunk says that it is for another account.
 */
import type { Steps } from '../../base/steps.ts';
import type { ProvisioningProblem } from './problem.ts';
import type { Trunk } from './schema.ts';
import { canonicalHost } from './sources.ts';
import { whatsappCalls } from './whatsapp.ts';

interface Entry {
  readonly trunk: Trunk;
  readonly path: string;
}

/** Of two that clash the later in the list is at fault. */
export function* checkUniqueness(entries: readonly Entry[], problems: ProvisioningProblem[]): Steps<void> {
  const holders = new Map<string, Trunk>();
  for (const { trunk, path } of entries) {
    yield;
    const holder = claim(holders, uniqueKeysOf(trunk), trunk);
    if (holder !== undefined) problems.push(problemOf(trunk, holder, path));
  }
}

/** Takes the keys for a trunk; gives the one that holds one of them already. */
function claim(holders: Map<string, Trunk>, keys: readonly string[], trunk: Trunk): Trunk | undefined {
  let found: Trunk | undefined;
  for (const key of keys) {
    const holder = holders.get(key);
    found ??= holder;
    if (holder === undefined) holders.set(key, trunk);
  }
  return found;
}

/** What no other trunk may have. */
export function uniqueKeysOf(trunk: Trunk): string[] {
  const { host, type, brand, anotherAccount, teams } = trunk;
  if (teams !== undefined) return [`fqdn ${teams.fqdn}`];
  const calls = whatsappCalls(trunk);
  // WhatsApp may sign in as either.
  if (calls !== undefined)
    return [calls.number, calls.number.slice(1)].map((name) => `auth ${canonicalHost(calls.hostname)} ${name}`);
  if (host === '') return [];
  if (type === 'register' || type === 'accept-register')
    return [`auth ${canonicalHost(host)} ${trunk.credentials?.authName ?? ''}`];
  if (type !== 'ip' || anotherAccount) return [];
  return brand === 'generic' ? [`host ${canonicalHost(host)}`] : [`host ${canonicalHost(host)}`, `brand ${brand}`];
}

function problemOf(trunk: Trunk, holder: Trunk, path: string): ProvisioningProblem {
  if (trunk.teams !== undefined) return named(trunk.teams.fqdn, holder, path);
  return trunk.type === 'ip' ? taken(trunk, holder, path) : used(trunk, holder, path);
}

/** Teams says in the Request-URI whom it calls: by a name of one trunk. */
function named(fqdn: string, holder: Trunk, path: string): ProvisioningProblem {
  return {
    code: 'trunk-host-taken',
    path: `${path}.teams.fqdn`,
    message: `${fqdn} is already the name of the trunk "${holder.name}"`,
    tenants: ownersOf(holder),
    redacted: `${fqdn} is already in use`,
  };
}

function taken(trunk: Trunk, holder: Trunk, path: string): ProvisioningProblem {
  const isHost = canonicalHost(trunk.host) === canonicalHost(holder.host);
  const what = isHost ? trunk.host : `the brand ${trunk.brand}`;
  const remedy = 'one ip trunk serves a provider; say "anotherAccount: true" for a second account';
  return {
    code: 'trunk-host-taken',
    path: `${path}.${isHost ? 'host' : 'brand'}`,
    message: `${what} is already used by the trunk "${holder.name}": ${remedy}`,
    tenants: ownersOf(holder),
    redacted: `${what} is already in use`,
  };
}

function used(trunk: Trunk, holder: Trunk, path: string): ProvisioningProblem {
  const { hostname = trunk.host } = whatsappCalls(trunk) ?? {};
  const what = `${hostname} with the authentication name "${trunk.credentials?.authName}"`;
  return {
    code: 'trunk-credentials-taken',
    path: `${path}.${trunk.type === 'whatsapp' ? 'whatsapp.number' : 'credentials.authName'}`,
    message: `${what} is already used by the trunk "${holder.name}"`,
    tenants: ownersOf(holder),
    redacted: `${what} is already in use`,
  };
}

function ownersOf(trunk: Trunk): string[] {
  return trunk.owner === 'system' ? trunk.assignments.map(({ tenant }) => tenant) : [trunk.owner];
}
