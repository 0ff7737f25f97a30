import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode } from 'dns-packet';

export interface DnsServer {
  readonly port: number;
  close(): void;
}

/** A DNS server on 127.0.0.1 that knows addresses: what `addressesOf` gives for a name and its type, A or AAAA. */
export async function startDnsServer(
  addressesOf: (name: string, type: 'A' | 'AAAA') => readonly string[],
): Promise<DnsServer> {
  const socket = createSocket('udp4');
  socket.on('message', (octets, from) => {
    const { id, questions = [] } = decode(octets);
    const answers = questions.flatMap(({ type, name }) =>
      type === 'A' || type === 'AAAA'
        ? addressesOf(name.toLowerCase(), type).map((data) => ({ type, name, ttl: 3600, data }))
        : [],
    );
    const answer = { type: 'response' as const, ...(id === undefined ? {} : { id }), questions, answers };
    socket.send(encode(answer), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { port: socket.address().port, close: () => socket.close() };
}
