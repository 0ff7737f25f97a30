/**
 * `explain`, for the running engine: the call is routed and its plan played by the live call's own code, with nothing taken, counted or
 * sent, and each INVITE is made by what makes the live one. Of a placed call it shows what was sent.
 */
import type { Scheduler } from '../base/scheduler.ts';
import type { BranchPlan, CallFacts, CallRecord as LiveRecord, Rejection, StageOutcome } from '../call/index.ts';
import { isRejection, PREVIEW_GROWTH, sendOptions } from '../call/index.ts';
import { type CallRecord, octetsOf, type SipTrace, type TraceMessage } from '../observe/index.ts';
import {
  type ExplainedLeg,
  type ExplainQuestion,
  type Explanation,
  explain,
  explainPlaced,
  nothingOutside,
  type OutboundPlan,
  type PlacedCall,
  QuestionError,
  type Refusal,
  refusedBy,
  withInvite,
} from '../outbound/index.ts';
import { isFlow } from '../sip/endpoint/index.ts';
import {
  formatHost,
  HeaderId,
  isSipUri,
  type SipRequest,
  textFromOctets,
  unescapeUser,
  validateRequest,
} from '../sip/message/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import type { Tenant } from '../tenants/schema.ts';
import type { Trunk } from '../trunks/schema.ts';
import type { Source } from './admission.ts';
import type { Engine } from './engine.ts';
import { imagineInvite, readInvite } from './imagined-invite.ts';
import type { OutboundServices } from './outbound-step.ts';
import type { Routed } from './routing.ts';

export interface ExplainerOptions {
  readonly scheduler: Scheduler;
  readonly engine: Engine;
  readonly trace: SipTrace;
  readonly placed: (id: string) => PlacedCall | undefined;
  readonly record: (id: string) => CallRecord | undefined;
}

/** The DNS is asked so long for where an INVITE would go, ms; whoever asks for an explanation waits. */
const LOOK_UP_MS = 1_000;
/** Stages of a plan that are played when nobody answers. */
const MAX_STAGES = 50;
/** A trunk that says nothing, and a phone that rings and is not picked up: as the live call ends such a stage. */
const SILENT_TRUNK: StageOutcome = { status: 408, reason: 'Request Timeout', cause: 'timeout', earlyMedia: false };
const NO_PLACE: StageOutcome = { status: 503, reason: 'No Capacity', cause: 'capacity', earlyMedia: false };
const RINGING_PHONE: StageOutcome = { status: 480, reason: 'No Answer', cause: 'ring-timeout', earlyMedia: false };

/** An outbound plan that the rehearsal came by, and what became of it. */
interface Witnessed {
  readonly plan: OutboundPlan;
  refusal: Refusal | undefined;
}

interface Played {
  readonly legs: readonly (ExplainedLeg & { readonly octets: string; readonly branch: BranchPlan })[];
  readonly answer: { readonly status: number; readonly reason: string };
}

export class Explainer {
  readonly #options: ExplainerOptions;

  constructor(options: ExplainerOptions) {
    this.#options = options;
  }

  /** @throws QuestionError when there is no such caller, or no such call. */
  async explain(question: ExplainQuestion): Promise<Explanation> {
    const { engine } = this.#options;
    const request = question.invite === undefined ? undefined : readInvite(question.invite);
    const source = this.#sourceOf(question, request);
    const invite = request ?? imagineInvite(question, this.#domainOf(source));
    const refusal = validateRequest(invite);
    const witnessed: Witnessed[] = [];
    const routing = engine.routing.rehearsal((plan) => engine.guards.rehearse(plan), this.#witness(witnessed));
    const { routed, isFaulty, rung, answer } = engine.trunks.capacity.rehearse(() => {
      const given = routing.route(invite, undefined, source, engine.directory);
      const stores = given.outbound?.storedSetting !== undefined;
      const lack = refusal ?? engine.calls.judge(invite);
      // A setting is stored without a call, so that only what no request may have stands in the way.
      const fault = stores && refusal === undefined && lack?.status !== 420 ? undefined : lack;
      const end = fault === undefined ? play(given) : { rung: [], answer: fault };
      return { routed: given, isFaulty: fault !== undefined, ...end };
    });
    const legs: Played['legs'][number][] = [];
    for (const branch of rung) legs.push(await this.#leg(branch, invite));
    const played: Played = { legs, answer: { status: answer.status, reason: answer.reason ?? '' } };
    return this.#told(source, routed, witnessed[0], played, isFaulty);
  }

  /** A live or recent call, by its id or the SIP Call-ID of a leg: how it was decided, what was sent, what came of it. */
  explainCall(id: string): Explanation | undefined {
    const { engine, placed, record, trace } = this.#options;
    const live = engine.calls
      .list()
      .find(({ id: own, callerCallId, calleeCallId }) => [own, callerCallId, calleeCallId].includes(id));
    const ended = record(live?.id ?? id);
    const callId = live?.id ?? ended?.callId ?? id;
    const call = placed(callId);
    const held = engine.calls.get(callId);
    const begun = held?.record;
    const begunLegs = [...(begun?.attempts ?? []), ...(held?.ringing() ?? [])];
    const labels = new Map(begunLegs.map((leg) => [leg.callId, leg.label]));
    const known = live === undefined ? [] : [live.callerCallId, live.calleeCallId ?? '', ...labels.keys()];
    const legs = trace
      .find(callId, known)
      .filter(({ direction, text, leg }) => direction === 'sent' && text.startsWith('INVITE ') && leg !== 'caller')
      .filter(isFirstSending)
      .map((message) => sentLeg(message, labels.get(message.sipCallId)));
    const answer = ended === undefined ? undefined : { status: ended.status, reason: ended.reason };
    const explanation = call === undefined ? this.#stayedInside(begun, ended) : explainPlaced(call);
    if (explanation === undefined) return undefined;
    // Refused before its plan was played, for want of something in the INVITE; or there was nobody to ring.
    const isFaulty = legs.length === 0 && answer !== undefined && answer.status !== explanation.refusal?.status;
    const refusal = isFaulty ? { ...answer, code: 'request-refused' } : explanation.refusal;
    return { ...explanation, refusal, routes: explanation.routes.map((route) => asSent(route, legs)), legs, answer };
  }

  #sourceOf(question: ExplainQuestion, invite: SipRequest | undefined): Source {
    const { directory } = this.#options.engine;
    if (question.trunk !== undefined) return { kind: 'trunk', trunk: this.#trunkOf(question.trunk, question.tenant) };
    const tenant = this.#tenantOf(question.tenant, invite);
    const number = question.from ?? (invite === undefined ? '' : callerIn(invite));
    const extension = directory.extension(tenant.name, number);
    if (extension !== undefined) return { kind: 'extension', tenant, extension };
    const service = directory.service(tenant.name, number);
    if (service !== undefined) return { kind: 'service', tenant, service };
    throw new QuestionError('unknown', 'from', `tenant ${tenant.name} has no extension or service ${number}`);
  }

  #trunkOf(reference: string, tenant: string | undefined): Trunk {
    const { directory } = this.#options.engine;
    const trunk =
      (tenant === undefined ? undefined : directory.trunkFor(tenant, reference)) ??
      directory.trunk(reference) ??
      directory.trunkByName(reference);
    if (trunk === undefined) throw new QuestionError('unknown', 'trunk', `there is no trunk ${reference}`);
    return trunk;
  }

  #tenantOf(name: string | undefined, invite: SipRequest | undefined): Tenant {
    const { directory } = this.#options.engine;
    if (name !== undefined) {
      const tenant = directory.tenantByName(name);
      if (tenant === undefined) throw new QuestionError('unknown', 'tenant', `there is no tenant ${name}`);
      return tenant;
    }
    const uris = invite === undefined ? [] : [invite.from().uri, invite.uri()];
    for (const uri of uris) {
      const tenant = isSipUri(uri) ? directory.tenantByDomain(uri.host) : undefined;
      if (tenant !== undefined) return tenant;
    }
    throw new QuestionError('unknown', 'tenant', 'say which tenant calls: no URI of the INVITE has the domain of one');
  }

  #domainOf(source: Source): string {
    if (source.kind === 'trunk') return source.trunk.host;
    return source.kind === 'node' ? '' : source.tenant.domain;
  }

  #witness(witnessed: Witnessed[]): OutboundServices {
    const { branches } = this.#options.engine;
    const note = (plan: OutboundPlan, refusal?: Refusal) => {
      const known = witnessed.find((entry) => entry.plan === plan);
      if (known === undefined) witnessed.push({ plan, refusal });
      else known.refusal ??= refusal;
    };
    return {
      trunkBranch: (draft, plan) => branches.toTrunk(draft, plan),
      onRoute: (_route, plan) => note(plan),
      onRefused: (plan, refusal) => note(plan, refusal),
    };
  }

  async #leg(branch: BranchPlan, invite: SipRequest): Promise<Played['legs'][number]> {
    const { engine } = this.#options;
    const resolved = await this.#resolved(branch);
    const to: Flow | Target | undefined = 'send' in resolved ? resolved : resolved[0];
    const request = engine.calls.preview(branch, invite, to);
    const wire =
      to === undefined ? undefined : engine.endpoint.preview(request, to, sendOptions(branch.options), PREVIEW_GROWTH);
    const octets = wire?.text ?? '';
    return {
      branch,
      octets,
      to: branch.label,
      target: wire === undefined || to === undefined ? '' : targetText(wire.transport, to),
      invite: textFromOctets(octets),
      inviteBase64: Buffer.from(octets, 'latin1').toString('base64'),
    };
  }

  /** Where the INVITE would go; nowhere when the DNS does not say so in time. */
  async #resolved(branch: BranchPlan): Promise<Flow | readonly Target[]> {
    const { promise: late, resolve } = Promise.withResolvers<readonly Target[]>();
    const timer = this.#options.scheduler.schedule(LOOK_UP_MS, { onTimer: () => resolve([]) }, 0);
    try {
      return await Promise.race([branch.resolve(), late]);
    } finally {
      timer.cancel();
    }
  }

  #told(
    source: Source,
    { plan, outbound }: Routed,
    witnessed: Witnessed | undefined,
    { legs, answer }: Played,
    isFaulty: boolean,
  ): Explanation {
    const shown = legs.map(({ branch: _branch, octets: _octets, ...leg }) => leg);
    const decided = witnessed?.plan ?? outbound;
    const base =
      decided === undefined || isFaulty
        ? this.#inside(source, plan.facts)
        : this.#outside(decided, witnessed?.refusal, legs);
    const isRefused = shown.length === 0 && base.refusal === undefined && base.storedSetting === undefined;
    const code = isFaulty ? 'request-refused' : (base.routes[0]?.refusal?.code ?? 'not-reached');
    const refusal = isFaulty || isRefused ? { ...answer, code } : base.refusal;
    return { ...base, refusal, legs: shown, answer };
  }

  #outside(plan: OutboundPlan, refusal: Refusal | undefined, legs: Played['legs']): Explanation {
    // The trunks as the plan found them: the call itself takes places.
    const states = new Map(plan.state.trunkStates);
    const trunkState = (id: string) => states.get(id) ?? plan.facts.trunkState(id);
    const explanation = explain({ ...plan.facts, trunkState });
    if (refusal !== undefined && plan.refusal === undefined) return refusedBy(explanation, refusal);
    const routes = explanation.routes.map((route, index) => {
      const leg = legs.filter(({ branch }) => branch.trunkId === route.trunk.id).find(({ octets }) => octets !== '');
      if (leg === undefined || route.refusal !== undefined) return route;
      return { ...withInvite(plan, index, route, leg.octets), nextHop: leg.target };
    });
    return { ...explanation, routes };
  }

  #inside(source: Source, facts: CallFacts): Explanation {
    return this.#insideOf(source.kind, callerText(source), facts);
  }

  #insideOf(kind: Source['kind'], from: string, facts: CallFacts): Explanation {
    const steps = [
      { step: 'caller', outcome: 'continue', reason: from } as const,
      ...(facts.inboundRule === undefined
        ? []
        : [{ step: 'rule', outcome: 'continue', reason: `inbound rule "${facts.inboundRule}" matches` } as const]),
      { step: 'destination', outcome: 'continue', reason: this.#destinationText(facts.tenant, facts.called) } as const,
    ];
    return nothingOutside({
      tenant: facts.tenant ?? '',
      caller: { kind, number: facts.caller, name: facts.callerName ?? '' },
      dialled: facts.called,
      number: facts.called,
      steps,
    });
  }

  /** A placed call without an outbound part: from phone to phone, or to a DID. */
  #stayedInside(begun: LiveRecord | undefined, ended: CallRecord | undefined): Explanation | undefined {
    const { directory } = this.#options.engine;
    const facts = begun?.facts ?? (ended === undefined ? undefined : factsOfRecord(ended));
    if (facts === undefined || facts.direction === 'outbound') return undefined;
    const { tenant = '', trunkId, extension } = facts;
    // A call from a trunk; one to a trunk has an outbound part.
    const trunk = trunkId === undefined ? undefined : directory.trunk(trunkId);
    const by = extension === undefined ? `service ${facts.caller} of ${tenant}` : `extension ${extension} of ${tenant}`;
    const from = facts.direction === 'inbound' ? `trunk "${trunk?.name ?? trunkId ?? ''}"` : by;
    const fromKind = extension === undefined ? 'service' : 'extension';
    return this.#insideOf(facts.direction === 'inbound' ? 'trunk' : fromKind, from, facts);
  }

  #destinationText(tenant: string | undefined, called: string): string {
    const { directory } = this.#options.engine;
    if (tenant === undefined) return `${called} is in no tenant's pool on this trunk`;
    if (directory.extension(tenant, called) !== undefined) return `extension ${called}`;
    return directory.service(tenant, called) === undefined ? called : `service ${called}`;
  }
}

/** UDP sends a request again until it is answered (RFC 3261 §17.1.1.2). */
function isFirstSending({ text }: TraceMessage, index: number, all: readonly TraceMessage[]): boolean {
  return all.findIndex((other) => other.text === text) === index;
}

function factsOfRecord({ direction, tenant, callerNumber, calledNumber, ...record }: CallRecord): CallFacts {
  const { extension, trunkId, inboundRule } = record;
  return {
    direction,
    caller: callerNumber,
    called: calledNumber,
    ...(tenant !== undefined && { tenant }),
    ...(extension !== undefined && { extension }),
    ...(trunkId !== undefined && { trunkId }),
    ...(inboundRule !== undefined && { inboundRule }),
  };
}

/** Plays the plan as if nobody answered: every branch that rings, and the caller's answer at the end. */
function play({ plan }: Routed): { readonly rung: readonly BranchPlan[]; readonly answer: Rejection } {
  const rung: BranchPlan[] = [];
  let step = plan.next();
  let outcome = SILENT_TRUNK;
  for (let stage = 0; stage < MAX_STAGES && !isRejection(step); stage++) {
    const { branches } = step;
    const started = branches.filter((branch) => branch.onStart?.() !== false);
    rung.push(...started);
    const isTrunk = branches.some(({ trunkId }) => trunkId !== undefined);
    outcome = isTrunk ? SILENT_TRUNK : RINGING_PHONE;
    if (started.length === 0) outcome = NO_PLACE;
    for (const branch of started) branch.onEnd?.(outcome);
    step = plan.next(outcome);
  }
  return { rung, answer: isRejection(step) ? step : outcome };
}

function callerText(source: Source): string {
  switch (source.kind) {
    case 'trunk':
      return `trunk "${source.trunk.name}"`;
    case 'extension':
      return `extension ${source.extension.number} of ${source.tenant.name}`;
    case 'service':
      return `service ${source.service.number} of ${source.tenant.name}`;
    case 'node':
      return `node ${source.node}`;
  }
}

/** Who an INVITE is from: whose credentials it carries, else the user of From. */
function callerIn(invite: SipRequest): string {
  for (const id of [HeaderId.ProxyAuthorization, HeaderId.Authorization]) {
    const username = /\busername="([^"]*)"/i.exec(invite.headers.value(id) ?? '')?.[1];
    if (username !== undefined) return username;
  }
  const { uri } = invite.from();
  return isSipUri(uri) ? unescapeUser(uri.user ?? '') : '';
}

function targetText(transport: string, to: Flow | Target): string {
  return isFlow(to)
    ? `${transport}:${formatHost(to.remoteAddress)}:${to.remotePort}`
    : `${transport}:${formatHost(to.address)}:${to.port}`;
}

function sentLeg(message: TraceMessage, label: string | undefined): ExplainedLeg {
  const { leg, transport, remote, text, at } = message;
  return {
    to: leg ?? label ?? '',
    target: `${transport}:${remote}`,
    invite: text,
    inviteBase64: octetsOf(message).toString('base64'),
    at,
  };
}

/** The first INVITE that was sent on a route takes the place of the one that was worked out again. */
function asSent<R extends Explanation['routes'][number]>(route: R, legs: readonly ExplainedLeg[]): R {
  const sent = legs.find(({ to }) => to === route.trunk.name);
  if (sent === undefined) return route;
  return { ...route, invite: sent.invite, inviteBase64: sent.inviteBase64, nextHop: sent.target };
}
