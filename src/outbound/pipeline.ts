import { derived } from '../base/derived.ts';
import type { OutboundRoute } from '../provisioning/tenants/schema.ts';
import { scopeOf } from '../provisioning/trunk-settings/own-address.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { type CallStep, PlanState, RouteState, type RouteStep } from './context.ts';
import { toLegDraft } from './draft.ts';
import type { NodeFacts, OutboundFacts, SeenAs } from './facts.ts';
import { NO_OUTBOUND_CLI, parseOutboundCli } from './outbound-cli.ts';
import type { LegSettings, Refusal, RouteDraft, RouteRefusal } from './outcome.ts';
import { addForwardingHeaders } from './steps/add-forwarding-headers.ts';
import { addOwnHeaders, relayedNames } from './steps/add-own-headers.ts';
import { addStandardHeaders } from './steps/add-standard-headers.ts';
import { applyOutboundCli } from './steps/apply-outbound-cli.ts';
import { applyPrivacy } from './steps/apply-privacy.ts';
import { chooseAddresses, viaSettings } from './steps/choose-addresses.ts';
import { chooseCallerId } from './steps/choose-caller-id.ts';
import { decidePresentation } from './steps/decide-presentation.ts';
import { formatCalledNumber } from './steps/format-called-number.ts';
import { removePlus, writeTelUris } from './steps/format-called-uris.ts';
import { guardTenancy } from './steps/guard-tenancy.ts';
import { identifyCaller } from './steps/identify-caller.ts';
import { keepNumberHidden } from './steps/keep-number-hidden.ts';
import { mapFields } from './steps/map-fields.ts';
import { matchRule } from './steps/match-rule.ts';
import { orderRoutes } from './steps/order-routes.ts';
import { processDialledNumber } from './steps/process-number.ts';
import { readDialCode } from './steps/read-dial-code.ts';
import { removeHeaders } from './steps/remove-headers.ts';
import { signCall } from './steps/sign-call.ts';
import { writeForTeams } from './steps/write-for-teams.ts';
import { writeForWhatsapp } from './steps/write-for-whatsapp.ts';
import { NO_TRACE, type Trace } from './trace.ts';
import { contactAddress } from './variables.ts';

/**
 * The outbound pipeline: one ordered list of named pure steps over an immutable fact set. The first list looks at the call as a
 * whole, once; the second makes the INVITE for one trunk, when that trunk's turn comes. A step goes on or refuses with a status.
 * Nothing here reads a clock, a socket, a store or a random source: the same facts give the same octets, so that `explain`, which
 * runs these very lists with a trace that listens, says what a live call sends.
 */
export const CALL_STEPS: readonly CallStep[] = [
  identifyCaller,
  readDialCode,
  processDialledNumber,
  decidePresentation,
  matchRule,
  orderRoutes,
];

export const ROUTE_STEPS: readonly RouteStep[] = [
  formatCalledNumber,
  chooseCallerId,
  mapFields,
  applyOutboundCli,
  writeForTeams,
  writeForWhatsapp,
  addForwardingHeaders,
  addStandardHeaders,
  addOwnHeaders,
  applyPrivacy,
  removeHeaders,
  keepNumberHidden,
  removePlus,
  writeTelUris,
  chooseAddresses,
  guardTenancy,
  signCall,
];

/** A plan once its steps have run. */
export type OutboundPlan = Readonly<PlanState>;

/** Decides what to do about a call. Pure; costs no look at any trunk's parameters. */
export function planOutbound(facts: OutboundFacts, trace: Trace = NO_TRACE): OutboundPlan {
  const plan = new PlanState(facts, parseOutboundCli(facts.request.outboundCli));
  plan.refusal = firstRefusal(CALL_STEPS, plan, trace);
  return plan;
}

/** Runs the steps until one refuses. */
function firstRefusal<State>(
  steps: readonly { readonly name: string; run(state: State, trace: Trace): Refusal | undefined }[],
  state: State,
  trace: Trace,
): Refusal | undefined {
  for (const { name, run } of steps) {
    const refusal = run(state, trace);
    if (refusal === undefined) continue;
    if (trace.on) trace.step({ step: name, outcome: 'reject', status: refusal.status, reason: refusal.reason });
    return refusal;
  }
  return undefined;
}

/**
 * A call over one trunk whatever the tenant's rules say: the trunk's own peer has asked for it. Pure, as {@link planOutbound} is.
 */
export function planOverTrunk(facts: OutboundFacts, trunk: Trunk): OutboundPlan {
  const plan = new PlanState(facts, NO_OUTBOUND_CLI);
  plan.refusal = firstRefusal([identifyCaller, decidePresentation], plan, NO_TRACE);
  if (plan.refusal !== undefined) return plan;
  const route: OutboundRoute = { trunk: trunk.name, strip: 0, prepend: '' };
  const pool = facts.directory.pool(trunk.id, facts.tenant.name);
  const { serviceRoutes = [], through } = facts.trunkState(trunk.id, facts.tenant);
  plan.routes = [{ route, trunk, pool, serviceRoutes, through, position: 0 }];
  return plan;
}

/**
 * Makes the INVITE for one of the plan's routes, when its turn comes. Pure; asked twice it gives the same. With `seenAs` it says where
 * this engine is to the place that the INVITE goes to; without, to where the trunk's first target is thought to be.
 */
export function draftForRoute(
  plan: OutboundPlan,
  index: number,
  trace: Trace = NO_TRACE,
  seenAs?: SeenAs,
): RouteDraft | RouteRefusal {
  const planned = plan.routes[index];
  if (planned === undefined) throw new RangeError(`the plan has ${plan.routes.length} routes, not ${index + 1}`);
  const route = new RouteState(plan, planned, seenAs);
  const refusal = firstRefusal(ROUTE_STEPS, route, trace);
  if (refusal !== undefined)
    return { kind: 'refused', trunk: route.trunk, warnings: route.warnings, events: route.events, ...refusal };
  const draft = toLegDraft(route.draft);
  return {
    kind: 'draft',
    index,
    seenAt: contactAddress(route),
    trunk: route.trunk,
    draft,
    nextHop: route.profile.nextHop,
    leg: legSettings(route, draft.contact),
    signing: route.signing,
    maxForwards: plan.facts.request.maxForwards - 1,
    calledNumber: route.draft.requestUri.user,
    outboundCallerId: route.callerId?.value ?? plan.callerNumber,
    callerIdSource: route.callerId?.source ?? `${plan.facts.caller.kind}-number`,
    anonymous: plan.anonymous,
    warnings: route.warnings,
    events: route.events,
  };
}

function legSettings(route: RouteState, contact: string): LegSettings {
  const { earlyMediaFailover } = route.trunk.options;
  const hidesUser = route.call.anonymous && route.profile.applyUser;
  const { node, tenant } = route.call.facts;
  const via = viaSettings(route);
  return {
    contact,
    scope: scopeOf(route.trunk),
    viaHost: via?.viaHost,
    viaPort: via?.viaPort,
    relayHeaders: route.call.anonymous ? [] : relayedNames(tenant).trunk,
    withholdsPeer: route.call.anonymous ? true : undefined,
    headers: hidesUser ? NO_HEADERS : ownHeadersAt(node),
    earlyMediaFailover: earlyMediaFailover || route.call.emergency,
  };
}

const NO_HEADERS: LegSettings['headers'] = [];
/** What every request of a leg carries. */
const ownHeadersAt = derived(({ userAgent }: NodeFacts): LegSettings['headers'] =>
  userAgent === '' ? NO_HEADERS : [['User-Agent', userAgent]],
);
