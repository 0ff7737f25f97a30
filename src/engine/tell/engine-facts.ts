import type { AddressScope } from '../../base/address-scope.ts';
import { CALL_TAGS, SERVED_METHODS } from '../../call/index.ts';
import type { NodeFacts } from '../../outbound/index.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import type { HostPort, TransportName } from '../../sip/transport/index.ts';

const NOWHERE: HostPort = { host: '0.0.0.0', port: 0 };
const TRANSPORTS: readonly TransportName[] = ['udp', 'tcp', 'tls'];

/** What an engine says of itself in messages. Where it listens is known once it does. */
export class EngineFacts implements NodeFacts {
  readonly addresses: Record<TransportName, HostPort> = { udp: NOWHERE, tcp: NOWHERE, tls: NOWHERE };
  readonly privateAddresses: Record<TransportName, HostPort> = { udp: NOWHERE, tcp: NOWHERE, tls: NOWHERE };
  readonly addressFor: (trunk: Trunk, scope: AddressScope) => HostPort | undefined;
  readonly userAgent: string;
  readonly allow = SERVED_METHODS;
  readonly supported = CALL_TAGS;
  readonly acceptLanguage = 'en';

  constructor(version: string, addressFor: (trunk: Trunk, scope: AddressScope) => HostPort | undefined) {
    this.userAgent = `tandem/${version}`;
    this.addressFor = addressFor;
  }

  listensOn(advertised: (transport: TransportName, scope: AddressScope) => HostPort | undefined): void {
    for (const transport of TRANSPORTS) {
      this.addresses[transport] = advertised(transport, 'public') ?? NOWHERE;
      this.privateAddresses[transport] = advertised(transport, 'private') ?? NOWHERE;
    }
  }
}
