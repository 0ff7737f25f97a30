import { memberOf, type Party } from '../provisioning/tenants/party.ts';
import { parseMessage } from '../sip/message/index.ts';
import type { TrunkCondition } from '../trunks/trunk-status.ts';
import { explain, type LeavingOn } from './explain.ts';
import type { Explanation } from './explanation.ts';
import { type EndpointRequest, endpointRequest, type Forwarding, type OutboundFacts } from './facts.ts';
import type { Refusal } from './outcome.ts';
import type { OutboundPlan } from './pipeline.ts';

/**
 * What is kept of a call that was placed, so that it can be explained later: its facts, and nothing that was worked out
 * from them, since the same facts give the same INVITE again. Of the caller's INVITE only the text stays: a tenth of what the plan holds.
 */
export interface PlacedCall {
  readonly facts: Omit<OutboundFacts, 'request' | 'trunkState'>;
  /** The caller's INVITE as received; of one that was not received, what was read from it. */
  readonly request: string | EndpointRequest;
  /** As they were then. */
  readonly trunkStates: readonly (readonly [trunkId: string, state: TrunkCondition])[];
  /** Why it got no route, as far as the facts do not say it: a guard's refusal. */
  readonly refusal?: Refusal | undefined;
}

/** What {@link packedFacts} does not write: it is large, and the same for many calls. */
type Given = Pick<OutboundFacts, 'directory' | 'node' | 'sessionId'>;

/** The rest, in the order in which it is written. */
type Packed = readonly [
  tenant: string,
  /** By number; one that is not in the directory (an inbound rule that leads outside) as it is. */
  caller: string | Party,
  dialled: string,
  wallMs: number,
  randomSeed: number,
  trunkStates: PlacedCall['trunkStates'],
  // `null` in place of each that is not there.
  redirected: true | null | undefined,
  forwarding: Forwarding | null | undefined,
  refusal: Refusal | null | undefined,
];

/** Of a call, what {@link placedCall} reads again. @param refusal of a guard, when one refused what the pipeline had let pass */
export function packedFacts({ facts, trunkStates, refusal: own }: OutboundPlan, refusal?: Refusal): string {
  const { directory, tenant, caller, dialled, wallMs, randomSeed, redirected, forwarding } = facts;
  const member = memberOf(caller);
  const isKnown = directory.member(tenant.name, member.number) === member;
  const packed: Packed = [
    tenant.name,
    isKnown ? member.number : caller,
    dialled,
    wallMs,
    randomSeed,
    trunkStates,
    redirected,
    forwarding,
    own === undefined ? refusal : undefined,
  ];
  return JSON.stringify(packed);
}

/** @returns undefined when the directory given is not the call's */
export function placedCall(packed: string, given: Given, request: PlacedCall['request']): PlacedCall | undefined {
  const [name, known, dialled, wallMs, randomSeed, trunkStates, redirected, forwarding, refusal] = JSON.parse(
    packed,
  ) as Packed;
  const { directory, node, sessionId } = given;
  const tenant = directory.tenantByName(name);
  const caller = typeof known === 'string' ? directory.party(name, known) : known;
  if (tenant === undefined || caller === undefined) return undefined;
  return {
    facts: {
      directory,
      tenant,
      caller,
      dialled,
      forwarding: forwarding ?? undefined,
      redirected: redirected ?? undefined,
      wallMs,
      node,
      randomSeed,
      sessionId,
    },
    request,
    trunkStates,
    refusal: refusal ?? undefined,
  };
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
