/** How a registered contact is reached from this node: over its own flow or address, or through the node that it registered at. */
import type { Binding } from '../registrar/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import type { PeerNodes, PeerPass } from './peer-nodes.ts';

export interface Reached {
  readonly to: Flow | Target;
  /** Makes the header field that a request with this Request-URI needs when it goes through another node. */
  readonly pass: ((requestUri: string) => readonly [name: string, value: string]) | undefined;
}

export interface ReachOptions {
  readonly node: string;
  readonly peers: PeerNodes;
  readonly pass: PeerPass;
}

export class Reach {
  readonly #options: ReachOptions;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  /**
   * Undefined: nothing leads there now. While the node that took the registration is alive it is asked, since its flow or NAT binding
   * may be the only way; after it, whatever address the contact has of its own.
   */
  of(binding: Binding<Flow>): Reached | undefined {
    const { node, peers, pass } = this.#options;
    if (binding.flow !== undefined && !binding.flow.closed) return { to: binding.flow, pass: undefined };
    if (binding.node !== node && binding.node !== '') {
      const peer = peers.addressOf(binding.node);
      if (peer !== undefined) {
        const wanted = { aor: binding.aor, contact: binding.requestUri };
        return { to: peer, pass: (requestUri) => pass.write(requestUri, wanted) };
      }
    }
    return binding.target === undefined ? undefined : { to: binding.target, pass: undefined };
  }
}
