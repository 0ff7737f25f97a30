/** The outbound pipeline: from a caller's INVITE to the INVITE for a trunk. What other folders use of it. */

export { asksEmergency, emergencyCallOf, emergencyServiceNumber } from './emergency.ts';
export {
  explain,
  type LeavingInvite,
  type LeavingOn,
  nothingOutside,
  signsForShow,
} from './explain.ts';
export { explanationText } from './explain-text.ts';
export type * from './explanation.ts';
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
  Refusal,
  RouteDraft,
  RouteRefusal,
} from './outcome.ts';
export { draftForRoute, type OutboundPlan, planOutbound, planOverTrunk } from './pipeline.ts';
export {
  explainPlaced,
  type PlacedCall,
  packedFacts,
  placedCall,
  refusedBy,
} from './placed-call.ts';
export { differenceOf } from './played-again.ts';
export { type ExplainQuestion, QuestionError, type TrunkPreviewQuestion } from './question.ts';
export { reasonsOf } from './reasons.ts';
export { receivedDiversions } from './received-diversions.ts';

export { mismatch, rulesOf, senderMismatch } from './rules.ts';
export { addIdentity, type Signs, type SignsAtOnce } from './signing.ts';
export { addedFields, INFO_PACKAGES, relayedNames } from './steps/add-own-headers.ts';
export { profileOf } from './trunk-profile.ts';
