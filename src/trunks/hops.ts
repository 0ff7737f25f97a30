/** Where a trunk's requests go: RFC 3263 targets of its proxy or host with the trunk's TLS material, or the way to a gateway. */

import { readFileSync } from 'node:fs';
import { derived } from '../base/derived.ts';
import { type Egress, EgressError } from '../base/egress.ts';
import { Latest } from '../base/latest.ts';
import { ownCopy } from '../base/text.ts';
import type { TransportName } from '../base/transport.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { TeamsSide } from '../provisioning/trunk-settings/teams-schema.ts';
import type { TlsCertificate } from '../provisioning/trunk-settings/tls-certificates.ts';
import { DigestClient } from '../sip/auth/index.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import type { LocatedTarget, LocateQuery, Locator } from '../sip/locate/index.ts';
import type { Flow, Target, TlsCredentials } from '../sip/transport/index.ts';
import type { RegistrarPlace } from './registrar-redirection.ts';

/** Where a trunk's requests go: a host to be resolved (RFC 3263), or the binding of the gateway that registered as this trunk. */
export type TrunkHop = HostHop | { readonly kind: 'binding'; readonly trunkId: string };

interface HostHop {
  readonly kind: 'host';
  readonly host: string;
  readonly port: number | undefined;
  readonly transport: TransportName;
  /** Default: nobody's. */
  readonly way?: string;
  /** In whose name it is looked up. */
  readonly owner?: string;
}

/** Where the gateway of an accept-register trunk can be reached; no target while it is not registered. */
export type GatewayReach = (trunk: Trunk) => Flow | readonly Target[];

export type Reach = Flow | readonly Target[];

/** Hands on what is located, at once where that is known already; `lost` hears of what `locate` throws or rejects with, or that there is none. */
export function whenLocated(
  locate: () => Reach | Promise<readonly Target[]>,
  take: (targets: readonly (Flow | Target)[]) => void,
  lost: (error: Error) => void,
): void {
  const located = (reach: Reach): void => {
    const targets = 'send' in reach ? [reach] : reach;
    if (targets.length === 0) throw new Error('no target');
    take(targets);
  };
  try {
    const reach = locate();
    if (reach instanceof Promise) reach.then(located).catch(lost);
    else located(reach);
  } catch (error) {
    lost(error as Error);
  }
}

const SYSTEM = 'system';

/** What a trunk's requests need of the locator. */
export type TrunkLocator = Pick<Locator, 'locate' | 'markFailed' | 'markAlive' | 'isFailed'>;

/**
 * The outbound proxy if there is one, else the host. The host of an accept-register trunk is a label that is never resolved: its
 * requests follow the gateway's binding. One object for all requests of a trunk.
 */
export const hopOf = derived((trunk: Trunk): TrunkHop => {
  if (trunk.type === 'accept-register') return { kind: 'binding', trunkId: trunk.id };
  const { host, port } = trunk.outboundProxy ?? trunk;
  return { kind: 'host', host, port, transport: trunk.transport, way: wayOf(trunk), owner: trunk.owner };
});

/**
 * Who tries a trunk's targets, and how: by which what has failed is known. A tenant's settings decide what counts as an answer, and no name,
 * certificate or listener of one trunk is another's.
 */
export const wayOf = derived((trunk: Trunk): string => {
  const { owner, options, transport, tls, teams } = trunk;
  const way = [owner === SYSTEM ? '' : owner, options.listener];
  if (transport !== 'tls') return way.join(' ').trimEnd();
  const serverName = tls.serverName ?? (trunk.outboundProxy ?? trunk).host;
  return JSON.stringify([...way, serverName, tls.allowWildcard, tls.certificate, tls.key, tls.ca, teams?.certificate]);
});

/** Trunks with the same one share a registrar, and with it a pace. */
export function providerKey(trunk: Trunk): string {
  const { host, port } = trunk.outboundProxy ?? trunk;
  return `${host.toLowerCase()} ${port ?? ''} ${trunk.transport}`;
}

export const locateQuery = derived((hop: HostHop): LocateQuery => {
  const { host, port, transport, way = '', owner = '' } = hop;
  // A trunk's transport is the operator's word; where its servers are is for the domain to say, by NAPTR too.
  return port === undefined ? { host, transport, naptr: true, way, owner } : { host, port, transport, way, owner };
});

/** Reads what {@link describeDestination} made; undefined for anything else. Each call ends with one, of a place that is nearly always known. */
export function targetOfKey(key: string): LocatedTarget | undefined {
  const known = TARGETS.get(key);
  if (known !== undefined) return known;
  const target = readKey(key);
  if (target !== undefined) TARGETS.set(ownCopy(key), target);
  return target;
}
const TARGETS = new Latest<string, LocatedTarget>(1_000);

function readKey(key: string): LocatedTarget | undefined {
  const first = key.indexOf(':');
  const last = key.lastIndexOf(':');
  const transport = key.slice(0, first);
  const port = Number(key.slice(last + 1));
  if (first < 0 || last <= first + 1 || !Number.isInteger(port) || port <= 0 || port > 65_535) return undefined;
  if (transport !== 'udp' && transport !== 'tcp' && transport !== 'tls') return undefined;
  return { transport, address: key.slice(first + 1, last).replace(/^\[|\]$/g, ''), port };
}

/** The same targets, sent to from the listener that the trunk names. */
function fromListener<T extends Target>(trunk: Trunk, targets: readonly T[]): readonly T[] {
  const { listener } = trunk.options;
  return listener === '' ? targets : targets.map((target) => ({ ...target, listenerId: listener }));
}

interface Cached<T> {
  readonly of: object;
  readonly value: T;
}

export interface TrunkHopsOptions {
  readonly locator: TrunkLocator;
  readonly gatewayReach: GatewayReach;
  /** Default: the file system. */
  readonly readFile?: ((path: string) => string) | undefined;
  /** Default: any. */
  readonly hasListener?: ((name: string, transport: TransportName) => boolean) | undefined;
  readonly egress?: Pick<Egress, 'refusal'> | undefined;
  /** What a teams trunk shows; default: nothing. */
  readonly certificateOf?: (trunk: Trunk) => TlsCertificate | undefined;
}

export class TrunkHops {
  readonly #locator: TrunkLocator;
  readonly #gatewayReach: GatewayReach;
  readonly #readFile: (path: string) => string;
  readonly #hasListener: (name: string, transport: TransportName) => boolean;
  readonly #egress: Pick<Egress, 'refusal'> | undefined;
  readonly #certificateOf: (trunk: Trunk) => TlsCertificate | undefined;
  readonly #tls = new Map<string, Cached<TlsCredentials> & { readonly certificate: TlsCertificate | undefined }>();
  readonly #clients = new Map<string, Cached<DigestClient>>();

  constructor(options: TrunkHopsOptions) {
    this.#egress = options.egress;
    this.#locator = options.locator;
    this.#hasListener = options.hasListener ?? (() => true);
    this.#gatewayReach = options.gatewayReach;
    this.#readFile = options.readFile ?? ((path) => readFileSync(path, 'utf8'));
    this.#certificateOf = options.certificateOf ?? (() => undefined);
  }

  /** Targets in the order to try them; at once when nothing has to be asked. Throws or rejects when there is none. */
  reach(trunk: Trunk, hop: TrunkHop): Reach | Promise<readonly Target[]> {
    if (hop.kind === 'binding') return this.#gatewayReach(trunk);
    if (trunk.teams !== undefined) return this.#ofTeams(trunk, trunk.teams);
    const located = this.#locator.locate(locateQuery(hop));
    if (located instanceof Promise) return located.then((targets) => this.#own(trunk, targets));
    return this.#own(trunk, located);
  }

  /** One datacentre after the other, in the order in which they are written; one whose name nobody knows is passed over. */
  #ofTeams(trunk: Trunk, { targets }: TeamsSide): readonly Target[] | Promise<readonly Target[]> {
    let isWaiting = false;
    const asked = targets.map(({ host, port }) => {
      try {
        const located = this.#locator.locate({ host, port, transport: 'tls', way: wayOf(trunk), owner: trunk.owner });
        isWaiting ||= located instanceof Promise;
        return located;
      } catch (error) {
        return error as Error;
      }
    });
    if (!isWaiting) return this.#own(trunk, inOrder(asked as (readonly LocatedTarget[] | Error)[]));
    const known = asked.map(async (located) => {
      try {
        return await located;
      } catch (error) {
        return error as Error;
      }
    });
    return Promise.all(known).then((answers) => this.#own(trunk, inOrder(answers)));
  }

  /**
   * Targets of a place that a server of the trunk has named: by way of the trunk's proxy where it has one. They are nobody's word here,
   * so the egress guard holds for a system trunk too.
   */
  elsewhere(trunk: Trunk, { host, port }: RegistrarPlace): Reach | Promise<readonly Target[]> {
    if (trunk.outboundProxy !== undefined) return this.reach(trunk, hopOf(trunk));
    const { transport, owner } = trunk;
    const way = wayOf(trunk);
    const located = this.#locator.locate(locateQuery({ kind: 'host', host, port, transport, way, owner }));
    const guarded = (targets: readonly LocatedTarget[]) => this.#own(trunk, this.#public(targets, trunk));
    return located instanceof Promise ? located.then(guarded) : guarded(located);
  }

  /** The first of these, without TLS material; undefined when that has to be asked for, or when there is none. */
  first(trunk: Trunk): Flow | Target | undefined {
    const hop = hopOf(trunk);
    if (hop.kind === 'binding') {
      const reach = this.#gatewayReach(trunk);
      return 'send' in reach ? reach : reach[0];
    }
    try {
      const located = this.#locator.locate(locateQuery(hop));
      if (!(located instanceof Promise)) return fromListener(trunk, located)[0];
      located.catch(() => undefined);
    } catch {
      // Whoever sends hears why.
    }
    return undefined;
  }

  #own(trunk: Trunk, located: readonly LocatedTarget[]): readonly Target[] {
    const { listener } = trunk.options;
    if (listener !== '' && !this.#hasListener(listener, trunk.transport))
      throw new Error(`options.listener: there is no ${trunk.transport} listener "${listener}" on this node`);
    return fromListener(trunk, this.withTls(trunk, this.guarded(trunk, located)));
  }

  /**
   * Those that the owner of a trunk may make this engine send to, marked so that each is looked at again when something is sent there.
   * Throws when none is left. A system trunk's are the operator's word.
   */
  guarded<T extends Target>(trunk: Trunk, located: readonly T[]): readonly T[] {
    return trunk.owner === SYSTEM ? located : this.#public(located, trunk);
  }

  #public<T extends Target>(located: readonly T[], { owner }: Trunk): readonly T[] {
    let refusal: string | undefined;
    const allowed: T[] = [];
    for (const target of located) {
      const reason = this.#egress?.refusal(target.address, target.port);
      if (reason === undefined) allowed.push({ ...target, guarded: true, owner });
      else refusal ??= reason;
    }
    if (allowed.length === 0 && refusal !== undefined) throw new EgressError(refusal);
    return allowed;
  }

  withTls(trunk: Trunk, located: readonly Target[]): readonly Target[] {
    if (located.every(({ transport }) => transport !== 'tls')) return located;
    const tls = this.#tlsOf(trunk);
    const serverName = trunk.tls.serverName;
    return located.map((target) => ({ ...target, ...(serverName === undefined ? {} : { serverName }), tls }));
  }

  /**
   * The digest client of a trunk's calls and pings, or of its registration; undefined for a trunk without credentials. Each answers
   * any realm that the trunk's own targets ask for, or those that the credentials name.
   */
  digestClient(trunk: Trunk, use: 'calls' | 'registration' = 'calls'): DigestClient | undefined {
    const { credentials } = trunk;
    if (credentials === undefined) return undefined;
    const key = `${use} ${trunk.id}`;
    const known = this.#clients.get(key);
    if (known?.of === credentials) return known.value;
    const { authName, password, realms } = credentials;
    const identity = { username: authName, secret: { password } };
    const client = new DigestClient(realms === undefined ? identity : { ...identity, realms });
    this.#clients.set(key, { of: credentials, value: client });
    return client;
  }

  /** Forgets what was learnt of a trunk: its realms, nonces and TLS files. */
  forget(trunkId: string): void {
    this.#tls.delete(trunkId);
    this.#clients.delete(`calls ${trunkId}`);
    this.#clients.delete(`registration ${trunkId}`);
  }

  /** What is wrong today with the certificate that a trunk shows; undefined: nothing that is known here. */
  certificateFault(trunk: Trunk, wallMs: number): string | undefined {
    const certificate = this.#certificateOf(trunk);
    if (certificate === undefined) return undefined;
    const { name, notBeforeMs, notAfterMs } = certificate;
    if (wallMs >= notAfterMs) return `certificate ${name} ended at ${new Date(notAfterMs).toISOString()}`;
    return wallMs < notBeforeMs ? `certificate ${name} begins at ${new Date(notBeforeMs).toISOString()}` : undefined;
  }

  /** Has the TLS files of every trunk read again when they are needed next. */
  forgetFiles(): void {
    this.#tls.clear();
  }

  /** Read when first needed and again when the trunk's settings change. Throws when a file cannot be read; the attempt then fails. */
  #tlsOf(trunk: Trunk): TlsCredentials {
    const known = this.#tls.get(trunk.id);
    const own = trunk.teams === undefined ? undefined : this.#certificateOf(trunk);
    if (known?.of === trunk && known.certificate === own) return known.value;
    const { certificate, key, ca, allowWildcard } = trunk.tls;
    const value: TlsCredentials = {
      ...(allowWildcard && { allowWildcard }),
      ...(certificate === undefined ? {} : { cert: this.#readFile(certificate) }),
      ...(key === undefined ? {} : { key: this.#readFile(key) }),
      ...(own === undefined ? {} : { cert: own.cert, key: own.key, allowWildcard: true }),
      ...(ca === undefined ? {} : { ca: this.#readFile(ca) }),
    };
    this.#tls.set(trunk.id, { of: trunk, certificate: own, value });
    return value;
  }
}

/** Those that were located; throws when none was. */
function inOrder(answers: readonly (readonly LocatedTarget[] | Error)[]): readonly LocatedTarget[] {
  const located = answers.flatMap((answer) => (answer instanceof Error ? [] : answer));
  if (located.length > 0) return located;
  throw answers.find((answer) => answer instanceof Error) ?? new Error('there is no target');
}

/** The server of a registration before all others, even if the DNS does not name it any more. */
export function serverFirst(targets: readonly Target[], server: Target): readonly Target[] {
  const key = describeDestination(server);
  return [server, ...targets.filter((target) => describeDestination(target) !== key)];
}

export function hasTargets(reach: Reach): boolean {
  return 'send' in reach || reach.length > 0;
}

/** A target, by its key, has answered a trunk, or has not. */
export function noteTarget(locator: TrunkLocator, trunk: Trunk, key: string, answered: boolean, holdMs?: number): void {
  const target = targetOfKey(key);
  if (target === undefined) return;
  if (answered) locator.markAlive(target, wayOf(trunk));
  else locator.markFailed(target, wayOf(trunk), holdMs);
}
