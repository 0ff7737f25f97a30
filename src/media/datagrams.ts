import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Datagrams } from './ng-client.ts';

/**
 * A UDP socket to one relay. It is connected, so what comes from elsewhere is dropped by the system. A relay that is not there makes
 * errors (ECONNREFUSED), which say no more than its silence does.
 */
export function openDatagrams(host: string, port: number, receive: (octets: string) => void): Datagrams {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  let waiting: string[] | undefined = [];
  let closed = false;
  const send = (octets: string) => socket.send(Buffer.from(octets, 'latin1'), () => {});
  socket.on('error', () => {});
  socket.on('message', (octets) => receive(octets.toString('latin1')));
  socket.connect(port, host, () => {
    const first = waiting ?? [];
    waiting = undefined;
    if (!closed) for (const octets of first) send(octets);
  });
  return {
    send: (octets) => {
      if (waiting === undefined) send(octets);
      else waiting.push(octets);
    },
    close: () => {
      closed = true;
      socket.close();
    },
  };
}
