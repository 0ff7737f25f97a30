export { planOfUser } from './attempt.ts';
export type { Restorer } from './call.ts';
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
  markOf,
  readToken,
  type TokenParty,
  tokenParty,
  writeToken,
} from './call-token.ts';
export { Calls, SHUTDOWN_REASONS } from './calls.ts';
export { CALL_TAGS, refuseEvent, SERVED, SERVED_METHODS, SERVED_TAGS } from './capabilities.ts';
export { addressOf, isAt, namesDestination, placeOf } from './destination.ts';
export type { Half, Halves } from './halves.ts';

export { familyOf } from './media.ts';
export { type MessagePlan, relayMessage, sendMessage } from './message-relay.ts';
export type { OtherHalf } from './other-half.ts';
export * from './plan.ts';
export type {
  AddressedLeg,
  CallPeers,
  CallRouter,
  ContactQuestion,
  Contacts,
  Destination,
  RelayedField,
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
export { CANCELLED_MS } from './target-invite.ts';
export { type AskedSnapshot, keptDocument, readKept, type WaitingCancel, type WaitingSnapshot } from './waiting.ts';
