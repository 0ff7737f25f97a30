import type { AddressScope } from '../../base/address-scope.ts';
import { CALL_TAGS, SERVED_METHODS } from '../../call/index.ts';
import type { NodeFacts } from '../../outbound/index.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import type { HostPort, TransportName } from '../../sip/transport/index.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';

const NOWHERE: HostPort = { host: '0.0.0.0', port: 0 };
const TRANSPORTS: readonly TransportName[] = ['udp', 'tcp', 'tls'];

/** What an engine says of itself in messages. Where it listens is known once it does. */
export class EngineFacts implements NodeFacts {
  readonly addresses: Record<TransportName, HostPort> = { udp: NOWHERE, tcp: NOWHERE, tls: NOWHERE };
  readonly privateAddresses: Record<TransportName, HostPort> = { udp: NOWHERE, tcp: NOWHERE, tls: NOWHERE };
  readonly userAgent: string;
  readonly allow = SERVED_METHODS;
  readonly supported = CALL_TAGS;
  readonly acceptLanguage = 'en';

  readonly #endpoint: Pick<Endpoint, 'advertised'>;
  readonly #trunks: Pick<TrunkService, 'firstTarget'>;

  constructor(userAgent: string, endpoint: Pick<Endpoint, 'advertised'>, trunks: Pick<TrunkService, 'firstTarget'>) {
    this.userAgent = userAgent;
    this.#endpoint = endpoint;
    this.#trunks = trunks;
  }

  /** What Via and Contact say to a trunk: the address of the listener that its requests leave from. */
  addressFor(trunk: Trunk, scope: AddressScope): HostPort | undefined {
    const target = this.#trunks.firstTarget(trunk);
    return target && this.#endpoint.advertised(target, scope);
  }

  /** What is listened on is something else. */
  listeningChanged(): void {
    for (const transport of TRANSPORTS) {
      this.addresses[transport] = this.#endpoint.advertised(transport, 'public') ?? NOWHERE;
      this.privateAddresses[transport] = this.#endpoint.advertised(transport, 'private') ?? NOWHERE;
    }
  }
}
