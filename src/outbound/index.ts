/** The outbound pipeline: from a caller's INVITE to the INVITE for a trunk. What other folders use of it. */

export { asksEmergency, emergencyCallOf, emergencyServiceNumber } from './emergency.ts';
export {
  type ExplainedLeg,
  type Explanation,
  explain,
  type LeavingInvite,
  type LeavingOn,
  nothingOutside,
  signsForShow,
} from './explain.ts';
export { explanationText } from './explain-text.ts';
export {
  dialledNumber,
  type EndpointRequest,
  endpointRequest,
  type Forwarding,
  type ForwardReason,
  type NodeFacts,
  type OutboundFacts,
  type SeenAs,
} from './facts.ts';
export { foreignNumberIn } from './foreign-number.ts';
export { CALLEE_REFUSED, MAX_REDIRECTIONS } from './if-answered.ts';
export { insideParty } from './inside.ts';
export type {
  LegSettings,
  OutboundEvent,
  Refusal,
  RouteDraft,
  RouteRefusal,
  StoredSetting,
} from './outcome.ts';
export { draftForRoute, type OutboundPlan, planOutbound, planOverTrunk } from './pipeline.ts';
export {
  explainPlaced,
  type PlacedCall,
  packedFacts,
  placedCall,
  refusedBy,
} from './placed-call.ts';
export { type CallDifference, differenceOf, type Whereabouts } from './played-again.ts';
export { type ExplainQuestion, QuestionError } from './question.ts';
export { type FieldReason, reasonsOf } from './reasons.ts';

export { mismatch, rulesOf, senderMismatch } from './rules.ts';
export { addIdentity, type Signs, type SignsAtOnce } from './signing.ts';
export { addedFields, relayedNames } from './steps/add-own-headers.ts';
export type { FieldNote, StepNote } from './trace.ts';
export { profileOf } from './trunk-profile.ts';
