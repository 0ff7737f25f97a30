export { openDatagrams } from './datagrams.ts';
export type { MediaDecision, MediaMode, MediaParty } from './decide.ts';
export { Media, type MediaQuestion, type MediaSession, type MediaSnapshot, NEAR } from './media.ts';
export type { OpenDatagrams } from './ng-client.ts';
export type { MediaRefusal, SessionUser } from './parties.ts';
export type { RelayListener, RelayState } from './relay.ts';
export { MediaRelays, type RelayListing } from './relays.ts';
export { steadyAnswer, steadyOffer } from './stand-in.ts';
export type { MediaStatistics } from './statistics.ts';
