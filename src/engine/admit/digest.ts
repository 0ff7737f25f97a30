/** Digest as the engine serves it: what each realm and user is asked for, and what is logged of it. */
import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../../base/log.ts';
import type { Clock, Scheduler } from '../../base/scheduler.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import type { DigestPolicySettings, Ha1 } from '../../provisioning/tenants/fields.ts';
import type { NodeSettings } from '../../settings/node-schema.ts';
import {
  type DigestAlgorithm,
  type DigestPolicy,
  type DigestRefusal,
  DigestServer,
  type GuessThrottle,
} from '../../sip/auth/index.ts';
import type { Served } from '../served.ts';
import type { Accounts } from './accounts.ts';
import { ChallengeWatch } from './challenge-watch.ts';

export interface EngineDigestOptions {
  readonly settings: NodeSettings;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly served: Served;
  readonly accounts: Accounts;
  readonly throttle: GuessThrottle;
  /** By which the nodes of one store tell how old a nonce is. */
  readonly storeTime: Clock;
  /** Key of the nonces, shared by the nodes of one store. */
  readonly nonceSecret?: Uint8Array | undefined;
}

export function engineDigest(options: EngineDigestOptions): DigestServer {
  const { settings, scheduler, log, served, accounts, nonceSecret } = options;
  const ofNode: DigestPolicy = { algorithms: settings.digest.algorithms, legacy: false };
  return new DigestServer({
    clock: options.storeTime,
    policyOf: (realm, user) => policyOf(served.directory, realm, user, ofNode),
    servesHost: (host) =>
      served.directory.tenantByDomain(host) !== undefined || accounts.isCallerRealm(host) || served.isOwnHost(host),
    observer: new ChallengeWatch({
      scheduler,
      log,
      patienceMs: PATIENCE_T1 * settings.timers.t1Ms,
      isAccount: (realm, user) => isAccount(served.directory, accounts, realm, user),
    }),
    nonceLifetimeMs: settings.digest.nonceSeconds * 1000,
    throttle: options.throttle,
    ...(nonceSecret === undefined ? {} : { secret: nonceSecret }),
  });
}

/** What a log line about a refusal adds, when a setting would help. */
export function refusalHint(reason: DigestRefusal | undefined, user: string | undefined): { hint?: string } {
  const who = user ?? 'its account';
  switch (reason) {
    case 'no-qop':
      return { hint: `the phone answers without qop (RFC 2069): ${legacyOn(who)}` };
    case 'short-count':
      return { hint: `the phone writes its nonce count in another width than eight digits: ${legacyOn(who)}` };
    case 'algorithm':
      return { hint: `the phone answers with an algorithm that was not asked for: set digest.algorithms on ${who}` };
    default:
      return {};
  }
}

function legacyOn(who: string): string {
  return `set digest.legacy: true on ${who} or its tenant to admit it`;
}

/** Of a request to or from somebody at the node's own address, when no tenant is served there. */
export const OWN_ADDRESS_HINT = {
  hint: "the phone signs in at the node's own address: set its domain to the tenant's, or defaultTenant on the node",
};

/** Ten times T1: five seconds by default. A phone that answers does so after one round trip. */
const PATIENCE_T1 = 10;

function policyOf(
  directory: Directory,
  realm: string,
  user: string | undefined,
  ofNode: DigestPolicy,
): DigestPolicy | undefined {
  const tenant = directory.tenantByDomain(realm);
  if (tenant === undefined) return gatewayPolicy(directory, realm, user, ofNode);
  const member = user === undefined ? undefined : directory.member(tenant.name, user);
  return narrowed(ofNode, member?.ha1, member?.digest, tenant.digest);
}

/** A gateway's From and To say what they like, so its challenge is that of the host label; of several gateways, which tenants may have, that of all. */
function gatewayPolicy(
  directory: Directory,
  realm: string,
  user: string | undefined,
  ofNode: DigestPolicy,
): DigestPolicy {
  const gateways = directory.trunksByHost(realm).filter(({ type, enabled }) => enabled && type === 'accept-register');
  const named = gateways.find((trunk) => trunk.credentials?.authName === user);
  const meant = named === undefined ? gateways : [named];
  const [first = ofNode, ...rest] = meant.map(({ credentials }) => narrowed(ofNode, undefined, credentials?.digest));
  if (rest.every((policy) => isSame(policy, first))) return first;
  const algorithms = [first, ...rest].flatMap((policy) => policy.algorithms);
  return { algorithms: [...new Set(algorithms)], legacy: false };
}

function isSame(one: DigestPolicy, other: DigestPolicy): boolean {
  return one.legacy === other.legacy && isDeepStrictEqual(one.algorithms, other.algorithms);
}

/** The first setting that says something wins. An account that is kept as hashes is asked for what it has a hash of. */
function narrowed(
  ofNode: DigestPolicy,
  hashes: Ha1 | undefined,
  first: DigestPolicySettings | undefined,
  second?: DigestPolicySettings,
): DigestPolicy {
  const algorithms = first?.algorithms ?? second?.algorithms;
  const legacy = first?.legacy ?? second?.legacy;
  const wanted = algorithms ?? ofNode.algorithms;
  const possible = hashes === undefined ? wanted : within(wanted, hashes);
  if (possible === ofNode.algorithms && legacy !== true) return ofNode;
  return { algorithms: possible, legacy: legacy === true };
}

function within(wanted: readonly DigestAlgorithm[], { md5, sha256, sha512256 }: Ha1): readonly DigestAlgorithm[] {
  const hashes = { MD5: md5, 'SHA-256': sha256, 'SHA-512-256': sha512256 };
  const known = (algorithm: DigestAlgorithm): boolean => hashes[algorithm] !== undefined;
  if (wanted.every(known)) return wanted;
  const common = wanted.filter(known);
  if (common.length > 0) return common;
  const any = (Object.keys(hashes) as DigestAlgorithm[]).filter(known);
  return any.length > 0 ? any : wanted;
}

/** Whether somebody of this name can sign in. A gateway is known by its realm alone. */
function isAccount(directory: Directory, accounts: Accounts, realm: string, user: string | undefined): boolean {
  const tenant = directory.tenantByDomain(realm);
  if (tenant === undefined) return accounts.isCallerRealm(realm);
  return user !== undefined && accounts.endpoint(tenant, user) !== undefined;
}
