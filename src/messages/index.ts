/** Messages between phones and WhatsApp. What other folders use of it. */
export { MEDIA_KINDS, type Message } from './message.ts';
export type { Claim, MessagePage, MessageRow, MessageStore, UserHeard } from './message-store.ts';
export type * from './ports.ts';
export { MessageService } from './service.ts';

export { peerOf } from './user.ts';
export { viewOf } from './view.ts';
