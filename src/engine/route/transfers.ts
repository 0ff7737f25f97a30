/** Whose rules a transfer is made under, and who may take whose place (RFC 3515, RFC 3891). */
import { randomToken } from '../../base/ids.ts';
import type { Clock } from '../../base/scheduler.ts';
import {
  type CallPlan,
  type CallRouter,
  isRejection,
  type LegOptions,
  type Rejection,
  type RoutedCall,
  type RoutedLeg,
} from '../../call/index.ts';
import { dialledNumber, type NodeFacts } from '../../outbound/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { canonicalHost } from '../../provisioning/trunk-settings/sources.ts';
import { isSipUri, octetsFromText, parseNameAddr, parseUri } from '../../sip/message/index.ts';
import { NO_LIMIT } from '../../trunks/admitted-call.ts';
import { Capacity } from '../../trunks/capacity.ts';
import type { Guards } from '../../trunks/guards.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';
import type { PeerNodes } from '../peer-nodes.ts';
import type { Served } from '../served.ts';
import type { CallContext, CallerPresentation } from './call-context.ts';
import { type CallGrants, guardedCall } from './call-grants.ts';
import type { OutboundServices } from './outbound-step.ts';
import type { Forwarder } from './phone-steps.ts';
import type { Routing } from './routing.ts';
import { referredByTeams, teamsTrunkOf } from './teams-transfer.ts';
import { transferInvite } from './transfer-invite.ts';

export interface TransfersOptions extends OutboundServices {
  readonly routing: Routing;
  readonly served: Served;
  readonly facts: NodeFacts;
  readonly peers: Pick<PeerNodes, 'isPeerAddress'>;
  /** Are asked for each call to the outside, and hold what a transfer there was granted. */
  readonly grants: Pick<CallGrants, 'admit' | 'joined' | 'release'>;
  /** Say what would be refused. */
  readonly guards: Pick<Guards, 'rehearse'>;
  readonly trunks: Pick<TrunkService, 'condition' | 'admitInbound'>;
  readonly scheduler: Clock;
}

export class Transfers implements CallRouter {
  readonly #options: TransfersOptions;

  constructor(options: TransfersOptions) {
    this.#options = options;
  }

  referred(call: RoutedCall, leg: RoutedLeg, referTo: string, referredBy: string | undefined): CallPlan | Rejection {
    const directory = this.#options.served.directory;
    const trunk = teamsTrunkOf(leg.options, directory);
    if (trunk !== undefined) {
      return referredByTeams({ call, leg, referTo, referredBy, trunk, directory, ...this.#options });
    }
    return this.#planned(this.#options.routing, call, leg, referTo, referredBy);
  }

  refusesPhone(call: RoutedCall, leg: RoutedLeg, referTo: string): boolean {
    const plan = this.#planned(this.#withAllPlaces(), call, leg, referTo);
    return 'status' in plan || isRejection(plan.next());
  }

  /** The same rules with all places free; nothing is counted or told of what they say. */
  #withAllPlaces(): Routing {
    const { routing, guards, trunks, scheduler } = this.#options;
    const capacity = new Capacity(scheduler);
    return routing.rehearsal({
      grants: { admit: (plan) => guards.rehearse(guardedCall(plan), capacity) ?? NO_LIMIT },
      trunks: {
        condition: (trunkId, tenant) => trunks.condition(trunkId, tenant, capacity),
        admitInbound: (trunk, tenant) => trunks.admitInbound(trunk, tenant),
      },
      observer: { onRoute() {}, onOutboundRefused() {} },
    });
  }

  #planned(
    routing: Routing,
    call: RoutedCall,
    leg: RoutedLeg,
    referTo: string,
    referredBy?: string,
  ): CallPlan | Rejection {
    const { directory } = this.#options.served;
    const { owner } = leg.options;
    const tenant = owner === undefined ? undefined : directory.tenantByName(owner.tenant);
    // A trunk does not move calls of a tenant: its carrier would place calls at the tenant's cost.
    if (owner === undefined || tenant === undefined) return { status: 403, reason: 'Transfer Not Allowed' };
    const origin = directory.party(tenant.name, owner.number);
    if (origin === undefined) return { status: 403, reason: 'Transfer Not Allowed' };
    const uri = parseUri(referTo);
    const number = dialledNumber(uri);
    if (number === '' || !this.#isOurs(uri, tenant.domain)) return { status: 404, reason: 'Not Found' };
    const by: Forwarder = { kind: origin.kind, number: owner.number };
    const caller = transfereeOf(call, leg, owner.number);
    const context: CallContext = {
      request: transferInvite(number, owner.number, tenant.domain),
      directory,
      tenant,
      origin,
      caller,
      called: number,
      node: this.#options.facts,
      sessionId: randomToken(),
      diversions: [],
      transferee: trunkOf(leg.peer?.options, directory),
      ...(leg.options.anonymous !== true && { referredBy }),
    };
    const { grants } = this.#options;
    const first = routing.transferred(context, by, number);
    return routing.planOf({ first, facts: { ...call.record.facts, called: number } }, leg.options, {
      onAnswered: () => grants.joined(context.sessionId, call.record),
      onEnd: () => grants.release(context.sessionId),
    });
  }

  /** A place may be taken by a party of the same tenant; its own Teams is one. */
  mayReplace(requester: Pick<LegOptions, 'owner' | 'trunkId'>, call: RoutedCall, leg: RoutedLeg): boolean {
    const tenant = requester.owner?.tenant ?? teamsTrunkOf(requester, this.#options.served.directory)?.owner;
    if (tenant === undefined) return false;
    const owner = leg.options.owner ?? leg.peer?.options.owner;
    return (owner?.tenant ?? call.record.facts.tenant) === tenant;
  }

  /** The telephone network is on no leg of a call with WhatsApp. */
  mayConnect(one: Pick<LegOptions, 'trunkId'>, other: Pick<LegOptions, 'trunkId'>): boolean {
    const types = [one, other].map(({ trunkId }) =>
      trunkId === undefined ? undefined : this.#options.served.directory.trunk(trunkId)?.type,
    );
    return !types.includes('whatsapp') || types.every((type) => type === undefined || type === 'whatsapp');
  }

  /** A Refer-To names a number of this system: in the tenant's domain, at our own address or another node's, or without a host. */
  #isOurs(uri: ReturnType<typeof parseUri>, domain: string): boolean {
    if (!isSipUri(uri)) return uri.scheme === 'tel';
    const { served, peers } = this.#options;
    // A phone at another node names that one.
    return (
      canonicalHost(uri.host) === canonicalHost(domain) || served.isOwnHost(uri.host) || peers.isPeerAddress(uri.host)
    );
  }
}

function trunkOf(options: LegOptions | undefined, directory: Directory): Trunk | undefined {
  return options?.trunkId === undefined ? undefined : directory.trunk(options.trunkId);
}

/** Who is moved, as the new destination is shown it; who was anonymous before still is. */
function transfereeOf(call: RoutedCall, transferor: RoutedLeg, transferorNumber: string): CallerPresentation {
  const { facts } = call.record;
  const { owner, anonymous = false, identity } = transferor.peer?.options ?? {};
  if (owner !== undefined) return { number: owner.number, displayName: '', anonymous };
  const isCaller = facts.caller !== transferorNumber;
  return {
    number: isCaller ? facts.caller : facts.called,
    displayName: isCaller ? nameOf(identity, facts.callerName) : '',
    anonymous,
  };
}

/** The name in the octets in which it came; the record's, which is text, where the leg has none. */
function nameOf(identity: string | undefined, recorded: string | undefined): string {
  if (recorded === undefined || recorded === '') return '';
  return (identity && parseNameAddr(identity).displayName) || octetsFromText(recorded);
}
