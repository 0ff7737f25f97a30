/**
 * Where a call goes: from a phone to a phone, a service or a trunk; from a trunk to whatever its DID's rule says; and on from there by
 * forwarding, overflow and transfer. Makes the plan; `call/` plays it.
 */
import { randomToken } from '../../base/ids.ts';
import type { Clock } from '../../base/scheduler.ts';
import { ownCopy } from '../../base/text.ts';
import type { BranchPlan, CallFacts, LegOptions } from '../../call/index.ts';
import { type FoundVerification, type InboundCall, InboundRouter, type InboundTarget } from '../../inbound/index.ts';
import {
  dialledNumber,
  emergencyServiceNumber,
  endpointRequest,
  type Forwarding,
  insideParty,
  type OutboundFacts,
  type OutboundPlan,
  planOutbound,
} from '../../outbound/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import { plainNumber } from '../../provisioning/tenants/number.ts';
import { memberOf, type Party } from '../../provisioning/tenants/party.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import type { NodeSettings } from '../../settings/node-schema.ts';
import {
  HeaderId,
  isEmergencyService,
  octetsFromText,
  partyPrivacy,
  type SipRequest,
  textFromOctets,
} from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';
import type { Source } from '../admit/admission.ts';
import { InboundView } from '../explain/inbound-view.ts';
import type { WantedBinding } from '../peer-nodes.ts';
import type { Branches } from './branches.ts';
import {
  type CallContext,
  type CallerPresentation,
  diverted,
  forwardingOf,
  type Origin,
  partyOfCalled,
} from './call-context.ts';
import {
  type CallVerification,
  reasonPhraseOf,
  stirReason,
  toldToPhones,
  type VerifiedCall,
} from './call-verification.ts';
import { CallerLegs, type CallerLegsOptions, type EndpointSource, introduced } from './caller-legs.ts';
import { type OutboundServices, OutboundStep } from './outbound-step.ts';
import { ExtensionStep, type Forwarder, RingGroupStep, ServiceStep, type StepServices } from './phone-steps.ts';
import { type RegisteredNodes, SentOnStep } from './registered-node.ts';
import { type BegunPlan, OneStageStep, type PlanHooks, type PlanStep, RejectStep, StepPlan } from './step-plan.ts';
import { whatsappFacts } from './whatsapp-facts.ts';

export interface RoutingOptions extends CallerLegsOptions, OutboundServices {
  readonly settings: Pick<NodeSettings, 'timers'>;
  readonly scheduler: Clock;
  /** A number in [0, 1); default Math.random. */
  readonly random?: () => number;
  /** Know the state of each trunk, and have its places. */
  readonly trunks: Pick<TrunkService, 'condition' | 'admitInbound'>;
  /** What is known of callers from trunks. */
  readonly stir: { readonly verification: Pick<CallVerification, 'modeOf' | 'verify'> };
  readonly branches: Pick<Branches, 'toPhones' | 'toTrunk' | 'toWantedBinding' | 'toRegisteredTrunk'>;
  /** Know which node calls over a trunk leave through. */
  readonly registered: Pick<RegisteredNodes, 'condition'>;
}

/** A call from a trunk whose tenant is known. */
interface InboundBeginning {
  readonly request: SipRequest;
  readonly directory: Directory;
  readonly router: InboundRouter;
  readonly call: InboundCall;
  readonly facts: CallFacts;
  readonly verified: VerifiedCall | undefined;
}

const UNSUPPORTED_SCHEME = new RejectStep(416, 'Unsupported URI Scheme');
const NOT_FOUND = new RejectStep(404, 'Not Found');
const NONE: readonly never[] = [];

/** A call as routed: a plan to play, or what has to happen before it can be answered. */
export interface Routed {
  readonly plan: StepPlan;
  /** The outbound plan of a call that an endpoint places to the outside; its dial code may ask for a setting to be stored. */
  readonly outbound?: OutboundPlan;
}

export class Routing implements StepServices {
  readonly #options: RoutingOptions;
  readonly legs: CallerLegs;
  readonly #trunkState: OutboundFacts['trunkState'];
  #inbound: { readonly directory: Directory; readonly router: InboundRouter } | undefined;

  constructor(options: RoutingOptions) {
    const { registered, trunks } = options;
    this.#options = options;
    this.#trunkState = (id, tenant) => registered.condition(id, trunks.condition(id, tenant));
    this.legs = new CallerLegs(options);
  }

  /** A call that an admitted source places. */
  route(request: SipRequest, flow: Flow, source: Source, directory: Directory): Routed {
    switch (source.kind) {
      case 'trunk':
        return this.#fromTrunk(request, flow, source.trunk, directory);
      case 'node':
        return this.#fromNode(request, flow, source);
      default:
        return this.#fromEndpoint(request, flow, source, directory);
    }
  }

  planOf(begun: BegunPlan, callerLeg: LegOptions, hooks?: PlanHooks): StepPlan {
    const plan = new StepPlan(begun, callerLeg, this.#options.settings.timers);
    plan.hooks = hooks;
    return plan;
  }

  /** The facts of an outbound call, as the pipeline and `explain` take them. */
  outboundFacts(
    context: Pick<CallContext, 'directory' | 'tenant' | 'request' | 'sessionId'>,
    caller: Party,
    dialled: string,
    forwarding: Forwarding | undefined,
  ): OutboundFacts {
    const { directory, tenant, request, sessionId } = context;
    const { scheduler, facts, random = Math.random } = this.#options;
    return {
      directory,
      tenant,
      caller,
      dialled,
      forwarding,
      request: endpointRequest(request),
      trunkState: this.#trunkState,
      wallMs: scheduler.wallMs(),
      node: facts,
      randomSeed: Math.floor(random() * 0x7fffffff),
      sessionId,
    };
  }

  #fromEndpoint(request: SipRequest, flow: Flow, source: EndpointSource, directory: Directory): Routed {
    const { tenant } = source;
    const party = memberOf(source);
    // They stay in the record and in events when the INVITE is gone.
    const uri = request.uri();
    const dialled = isEmergencyService(uri) ? (emergencyServiceNumber(tenant) ?? '') : ownCopy(dialledNumber(uri));
    const shown = ownCopy(request.from().displayName ?? '');
    const withholdsName = partyPrivacy(request.headers, 'calling').remoteParty === 'name';
    const displayName = withholdsName ? '' : shown || octetsFromText(party.name ?? '');
    const callerLeg = this.legs.ofEndpoint(request, flow, source, directory, dialled);
    const anonymous = callerLeg.anonymous === true;
    const caller: CallerPresentation = { number: party.number, displayName, anonymous };
    const context = this.#context(request, directory, tenant, source, caller, dialled);
    const isUnserved = isEmergencyService(uri) && dialled === '';
    const inside = isUnserved ? UNSUPPORTED_SCHEME : this.#insideStep(context, dialled);
    const facts: CallFacts = {
      direction: inside === undefined ? 'outbound' : 'internal',
      tenant: tenant.name,
      caller: party.number,
      callerName: textFromOctets(caller.displayName),
      called: dialled,
      extension: party.number,
      sessionId: context.sessionId,
    };
    if (inside !== undefined) return { plan: this.planOf({ first: inside, facts }, callerLeg) };
    const outbound = planOutbound(this.outboundFacts(context, source, dialled, undefined));
    const outsideLeg = anonymous === outbound.anonymous ? callerLeg : { ...callerLeg, anonymous: outbound.anonymous };
    if (outbound.number !== dialled) {
      // A dial code in front of a number of the tenant itself.
      const presented = { ...context, caller: { ...caller, anonymous: outbound.anonymous }, called: outbound.number };
      const behindCode = this.#insideStep(presented, outbound.number);
      if (behindCode !== undefined)
        return { plan: this.planOf({ first: behindCode, facts: behindCodeFacts(facts, outbound.number) }, outsideLeg) };
    }
    const plan = this.planOf({ first: this.#outbound(outbound), facts }, outsideLeg);
    plan.emergency = outbound.emergency;
    return { plan, outbound };
  }

  /** The step of an outbound plan, once the fraud guards have let it pass. */
  #outbound(plan: OutboundPlan): PlanStep {
    const { grants, observer } = this.#options;
    const step = new OutboundStep(plan, this.#options);
    // The guards are asked about a stopped tenant all the same: they tell whoever watches for fraud.
    if (plan.refusal !== undefined && plan.refusal.code !== 'outbound-stopped') {
      observer.onOutboundRefused(plan, plan.refusal);
      return step;
    }
    const answer = grants.admit(plan);
    if (answer.granted) return step;
    observer.onOutboundRefused(plan, answer);
    return new RejectStep(answer.status, answer.reason);
  }

  #fromTrunk(request: SipRequest, flow: Flow, trunk: Trunk, directory: Directory): Routed {
    const router = this.#inboundRouter(directory);
    const said = trunk.type === 'whatsapp' ? whatsappFacts(request.headers) : undefined;
    const call = named(router.called(request, trunk), said?.userName);
    const { numbers, called } = call;
    const callerLeg: LegOptions = {
      ...this.legs.ofTrunk(request, flow, trunk, numbers.calledNumber),
      ...(called !== undefined && introduced(directory, trunk, called.tenant, call)),
    };
    const facts: CallFacts = {
      direction: 'inbound',
      caller: numbers.callerNumber,
      callerName: textFromOctets(numbers.callerDisplayName),
      called: numbers.calledNumber,
      trunkId: trunk.id,
      ...(said !== undefined && { whatsapp: said }),
      ...(called !== undefined && { tenant: called.tenant.name, sessionId: randomToken() }),
    };
    if (called === undefined) return { plan: this.planOf({ first: NOT_FOUND, facts }, callerLeg) };
    const place = this.#options.trunks.admitInbound(trunk, called.tenant);
    if (!place.granted)
      return { plan: this.planOf({ first: new RejectStep(503, 'Service Unavailable'), facts }, callerLeg) };
    const begin = (known: VerifiedCall | undefined): BegunPlan =>
      this.#beginInbound({ request, directory, router, call, facts, verified: known });
    const hooks = { onEnd: () => place.release() };
    const verified = this.#options.stir.verification.verify(request, call);
    if (!(verified instanceof Promise)) return { plan: this.planOf(begin(verified), callerLeg, hooks) };
    const plan = this.planOf({ first: NOT_FOUND, facts }, callerLeg, hooks);
    plan.beginWith(verified.then(begin));
    return { plan };
  }

  /** Once it is known what there is to know of the caller. */
  #beginInbound({ request, directory, router, call, facts, verified }: InboundBeginning): BegunPlan {
    const { trunk, numbers } = call;
    const { scheduler, stir } = this.#options;
    const known = verified === undefined ? facts : { ...facts, verification: verified.facts };
    const reason = verified === undefined ? undefined : stirReason(verified.facts);
    if (reason !== undefined && stir.verification.modeOf(trunk) === 'reject') {
      const { code = 0 } = verified?.facts ?? {};
      return { first: new RejectStep(code, reasonPhraseOf(code), [[HeaderId.Reason, reason]]), facts: known };
    }
    const routed = router.route(call, foundOf(verified), scheduler.wallMs());
    if (routed.kind === 'rejection') return { first: new RejectStep(routed.status, routed.reason), facts: known };
    const { tenant, anonymous, rule, displayNamePrefix } = routed;
    const told = toldToPhones(verified, anonymous);
    const name = octetsFromText(told?.shown?.name ?? '') || numbers.callerDisplayName;
    const caller: CallerPresentation = {
      number: numbers.callerNumber,
      displayName: prefixed(displayNamePrefix, name, numbers.callerNumber),
      anonymous,
    };
    const base = this.#context(request, directory, tenant, { kind: 'trunk', trunk }, caller, numbers.calledNumber);
    const context = { ...base, sessionId: facts.sessionId ?? base.sessionId, verification: told };
    return {
      first: this.#targetStep(context, routed.target),
      facts: { ...known, inboundRule: rule, destination: targetText(routed.target) },
      reasons: reason === undefined ? [] : [reason],
    };
  }

  /** The same rules, for calls that are only thought through: with other ports. */
  rehearsal(parts: Partial<RoutingOptions>): Routing {
    return new Routing({ ...this.#options, ...parts });
  }

  /** A call that another node drafted for a contact that is registered here, or for a trunk that is registered from here; that node keeps its record. */
  #fromNode(request: SipRequest, flow: Flow, source: Source & { kind: 'node' }): Routed {
    const { wanted } = source;
    const { branches } = this.#options;
    const facts: CallFacts = {
      direction: 'internal',
      caller: source.node,
      called: 'aor' in wanted ? wanted.aor : wanted.trunkId,
      peerNode: source.node,
    };
    const step =
      'aor' in wanted
        ? this.#toBinding(request, { node: source.node, flow }, wanted)
        : new SentOnStep(branches.toRegisteredTrunk(request, wanted));
    const plan = this.planOf({ first: step, facts }, this.legs.ofNode(flow));
    // The node that drafted the INVITE knows whose phone this is, and follows a redirection under its rules.
    plan.passesRedirects = true;
    return { plan };
  }

  #toBinding(
    request: SipRequest,
    from: { readonly node: string; readonly flow: Flow },
    wanted: WantedBinding,
  ): PlanStep {
    const branch = this.#options.branches.toWantedBinding(request, from, wanted);
    return branch === undefined ? new RejectStep(480, 'Temporarily Unavailable') : new OneStageStep(branch);
  }

  /** A call that a party moves (RFC 3515): placed under that party's rules. */
  transferred(context: CallContext, by: Forwarder, number: string): PlanStep {
    return this.#sentOn(context, by, number, 'transfer');
  }

  // StepServices

  phoneBranches(context: CallContext, number: string): readonly BranchPlan[] {
    return this.#options.branches.toPhones(context, number);
  }

  sendOn(context: CallContext, by: Forwarder, number: string, redirected?: true): PlanStep {
    return this.#sentOn(context, by, number, by.kind === 'service' ? 'overflow' : 'forward', redirected);
  }

  #sentOn(context: CallContext, by: Forwarder, given: string, kind: Forwarding['kind'], redirected?: true): PlanStep {
    // A setting's number may be written with separators (RFC 3966 §5.1.1).
    const number = plainNumber(given);
    return this.#insideStep(context, number) ?? this.#outside(context, by, number, kind, redirected);
  }

  #outside(
    context: CallContext,
    by: Forwarder,
    number: string,
    kind: Forwarding['kind'],
    redirected: true | undefined,
  ): PlanStep {
    const { directory, tenant } = context;
    const caller = directory.party(tenant.name, by.number);
    if (caller === undefined) return new RejectStep(404, 'Not Found');
    const facts = { ...this.outboundFacts(context, caller, number, forwardingOf(context, kind)), redirected };
    return this.#outbound(planOutbound(facts));
  }

  /** The step for a number of the tenant itself; undefined for an outside number. */
  #insideStep(context: CallContext, number: string): PlanStep | undefined {
    const party = insideParty(context.directory, context.tenant, number);
    return party === undefined ? undefined : this.#partyStep(context, party);
  }

  #partyStep(context: CallContext, party: Party): PlanStep {
    if (party.kind === 'extension') return new ExtensionStep(context, party.extension, this);
    const { service } = party;
    if (!service.enabled) return new RejectStep(404, 'Not Found');
    return service.kind === 'ring-group'
      ? new RingGroupStep(context, service, this)
      : new ServiceStep(context, service, this);
  }

  #targetStep(context: CallContext, target: InboundTarget): PlanStep {
    switch (target.kind) {
      case 'extension':
      case 'service':
        return this.#namedStep(context, target.number);
      case 'number':
        return this.#numberStep(context, plainNumber(target.number));
      case 'hang-up':
        return new RejectStep(603, 'Decline');
    }
  }

  #numberStep(context: CallContext, number: string): PlanStep {
    return this.#insideStep(context, number) ?? this.#externalDestination(context, number);
  }

  /** A party that an inbound rule names. */
  #namedStep(context: CallContext, number: string): PlanStep {
    const party = context.directory.party(context.tenant.name, number);
    return party === undefined ? new RejectStep(404, 'Not Found') : this.#partyStep(context, party);
  }

  /** An inbound rule that sends calls to an outside number: nobody inside places them. */
  #externalDestination(context: CallContext, number: string): PlanStep {
    const sentOn = diverted(context, context.called, 'unconditional');
    const caller = partyOfCalled(context.called, 'Inbound rule');
    const facts = this.outboundFacts(sentOn, caller, number, forwardingOf(sentOn, 'forward'));
    return this.#outbound(planOutbound(facts));
  }

  #context(
    request: SipRequest,
    directory: Directory,
    tenant: Tenant,
    origin: Origin,
    caller: CallerPresentation,
    called: string,
  ): CallContext {
    const { facts: node } = this.#options;
    return { request, directory, tenant, origin, caller, called, node, sessionId: randomToken(), diversions: NONE };
  }

  #inboundRouter(directory: Directory): InboundRouter {
    if (this.#inbound?.directory !== directory) {
      this.#inbound = { directory, router: new InboundRouter(new InboundView(directory)) };
    }
    return this.#inbound.router;
  }
}

/** Of a call to a number of the tenant itself, with a dial code in front. */
function behindCodeFacts(facts: CallFacts, called: string): CallFacts {
  return { ...facts, direction: 'internal', called };
}

/** A call whose caller has said its name elsewhere than in From. */
function named(call: InboundCall, name: string | undefined): InboundCall {
  const { numbers } = call;
  if (name === undefined || numbers.callerDisplayName !== '') return call;
  return { ...call, numbers: { ...numbers, callerDisplayName: name } };
}

/** What rules go by: of another number than the one that is shown nothing is known. */
function foundOf(verified: VerifiedCall | undefined): FoundVerification {
  if (verified?.isOfShownNumber !== true) return { result: 'none', attestation: undefined };
  const { result, attestation } = verified.facts;
  return { result, attestation };
}

/** The caller's name with what the rule puts in front of it, in octets. */
function prefixed(prefix: string | undefined, name: string, number: string): string {
  return prefix === undefined ? name : octetsFromText(prefix) + (name || number);
}

/** Where an inbound rule leads, for people. */
function targetText(target: InboundTarget): string {
  return target.kind === 'hang-up' ? 'hang up' : `${target.kind} ${target.number}`;
}
