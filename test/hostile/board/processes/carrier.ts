import { field, plainSocket } from './wire.ts';

const SDP =
  'v=0\r\no=a 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\n';

/** A carrier that answers every call at once. Resolves when it listens. */
export async function answerCalls(carrier: { readonly host: string; readonly port: number }): Promise<void> {
  const socket = plainSocket();
  socket.on('message', (octets, { port: from, address }) => {
    const text = octets.toString('latin1');
    const method = text.slice(0, text.indexOf(' '));
    if (method === 'ACK' || method.startsWith('SIP/')) return;
    const answer = (status: string, body = '') => {
      const vias = text.match(/^Via: .*$/gm)?.map((via) => via.trimEnd()) ?? [];
      const to = field(text, 'To');
      const tagged = to.includes(';tag=') ? to : `${to};tag=c`;
      const contact =
        body === '' ? '' : `Contact: <sip:${carrier.host}:${carrier.port}>\r\nContent-Type: application/sdp\r\n`;
      socket.send(
        `SIP/2.0 ${status}\r\n${vias.join('\r\n')}\r\nFrom: ${field(text, 'From')}\r\nTo: ${tagged}\r\nCall-ID: ${field(text, 'Call-ID')}\r\nCSeq: ${field(text, 'CSeq')}\r\n${contact}Content-Length: ${body.length}\r\n\r\n${body}`,
        from,
        address,
      );
    };
    if (method === 'INVITE') answer('180 Ringing');
    answer('200 OK', method === 'INVITE' ? SDP : '');
  });
  await new Promise<void>((resolve) => socket.bind(carrier.port, carrier.host, resolve));
}
