/** A message as people and programs are shown it. */
import { defined } from '../base/defined.ts';
import { isoTime } from '../base/iso-time.ts';
import type { MessageFacts } from '../observe/index.ts';
import type { Content, Message } from './message.ts';
import { shownUser } from './user.ts';

/** @param trunk the trunk's name @param url where a file of it is */
export function viewOf(message: Message, trunk: string | undefined, url: string | undefined): MessageFacts {
  const { id, tenant, trunkId, direction, state, remoteId, contextId, rule, recipients, error } = message;
  const retryMs = state === 'queued' || state === 'sending' ? message.retryMs : undefined;
  return defined({
    id,
    tenant,
    trunkId,
    trunk,
    direction,
    state,
    ...parties(message),
    ...contentView(message.content),
    url,
    remoteId,
    contextId,
    rule,
    recipients: direction === 'inbound' ? recipients : undefined,
    createdAt: isoTime(message.createdMs),
    sentAt: shown(message.sentMs),
    deliveredAt: shown(message.deliveredMs),
    readAt: shown(message.readMs),
    retryAt: shown(retryMs),
    error,
  });
}

function shown(timeMs: number | undefined): string | undefined {
  return timeMs === undefined ? undefined : isoTime(timeMs);
}

/** The number of the business and of the user, each with what is known of it. */
function parties({ direction, number, peer, peerName: name, extension }: Message) {
  const [user, business] = [shownUser(peer), `+${number}`];
  const [from, to] = direction === 'inbound' ? [user, business] : [business, user];
  return { from, to, name, extension };
}

function contentView(content: Content): Partial<MessageFacts> & Pick<MessageFacts, 'type'> {
  switch (content.type) {
    case 'text':
      return { type: 'text', text: content.text };
    case 'media': {
      const { kind: type, caption: text, mimeType, filename } = content;
      return { type, ...defined({ text, mimeType, filename }) };
    }
    case 'template':
      return { type: 'template', text: content.name };
    case 'location': {
      const { latitude, longitude, name } = content;
      return { type: 'location', latitude, longitude, ...(name !== undefined && { text: name }) };
    }
    case 'reaction':
      return { type: 'reaction', text: content.emoji };
    case 'other':
      return { type: content.kind, text: content.text };
  }
}
