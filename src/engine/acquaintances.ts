import { sourceOf } from '../base/source.ts';
import type { SipRequest } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { Identification } from '../trunks/identification.ts';
import { Claims } from './admit/claims.ts';
import type { FrontProxies } from './admit/front-proxies.ts';
import type { KnownSources } from './admit/known-sources.ts';
import type { TrustedExtensions } from './admit/trusted-extensions.ts';
import type { PeerNodes } from './peer-nodes.ts';
import type { Registrations } from './registrations.ts';

export interface AcquaintancesOptions {
  readonly identification: Pick<Identification, 'networksAround'>;
  readonly signedIn: Pick<KnownSources, 'has'>;
  readonly trusted: Pick<TrustedExtensions, 'index'>;
  readonly front: Pick<FrontProxies, 'has' | 'senderOf'>;
  readonly peers: Pick<PeerNodes, 'isPeerAddress'>;
  readonly registrations: Pick<Registrations, 'isPhoneOf'>;
}

/** Whose messages are never held back: trunks and registered phones, trusted addresses, the proxies in front, and the other nodes. */
export class Acquaintances {
  readonly #options: AcquaintancesOptions;
  readonly #claims: Claims;

  constructor(options: AcquaintancesOptions) {
    this.#options = options;
    this.#claims = new Claims(options.identification, options.trusted);
  }

  knows(address: string): boolean {
    return this.sourceOf(address) !== undefined;
  }

  /**
   * As what source (`base/source.ts`) an address counts; undefined: it is a stranger's. One that somebody has proved to be at counts for
   * itself, one that is only said to be a trunk's or an extension's is of whoever says so.
   */
  sourceOf(address: string): string | undefined {
    const { signedIn, front, peers } = this.#options;
    if (signedIn.has(address) || front.has(address) || peers.isPeerAddress(address)) return address;
    const peer = this.#claims.peerOf(address);
    return peer === undefined ? undefined : sourceOf(peer, address);
  }

  /** The source that a request is of, behind a proxy of ours or not. */
  senderOf(request: SipRequest, flow: Flow): string {
    const { remoteAddress } = this.#options.front.senderOf(request, flow);
    return this.sourceOf(remoteAddress) ?? remoteAddress;
  }

  /** Whether whoever sent a request, behind a proxy of ours or not, may have a call here. */
  knowsSender(request: SipRequest, flow: Flow): boolean {
    const { remoteAddress, unnamed } = this.#options.front.senderOf(request, flow);
    if (unnamed === true) return false;
    return this.knows(remoteAddress) || this.#options.registrations.isPhoneOf(request, remoteAddress);
  }
}
