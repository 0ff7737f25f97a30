/** A branch over a trunk of this node: the INVITE that the outbound pipeline drafted, to the trunk's targets one after another. */

import { derived } from '../../base/derived.ts';
import type { HostPort } from '../../base/transport.ts';
import type { BranchOptions, BranchPlan, ToldAttempt } from '../../call/index.ts';
import {
  addIdentity,
  draftForRoute,
  type LegSettings,
  type OutboundPlan,
  type RouteDraft,
  type SeenAs,
  type Signs,
} from '../../outbound/index.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { targetText } from '../../provisioning/trunk-settings/teams.ts';
import type { SessionTimerOptions } from '../../sip/dialog/index.ts';
import { describeDestination, type Endpoint, isFlow } from '../../sip/endpoint/index.ts';
import type { SipRequest } from '../../sip/message/index.ts';
import type { Flow, Target } from '../../sip/transport/index.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';
import type { EngineObserver } from '../engine-options.ts';
import { ORPHAN_SILENT_MS } from '../reach.ts';
import type { Contact, Registrations } from '../registrations.ts';
import type { Served } from '../served.ts';
import { type MediaParties, mediaThroughNode } from './media-parties.ts';
import { outsideParty } from './party-address.ts';
import { noteSilence } from './phone-leg.ts';

/** What the branches over trunks of one node share. */
export interface TrunkBranchServices {
  readonly endpoint: Pick<Endpoint, 'advertised'>;
  readonly registrations: Pick<Registrations, 'gateway'>;
  readonly trunks: Pick<TrunkService, 'digestClient' | 'admit' | 'noteAttempt' | 'targets'>;
  readonly served: Pick<Served, 'directory'>;
  readonly media: Pick<MediaParties, 'toTrunk'>;
  readonly signs: Signs;
  /** How long one target may stay silent before the next is tried. */
  readonly attemptMs: number;
  readonly observer: Pick<EngineObserver, 'onAttempt'>;
  /** A call has nowhere to go on this trunk. */
  readonly onUnlocated: (trunk: Trunk, reason: string) => void;
}

type Seen = Pick<BranchPlan, 'draft' | 'options'>;

type TrunkLegOptions = BranchOptions & Required<Pick<BranchOptions, 'media'>>;

/** Fields are private by keyword: {@link likeBranch} makes branches like this one, which have what they do not change from it. */
export class TrunkBranch implements BranchPlan {
  readonly label: string;
  readonly trunkId: string;
  readonly draft: BranchPlan['draft'];
  readonly options: TrunkLegOptions;
  readonly credentials: BranchPlan['credentials'];
  readonly pastFlow: BranchPlan['pastFlow'];
  /** Outlives the branch, and knows nothing but the places that were taken. */
  onEnd: BranchPlan['onEnd'] = undefined;
  private readonly services: TrunkBranchServices;
  private readonly route: RouteDraft;
  private readonly plan: OutboundPlan;
  /** Of a gateway that registers here. */
  private readonly gateway: Contact | undefined;

  constructor(services: TrunkBranchServices, route: RouteDraft, plan: OutboundPlan) {
    const { trunk, leg, nextHop } = route;
    const { facts, emergency, number } = plan;
    const gateway = nextHop.kind === 'binding' ? services.registrations.gateway(trunk) : undefined;
    this.services = services;
    this.route = route;
    this.plan = plan;
    this.gateway = gateway;
    this.label = trunk.name;
    this.trunkId = trunk.id;
    this.draft = route.draft;
    const identity = outsideParty(facts.directory, facts.tenant, trunk.id, number, '');
    const media = services.media.toTrunk(trunk, gateway?.binding, emergency);
    this.options = branchOptions(trunk, leg, services.attemptMs, { identity, media });
    this.credentials = services.trunks.digestClient(trunk);
    this.pastFlow = gateway?.reached?.pastFlow;
  }

  toward(to: Target | Flow): Seen {
    const seen = this.seenFrom(to);
    return this.gateway === undefined ? seen : towardGateway(seen, to, this.gateway);
  }

  resolve(): ReturnType<BranchPlan['resolve']> {
    const { trunk, nextHop } = this.route;
    const targets = targetsOf(this.services, trunk, nextHop, this.plan.facts.tenant?.name);
    const otherwise = this.gateway?.reached.through?.otherwise;
    return otherwise === undefined || !Array.isArray(targets) ? targets : [...targets, otherwise];
  }

  sign(invite: SipRequest, wallMs: number): Promise<void> | undefined {
    const { signing } = this.route;
    return signing && addIdentity(invite, signing, wallMs, this.services.signs);
  }

  onStart(): boolean {
    const { trunks, served } = this.services;
    const { facts, emergency } = this.plan;
    const places = trunks.admit(this.route.trunk, facts.tenant, served.directory, emergency);
    if (!places.granted) return false;
    this.onEnd = () => places.release();
    return true;
  }

  onAttempt(attempt: ToldAttempt): void {
    const { trunks, observer } = this.services;
    const { trunk } = this.route;
    const { to, through } = this.gateway?.reached ?? {};
    if (to !== undefined && through !== undefined) noteSilence(attempt, to, through);
    trunks.noteAttempt(trunk, attempt, this.plan.facts.tenant.name);
    observer.onAttempt(trunk, attempt);
  }

  /** Which socket sends, and so what Contact says, is known with the target: it may be of another family than the one before it. */
  private seenFrom(to: Target | Flow): Seen {
    const { endpoint, attemptMs } = this.services;
    const { trunk, leg, seenAt, index } = this.route;
    const isAsThought =
      trunk.teams === undefined &&
      to.transport === trunk.transport &&
      isSame(endpoint.advertised(to, leg.scope), seenAt.host, seenAt.port) &&
      (leg.viaHost === undefined || isSame(endpoint.advertised(to, 'public'), leg.viaHost, leg.viaPort));
    if (isAsThought) return this;
    const seenAs = seenBy(to, trunk, endpoint);
    const again = draftForRoute(this.plan, index, undefined, seenAs);
    if (again.kind === 'refused') return this;
    return { draft: again.draft, options: branchOptions(trunk, again.leg, attemptMs, this.options) };
  }
}

/** A host that cannot be located, or a TLS file that cannot be read, is a trunk without targets: the next route is tried. */
export function targetsOf(
  { trunks, onUnlocated }: Pick<TrunkBranchServices, 'trunks' | 'onUnlocated'>,
  trunk: Trunk,
  hop: RouteDraft['nextHop'],
  tenant?: string,
): ReturnType<BranchPlan['resolve']> {
  const unlocated = (error: unknown) => {
    onUnlocated(trunk, (error as Error).message);
    return [];
  };
  try {
    const targets = trunks.targets(trunk, hop, tenant);
    return targets instanceof Promise ? targets.catch(unlocated) : targets;
  } catch (error) {
    return unlocated(error);
  }
}

/** What a gateway's branch needs toward the node that the gateway registered at, and no longer than that one may be silent. */
function towardGateway({ draft, options }: Seen, to: Target | Flow, { binding, reached }: Contact): Seen {
  const { to: node, through, silentMs: firstResponseMs } = reached;
  if (through === undefined || isFlow(node)) return { draft, options };
  if (describeDestination(to) !== describeDestination(node))
    return { draft, options: { ...options, firstResponseMs: ORPHAN_SILENT_MS } };
  return {
    draft: { ...draft, headers: [...draft.headers, through.pass(draft.requestUri)] },
    options: {
      ...options,
      ...(options.media !== undefined && { media: mediaThroughNode(options.media, binding) }),
      ...(firstResponseMs !== undefined && { firstResponseMs }),
      isBetweenNodes: true,
      peerNode: through.node,
    },
  };
}

/**
 * What a branch over a trunk does with its leg. What is there only sometimes has its place all the same: an object that is spread together
 * costs twice its size.
 * @param party what stays the same when the leg is drafted again for another target
 */
export function branchOptions(
  trunk: Trunk,
  leg: LegSettings,
  firstResponseMs: number,
  party: Pick<TrunkLegOptions, 'identity' | 'media'>,
): TrunkLegOptions {
  const { contact, scope, viaHost, viaPort, relayHeaders, withholdsPeer, headers, earlyMediaFailover } = leg;
  const { id: trunkId, options, teams } = trunk;
  return {
    contact,
    scope,
    viaHost,
    viaPort,
    relayHeaders,
    withholdsPeer,
    headers,
    earlyMediaFailover,
    sessionTimer: sessionTimerToward(trunk),
    firstResponseMs,
    trunkId,
    largeRequests: options.largeRequests,
    assertsIdentity: options.trusted,
    promisesNotify: teams !== undefined,
    identity: party.identity,
    media: party.media,
  };
}

/** The session timer (RFC 4028) of the legs toward a trunk that is called; undefined: off. */
export const sessionTimerToward = derived(({ options }: Trunk): SessionTimerOptions | undefined => {
  const { mode, expiresSeconds, minSeconds, refresher } = options.sessionTimer;
  if (mode === 'off') return undefined;
  const intervals = { intervalSeconds: mode === 'accept' ? 0 : expiresSeconds, minSeconds };
  // There this engine is the UAC (§7.1).
  return refresher === 'auto' ? intervals : { ...intervals, refresher: refresher === 'uac' ? 'local' : 'remote' };
});

/** How this engine is seen from a target. */
function seenBy(to: Target | Flow, trunk: Trunk, endpoint: TrunkBranchServices['endpoint']): SeenAs {
  const host = trunk.teams === undefined || isFlow(to) ? undefined : datacentreOf(trunk, to);
  return { transport: to.transport, host, address: (scope) => endpoint.advertised(to, scope) };
}

/** The datacentre that a target is of, as the Request-URI names it. */
function datacentreOf({ host }: Trunk, { serverName, port }: Target): string {
  return targetText({ host: serverName ?? host, port });
}

/** True also where it is not known: then nothing listens there, and nothing is sent. */
function isSame(now: HostPort | undefined, host: string, port: number | undefined): boolean {
  return now === undefined || (now.host === host && now.port === port);
}
