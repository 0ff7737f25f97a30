import type { RemoteInfo, Socket } from 'node:dgram';

const START_LINE = /^(?:SIP\/2\.0 \d{3}\b|[A-Z]+ \S.* SIP\/2\.0\r)/;

/**
 * Hears the SIP messages that come to a socket, as latin1. A port was perhaps another test's a moment before, and what is still on its
 * way to that one (an answer of a name server, a media packet) comes here: it is no message, as CRLF keep-alives are none. Whatever has
 * a start line is handed on, however wrong the rest is.
 * @returns ends it
 */
export function onSip(socket: Socket, listener: (text: string, from: RemoteInfo) => void): () => void {
  const hear = (octets: Buffer, from: RemoteInfo) => {
    const text = octets.toString('latin1');
    if (START_LINE.test(text)) listener(text, from);
  };
  socket.on('message', hear);
  return () => socket.off('message', hear);
}
