/** How calls reach trunks: next hops (RFC 3263, or a gateway's binding), TLS material, digest answers and capacity. */
import { readFileSync } from 'node:fs';
import type { Clock } from '../base/scheduler.ts';
import type { NextHop } from '../outbound/index.ts';
import { DigestClient } from '../sip/auth/index.ts';
import type { LocatedTarget, Locator } from '../sip/locate/index.ts';
import type { Flow, Target, TlsCredentials } from '../sip/transport/index.ts';
import type { Tenant } from '../tenants/schema.ts';
import { Capacity, type CapacityGrant, type CapacityHolder, type CapacityRefusal } from '../trunks/capacity.ts';
import type { Directory } from '../trunks/directory.ts';
import type { Trunk } from '../trunks/schema.ts';

/** Where the gateway of an accept-register trunk can be reached; none while it is not registered. */
export type GatewayReach = (trunk: Trunk) => Flow | readonly Target[];

export class TrunkLinks {
  readonly capacity: Capacity;
  readonly #locator: Locator;
  readonly #gatewayReach: GatewayReach;
  readonly #tls = new Map<string, { readonly trunk: Trunk; readonly credentials: TlsCredentials }>();
  readonly #clients = new Map<string, { readonly trunk: Trunk; readonly client: DigestClient }>();

  constructor(clock: Clock, locator: Locator, gatewayReach: GatewayReach) {
    this.capacity = new Capacity(clock);
    this.#locator = locator;
    this.#gatewayReach = gatewayReach;
  }

  /** Targets of a trunk's next hop in the order to try them; at once when nothing has to be asked. Throws or rejects with LocateError. */
  targets(trunk: Trunk, hop: NextHop): Flow | readonly Target[] | Promise<readonly Target[]> {
    if (hop.kind === 'binding') return this.#gatewayReach(trunk);
    const { host, port, transport } = hop;
    const located = this.#locator.locate(port === undefined ? { host, transport } : { host, port, transport });
    if (located instanceof Promise) return located.then((targets) => this.#withTls(trunk, targets));
    return this.#withTls(trunk, located);
  }

  /** The one digest client of a trunk, which its calls and its registration share; undefined for a trunk without credentials. */
  digestClient(trunk: Trunk): DigestClient | undefined {
    if (trunk.credentials === undefined) return undefined;
    const known = this.#clients.get(trunk.id);
    if (known !== undefined && known.trunk.credentials === trunk.credentials) return known.client;
    const { authName, password, realm } = trunk.credentials;
    const client = new DigestClient({
      username: authName,
      secret: { password },
      ...(realm === undefined ? {} : { realms: [realm] }),
    });
    this.#clients.set(trunk.id, { trunk, client });
    return client;
  }

  /** Takes a place on the trunk, and in the tenant's share of it. */
  admit(trunk: Trunk, tenant: Tenant, directory: Directory): CapacityGrant | CapacityRefusal {
    const holders: CapacityHolder[] = [{ key: `trunk ${trunk.id}`, ...trunk.limits }];
    const share = directory.assignment(trunk.id, tenant.name)?.concurrentCalls;
    if (share !== undefined) holders.push({ key: `trunk ${trunk.id} tenant ${tenant.name}`, concurrentCalls: share });
    return this.capacity.admit(holders);
  }

  /** Evidence from a call: a target that did not answer is tried last for a while, one that answered is not any more. */
  noteTarget(target: LocatedTarget, answered: boolean, holdMs?: number): void {
    if (answered) this.#locator.markAlive(target);
    else this.#locator.markFailed(target, holdMs);
  }

  #withTls(trunk: Trunk, located: readonly LocatedTarget[]): readonly Target[] {
    if (trunk.transport !== 'tls' && located.every(({ transport }) => transport !== 'tls')) return located;
    const tls = this.#tlsOf(trunk);
    const serverName = trunk.tls.serverName;
    return located.map((target) => ({ ...target, ...(serverName === undefined ? {} : { serverName }), tls }));
  }

  /** Read when first needed and again when the trunk's settings change. Throws when a file cannot be read; the attempt then fails. */
  #tlsOf(trunk: Trunk): TlsCredentials {
    const known = this.#tls.get(trunk.id);
    if (known?.trunk === trunk) return known.credentials;
    const { certificate, key, ca } = trunk.tls;
    const credentials: TlsCredentials = {
      ...(certificate === undefined ? {} : { cert: readFileSync(certificate, 'utf8') }),
      ...(key === undefined ? {} : { key: readFileSync(key, 'utf8') }),
      ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }),
    };
    this.#tls.set(trunk.id, { trunk, credentials });
    return credentials;
  }
}
