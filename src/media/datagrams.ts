import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Datagrams } from './ng-client.ts';

/**
 * A UDP socket to one relay. It is connected, so what comes from elsewhere is dropped by the system. A relay that is not there makes
 * errors (ECONNREFUSED), which say no more than its silence does. Where the socket cannot be connected (no way leads to the relay, its
 * name has no address), what was to be sent is lost like any datagram, and the next one tries again.
 */
export function openDatagrams(host: string, port: number, receive: (octets: string) => void): Datagrams {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  let state: 'idle' | 'connecting' | 'connected' | 'closed' = 'idle';
  let waiting: string[] = [];
  const send = (octets: string) => socket.send(Buffer.from(octets, 'latin1'), () => {});
  const connect = () => {
    state = 'connecting';
    socket.connect(port, host);
  };
  socket.on('connect', () => {
    if (state !== 'connecting') return;
    state = 'connected';
    for (const octets of waiting.splice(0)) send(octets);
  });
  socket.on('error', () => {
    if (state !== 'connecting') return;
    state = 'idle';
    waiting = [];
  });
  socket.on('message', (octets) => receive(octets.toString('latin1')));
  connect();
  return {
    send: (octets) => {
      if (state === 'connected') return send(octets);
      waiting.push(octets);
      if (state === 'idle') connect();
    },
    close: () => {
      if (state === 'closed') return;
      state = 'closed';
      socket.close();
    },
  };
}
