export { openDatagrams } from './datagrams.ts';
export type { MediaDecision, MediaMode, MediaParty } from './decide.ts';
export { Media, type MediaQuestion, type MediaRefusal, type MediaSession, NEAR } from './media.ts';
export type { Datagrams, OpenDatagrams } from './ng-client.ts';
export type { RelayListener, RelaySettings, RelayState } from './relay.ts';
export { MediaRelays, type RelayListing } from './relays.ts';
export type { SessionUser } from './session.ts';
export type { MediaStatistics, StreamStatistics } from './statistics.ts';
