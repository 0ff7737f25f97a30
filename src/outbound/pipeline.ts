import { derived } from '../base/derived.ts';
import type { OutboundRoute } from '../provisioning/tenants/schema.ts';
import { scopeOf } from '../provisioning/trunk-settings/own-address.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { octetsFromText } from '../sip/message/index.ts';
import {
  type CallStep,
  type PlannedRoute,
  PlanState,
  RouteState,
  type RouteStep,
  type SkippedRoute,
} from './context.ts';
import { Draft, toLegDraft } from './draft.ts';
import { callerName, callerNumber, type NodeFacts, type OutboundFacts, type SeenAs } from './facts.ts';
import { NO_OUTBOUND_CLI, type OutboundCli, parseOutboundCli } from './outbound-cli.ts';
import type { LegSettings, Refusal, RouteDraft, RouteRefusal, StoredSetting } from './outcome.ts';
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
import { profileOf } from './trunk-profile.ts';
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

/** What will be done about a call: routes to try in order, or the answer that it gets at once. */
export interface OutboundPlan {
  readonly facts: OutboundFacts;
  /** Set when no route is tried. With {@link storedSetting} it is the answer after the setting was stored. */
  readonly refusal: Refusal | undefined;
  readonly storedSetting: StoredSetting | undefined;
  readonly routes: readonly PlannedRoute[];
  readonly skipped: readonly SkippedRoute[];
  readonly ruleName: string | undefined;
  /** The number after its dial code and number processing; each route strips and prepends for itself. */
  readonly number: string;
  readonly anonymous: boolean;
  readonly emergency: boolean;
  readonly state: PlanState;
  readonly outboundCli: OutboundCli;
}

/** Decides what to do about a call. Pure; costs no look at any trunk's parameters. */
export function planOutbound(facts: OutboundFacts, trace: Trace = NO_TRACE): OutboundPlan {
  const state = stateOf(facts);
  return planned(state, firstRefusal(CALL_STEPS, state, trace), parseOutboundCli(facts.request.outboundCli));
}

function stateOf(facts: OutboundFacts): PlanState {
  return new PlanState(facts, callerNumber(facts.caller), octetsFromText(callerName(facts.caller)));
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

function planned(state: PlanState, refusal: Refusal | undefined, outboundCli: OutboundCli): OutboundPlan {
  const { facts, storedSetting, skipped, rule, number, anonymous, emergency } = state;
  return {
    facts,
    refusal,
    storedSetting,
    routes: refusal === undefined ? state.routes : [],
    skipped,
    ruleName: rule?.name,
    number,
    anonymous,
    emergency: emergency !== undefined,
    state,
    outboundCli,
  };
}

/**
 * A call over one trunk whatever the tenant's rules say: the trunk's own peer has asked for it. Pure, as {@link planOutbound} is.
 */
export function planOverTrunk(facts: OutboundFacts, trunk: Trunk): OutboundPlan {
  const state = stateOf(facts);
  const refusal = firstRefusal([identifyCaller, decidePresentation], state, NO_TRACE);
  const route: OutboundRoute = { trunk: trunk.name, strip: 0, prepend: '' };
  const pool = facts.directory.pool(trunk.id, facts.tenant.name);
  const { serviceRoutes = [], through } = facts.trunkState(trunk.id);
  state.routes = [{ route, trunk, pool, serviceRoutes, through, position: 0 }];
  return planned(state, refusal, NO_OUTBOUND_CLI);
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
  const route = new RouteState(plan.state, planned, profileOf(planned.trunk), new Draft(), plan.outboundCli, seenAs);
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
    outboundCallerId: route.callerId?.value ?? plan.state.callerNumber,
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
    earlyMediaFailover: earlyMediaFailover || route.call.emergency !== undefined,
  };
}

const NO_HEADERS: LegSettings['headers'] = [];
/** What every request of a leg carries. */
const ownHeadersAt = derived(({ userAgent }: NodeFacts): LegSettings['headers'] =>
  userAgent === '' ? NO_HEADERS : [['User-Agent', userAgent]],
);
