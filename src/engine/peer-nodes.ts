/**
 * Calls between the nodes of one store. A phone is reached over the connection, or through the NAT binding, of the node that it
 * registered at; so another node hands its call to that one, with a pass that only a node of this store can write.
 *
 * The pass is a header field of the INVITE between the two nodes: the sender's name, the second it was written, and an HMAC over both
 * and the Request-URI with the secret that the nodes share. It is looked at only when it comes from the address of a known node, it is
 * good for half a minute, and it leaves toward nobody else.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/scheduler.ts';
import type { SipRequest } from '../sip/message/index.ts';
import type { Target } from '../sip/transport/index.ts';

export interface PeerNode {
  readonly name: string;
  /** Where it takes SIP from the other nodes. */
  readonly target: Target;
}

/** The nodes that are alive now; `store/` knows them. */
export interface PeerNodes {
  find(name: string): PeerNode | undefined;
  isPeerAddress(address: string): boolean;
}

/** A node that is alone. */
export const NO_PEERS: PeerNodes = { find: () => undefined, isPeerAddress: () => false };

const HEADER = 'X-Tandem-Peer';
const VALID_SECONDS = 30;

export class PeerPass {
  readonly #node: string;
  readonly #secret: Uint8Array;
  readonly #clock: Clock;
  readonly #peers: PeerNodes;

  constructor(node: string, secret: Uint8Array, clock: Clock, peers: PeerNodes) {
    this.#node = node;
    this.#secret = secret;
    this.#clock = clock;
    this.#peers = peers;
  }

  /** The header field for a request to another node. */
  write(requestUri: string): readonly [name: string, value: string] {
    const seconds = Math.floor(this.#clock.wallMs() / 1000);
    return [HEADER, `${this.#node};at=${seconds};mac=${this.#mac(this.#node, seconds, requestUri)}`];
  }

  /** The name of the node that sent a request; undefined for everybody else's. */
  read(request: SipRequest, sourceAddress: string): string | undefined {
    if (!request.headers.hasNamed(HEADER) || !this.#peers.isPeerAddress(sourceAddress)) return undefined;
    const match = /^([A-Za-z0-9-]{1,32});at=([0-9]{1,12});mac=([0-9a-f]{64})$/.exec(
      request.headers.valueNamed(HEADER) ?? '',
    );
    if (match === null) return undefined;
    const [, node = '', at = '', mac = ''] = match;
    const ageSeconds = Math.abs(Math.floor(this.#clock.wallMs() / 1000) - Number(at));
    const expected = Buffer.from(this.#mac(node, Number(at), request.requestUri), 'hex');
    const isGenuine = timingSafeEqual(expected, Buffer.from(mac, 'hex'));
    return isGenuine && ageSeconds <= VALID_SECONDS ? node : undefined;
  }

  #mac(node: string, seconds: number, requestUri: string): string {
    return createHmac('sha256', this.#secret).update(`peer\n${node}\n${seconds}\n${requestUri}`).digest('hex');
  }
}
