/**
 * Calls between the nodes of one store. A phone or gateway is reached over the connection, or through the NAT binding, of the node that
 * it registered at; so another node hands its request to that one, drafted to the last header field, with a pass that only a node of
 * this store can write. The other node checks the pass, takes it off, and sends the request on to the binding that the pass names.
 *
 * The pass is a header field between the two nodes: the sender's name, the second it was written, the binding's address-of-record (or
 * the trunk that the other node has registered) and contact, and an HMAC over all of it and the Request-URI (a gateway's is not its contact) with the secret that the nodes share. It is looked at only when it comes from the address of
 * a known node, and it is good for half a minute. Of a node that has just begun, and is not known yet, a copy of the request will be.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AddressScope } from '../base/address-scope.ts';
import type { Clock } from '../base/scheduler.ts';
import type { SipRequest } from '../sip/message/index.ts';
import type { HostPort, Target, TransportName } from '../sip/transport/index.ts';

/** The nodes of one store that are alive; `store/` knows them. */
export interface PeerNodes {
  /** Where a node takes SIP from the others; undefined for one that is not alive, or was silent since it was last heard of. */
  addressOf(node: string): Target | undefined;
  isPeerAddress(address: string): boolean;
  /** What Via and Contact of the other nodes say over a transport; of those that take new calls. */
  publicAddresses(transport: TransportName): readonly HostPort[];
  /** Where a node says to the outside that it is, over a transport. */
  advertised(node: string, transport: TransportName, scope: AddressScope): HostPort | undefined;
  /** The node that can be reached and has registered a trunk with `registeredNodeOnly`. */
  registeredAt(trunkId: string): string | undefined;
  /**
   * A node did not answer: it is passed over until it is heard of again.
   * @param process that was asked, as `processOf` named it: one that has come since was not silent
   */
  noteSilent(node: string, process: string | undefined): void;
  /** This node has gone on with a node's calls: they are that one's no more. */
  followed(node: string): void;
  /**
   * Whether another worker beside this one has the number of this worker of another machine, and so its own port, and its share of what comes to the
   * shared one where both machines have as many.
   */
  hasCounterpart(node: string): boolean;
  /** The other workers of the machine that this worker of another machine is on, which take what comes to the ports that they all share. */
  workersBeside(node: string): readonly string[];
  /** Names of those that are known to be there, or were a moment ago. */
  names(): readonly string[];
  /**
   * Whether a node is there no more, as far as the roster can tell. One that has lost the store alone may be.
   * @param wasThereAtWallMs when it was there by the store's clock, ms since 1970: one that has just come may not be in the roster yet
   */
  hasEnded(node: string, wasThereAtWallMs: number): boolean;
  /** Whether another node is there that takes new calls, and so those of this one. */
  hasSuccessor(): boolean;
  /** How long nothing was heard of a node, ms; undefined for one that is not known to be there. */
  quietMs(node: string): number | undefined;
  /** Whether its answers to questions of other nodes prove who it is. */
  signs(node: string): boolean;
  /** Names the process that was heard of last under this name; undefined: the node does not say. */
  processOf(node: string): string | undefined;
}

/** The binding that a pass asks for: whose it is, and the contact as it was registered. */
export interface WantedBinding {
  readonly aor: string;
  readonly contact: string;
}

/** The trunk that a pass asks for, which the other node has registered, and the Contact that its provider is to see. */
export interface WantedTrunk {
  readonly trunkId: string;
  readonly contact: string;
}

export type WantedThere = WantedBinding | WantedTrunk;

/** A node that is alone. */
export const NO_PEERS: PeerNodes = {
  addressOf: () => undefined,
  isPeerAddress: () => false,
  publicAddresses: () => [],
  advertised: () => undefined,
  registeredAt: () => undefined,
  noteSilent() {},
  followed() {},
  hasCounterpart: () => false,
  workersBeside: () => [],
  names: () => [],
  hasEnded: () => false,
  hasSuccessor: () => false,
  quietMs: () => undefined,
  signs: () => false,
  processOf: () => undefined,
};

export const PASS_HEADER = 'X-Tandem-Peer';
const VALID_SECONDS = 30;
/** Others read twice a second who is there; the clocks of two machines may be at two seconds. */
const NEW_SECONDS = 1;
/** Base64 of an address-of-record or contact; both are bounded where they are registered. */
const WORD = '([A-Za-z0-9_-]{1,4096})';
const PASS = new RegExp(
  `^([A-Za-z0-9-]{1,32});at=([0-9]{1,12});(aor|trunk)=${WORD};contact=${WORD};mac=([0-9a-f]{64})$`,
);

export interface PeerPassOptions {
  readonly node: string;
  readonly secret: Uint8Array;
  /** The nodes' common one. */
  readonly clock: Clock;
  readonly peers: PeerNodes;
}

export class PeerPass {
  readonly #options: PeerPassOptions;

  constructor(options: PeerPassOptions) {
    this.#options = options;
  }

  /** The header field that asks another node to send a request with this Request-URI on to a binding of its own, or over a trunk. */
  write(requestUri: string, wanted: WantedThere): readonly [name: string, value: string] {
    const { node, clock } = this.#options;
    const seconds = Math.floor(clock.wallMs() / 1000);
    const [kind, whose] = 'aor' in wanted ? ['aor', wanted.aor] : ['trunk', wanted.trunkId];
    const where = `${kind}=${base64(whose)};contact=${base64(wanted.contact)}`;
    const mac = this.#mac(node, seconds, wanted, requestUri);
    return [PASS_HEADER, `${node};at=${seconds};${where};mac=${mac}`];
  }

  /** The binding or trunk that another node asks for; undefined when no node of this store does. */
  read(
    request: SipRequest,
    sourceAddress: string,
  ): { readonly node: string; readonly wanted: WantedThere } | undefined {
    return this.#options.peers.isPeerAddress(sourceAddress) ? this.#read(request, VALID_SECONDS) : undefined;
  }

  /** Whether a node has written it this moment of which this one has not heard yet. */
  isOfNewNode(request: SipRequest, sourceAddress: string): boolean {
    return !this.#options.peers.isPeerAddress(sourceAddress) && this.#read(request, NEW_SECONDS) !== undefined;
  }

  #read(
    request: SipRequest,
    validSeconds: number,
  ): { readonly node: string; readonly wanted: WantedThere } | undefined {
    const value = request.headers.valueNamed(PASS_HEADER);
    const match = value === undefined ? null : PASS.exec(value);
    if (match === null) return undefined;
    const [, node = '', at = '', kind, whose = '', wantedContact = '', mac = ''] = match;
    // First: strangers write this field too, and the rest costs more.
    if (Math.abs(Math.floor(this.#options.clock.wallMs() / 1000) - Number(at)) > validSeconds) return undefined;
    const contact = fromBase64(wantedContact);
    const wanted = kind === 'aor' ? { aor: fromBase64(whose), contact } : { trunkId: fromBase64(whose), contact };
    const expected = Buffer.from(this.#mac(node, Number(at), wanted, request.requestUri), 'hex');
    return timingSafeEqual(expected, Buffer.from(mac, 'hex')) ? { node, wanted } : undefined;
  }

  #mac(node: string, seconds: number, wanted: WantedThere, requestUri: string): string {
    const [kind, whose] = 'aor' in wanted ? ['peer', wanted.aor] : ['peer-trunk', wanted.trunkId];
    const text = `${kind}\n${node}\n${seconds}\n${whose}\n${wanted.contact}\n${requestUri}`;
    return createHmac('sha256', this.#options.secret).update(text).digest('hex');
  }
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64url').toString('utf8');
}
