/** Transfers that Microsoft Teams asks for: the new call goes to Teams again, to the very URI of Refer-To. */
import { randomToken } from '../../base/ids.ts';
import {
  type BranchPlan,
  type CallPlan,
  type LegOptions,
  likeBranch,
  type Rejection,
  type RoutedCall,
  type RoutedLeg,
} from '../../call/index.ts';
import { draftForRoute, planOverTrunk } from '../../outbound/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import type { Party } from '../../provisioning/tenants/party.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { formatUri, isSipUri, type LegDraft, parseUri, type SipUri } from '../../sip/message/index.ts';
import { partyOfCalled } from './call-context.ts';
import type { OutboundServices } from './outbound-step.ts';
import type { Routing } from './routing.ts';
import { OneStageStep } from './step-plan.ts';
import { transferInvite } from './transfer-invite.ts';

export interface TeamsReferral extends OutboundServices {
  readonly call: RoutedCall;
  readonly leg: RoutedLeg;
  readonly referTo: string;
  readonly referredBy: string | undefined;
  /** Of the leg. */
  readonly trunk: Trunk;
  readonly directory: Directory;
  readonly routing: Routing;
}

/** The teams trunk of a leg; undefined for any other leg. */
export function teamsTrunkOf({ trunkId }: Pick<LegOptions, 'trunkId'>, directory: Directory): Trunk | undefined {
  const trunk = trunkId === undefined ? undefined : directory.trunk(trunkId);
  return trunk?.teams === undefined ? undefined : trunk;
}

/**
 * Whom Refer-To names only Teams knows, by a number or by `x-m` and `x-t`; its Referred-By says who has transferred. Neither is read here
 * beyond its host, so that a transfer leads to Teams and nowhere else.
 */
export function referredByTeams(referral: TeamsReferral): CallPlan | Rejection {
  const { call, leg, referTo, referredBy, trunk, directory, routing, branches, observer } = referral;
  const tenant = directory.tenantByName(trunk.owner);
  const uri = parseUri(referTo);
  if (tenant === undefined || !isSipUri(uri) || !isOfTeams(uri, trunk))
    return { status: 403, reason: 'Transfer Not Allowed' };
  const caller = transfereeOf(referral, tenant.name);
  // What the draft is made with; the URI of Refer-To takes its place.
  const number = `+${directory.pool(trunk.id, tenant.name).range(0).first}`;
  const request = transferInvite(number, trunk.owner, tenant.domain);
  const context = { directory, tenant, request, sessionId: randomToken() };
  const plan = planOverTrunk(routing.outboundFacts(context, caller, number, undefined), trunk);
  const route = draftForRoute(plan, 0);
  observer.onRoute(route, plan);
  if (route.kind === 'refused') return { status: route.status, reason: route.reason };
  const branch = branches.toTrunk(route, plan);
  const target = formatUri({ ...uri, headers: '' });
  const step = new OneStageStep(toward(branch, target, referredBy));
  return routing.planOf({ first: step, facts: { ...call.record.facts, called: uri.user ?? target } }, leg.options);
}

function toward(branch: BranchPlan, target: string, referredBy: string | undefined): BranchPlan {
  const rewritten = (draft: LegDraft): LegDraft => ({
    ...draft,
    requestUri: target,
    to: `<${target}>`,
    headers: referredBy === undefined ? draft.headers : [...draft.headers, ['Referred-By', referredBy]],
  });
  return likeBranch(branch, {
    draft: rewritten(branch.draft),
    toward: (to) => {
      const { draft, options } = branch.toward?.(to) ?? branch;
      return { draft: rewritten(draft), options };
    },
  });
}

/** Whether a URI leads to a host of the domain that the trunk's own are in: Teams names its datacentres there one by one. */
function isOfTeams({ host }: SipUri, { teams }: Trunk): boolean {
  const name = host.toLowerCase();
  return (
    teams?.targets.some((target) => {
      const domain = target.host.slice(target.host.indexOf('.'));
      return name === target.host || (domain.indexOf('.', 1) > 0 && name.endsWith(domain));
    }) === true
  );
}

/** Who is moved, whose numbers are shown: a party of the tenant; for anybody else, as inbound rules have it, the number that was called. */
function transfereeOf({ call, leg, directory }: TeamsReferral, tenant: string): Party {
  const owner = leg.peer?.options.owner;
  const party = owner === undefined ? undefined : directory.party(tenant, owner.number);
  return party ?? partyOfCalled(call.record.facts.called, 'Transfer');
}
