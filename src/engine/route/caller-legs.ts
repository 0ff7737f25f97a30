/** How the leg of an admitted party behaves: the caller's own, or of one who takes another's place (RFC 3891). */
import { ownCopy } from '../../base/text.ts';
import type { LegOptions } from '../../call/index.ts';
import type { InboundCall } from '../../inbound/index.ts';
import { dialledNumber, type NodeFacts, relayedNames } from '../../outbound/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import { memberOf } from '../../provisioning/tenants/party.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import { scopeOf, viaOf } from '../../provisioning/trunk-settings/own-address.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { namedAddress } from '../../provisioning/trunk-settings/teams.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import { escapeUser, type SipRequest } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { Source } from '../admit/admission.ts';
import type { FrontProxies, Sender } from '../admit/front-proxies.ts';
import { isSips, ownContact } from '../own-contact.ts';
import type { Registrations } from '../registrations.ts';
import { wantsAnonymity } from './call-context.ts';
import type { MediaParties } from './media-parties.ts';
import { outsideParty, ownParty } from './party-address.ts';

export interface CallerLegsOptions {
  readonly facts: NodeFacts;
  readonly media: MediaParties;
  /** Knows what Contact and Via show on a flow. */
  readonly endpoint: Pick<Endpoint, 'advertised'>;
  readonly front: Pick<FrontProxies, 'senderOf'>;
  readonly registrations: Pick<Registrations, 'phoneOn'>;
}

/** Who calls from inside. */
export type EndpointSource = Exclude<Source, { kind: 'trunk' | 'node' }>;

export class CallerLegs {
  readonly #options: CallerLegsOptions;
  /** One for the legs of all calls. */
  readonly #headers: NonNullable<LegOptions['headers']>;

  constructor(options: CallerLegsOptions) {
    this.#options = options;
    this.#headers = [['Server', options.facts.userAgent]];
  }

  /** Of who takes another's place. */
  ofNewcomer(request: SipRequest, flow: Flow, source: Source, directory: Directory): LegOptions {
    const called = dialledNumber(request.uri());
    switch (source.kind) {
      case 'trunk':
        return this.ofTrunk(request, flow, source.trunk, called);
      case 'node':
        return { contact: this.#contact(called, flow, request), headers: this.#headers };
      default:
        return this.ofEndpoint(request, flow, source, directory, called);
    }
  }

  /** `called` is what Contact names. */
  ofEndpoint(
    request: SipRequest,
    flow: Flow,
    source: EndpointSource,
    directory: Directory,
    called: string,
  ): LegOptions {
    const { number } = memberOf(source);
    const { tenant } = source;
    const extension = source.kind === 'extension' ? source.extension : undefined;
    const sender = this.#options.front.senderOf(request, flow);
    // Whoever it is that the call comes to: forwarded, redirected or transferred it may be another kind than was called.
    const { user: relayHeaders, trunk: relayTrunkHeaders } = relayedNames(tenant);
    return {
      contact: this.#contact(called, flow, request),
      sender: behindFront(sender, flow),
      headers: this.#headers,
      relayHeaders,
      relayTrunkHeaders,
      owner: { tenant: tenant.name, number, phone: this.#options.registrations.phoneOn(flow, tenant, number) },
      identity: ownParty(directory, tenant, number),
      showsIdentity: true,
      anonymous: wantsAnonymity(request, extension?.anonymousCalls === true),
      media: this.#options.media.caller(tenant, extension, request, flow, sender),
    };
  }

  ofTrunk(request: SipRequest, flow: Flow, trunk: Trunk, called: string): LegOptions {
    const sender = this.#options.front.senderOf(request, flow);
    return {
      contact: this.#contact(called, flow, request, trunk),
      sender: behindFront(sender, flow),
      ...this.#viaToward(trunk, flow),
      headers: this.#headers,
      trunkId: trunk.id,
      ...(trunk.teams !== undefined && { promisesNotify: true }),
      largeRequests: trunk.options.largeRequests,
      media: this.#options.media.fromTrunk(trunk, request, flow, sender),
    };
  }

  /** A phone's wish to be withheld goes to the node that knows whose phone it is. */
  ofNode(flow: Flow): LegOptions {
    return {
      contact: this.#contact('', flow),
      // Whom the caller is shown is that node's to say, by what the party has said of itself.
      relayHeaders: ['Privacy', 'P-Asserted-Identity', 'Remote-Party-ID', 'RPID-Privacy', 'Anonymity'],
      isBetweenNodes: true,
    };
  }

  /** What Via of our requests on a trunk's call says; the same as on calls to the trunk. */
  #viaToward(trunk: Trunk, flow: Flow): Pick<LegOptions, 'scope' | 'viaHost' | 'viaPort'> {
    return { scope: scopeOf(trunk), ...viaOf(trunk, (scope) => this.#options.endpoint.advertised(flow, scope)) };
  }

  #contact(user: string, flow: Flow, request?: SipRequest, trunk?: Trunk): string {
    const address = this.#options.endpoint.advertised(flow, trunk && scopeOf(trunk));
    const here = trunk === undefined ? address : namedAddress(trunk, address);
    const sips = request !== undefined && isSips(request.requestUri);
    return ownContact(escapeUser(user), here, flow.transport, sips);
  }
}

/** Where a party behind a proxy of ours is itself: requests within its dialog come from there. */
function behindFront(sender: Sender, flow: Flow): string | undefined {
  return sender === flow || sender.unnamed === true ? undefined : ownCopy(sender.remoteAddress);
}

/** What a caller from a trunk is to the phones of the tenant. */
export function introduced(
  directory: Directory,
  trunk: Trunk,
  tenant: Tenant,
  { numbers, anonymous }: InboundCall,
): Pick<LegOptions, 'anonymous' | 'assertsIdentity' | 'identity' | 'relayHeaders'> {
  return {
    anonymous,
    relayHeaders: relayedNames(tenant).trunk,
    assertsIdentity: trunk.options.trusted,
    identity: outsideParty(directory, tenant, trunk.id, numbers.callerNumber, numbers.callerDisplayName),
  };
}
