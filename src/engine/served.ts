/** What this node serves at the moment, and as whom: what is provisioned, the domains of tenants, its own hosts and addresses. */
import { PeerError } from '../base/errors.ts';
import { asksEmergency, emergencyCallOf } from '../outbound/index.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Listen, NodeSettings } from '../settings/node-schema.ts';
import { isSipUri, type SipRequest } from '../sip/message/index.ts';
import type { Listening } from '../sip/transport/index.ts';
import type { Workers } from './admit/dealing.ts';
import { OwnHosts } from './own-hosts.ts';

export class Served {
  /** Replaced as a whole; a call keeps the one it began with. */
  directory: Directory;
  readonly #settings: NodeSettings;
  readonly #workers: Workers | undefined;
  readonly #ownHosts: OwnHosts;
  #listening: readonly Listening[] = [];
  #listen: readonly Listen[];

  constructor(settings: NodeSettings, directory: Directory, workers?: Workers) {
    this.#settings = settings;
    this.#workers = workers;
    this.directory = directory;
    this.#listen = settings.listen;
    this.#ownHosts = new OwnHosts(settings);
  }

  get listening(): readonly Listening[] {
    return this.#listening;
  }

  /** @param listen as configured. */
  listensOn(listening: readonly Listening[], listen: readonly Listen[]): void {
    this.#listening = listening;
    this.#listen = listen;
    this.#ownHosts.listensOn(listening, listen);
  }

  /** Whether a host is one that this node listens on or advertises. */
  isOwnHost(host: string): boolean {
    return this.#ownHosts.has(host);
  }

  /** The same of a host and port, the one of the HTTP interface and those of other workers of this machine included. */
  isOwnAddress(host: string, port: number): boolean {
    return this.isHere(host, port) || (this.#isOfWorker(port) && this.#ownHosts.has(host));
  }

  /** The same without the ports that other workers of this machine alone listen on. */
  isHere(host: string, port: number): boolean {
    const { api } = this.#settings;
    const isOwnPort =
      (api.enabled && api.port === port) ||
      this.#listening.some((listening) => listening.port === port) ||
      this.#listen.some(({ publicPort }) => publicPort === port);
    return isOwnPort && this.#ownHosts.has(host);
  }

  #isOfWorker(port: number): boolean {
    const workers = this.#workers;
    return workers !== undefined && this.#listen.some((each) => workers.allPorts(each.port).includes(port));
  }

  /** The tenant that a host in a URI stands for: of its domain, or the default one for the node's own addresses. */
  tenantOf(host: string): Tenant | undefined {
    const { defaultTenant } = this.#settings;
    const tenant = this.directory.tenantByDomain(host);
    if (tenant !== undefined || defaultTenant === undefined || !this.#ownHosts.has(host)) return tenant;
    return this.directory.tenantByName(defaultTenant);
  }

  /** Whether this is an emergency call of a phone, by what it says of itself; its credentials are looked at later. */
  isEmergency(request: SipRequest): boolean {
    try {
      const { uri } = request.from();
      const tenant = isSipUri(uri) ? this.tenantOf(uri.host) : undefined;
      return tenant !== undefined && asksEmergency(tenant, request.uri());
    } catch (error) {
      if (error instanceof PeerError) return false;
      throw error;
    }
  }

  /** The same of a number that somebody of a host dials. */
  isEmergencyNumber(number: string, host: string): boolean {
    const tenant = this.tenantOf(host);
    return tenant !== undefined && emergencyCallOf(tenant, number) !== undefined;
  }
}
