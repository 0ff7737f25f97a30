/** What a call rings: registered phones, and trunks with the INVITE that the outbound pipeline drafted. */
import type { AddressScope } from '../../base/address-scope.ts';
import { type BranchOptions, type BranchPlan, likeBranch } from '../../call/index.ts';
import { draftForRoute, type OutboundPlan, profileOf, type RouteDraft } from '../../outbound/index.ts';
import { scopeOf, viaOf } from '../../provisioning/trunk-settings/own-address.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { type Endpoint, isFlow } from '../../sip/endpoint/index.ts';
import {
  escapeUser,
  isSipUri,
  parseNameAddr,
  type SipRequest,
  type SipUri,
  type Uri,
} from '../../sip/message/index.ts';
import type { Flow, HostPort, Target } from '../../sip/transport/index.ts';
import { contactAt, contactFrom, isSips, namesInContact, ownContact } from '../own-contact.ts';
import type { PeerNodes, WantedBinding, WantedTrunk } from '../peer-nodes.ts';
import { NODE_SILENT_MS } from '../reach.ts';
import type { Contact, Registrations } from '../registrations.ts';
import type { CallContext } from './call-context.ts';
import { draftOf } from './drafted-request.ts';
import type { MediaParties } from './media-parties.ts';
import { noteSilence, overFlows, phoneBranch } from './phone-leg.ts';
import type { RegisteredNode, RegisteredNodes } from './registered-node.ts';
import { branchOptions, TrunkBranch, type TrunkBranchServices, targetsOf } from './trunk-branch.ts';

export interface BranchesOptions extends TrunkBranchServices {
  readonly endpoint: Endpoint;
  readonly registrations: Registrations;
  /** Which node calls over a trunk leave through, and what its registration has told. */
  readonly registered: RegisteredNodes;
  readonly media: MediaParties;
  readonly peers: Pick<PeerNodes, 'advertised'>;
}

/** Where a request of another node has come from. */
interface NodeFlow {
  readonly node: string;
  readonly flow: Flow;
}

export class Branches {
  readonly #options: BranchesOptions;

  constructor(options: BranchesOptions) {
    this.#options = options;
  }

  /** Branches of calls that are only thought through. */
  rehearsal(parts: Pick<BranchesOptions, 'trunks' | 'observer' | 'onUnlocated' | 'signs'>): Branches {
    return new Branches({ ...this.#options, ...parts, registered: this.#options.registered.rehearsal() });
  }

  /** A branch to each contact that is registered for a number of the tenant; empty when none is. */
  toPhones(context: CallContext, number: string): readonly BranchPlan[] {
    const { registrations } = this.#options;
    return registrations.contacts(context.tenant, number).flatMap((contact) => {
      const flows = [contact, ...contact.others].flatMap((each) => this.#toContact(context, number, each) ?? []);
      return flows.length > 1 ? [overFlows(flows)] : flows;
    });
  }

  #toContact(context: CallContext, number: string, { binding, reached }: Contact): BranchPlan | undefined {
    const { tenant } = context;
    const user = contactUser(context);
    const sips = isSips(binding.requestUri);
    const contact = this.#contact(user, reached.to, sips);
    if (contact === undefined) return undefined;
    const otherwise = reached.through?.otherwise;
    const directContact = otherwise === undefined ? undefined : this.#contact(user, otherwise, sips);
    const media = this.#options.media.callee(tenant, context.directory.extension(tenant.name, number), binding);
    return phoneBranch({ context, number, binding, reached, contact, directContact, media });
  }

  /** A request that another node drafted, on to a binding of this one; undefined when that is gone. */
  toWantedBinding(request: SipRequest, from: NodeFlow, wanted: WantedBinding): BranchPlan | undefined {
    const { registrations, endpoint } = this.#options;
    const binding = registrations.ownBinding(wanted);
    const to = binding?.flow ?? binding?.target;
    if (binding === undefined || to === undefined) return undefined;
    const trunk = registrations.gatewayTrunk(binding.aor);
    const own = endpoint.advertised(to, trunk && scopeOf(trunk));
    const drafted = request.contact()?.uri;
    if (own === undefined || drafted === undefined || !isSipUri(drafted)) return undefined;
    const place = trunk === undefined || !saysOtherPlaces(trunk) || this.#isOf(from, drafted) ? own : undefined;
    const contact = contactFrom(drafted, place, to.transport, isSips(binding.requestUri));
    return {
      label: binding.aor,
      draft: { ...draftOf(request), routes: binding.path, contact },
      // The node that drafted the INVITE says who is connected.
      options: {
        contact,
        relayHeaders: ['P-Asserted-Identity', 'Privacy'],
        ...(binding.path.length > 0 && { sender: binding.source.address }),
        ...(trunk !== undefined && gatewayOptions(trunk, (scope) => endpoint.advertised(to, scope))),
      },
      resolve: () => (isFlow(to) ? to : [to]),
    };
  }

  /** Whether a URI names a node, as that says of itself or is seen from here. */
  #isOf({ node, flow }: NodeFlow, { host, port }: SipUri): boolean {
    const { peers } = this.#options;
    const said = peers.advertised(node, flow.transport, 'public');
    if (said?.host === host && said.port === port) return true;
    return host === flow.remoteAddress || host === peers.advertised(node, flow.transport, 'private')?.host;
  }

  /** A request that another node drafted, on over a trunk that this one registers; undefined when it does not any more. */
  toRegisteredTrunk(request: SipRequest, { trunkId, contact }: WantedTrunk): BranchPlan | undefined {
    const { served, registered, endpoint, trunks, attemptMs } = this.#options;
    const trunk = served.directory.trunk(trunkId);
    if (trunk?.enabled !== true || !registered.registersHere(trunk)) return undefined;
    const { largeRequests, trusted } = trunk.options;
    const scope = scopeOf(trunk);
    const { routes, nextHop } = profileOf(trunk);
    const told = endpoint.advertised(trunk.transport, scope);
    // A host that the trunk's own parameters put there stays.
    const namesThisNode = told !== undefined && namesInContact(contact, told);
    const draft = { ...draftOf(request), routes: [...routes, ...registered.serviceRoutes(trunk)], contact };
    const options: BranchOptions = {
      contact,
      scope,
      trunkId,
      largeRequests,
      assertsIdentity: trusted,
      relayHeaders: ['P-Asserted-Identity', 'Privacy'],
      firstResponseMs: attemptMs,
    };
    return {
      label: trunk.name,
      trunkId,
      draft,
      options,
      toward: (to) => {
        const own = endpoint.advertised(to, scope);
        const here = own === undefined || !namesThisNode ? contact : contactAt(contact, own);
        const via = viaOf(trunk, (of) => endpoint.advertised(to, of));
        return { draft: { ...draft, contact: here }, options: { ...options, contact: here, ...via } };
      },
      resolve: () => targetsOf(this.#options, trunk, nextHop),
      credentials: trunks.digestClient(trunk),
      // The place on the trunk is taken by the node that has the call.
      onAttempt: (attempt) => trunks.noteAttempt(trunk, attempt),
    };
  }

  #contact(user: string, toward: Flow | Target, sips = false): string | undefined {
    const advertised = this.#options.endpoint.advertised(toward);
    return advertised && ownContact(user, advertised, toward.transport, sips);
  }

  toTrunk(route: RouteDraft, plan: OutboundPlan): BranchPlan {
    const { trunk } = route;
    const way = this.#options.registered.wayOut(trunk);
    const branch = new TrunkBranch(this.#options, route, plan);
    // In need the provider may take from here what it has not registered.
    if (way === 'here' || (way === 'nowhere' && plan.emergency)) return branch;
    return way === 'nowhere' ? this.#nowhere(branch, trunk) : this.#through(way, branch, route, plan);
  }

  #nowhere(branch: BranchPlan, trunk: Trunk): BranchPlan {
    const resolve = () => {
      this.#options.onUnlocated(trunk, 'no node that can be reached has registered it');
      return [];
    };
    return likeBranch(branch, { resolve });
  }

  /** The same INVITE as the node that has registered the trunk would send it, handed to that one. */
  #through(way: RegisteredNode, branch: TrunkBranch, route: RouteDraft, plan: OutboundPlan): BranchPlan {
    const { observer } = this.#options;
    const { trunk } = route;
    return likeBranch(branch, {
      node: way.node,
      // That node answers challenges, and learns of the provider's servers what there is to learn.
      credentials: undefined,
      toward: (to) => {
        const seen = draftForRoute(plan, route.index, undefined, way.seenAs);
        const { draft, leg } = seen.kind === 'refused' ? route : seen;
        const contact = this.#contact(userPart(parseNameAddr(leg.contact).uri), to) ?? leg.contact;
        const headers = [...draft.headers, way.pass(draft.requestUri, leg.contact)];
        return {
          draft: { ...draft, routes: [], contact, headers },
          options: {
            ...branchOptions(trunk, leg, NODE_SILENT_MS, branch.options),
            contact,
            scope: undefined,
            viaHost: undefined,
            viaPort: undefined,
            isBetweenNodes: true,
            peerNode: way.node,
          },
        };
      },
      resolve: () => [way.to],
      onAttempt: (attempt) => {
        noteSilence(attempt, way.to, way);
        observer.onAttempt(trunk, attempt);
      },
    });
  }
}

/** Whether the trunk's own parameters may put another host into Contact than this engine's. */
function saysOtherPlaces(trunk: Trunk): boolean {
  const contact = profileOf(trunk).fields.find(({ name }) => name === 'contact');
  return contact?.mappings.some(({ host }) => host.variable !== 'ContactUri') === true;
}

/** How the leg to a gateway is that another node has drafted, as of one that this node has. */
function gatewayOptions(
  trunk: Trunk,
  addressOf: (scope: AddressScope) => HostPort | undefined,
): Partial<BranchOptions> {
  const { id: trunkId, options } = trunk;
  const { largeRequests, trusted: assertsIdentity } = options;
  return { trunkId, scope: scopeOf(trunk), largeRequests, assertsIdentity, ...viaOf(trunk, addressOf) };
}

/** An anonymous caller's number is in no Contact (RFC 3323 §4.1.1.2). */
function contactUser({ caller }: CallContext): string {
  return caller.anonymous ? '' : escapeUser(caller.number);
}

function userPart(uri: Uri | undefined): string {
  return uri !== undefined && isSipUri(uri) ? (uri.user ?? '') : '';
}
