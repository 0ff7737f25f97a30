/** Proxies of the operator's own in front of the nodes, e.g. a dispatcher: what they say of who sent a request is believed. */
import { isIP } from 'node:net';
import { formatNetwork, isAmong, parseAddress } from '../../base/network.ts';
import type { SipRequest } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';

/** Who sent a request, as identification and digest look at it: a flow itself, or whom a front proxy names. */
export interface Sender extends Pick<Flow, 'remoteAddress' | 'remotePort' | 'transport' | 'tls'> {
  /** A front proxy names nobody that can be read: `remoteAddress` is no address, and speaks for no trunk, phone or registration. */
  readonly unnamed?: boolean;
}

/** The address that the proxy had the request from. It takes away what the sender may have written under this name. */
export const SENDER_HEADER = 'X-Auth-IP';
/** The port, where that is the sender's own: over UDP. */
export const SENDER_PORT_HEADER = 'X-Auth-Port';

const NO_PORT = 0;
const PORT = /^[1-9][0-9]{0,4}$/;

export class FrontProxies {
  readonly #isFront: (address: string) => boolean;

  constructor(networks: readonly string[]) {
    this.#isFront = networks.length === 0 ? () => false : isAmong(networks);
  }

  has(address: string): boolean {
    return this.#isFront(address);
  }

  /**
   * The flow's other end, or whom a front proxy names there. A certificate of the proxy's speaks for nobody behind it. One that does not
   * name exactly one sender (no field, two, no address, another front proxy) is never taken for the sender: trunks may be sent to
   * at its address, and phones register over its flow.
   */
  senderOf(request: SipRequest, flow: Sender): Sender {
    if (!this.#isFront(flow.remoteAddress)) return flow;
    const { headers } = request;
    const address = addressIn(headers.fieldValuesNamed(SENDER_HEADER));
    const remotePort = portIn(headers.fieldValuesNamed(SENDER_PORT_HEADER));
    if (address === undefined || remotePort === undefined || this.#isFront(address)) return nobodyBehind(flow);
    return { remoteAddress: address, remotePort, transport: 'udp', tls: undefined };
  }
}

function nobodyBehind({ remoteAddress, remotePort }: Sender): Sender {
  return { remoteAddress: `behind ${remoteAddress}`, remotePort, transport: 'udp', tls: undefined, unnamed: true };
}

/** As every other address is written; undefined unless there is exactly one. */
function addressIn(fields: readonly string[]): string | undefined {
  const [field, ...others] = fields;
  if (field === undefined || others.length > 0) return undefined;
  const text = field.trim();
  if (isIP(text) === 4) return text;
  const words = parseAddress(text);
  return words === undefined ? undefined : formatNetwork({ words, length: words.length * 32 });
}

/** Undefined for what is no port. */
function portIn(fields: readonly string[]): number | undefined {
  const [field, ...others] = fields;
  if (field === undefined) return NO_PORT;
  const text = field.trim();
  const port = PORT.test(text) ? Number(text) : NO_PORT;
  return others.length > 0 || port === NO_PORT || port > 65_535 ? undefined : port;
}
