/** Which hosts in URIs are this node itself, however they are spelled. */
import type { NodeSettings } from '../settings/node-schema.ts';
import type { Listening } from '../sip/transport/index.ts';
import { canonicalHost } from '../trunks/sources.ts';
import { addressesOf } from './listeners.ts';

export class OwnHosts {
  readonly #said: readonly string[];
  #hosts: ReadonlySet<string> = new Set();

  constructor({ advertise, listen }: NodeSettings) {
    const said = [advertise.publicHost, advertise.privateHost, ...listen.map(({ publicHost }) => publicHost)];
    this.#said = said.filter((host) => host !== undefined);
    this.listensOn([]);
  }

  /** The addresses of the listeners are the node's from now on. */
  listensOn(listening: readonly Listening[]): void {
    this.#hosts = new Set([...this.#said, ...addressesOf(listening)].map(canonicalHost));
  }

  /** A host of a URI, an IPv6 address with or without brackets. */
  has(host: string): boolean {
    return this.#hosts.has(canonicalHost(host)) || (LOCALHOST.test(host) && this.#hosts.has(canonicalHost('::1')));
  }
}

/** The canonical form of this name is the IPv4 loopback address; on a node of IPv6 alone it is the other one. */
const LOCALHOST = /^localhost\.?$/i;
