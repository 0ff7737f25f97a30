/** Messages between phones and WhatsApp. What other folders use of it. */
export type { MediaFile } from './cloud-api.ts';
export type { MessageQuestion } from './explain.ts';
export type { MessageExplanation } from './explanation.ts';
export { MEDIA_KINDS, type Message } from './message.ts';
export type { Claim, MessagePage, MessageRow, MessageStore, UserHeard } from './message-store.ts';
export type {
  MessageWatcher,
  NotificationOutcome,
} from './ports.ts';
export { MessageService, type Wanted } from './service.ts';

export { peerOf } from './user.ts';
export { viewOf } from './view.ts';
