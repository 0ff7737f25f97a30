/** A message as people and programs are shown it. */
import { isoTime } from '../base/iso-time.ts';
import type { MessageFacts } from '../observe/index.ts';
import type { Content, Message } from './message.ts';

/** @param trunk the trunk's name @param url where a file of it is */
export function viewOf(message: Message, trunk: string | undefined, url: string | undefined): MessageFacts {
  const { id, tenant, trunkId, direction, state, createdMs, sentMs, deliveredMs, readMs, retryMs, error } = message;
  const isWaiting = state === 'queued' || state === 'sending';
  return {
    id,
    tenant,
    trunkId,
    ...(trunk !== undefined && { trunk }),
    direction,
    state,
    ...parties(message),
    ...contentView(message.content),
    ...(url !== undefined && { url }),
    ...(message.remoteId !== undefined && { remoteId: message.remoteId }),
    ...(message.contextId !== undefined && { contextId: message.contextId }),
    ...(message.rule !== undefined && { rule: message.rule }),
    ...(direction === 'inbound' && { recipients: message.recipients }),
    createdAt: isoTime(createdMs),
    ...(sentMs !== undefined && { sentAt: isoTime(sentMs) }),
    ...(deliveredMs !== undefined && { deliveredAt: isoTime(deliveredMs) }),
    ...(readMs !== undefined && { readAt: isoTime(readMs) }),
    ...(isWaiting && retryMs !== undefined && { retryAt: isoTime(retryMs) }),
    ...(error !== undefined && { error }),
  };
}

/** The number of the business and of the user, each with what is known of it. */
function parties({ direction, number, peer, peerName, extension }: Message) {
  const user = /^[0-9]+$/.test(peer) ? `+${peer}` : peer;
  const business = `+${number}`;
  return {
    from: direction === 'inbound' ? user : business,
    to: direction === 'inbound' ? business : user,
    ...(peerName !== undefined && { name: peerName }),
    ...(extension !== undefined && { extension }),
  };
}

function contentView(content: Content) {
  switch (content.type) {
    case 'text':
      return { type: 'text', text: content.text } as const;
    case 'media': {
      const { kind, caption, mimeType, filename } = content;
      return {
        type: kind,
        ...(caption !== undefined && { text: caption }),
        ...(mimeType !== undefined && { mimeType }),
        ...(filename !== undefined && { filename }),
      };
    }
    case 'template':
      return { type: 'template', text: content.name } as const;
    case 'location': {
      const { latitude, longitude, name } = content;
      return { type: 'location', latitude, longitude, ...(name !== undefined && { text: name }) } as const;
    }
    case 'reaction':
      return { type: 'reaction', text: content.emoji } as const;
    case 'other':
      return { type: content.kind, text: content.text };
  }
}
