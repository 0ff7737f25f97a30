import type { BranchPlan, Redirection, Rejection, Stage, StageOutcome } from '../../call/index.ts';
import type { ForwardReason } from '../../outbound/index.ts';
import type { Extension } from '../../provisioning/tenants/schema.ts';
import type { SipResponse } from '../../sip/message/index.ts';
import { type CallContext, diverted } from './call-context.ts';
import { isNumberHere, redirectedNumbers } from './redirection.ts';
import { type PlanStep, RejectStep, StepsInTurn } from './step-plan.ts';

/** What the steps ask of the engine. */
export interface StepServices {
  /** Branches to the contacts registered for a number of the tenant; empty when none is. */
  phoneBranches(context: CallContext, number: string): readonly BranchPlan[];
  /** Where a number goes when an extension or service of the tenant sends a call on to it; `redirected` when a phone's 3xx named it. */
  sendOn(context: CallContext, by: Forwarder, number: string, redirected?: true): PlanStep;
}

/** Who sends a call on: the outbound rules and caller IDs of this party hold from here. */
export interface Forwarder {
  readonly kind: 'extension' | 'service';
  readonly number: string;
}

/** A call is sent on so often by phones before it counts as a loop. */
const MAX_DIVERSIONS = 5;
const BUSY = new Set([486, 600]);
const NO_ANSWER = new Set([408, 480, 487]);

/** Rings all contacts of an extension at once, and follows its call forwarding. */
export class ExtensionStep implements PlanStep {
  readonly #context: CallContext;
  readonly #extension: Extension;
  readonly #by: Forwarder;
  readonly #services: StepServices;

  constructor(context: CallContext, extension: Extension, services: StepServices) {
    this.#context = context;
    this.#extension = extension;
    this.#by = { kind: 'extension', number: extension.number };
    this.#services = services;
  }

  next(outcome: StageOutcome | undefined): Stage | Rejection | PlanStep {
    return outcome === undefined ? this.#ring() : this.#afterRinging(outcome);
  }

  #ring(): Stage | Rejection | PlanStep {
    const { forward, enabled, rejectAnonymousCallers } = this.#extension;
    if (!enabled) return { status: 404, reason: 'Not Found' };
    // RFC 5079: a callee that takes no anonymous calls answers 433.
    if (rejectAnonymousCallers && this.#context.caller.anonymous)
      return { status: 433, reason: 'Anonymity Disallowed' };
    if (forward.always !== null) return this.#forward(forward.always, 'unconditional');
    const branches = ringing(this.#context, this.#by, this.#services);
    if (branches.length === 0) return this.#absent();
    return forward.noAnswer === null ? { branches } : { branches, ringMs: forward.noAnswerSeconds * 1000 };
  }

  #afterRinging({ status, reason, cause, redirected }: StageOutcome): Rejection | PlanStep {
    const { forward } = this.#extension;
    // The call was sent on already.
    if (redirected === true) return { status, reason };
    if (BUSY.has(status) && forward.busy !== null) return this.#forward(forward.busy, 'user-busy');
    if ((cause === 'ring-timeout' || NO_ANSWER.has(status)) && forward.noAnswer !== null)
      return this.#forward(forward.noAnswer, 'no-answer');
    // Phones whose addresses are dead are as good as not registered.
    return cause === 'timeout' || cause === 'transport-error' ? this.#absent() : { status, reason };
  }

  #absent(): Rejection | PlanStep {
    const { notRegistered } = this.#extension.forward;
    if (notRegistered !== null) return this.#forward(notRegistered, 'unavailable');
    return { status: 480, reason: 'Temporarily Unavailable' };
  }

  #forward(number: string, reason: ForwardReason): PlanStep {
    return this.#services.sendOn(sentOn(this.#context, this.#by, reason), this.#by, number);
  }
}

/** Rings the application server that signed in as a service. */
export class ServiceStep implements PlanStep {
  readonly #context: CallContext;
  readonly #service: ServiceFacts;
  readonly #services: StepServices;

  constructor(context: CallContext, service: ServiceFacts, services: StepServices) {
    this.#context = context;
    this.#service = service;
    this.#services = services;
  }

  next(outcome: StageOutcome | undefined): Stage | Rejection | PlanStep {
    const { number, ringSeconds } = this.#service;
    if (outcome === undefined) {
      const branches = ringing(this.#context, { kind: 'service', number }, this.#services);
      if (branches.length > 0) return { branches, ringMs: ringSeconds * 1000 };
    }
    if (outcome?.redirected === true) return { status: outcome.status, reason: outcome.reason };
    return overflowStep(this.#context, this.#service, this.#services, outcome);
  }
}

/** Branches to the phones of a party, each of which may send the call on by itself. */
function ringing(context: CallContext, by: Forwarder, services: StepServices): readonly BranchPlan[] {
  return services.phoneBranches(context, by.number).map((branch) => ({
    ...branch,
    onRedirect: (response: SipResponse) => redirection(context, by, response, services),
  }));
}

/**
 * What a phone's 3xx leads to: each Contact in its turn, as if the extension's own settings named it. Undefined: none can be followed,
 * and the 3xx is a refusal. A number that has sent this call on before is not asked again.
 */
function redirection(
  context: CallContext,
  by: Forwarder,
  response: SipResponse,
  services: StepServices,
): Redirection | undefined {
  const { tenant, node, diversions } = context;
  const numbers = redirectedNumbers(response, (address) => isNumberHere(address, tenant, node));
  if (numbers.length === 0) return undefined;
  const sentOnBy = [by.number, ...diversions.map((diversion) => diversion.by)];
  const onward = sentOn(context, by, 'deflection');
  return new StepsInTurn(
    numbers.map((number) => () => {
      if (sentOnBy.includes(number) || diversions.length >= MAX_DIVERSIONS) return new RejectStep(482, 'Loop Detected');
      return services.sendOn(onward, by, number, true);
    }),
  );
}

/** Rings the members of a ring group, at once or one after another, then overflows. */
export class RingGroupStep implements PlanStep {
  readonly #context: CallContext;
  readonly #group: RingGroupFacts;
  readonly #services: StepServices;
  #position = 0;

  constructor(context: CallContext, group: RingGroupFacts, services: StepServices) {
    this.#context = context;
    this.#group = group;
    this.#services = services;
  }

  next(outcome: StageOutcome | undefined): Stage | Rejection | PlanStep {
    const { members, strategy, ringSeconds } = this.#group;
    const atOnce = strategy === 'simultaneous' ? members.length : 1;
    while (this.#position < members.length) {
      const turn = members.slice(this.#position, this.#position + atOnce);
      this.#position += atOnce;
      const branches = turn.flatMap((member) => this.#branchesOf(member));
      if (branches.length > 0) return { branches, ringMs: ringSeconds * 1000 };
    }
    return overflowStep(this.#context, this.#group, this.#services, outcome);
  }

  /** A member's phones; members that are disabled or take no anonymous calls are left out, their forwarding is not followed. */
  #branchesOf(member: string): readonly BranchPlan[] {
    const { directory, tenant, caller } = this.#context;
    const extension = directory.extension(tenant.name, member);
    if (extension === undefined || !extension.enabled) return [];
    if (extension.rejectAnonymousCallers && caller.anonymous) return [];
    return this.#services.phoneBranches(this.#context, member);
  }
}

export interface ServiceFacts {
  readonly number: string;
  readonly ringSeconds: number;
  readonly overflow?: string | undefined;
}

export interface RingGroupFacts extends ServiceFacts {
  readonly members: readonly string[];
  readonly strategy: 'simultaneous' | 'in-order';
}

function overflowStep(
  context: CallContext,
  service: ServiceFacts,
  services: StepServices,
  outcome: StageOutcome | undefined,
): Rejection | PlanStep {
  if (service.overflow === undefined) {
    const busy = outcome !== undefined && BUSY.has(outcome.status);
    return busy ? new RejectStep(486, 'Busy Here') : new RejectStep(480, 'Temporarily Unavailable');
  }
  const by: Forwarder = { kind: 'service', number: service.number };
  return services.sendOn(
    sentOn(context, by, outcome === undefined ? 'unavailable' : 'no-answer'),
    by,
    service.overflow,
  );
}

/**
 * The call as it goes on from a party. Others are told what had been called: the DID where there was one, so that the outside world is told a
 * number it knows.
 */
function sentOn(context: CallContext, { number }: Forwarder, reason: ForwardReason): CallContext {
  const { origin, diversions, called } = context;
  return diverted(context, origin.kind === 'trunk' && diversions.length === 0 ? called : number, reason, number);
}
