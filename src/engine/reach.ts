/** How a registered contact is reached from this node: over its own flow or address, or through the node that it registered at. */
import type { Binding } from '../registrar/index.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import type { FrontProxies } from './admit/front-proxies.ts';
import type { PeerNodes, PeerPass } from './peer-nodes.ts';

export interface Reached {
  readonly to: Flow | Target;
  /** Set when it goes through another node. */
  readonly through: Through | undefined;
  /** How long `to` may be silent; undefined: as long as any peer. */
  readonly silentMs: number | undefined;
  /** Where it is by itself, for when the connection `to` proves dead. */
  readonly pastFlow?: Target;
}

/** The way through the node that a contact registered at. */
export interface Through {
  readonly node: string;
  /** Makes the header field that a request with this Request-URI needs. */
  pass(requestUri: string): readonly [name: string, value: string];
  /** Where the contact is by itself, for when that node does not answer; undefined: nowhere. */
  readonly otherwise: Target | undefined;
  /** That node did not answer. */
  wasSilent(): void;
}

/** A node that lives answers within milliseconds (100 Trying); with T1 of 500 ms one packet may be lost. */
export const NODE_SILENT_MS = 800;
/** A phone that lives answers over a flow that does (100 Trying); two packets may be lost. */
export const FLOW_SILENT_MS = 2_000;
/** A contact of a node that is gone answers a packet from another address at once or never: a NAT may be between. */
export const ORPHAN_SILENT_MS = 1_200;

export interface ReachOptions {
  readonly settings: Pick<NodeSettings, 'node'>;
  readonly peers: PeerNodes;
  readonly pass: PeerPass;
  readonly front: Pick<FrontProxies, 'has'>;
}

export class ContactReach {
  readonly #options: ReachOptions;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  /**
   * Undefined: nothing leads there now. While the node that took the registration is alive it is asked, since its flow or NAT binding
   * may be the only way; after it, whatever address the contact has of its own.
   */
  of(binding: Binding<Flow>): Reached | undefined {
    const { settings, peers, pass, front } = this.#options;
    const { flow, target } = binding;
    if (flow !== undefined && !flow.closed) {
      const reached = { to: flow, through: undefined, silentMs: undefined };
      if (!flow.reliable || target === undefined) return reached;
      return { ...reached, pastFlow: { ...target, connectTimeoutMs: ORPHAN_SILENT_MS } };
    }
    const isOther = binding.node !== settings.node && binding.node !== '';
    // A proxy of the operator's own in front leads to the phone from any node.
    const isBehindFront = binding.path.length > 0 && target?.transport === 'udp' && front.has(target.address);
    if (isOther && isBehindFront) return { to: target, through: undefined, silentMs: undefined };
    const peer = isOther ? peers.addressOf(binding.node) : undefined;
    if (peer !== undefined) {
      const wanted = { aor: binding.aor, contact: binding.requestUri };
      const process = peers.processOf(binding.node);
      const through: Through = {
        node: binding.node,
        pass: (requestUri) => pass.write(requestUri, wanted),
        otherwise: target,
        wasSilent: () => peers.noteSilent(binding.node, process),
      };
      return { to: peer, through, silentMs: NODE_SILENT_MS };
    }
    if (target === undefined) return undefined;
    return { to: target, through: undefined, silentMs: isOther ? ORPHAN_SILENT_MS : undefined };
  }
}
