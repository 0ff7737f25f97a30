import { parseMessage } from '../sip/message/index.ts';
import type { TrunkCondition } from '../trunks/trunk-status.ts';
import { type Explanation, explain, type LeavingOn } from './explain.ts';
import { type EndpointRequest, endpointRequest, type OutboundFacts } from './facts.ts';
import type { Refusal, RouteDraft } from './outcome.ts';
import type { OutboundPlan } from './pipeline.ts';

/**
 * What is kept of a call that was placed, so that it can be recorded and explained later: its facts, and nothing that was worked out
 * from them, since the same facts give the same INVITE again. Of the caller's INVITE only the text stays: a tenth of what the plan holds.
 */
export interface PlacedCall {
  readonly facts: Omit<OutboundFacts, 'request' | 'trunkState'>;
  /** The caller's INVITE as received; of one that was not received, what was read from it. */
  readonly request: string | EndpointRequest;
  /** As they were then. */
  readonly trunkStates: readonly (readonly [trunkId: string, state: TrunkCondition])[];
  readonly ruleName: string | undefined;
  /** Why it got no route, as far as the facts do not say it: a guard's refusal. */
  readonly refusal?: Refusal | undefined;
  /** What was sent on the route drafted last; undefined when none was. */
  readonly sent:
    | Pick<RouteDraft, 'calledNumber' | 'outboundCallerId' | 'callerIdSource' | 'anonymous' | 'signing'>
    | undefined;
}

export function placedCall(plan: OutboundPlan, route: RouteDraft | undefined, refusal?: Refusal): PlacedCall {
  const { directory, tenant, caller, dialled, forwarding, redirected, request, wallMs, node, randomSeed, sessionId } =
    plan.facts;
  return {
    facts: { directory, tenant, caller, dialled, forwarding, redirected, wallMs, node, randomSeed, sessionId },
    request: request.text === '' ? request : request.text,
    trunkStates: plan.state.trunkStates,
    ruleName: plan.ruleName,
    sent: route === undefined ? undefined : whatWasSent(route),
    ...(refusal !== undefined && plan.refusal === undefined && { refusal }),
  };
}

function whatWasSent(route: RouteDraft): PlacedCall['sent'] {
  const { calledNumber, outboundCallerId, callerIdSource, anonymous, signing } = route;
  return { calledNumber, outboundCallerId, callerIdSource, anonymous, signing };
}

/** Explains a call after it was placed: by its own facts, with the trunk states as they were then, and by what is known to have left. */
export function explainPlaced(call: PlacedCall, leftOn?: LeavingOn): Explanation {
  const explanation = explain(factsOfPlaced(call), undefined, leftOn);
  const { refusal } = call;
  return refusal === undefined ? explanation : refusedBy(explanation, refusal);
}

/** An explanation of a call that a guard refuses. */
export function refusedBy(explanation: Explanation, refusal: Refusal): Explanation {
  const { status, reason, code } = refusal;
  const step = { step: 'guards', outcome: 'reject', status, reason } as const;
  return { ...explanation, steps: [...explanation.steps, step], refusal: { status, reason, code }, routes: [] };
}

function factsOfPlaced({ facts, request, trunkStates }: PlacedCall): OutboundFacts {
  const states = new Map(trunkStates);
  const unread = { up: true, full: false, reason: '' };
  const read = typeof request === 'string' ? requestOf(request) : request;
  return { ...facts, request: read, trunkState: (id) => states.get(id) ?? unread };
}

function requestOf(text: string): EndpointRequest {
  const message = parseMessage(text);
  if (message.kind !== 'request') throw new TypeError('no request');
  return endpointRequest(message);
}
