import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Datagrams } from './ng-client.ts';

/**
 * A UDP socket to one relay. It is connected, so what comes from elsewhere is dropped by the system. A relay that is not there makes
 * errors (ECONNREFUSED), which say no more than its silence does. Where no socket can be had (no descriptor is free) or connected (no way
 * leads to the relay, its name has no address), what was to be sent is lost like any datagram, and the next one tries again.
 */
export function openDatagrams(host: string, port: number, receive: (octets: string) => void): Datagrams {
  let socket: Socket | undefined;
  let state: 'idle' | 'connecting' | 'connected' | 'closed' = 'idle';
  let waiting: string[] = [];
  const connect = () => {
    // Each attempt has its own: one that could not be bound stays half connected for ever, and throws at the next `connect`.
    const fresh = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const isConnecting = () => socket === fresh && state === 'connecting';
    socket = fresh;
    state = 'connecting';
    fresh.on('connect', () => {
      if (!isConnecting()) return;
      state = 'connected';
      for (const octets of waiting.splice(0)) send(fresh, octets);
    });
    fresh.on('error', () => {
      if (!isConnecting()) return;
      state = 'idle';
      waiting = [];
      fresh.close();
    });
    fresh.on('message', (octets) => receive(octets.toString('latin1')));
    fresh.connect(port, host);
  };
  connect();
  return {
    send: (octets) => {
      if (state === 'connected' && socket !== undefined) return send(socket, octets);
      if (state === 'closed') return;
      waiting.push(octets);
      if (state === 'idle') connect();
    },
    close: () => {
      // The one that failed last is closed already.
      if (state === 'connecting' || state === 'connected') socket?.close();
      state = 'closed';
    },
  };
}

function send(socket: Socket, octets: string): void {
  socket.send(Buffer.from(octets, 'latin1'), () => {});
}
