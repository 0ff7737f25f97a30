import { createSocket, type Socket } from 'node:dgram';

/** The value of a header field, by search; empty when it is not there. */
export function field(text: string, name: string): string {
  const start = text.indexOf(`\r\n${name}: `);
  if (start < 0) return '';
  const from = start + name.length + 4;
  return text.slice(from, text.indexOf('\r\n', from));
}

/** 0 for a request. */
export function statusOf(text: string): number {
  return text.startsWith('SIP/2.0 ') ? Number(text.slice(8, 11)) : 0;
}

/** A socket that takes addresses as they are: Node looks each one up otherwise, which costs more than to send. */
export function plainSocket(): Socket {
  return createSocket({
    type: 'udp4',
    recvBufferSize: 4_194_304,
    sendBufferSize: 4_194_304,
    lookup: (address, _options, callback) => callback(null, address, 4),
  });
}

export async function openSocket(address: string, receive: (text: string) => void): Promise<Socket> {
  const socket = plainSocket();
  socket.on('message', (octets) => receive(octets.toString('latin1')));
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  return socket;
}
