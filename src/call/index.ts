export { planOfUser } from './branch.ts';
export type { CallState, Restorer } from './call.ts';
export {
  type CallChanges,
  type CallHolder,
  type CallStore,
  CallsForgotten,
  CallsTaken,
  type Fate,
  type HeardOf,
  type KeptCall,
  type KeptCalls,
  type SaidCall,
  type SharedCalls,
  SILENT_MS,
  type StoreContact,
  SURE_MS,
} from './call-store.ts';
export {
  type CallToken,
  type FarParty,
  markOf,
  readToken,
  type TokenOwner,
  type TokenParty,
  tokenParty,
  writeToken,
} from './call-token.ts';
export { type CallCounters, Calls, type CallsOptions, SHUTDOWN_REASONS } from './calls.ts';
export { CALL_TAGS, SERVED_EVENTS, SERVED_METHODS, SERVED_TAGS } from './capabilities.ts';
export { describeDestination } from './destination.ts';
export type { Half, Halves } from './halves.ts';
export type { LegState } from './leg-request.ts';
export { familyOf } from './media.ts';
export { type MessagePlan, relayMessage, sendMessage } from './message-relay.ts';
export type { OtherHalf } from './other-half.ts';
export * from './plan.ts';
export type {
  AddressedLeg,
  CallEnvironment,
  CallLimits,
  CallRouter,
  CallTimers,
  ContactQuestion,
  Contacts,
  Destination,
  EndpointPort,
  RoutedCall,
  RoutedLeg,
} from './ports.ts';
export * from './record.ts';
export { inviteKey, Resumption, type RingingInvite } from './resumption.ts';
export {
  answeredAgoMs,
  type CallSnapshot,
  destinationAt,
  type GrantSnapshot,
  type LegSnapshot,
  type PlaceSnapshot,
  type Reacher,
} from './snapshot.ts';
export { type AskedSnapshot, keptDocument, readKept, type WaitingCancel, type WaitingSnapshot } from './waiting.ts';
