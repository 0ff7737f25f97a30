/**
 * `explain`, for the running engine: the call is played by the live call's own code, with nothing taken, counted or sent
 * (call-rehearsal.ts). Of a placed call it shows what was sent.
 */
import type { Scheduler } from '../../base/scheduler.ts';
import type { CallFacts, VerificationFacts } from '../../call/index.ts';
import type { CallRecord, SipTrace } from '../../observe/index.ts';
import {
  type ExplainedLeg,
  type ExplainQuestion,
  type Explanation,
  explain,
  explainPlaced,
  type LeavingInvite,
  type LeavingOn,
  nothingOutside,
  type PlacedCall,
  QuestionError,
  refusedBy,
  type SeenAs,
  type StepNote,
} from '../../outbound/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import { numbersMeant } from '../../provisioning/tenants/number-format.ts';
import { memberOf } from '../../provisioning/tenants/party.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { isSipUri, parseMessage, type SipRequest, serialize, textFromOctets } from '../../sip/message/index.ts';
import type { Flow, Target } from '../../sip/transport/index.ts';
import { targetOfKey } from '../../trunks/hops.ts';
import type { Source } from '../admit/admission.ts';
import type { LeftOut } from '../continuity/sealed-contacts.ts';
import type { Engine } from '../engine.ts';
import { reasonPhraseOf } from '../route/call-verification.ts';
import { CallRehearsal, type RehearsedCall, type WitnessedPlan } from './call-rehearsal.ts';
import { contactReasons } from './contact-reasons.ts';
import {
  callerIn,
  explainedLeg,
  isFirstSending,
  isOfInvite,
  leaving,
  octetsOfLeg,
  parsedOf,
  requestUriOf,
  sentLeg,
  userOf,
} from './explained-leg.ts';
import { readAnswers } from './imagined-answer.ts';
import { imagineInvite, readInvite } from './imagined-invite.ts';
import { type CallIn, inboundSteps, phoneFields } from './inbound-reasons.ts';

export interface ExplainerOptions {
  readonly scheduler: Scheduler;
  readonly engine: Engine;
  readonly trace: SipTrace;
  readonly placed: (id: string) => PlacedCall | undefined;
  readonly record: (id: string) => CallRecord | undefined;
}

export class Explainer {
  readonly #options: ExplainerOptions;

  constructor(options: ExplainerOptions) {
    this.#options = options;
  }

  /** @throws QuestionError when there is no such caller, or no such call. */
  async explain(question: ExplainQuestion): Promise<Explanation> {
    const { engine, scheduler } = this.#options;
    const answers = readAnswers(question.answers);
    const request = readInvite(question);
    const source = this.#sourceOf(question, request);
    const invite = request ?? imagineInvite(question, this.#domainOf(source));
    const rehearsal = new CallRehearsal(engine, scheduler, source, invite, answers);
    return this.#told(source, invite, await rehearsal.play(invite.receivedText ?? serialize(invite)));
  }

  /**
   * A live or recent call: how it was decided, what was sent, what came of it.
   *
   * @param id of the call; unless `isCallId`, the SIP Call-ID of a leg does as well
   */
  explainCall(id: string, isCallId = false): Explanation | undefined {
    const { engine, placed, record, trace } = this.#options;
    const live = isCallId ? engine.calls.get(id) : engine.calls.named(id);
    const found = record(live?.id ?? id);
    // A peer may have written that id as its SIP Call-ID.
    const ended = isCallId && found?.callId !== id ? undefined : found;
    const callId = live?.id ?? ended?.callId ?? id;
    const isKnown = isCallId || live !== undefined || ended !== undefined;
    const call = placed(callId);
    const begun = live?.record;
    const legsOfLive = live?.namedLegs();
    const messages = isKnown ? trace.findCall(callId, legsOfLive) : trace.find(id);
    const facts = begun?.facts ?? (ended === undefined ? undefined : factsOfRecord(ended));
    const legs = messages
      .filter(({ direction, text, leg }) => direction === 'sent' && text.startsWith('INVITE ') && leg !== 'caller')
      .filter(isFirstSending)
      .map((message) => this.#reasoned(sentLeg(message, legsOfLive?.get(message.sipCallId)?.label), facts));
    // A call that was refused lives until what it has cancelled has ended.
    const final = ended ?? (begun !== undefined && begun.status >= 300 ? begun : undefined);
    const answer = final === undefined ? undefined : { status: final.status, reason: final.reason };
    const verification = begun?.facts.verification ?? ended?.verification;
    const explanation =
      call === undefined
        ? this.#stayedInside(facts, legs)
        : withSteps(verificationSteps(verification), explainPlaced(call, this.#leftOn(legs)));
    if (explanation === undefined) return isCallId ? undefined : this.#refusedAtOnce(id);
    // Refused before its plan was played, for want of something in the INVITE; or there was nobody to ring.
    const isFaulty = legs.length === 0 && answer !== undefined && answer.status !== explanation.refusal?.status;
    const refusal = isFaulty ? { ...answer, code: 'request-refused' } : explanation.refusal;
    const came = messages.find(({ direction, text }) => direction === 'received' && text.startsWith('INVITE '));
    const invite = came === undefined ? undefined : parsedOf(came);
    const startedAt = begun === undefined ? (ended?.startedAt ?? '') : new Date(begun.startedAtMs).toISOString();
    const inbound =
      facts === undefined
        ? []
        : this.#inboundSteps({
            facts,
            invite: invite?.kind === 'request' ? invite : undefined,
            from: came === undefined ? undefined : `${came.transport}:${came.remote}`,
            wallMs: Date.parse(startedAt),
          });
    return { ...withSteps(inbound, explanation), refusal, legs, answer };
  }

  /** What there is to tell of a call in; nothing of any other. */
  #inboundSteps(call: Pick<CallIn, 'facts' | 'invite' | 'from' | 'wallMs'>): StepNote[] {
    const { directory } = this.#options.engine;
    const { direction, trunkId } = call.facts;
    const trunk = direction === 'inbound' && trunkId !== undefined ? directory.trunk(trunkId) : undefined;
    return trunk === undefined ? [] : inboundSteps({ ...call, directory, trunk });
  }

  /** A leg to a phone, with the reasons of its fields; one to a trunk as it is: its route has them. */
  #reasoned(leg: ExplainedLeg, facts: CallFacts | undefined, leftOut?: LeftOut): ExplainedLeg {
    const { contacts, directory } = this.#options.engine;
    const tenant = facts?.tenant === undefined ? undefined : directory.tenantByName(facts.tenant);
    if (facts === undefined || tenant === undefined || directory.party(tenant.name, leg.to) === undefined) return leg;
    const invite = parseMessage(octetsOfLeg(leg)) as SipRequest;
    const rule = tenant.inboundRules.find(({ name }) => name === facts.inboundRule);
    const carried = contactReasons(contacts, invite, undefined, leftOut);
    return { ...leg, fields: [...phoneFields(invite, facts, rule), ...carried] };
  }

  /** An INVITE that was answered before there was a call: by what it lacks or asks for, or for want of credentials. */
  #refusedAtOnce(sipCallId: string): Explanation | undefined {
    const messages = this.#options.trace.find(sipCallId).map((message) => ({ message, sip: parsedOf(message) }));
    const answer = messages.findLast(
      ({ message, sip }) =>
        message.direction === 'sent' && sip?.kind === 'response' && sip.status >= 300 && isOfInvite(sip),
    )?.sip;
    const invite = messages.find(
      ({ message, sip }) => message.direction === 'received' && sip?.kind === 'request',
    )?.sip;
    if (answer?.kind !== 'response' || invite?.kind !== 'request' || invite.method !== 'INVITE') return undefined;
    const [status, reason] = [answer.status, textFromOctets(answer.reason)];
    const dialled = textFromOctets(userOf(invite.uri()));
    const base = nothingOutside({
      tenant: '',
      caller: { kind: 'unknown', number: textFromOctets(callerIn(invite)), name: '' },
      dialled,
      number: dialled,
      steps: [{ step: 'request', outcome: 'reject', status, reason: `${status} ${reason}, before it was a call` }],
    });
    return { ...base, refusal: { status, reason, code: 'request-refused' }, legs: [], answer: { status, reason } };
  }

  #sourceOf(question: ExplainQuestion, invite: SipRequest | undefined): Source {
    const { directory } = this.#options.engine;
    if (question.trunk !== undefined) return { kind: 'trunk', trunk: this.#trunkOf(question.trunk, question.tenant) };
    const tenant = this.#tenantOf(question.tenant, invite);
    const number = question.from ?? (invite === undefined ? '' : callerIn(invite));
    const party = directory.party(tenant.name, number);
    if (party !== undefined && !memberOf(party).enabled)
      throw new QuestionError(
        'invalid',
        'from',
        `${number} of ${tenant.name} is disabled: it cannot sign in, so it places no call`,
      );
    if (party !== undefined) return { ...party, tenant };
    const hint = question.from === undefined ? ': say who calls, the INVITE does not' : '';
    throw new QuestionError('unknown', 'from', `tenant ${tenant.name} has no extension or service ${number}${hint}`);
  }

  #trunkOf(reference: string, tenant: string | undefined): Trunk {
    const { directory } = this.#options.engine;
    const trunk =
      (tenant === undefined ? undefined : directory.trunkFor(tenant, reference)) ??
      directory.trunk(reference) ??
      directory.trunkByName(reference);
    if (trunk === undefined) throw new QuestionError('unknown', 'trunk', `there is no trunk ${reference}`);
    if (!trunk.enabled)
      throw new QuestionError(
        'invalid',
        'trunk',
        `trunk ${trunk.name} is disabled: what it sends is refused as a stranger's`,
      );
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

  #told(source: Source, invite: SipRequest, call: RehearsedCall): Explanation {
    const { invites, plans, answer, isFaulty, facts, unlocated } = call;
    const legs = invites.map((each) => this.#reasoned(explainedLeg(each), facts, each.leftOut));
    const wallMs = this.#options.scheduler.wallMs();
    const inbound = source.kind === 'trunk' ? this.#inboundSteps({ facts, invite, from: undefined, wallMs }) : [];
    const [witnessed] = plans;
    const base =
      witnessed === undefined || isFaulty
        ? withSteps(inbound, this.#inside(source.kind, callerText(source), facts))
        : withSteps(
            [...inbound, ...verificationSteps(facts.verification)],
            this.#outside(witnessed, (_, index) => {
              const at = invites.findIndex(({ route }) => route?.plan === witnessed.plan && route.index === index);
              const [leg, invite] = [legs[at], invites[at]];
              return leg === undefined || invite === undefined
                ? undefined
                : this.#leaving(leg, invite.flow.of, invite.branch.trunkId, invite.leftOut);
            }),
          );
    const isRefused = legs.length === 0 && base.refusal === undefined && base.storedSetting === undefined;
    const code = isFaulty ? 'request-refused' : (base.routes[0]?.refusal?.code ?? 'not-reached');
    const refusal = isFaulty || isRefused ? { ...answer, code } : base.refusal;
    const notLocated = unlocated.map(
      (reason) => ({ step: 'targets', outcome: 'continue', reason: `not located: ${reason}` }) as const,
    );
    return { ...base, steps: [...base.steps, ...notLocated], refusal, legs, answer };
  }

  #outside({ plan, refusal }: WitnessedPlan, leavingOn: LeavingOn): Explanation {
    // The trunks as the plan found them: the call itself takes places.
    const states = new Map(plan.trunkStates);
    const trunkState = (id: string, of: Tenant) => states.get(id) ?? plan.facts.trunkState(id, of);
    const explanation = explain({ ...plan.facts, trunkState }, undefined, leavingOn);
    return refusal !== undefined && plan.refusal === undefined ? refusedBy(explanation, refusal) : explanation;
  }

  /**
   * The first INVITE that was sent on each route. A rule may name a trunk twice, and a call that was sent on left by other routes before: so
   * it is the one with the route's own Request-URI, and routes are tried in their order.
   */
  #leftOn(legs: readonly ExplainedLeg[]): LeavingOn {
    let left = legs;
    return ({ trunk }, _index, uriAs) => {
      const { teams, options } = this.#options.engine.directory.trunk(trunk.id) ?? {};
      const listener = options?.listener;
      const over = (leg: ExplainedLeg) => {
        const target = targetOfKey(leg.target);
        return target && { ...target, ...(listener && { listenerId: listener }) };
      };
      const isOfTrunk = ({ to }: ExplainedLeg) => to === trunk.name;
      const isOfRoute = (leg: ExplainedLeg) => {
        const to = over(leg);
        return isOfTrunk(leg) && requestUriOf(leg) === uriAs(to && this.#seenAs(to));
      };
      // The Request-URI names the datacentre that was tried, or the node through which the call left.
      const isSeenOtherwise = teams !== undefined || options?.registeredNodeOnly === true;
      const leg = left.find(isOfRoute) ?? (isSeenOtherwise ? left.find(isOfTrunk) : undefined);
      if (leg === undefined) return undefined;
      left = left.slice(left.indexOf(leg) + 1);
      return this.#leaving(leg, over(leg), trunk.id);
    };
  }

  #leaving(
    leg: ExplainedLeg,
    to: Flow | Target | undefined,
    trunkId: string | undefined,
    leftOut?: LeftOut,
  ): LeavingInvite {
    const invite = parseMessage(octetsOfLeg(leg)) as SipRequest;
    const carried = contactReasons(this.#options.engine.contacts, invite, trunkId, leftOut);
    return leaving(leg, to && this.#seenAs(to), carried);
  }

  #seenAs(to: Flow | Target): SeenAs {
    const { endpoint } = this.#options.engine;
    return { transport: to.transport, address: (scope) => endpoint.advertised(to, scope) };
  }

  #inside(kind: Source['kind'], from: string, facts: CallFacts): Explanation {
    const steps = [
      { step: 'caller', outcome: 'continue', reason: from } as const,
      ...verificationSteps(facts.verification),
      ...(facts.destination === undefined
        ? []
        : [{ step: 'called', outcome: 'continue', reason: this.#destinationText(facts) } as const]),
      ...(facts.inboundRule === undefined
        ? []
        : [{ step: 'rule', outcome: 'continue', reason: `inbound rule "${facts.inboundRule}" matches` } as const]),
      { step: 'destination', outcome: 'continue', reason: facts.destination ?? this.#destinationText(facts) } as const,
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
  #stayedInside(known: CallFacts | undefined, legs: readonly ExplainedLeg[]): Explanation | undefined {
    const { directory } = this.#options.engine;
    const rang = [...new Set(legs.map(({ to }) => to))].filter((to) => to !== '');
    const facts =
      known?.direction === 'inbound' && rang.length > 0
        ? { destination: `extension ${rang.join(', ')}`, ...known }
        : known;
    if (facts === undefined || facts.direction === 'outbound') return undefined;
    const { tenant = '', trunkId, extension } = facts;
    // A call from a trunk; one to a trunk has an outbound part.
    const trunk = trunkId === undefined ? undefined : directory.trunk(trunkId);
    const by = extension === undefined ? `service ${facts.caller} of ${tenant}` : `extension ${extension} of ${tenant}`;
    const from = facts.direction === 'inbound' ? `trunk "${trunk?.name ?? trunkId ?? ''}"` : by;
    const fromKind = extension === undefined ? 'service' : 'extension';
    return this.#inside(facts.direction === 'inbound' ? 'trunk' : fromKind, from, facts);
  }

  #destinationText({ tenant, called, trunkId, direction }: CallFacts): string {
    const { directory } = this.#options.engine;
    if (tenant === undefined) return `${called} is in no tenant's pool on this trunk`;
    const trunk = trunkId === undefined ? undefined : directory.trunk(trunkId);
    if (direction === 'inbound' && trunk !== undefined) return didText(directory, trunk, called);
    const party = directory.party(tenant, called);
    return party === undefined ? called : `${party.kind} ${called}`;
  }
}

/** With what came first in front. */
function withSteps(steps: readonly StepNote[], explanation: Explanation): Explanation {
  return steps.length === 0 ? explanation : { ...explanation, steps: [...steps, ...explanation.steps] };
}

/** What was found of the caller's number, and how. */
function verificationSteps(found: VerificationFacts | undefined): StepNote[] {
  if (found === undefined) return [];
  const { result, source, attestation, number, code, reason, signer, originationId, divertedFrom, shown, findings } =
    found;
  const facts = [
    result,
    ...(attestation === undefined ? [] : [`attestation ${attestation}`]),
    ...(number === undefined ? [] : [`for ${number}`]),
    ...(signer === undefined ? [] : [`signed by ${signer}`]),
    ...(originationId === undefined ? [] : [`origid ${originationId}`]),
    ...(divertedFrom === undefined ? [] : [`sent on by ${divertedFrom.join(', ')}`]),
    ...(code === undefined ? [] : [`${code} ${reasonPhraseOf(code)}: ${reason ?? ''}`]),
    ...(source === 'carrier' ? ["by the carrier's word"] : []),
  ];
  return [facts.join(', '), ...shownText(shown), ...findings].map((text) => ({
    step: 'verification',
    outcome: 'continue',
    reason: text,
  }));
}

/** How the caller is shown, by a signature (RFC 9795). */
function shownText(shown: VerificationFacts['shown']): string[] {
  if (shown === undefined) return [];
  const { name, icon, callReason, signer } = shown;
  const facts = [
    ...(name === '' ? [] : [`name ${JSON.stringify(name)}`]),
    ...(icon === undefined ? [] : [`icon ${icon}`]),
    ...(callReason === undefined ? [] : [`reason of the call ${JSON.stringify(callReason)}`]),
  ];
  return [`rich call data, signed by ${signer}: ${facts.join(', ') || 'nothing that can be shown'}`];
}

function factsOfRecord({ direction, tenant, callerNumber, calledNumber, ...record }: CallRecord): CallFacts {
  const { extension, trunkId, inboundRule, verification } = record;
  return {
    direction,
    caller: callerNumber,
    called: calledNumber,
    ...(tenant !== undefined && { tenant }),
    ...(extension !== undefined && { extension }),
    ...(trunkId !== undefined && { trunkId }),
    ...(inboundRule !== undefined && { inboundRule }),
    ...(verification !== undefined && { verification }),
  };
}

/** The called number, and as which one of the pool it is read where the carrier writes it otherwise. */
function didText(directory: Directory, trunk: Trunk, called: string): string {
  const { id, numberFormat } = trunk;
  const meant = numbersMeant(called, numberFormat).find((number) => directory.didOwner(id, number) !== undefined);
  if (meant === undefined || String(meant) === called) return called;
  return `${called}, read as ${meant}${numberFormat === 'e164' ? '' : ` (numberFormat: ${numberFormat})`}`;
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
