/** What a call rings: registered phones, and trunks with the INVITE that the outbound pipeline drafted. */
import { type AttemptRecord, type BranchOptions, type BranchPlan, describeDestination } from '../../call/index.ts';
import {
  addIdentity,
  draftForRoute,
  type LegSettings,
  type NodeAddress,
  type OutboundPlan,
  profileOf,
  type RouteDraft,
  type SeenAs,
  type Signs,
} from '../../outbound/index.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { targetText } from '../../provisioning/trunk-settings/teams.ts';
import type { SessionTimerOptions } from '../../sip/dialog/index.ts';
import { type Endpoint, isFlow } from '../../sip/endpoint/index.ts';
import { escapeUser, formatHost, isSipUri, parseNameAddr, type SipRequest, type Uri } from '../../sip/message/index.ts';
import type { Flow, Target } from '../../sip/transport/index.ts';
import type { CapacityGrant } from '../../trunks/capacity.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';
import { contactAt, namesInContact } from '../own-contact.ts';
import type { WantedBinding, WantedTrunk } from '../peer-nodes.ts';
import { NODE_SILENT_MS, ORPHAN_SILENT_MS, type Reached } from '../reach.ts';
import type { Registrations } from '../registrations.ts';
import type { Served } from '../served.ts';
import type { CallContext } from './call-context.ts';
import { draftOf } from './drafted-request.ts';
import type { MediaParties } from './media-parties.ts';
import { outsideParty } from './party-address.ts';
import { noteSilence, phoneBranch } from './phone-leg.ts';
import type { RegisteredNode, RegisteredNodes } from './registered-node.ts';

export interface BranchesOptions {
  readonly endpoint: Endpoint;
  readonly registrations: Registrations;
  readonly trunks: Pick<TrunkService, 'digestClient' | 'admit' | 'noteAttempt' | 'targets'>;
  /** Which node calls over a trunk leave through, and what its registration has told. */
  readonly registered: RegisteredNodes;
  readonly served: Pick<Served, 'directory'>;
  readonly media: MediaParties;
  readonly signs: Signs;
  /** How long one target may stay silent before the next is tried. */
  readonly attemptMs: number;
  readonly onAttempt: (trunk: Trunk, attempt: AttemptRecord) => void;
  /** A call has nowhere to go on this trunk. */
  readonly onUnlocated: (trunk: Trunk, reason: string) => void;
}

type Toward = NonNullable<BranchPlan['toward']>;

/** A route's draft as its branch has it, and what it is made of. */
interface Drafted {
  readonly plan: OutboundPlan;
  readonly route: RouteDraft;
  readonly drafted: Pick<BranchPlan, 'draft' | 'options'>;
}

export class Branches {
  readonly #options: BranchesOptions;

  constructor(options: BranchesOptions) {
    this.#options = options;
  }

  /** Branches of calls that are only thought through. */
  rehearsal(parts: Pick<BranchesOptions, 'trunks' | 'onAttempt' | 'onUnlocated' | 'signs'>): Branches {
    return new Branches({ ...this.#options, ...parts, registered: this.#options.registered.rehearsal() });
  }

  /** A branch to each contact that is registered for a number of the tenant; empty when none is. */
  toPhones(context: CallContext, number: string): readonly BranchPlan[] {
    const { registrations } = this.#options;
    const extension = context.directory.extension(context.tenant.name, number);
    return registrations.contacts(context.tenant, number).flatMap(({ binding, reached }) => {
      const user = contactUser(context);
      const contact = this.#contact(user, reached.to);
      if (contact === undefined) return [];
      const otherwise = reached.through?.otherwise;
      const directContact = otherwise === undefined ? undefined : this.#contact(user, otherwise);
      const media = this.#options.media.callee(context.tenant, extension, binding);
      return [phoneBranch({ context, number, binding, reached, contact, directContact, media })];
    });
  }

  /** A request that another node drafted, on to a binding of this one; undefined when that is gone. */
  toWantedBinding(request: SipRequest, wanted: WantedBinding): BranchPlan | undefined {
    const binding = this.#options.registrations.ownBinding(wanted);
    const to = binding?.flow ?? binding?.target;
    const user = request.contact()?.uri;
    const contact = to === undefined ? undefined : this.#contact(userPart(user), to);
    if (binding === undefined || to === undefined || contact === undefined) return undefined;
    return {
      label: binding.aor,
      draft: { ...draftOf(request), routes: binding.path, contact },
      // The node that drafted the INVITE says who is connected.
      options: {
        contact,
        relayHeaders: ['P-Asserted-Identity', 'Privacy'],
        ...(binding.path.length > 0 && { sender: binding.source.address }),
      },
      resolve: () => (isFlow(to) ? to : [to]),
    };
  }

  /** A request that another node drafted, on over a trunk that this one registers; undefined when it does not any more. */
  toRegisteredTrunk(request: SipRequest, { trunkId, contact }: WantedTrunk): BranchPlan | undefined {
    const { served, registered, endpoint, trunks, attemptMs } = this.#options;
    const trunk = served.directory.trunk(trunkId);
    if (trunk?.enabled !== true || !registered.registersHere(trunk)) return undefined;
    const { usePrivateIp, rewriteViaHost, largeRequests, trusted } = trunk.options;
    const scope = usePrivateIp ? 'private' : 'public';
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
        const via = rewriteViaHost ? endpoint.advertised(to, 'public') : undefined;
        return {
          draft: { ...draft, contact: here },
          options: { ...options, contact: here, viaHost: via?.host, viaPort: via?.port },
        };
      },
      resolve: () => this.#targets(trunk, nextHop),
      credentials: trunks.digestClient(trunk),
      // The place on the trunk is taken by the node that has the call.
      onAttempt: (attempt) => trunks.noteAttempt(trunk, attempt),
    };
  }

  #contact(user: string, toward: Flow | Target): string | undefined {
    const advertised = this.#options.endpoint.advertised(toward);
    if (advertised === undefined) return undefined;
    const transport = toward.transport === 'udp' ? '' : `;transport=${toward.transport}`;
    return `<sip:${user}${hostPort(advertised)}${transport}>`;
  }

  toTrunk(route: RouteDraft, plan: OutboundPlan): BranchPlan {
    const { trunk } = route;
    const way = this.#options.registered.wayOut(trunk);
    const branch = this.#fromHere(route, plan);
    // In need the provider may take from here what it has not registered.
    if (way === 'here' || (way === 'nowhere' && plan.emergency)) return branch;
    return way === 'nowhere' ? this.#nowhere(branch, trunk) : this.#through(way, branch, route, plan);
  }

  #nowhere(branch: BranchPlan, trunk: Trunk): BranchPlan {
    const resolve = () => {
      this.#options.onUnlocated(trunk, 'no node that can be reached has registered it');
      return [];
    };
    return { ...branch, resolve };
  }

  /** The same INVITE as the node that has registered the trunk would send it, handed to that one. */
  #through(way: RegisteredNode, branch: BranchPlan, route: RouteDraft, plan: OutboundPlan): BranchPlan {
    const { attemptMs, onAttempt } = this.#options;
    const { trunk } = route;
    return {
      ...branch,
      node: way.node,
      // That node answers challenges, and learns of the provider's servers what there is to learn.
      credentials: undefined,
      toward: (to) => {
        const seen = draftForRoute(plan, route.index, undefined, way.seenAs);
        const { draft, leg } = seen.kind === 'refused' ? route : seen;
        const contact = this.#contact(userPart(parseNameAddr(leg.contact).uri), to) ?? leg.contact;
        const headers = [...draft.headers, way.pass(draft.requestUri, leg.contact)];
        const shown = {
          ...branchOptions(leg, attemptMs),
          contact,
          scope: undefined,
          viaHost: undefined,
          viaPort: undefined,
        };
        return {
          draft: { ...draft, routes: [], contact, headers },
          options: { ...branch.options, ...shown, firstResponseMs: NODE_SILENT_MS },
        };
      },
      resolve: () => [way.to],
      onAttempt: (attempt) => {
        noteSilence(attempt, way.to, way);
        onAttempt(trunk, attempt);
      },
    };
  }

  #fromHere(route: RouteDraft, plan: OutboundPlan): BranchPlan {
    const { trunk, leg, nextHop, signing } = route;
    const gateway = nextHop.kind === 'binding' ? this.#options.registrations.gateway(trunk) : undefined;
    const reached = gateway?.reached;
    const { draft } = route;
    const { trunks, served, attemptMs, onAttempt, signs } = this.#options;
    // Not the plan itself: the closures below live as long as the call.
    const { facts, emergency } = plan;
    const { tenant } = facts;
    const credentials = trunks.digestClient(trunk);
    let grant: CapacityGrant | undefined;
    // What is there only sometimes has its place all the same: an object that is spread together costs twice its size.
    const options: BranchOptions = {
      ...branchOptions(leg, attemptMs),
      trunkId: trunk.id,
      largeRequests: trunk.options.largeRequests,
      assertsIdentity: trunk.options.trusted,
      promisesNotify: trunk.teams !== undefined,
      identity: outsideParty(facts.directory, tenant, trunk.id, plan.number, ''),
      media: this.#options.media.toTrunk(trunk, gateway?.binding, emergency),
    };
    return {
      label: trunk.name,
      trunkId: trunk.id,
      draft,
      options,
      toward: throughNode(reached, this.#toward({ plan, route, drafted: { draft, options } })),
      pastFlow: reached?.pastFlow,
      resolve: () => withOtherwise(this.#targets(trunk, nextHop), reached?.through?.otherwise),
      sign: signing && ((invite, wallMs) => addIdentity(invite, signing, wallMs, signs)),
      credentials,
      onStart: () => {
        const answer = trunks.admit(trunk, tenant, served.directory, emergency);
        if (!answer.granted) return false;
        grant = answer;
        return true;
      },
      onAttempt: (attempt) => {
        if (reached?.through !== undefined) noteSilence(attempt, reached.to, reached.through);
        trunks.noteAttempt(trunk, attempt);
        onAttempt(trunk, attempt);
      },
      onEnd: () => grant?.release(),
    };
  }

  /** Which socket sends, and so what Contact says, is known with the target: it may be of another family than the one before it. */
  #toward({ plan, route, drafted }: Drafted): NonNullable<BranchPlan['toward']> {
    const { endpoint } = this.#options;
    const { trunk, leg, seenAt, index } = route;
    return (to) => {
      const seenAs: SeenAs = {
        transport: to.transport,
        host: trunk.teams === undefined || isFlow(to) ? undefined : datacentreOf(trunk, to),
        address: (scope) => endpoint.advertised(to, scope),
      };
      const isAsThought =
        trunk.teams === undefined &&
        to.transport === trunk.transport &&
        isSame(seenAs.address(leg.scope), seenAt.host, seenAt.port) &&
        (leg.viaHost === undefined || isSame(seenAs.address('public'), leg.viaHost, leg.viaPort));
      if (isAsThought) return drafted;
      const again = draftForRoute(plan, index, undefined, seenAs);
      if (again.kind === 'refused') return drafted;
      return {
        draft: again.draft,
        options: { ...drafted.options, ...branchOptions(again.leg, this.#options.attemptMs) },
      };
    };
  }

  /** A host that cannot be located, or a TLS file that cannot be read, is a trunk without targets: the next route is tried. */
  #targets(trunk: Trunk, hop: RouteDraft['nextHop']): ReturnType<BranchPlan['resolve']> {
    const { trunks, onUnlocated } = this.#options;
    const unlocated = (error: unknown) => {
      onUnlocated(trunk, (error as Error).message);
      return [];
    };
    try {
      const targets = trunks.targets(trunk, hop);
      return targets instanceof Promise ? targets.catch(unlocated) : targets;
    } catch (error) {
      return unlocated(error);
    }
  }
}

/** The datacentre that a target is of, as the Request-URI names it. */
function datacentreOf({ host }: Trunk, { serverName, port }: Target): string {
  return targetText({ host: serverName ?? host, port });
}

/** What a gateway's branch needs toward the node that the gateway registered at, and no longer than that one may be silent. */
function throughNode(reached: Reached | undefined, toward: Toward): Toward {
  const { through, to: node, silentMs } = reached ?? {};
  if (through === undefined || node === undefined || isFlow(node)) return toward;
  return (to) => {
    const { draft, options } = toward(to);
    if (describeDestination(to) !== describeDestination(node))
      return { draft, options: { ...options, firstResponseMs: ORPHAN_SILENT_MS } };
    const headers = [...draft.headers, through.pass(draft.requestUri)];
    return {
      draft: { ...draft, headers },
      options: silentMs === undefined ? options : { ...options, firstResponseMs: silentMs },
    };
  };
}

function withOtherwise(
  targets: ReturnType<BranchPlan['resolve']>,
  otherwise: Target | undefined,
): ReturnType<BranchPlan['resolve']> {
  return otherwise === undefined || !Array.isArray(targets) ? targets : [...targets, otherwise];
}

/** True also where it is not known: then nothing listens there, and nothing is sent. */
function isSame(now: NodeAddress | undefined, host: string, port: number | undefined): boolean {
  return now === undefined || (now.host === host && now.port === port);
}

function branchOptions(leg: LegSettings, firstResponseMs: number): BranchOptions {
  const { sessionTimer: timer, contact, scope, viaHost, viaPort, relayHeaders, withholdsPeer, headers } = leg;
  return {
    contact,
    scope,
    viaHost,
    viaPort,
    relayHeaders,
    withholdsPeer,
    headers,
    earlyMediaFailover: leg.earlyMediaFailover,
    sessionTimer: timer && timerOptions(timer),
    firstResponseMs,
  };
}

function timerOptions(timer: NonNullable<LegSettings['sessionTimer']>): SessionTimerOptions {
  const { sessionExpiresSeconds: intervalSeconds, minSeSeconds: minSeconds, refresher } = timer;
  const intervals = { intervalSeconds, minSeconds };
  // On the leg toward the trunk this engine is the UAC (RFC 4028 §7.1).
  return refresher === undefined ? intervals : { ...intervals, refresher: refresher === 'uac' ? 'local' : 'remote' };
}

/** An anonymous caller's number is in no Contact (RFC 3323 §4.1.1.2). */
function contactUser({ caller }: CallContext): string {
  return caller.anonymous || caller.number === '' ? '' : `${escapeUser(caller.number)}@`;
}

function userPart(uri: Uri | undefined): string {
  return uri !== undefined && isSipUri(uri) && uri.user !== undefined ? `${uri.user}@` : '';
}

export function hostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${formatHost(host)}:${port}`;
}
