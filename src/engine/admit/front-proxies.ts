/** Proxies of the operator's own in front of the nodes, e.g. a dispatcher: what they say of who sent a request is believed. */
import { isIP } from 'node:net';
import { isAmong } from '../../base/network.ts';
import type { SipRequest } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';

/** Who sent a request, as identification and digest look at it: a flow itself, or whom a front proxy names. */
export type Sender = Pick<Flow, 'remoteAddress' | 'remotePort' | 'transport' | 'tls'>;

/** The address that the proxy had the request from. It takes away what the sender may have written under this name. */
export const SENDER_HEADER = 'X-Auth-IP';
/** The port, where that is the sender's own: over UDP. */
export const SENDER_PORT_HEADER = 'X-Auth-Port';

const NO_PORT = 0;

export class FrontProxies {
  readonly #isFront: (address: string) => boolean;

  constructor(networks: readonly string[]) {
    this.#isFront = networks.length === 0 ? () => false : isAmong(networks);
  }

  has(address: string): boolean {
    return this.#isFront(address);
  }

  /** The flow's other end, or whom a front proxy names there. A certificate of the proxy's speaks for nobody behind it. */
  senderOf(request: SipRequest, flow: Sender): Sender {
    if (!this.#isFront(flow.remoteAddress)) return flow;
    const address = request.headers.valueNamed(SENDER_HEADER)?.trim() ?? '';
    if (isIP(address) === 0) return flow;
    const port = Number(request.headers.valueNamed(SENDER_PORT_HEADER) ?? NO_PORT);
    const remotePort = Number.isInteger(port) && port > 0 && port < 65_536 ? port : NO_PORT;
    return { remoteAddress: address, remotePort, transport: 'udp', tls: undefined };
  }
}
