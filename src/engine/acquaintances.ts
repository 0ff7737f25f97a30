import type { SipRequest } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { Identification } from '../trunks/identification.ts';
import type { FrontProxies } from './admit/front-proxies.ts';
import type { KnownSources } from './admit/known-sources.ts';
import type { TrustedExtensions } from './admit/trusted-extensions.ts';
import type { PeerNodes } from './peer-nodes.ts';
import type { Registrations } from './registrations.ts';

export interface AcquaintancesOptions {
  readonly identification: Pick<Identification, 'knows'>;
  readonly signedIn: Pick<KnownSources, 'has'>;
  readonly trusted: Pick<TrustedExtensions, 'index'>;
  readonly front: Pick<FrontProxies, 'has' | 'senderOf'>;
  readonly peers: Pick<PeerNodes, 'isPeerAddress'>;
  readonly registrations: Pick<Registrations, 'isPhoneOf'>;
}

/** Whose messages are never held back: trunks and registered phones, trusted addresses, the proxies in front, and the other nodes. */
export class Acquaintances {
  readonly #options: AcquaintancesOptions;

  constructor(options: AcquaintancesOptions) {
    this.#options = options;
  }

  knows(address: string): boolean {
    const { identification, signedIn, trusted, front, peers } = this.#options;
    return (
      identification.knows(address) ||
      signedIn.has(address) ||
      trusted.index.has(address) ||
      front.has(address) ||
      peers.isPeerAddress(address)
    );
  }

  /** The address of whoever sent a request, behind a proxy of ours or not. */
  senderOf(request: SipRequest, flow: Flow): string {
    return this.#options.front.senderOf(request, flow).remoteAddress;
  }

  /** Whether whoever sent a request, behind a proxy of ours or not, may have a call here. */
  knowsSender(request: SipRequest, flow: Flow): boolean {
    const { remoteAddress, unnamed } = this.#options.front.senderOf(request, flow);
    if (unnamed === true) return false;
    return this.knows(remoteAddress) || this.#options.registrations.isPhoneOf(request, remoteAddress);
  }
}
