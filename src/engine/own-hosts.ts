/** Which hosts in URIs are this node itself, however they are spelled. */

import { canonicalHost } from '../provisioning/trunk-settings/sources.ts';
import type { Listen, NodeSettings } from '../settings/node-schema.ts';
import type { Listening } from '../sip/transport/index.ts';
import { addressesOf } from './listeners.ts';

export class OwnHosts {
  readonly #advertise: NodeSettings['advertise'];
  #hosts: ReadonlySet<string> = new Set();

  constructor({ advertise, listen }: Pick<NodeSettings, 'advertise' | 'listen'>) {
    this.#advertise = advertise;
    this.listensOn([], listen);
  }

  /** The addresses of the listeners, and what they are configured to say of themselves, are the node's from now on. */
  listensOn(listening: readonly Listening[], listen: readonly Listen[]): void {
    const { publicHost, privateHost } = this.#advertise;
    const said = [publicHost, privateHost, ...listen.map((each) => each.publicHost)].filter(
      (each) => each !== undefined,
    );
    this.#hosts = new Set([...said, ...addressesOf(listening)].map(canonicalHost));
  }

  /** A host of a URI, an IPv6 address with or without brackets. */
  has(host: string): boolean {
    return this.#hosts.has(canonicalHost(host)) || (LOCALHOST.test(host) && this.#hosts.has(canonicalHost('::1')));
  }
}

/** The canonical form of this name is the IPv4 loopback address; on a node of IPv6 alone it is the other one. */
const LOCALHOST = /^localhost\.?$/i;
