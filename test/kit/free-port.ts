import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { ownPortOf } from '../../src/settings/workers.ts';

function udpPortIsFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, host, () => socket.close(() => resolve(true)));
  });
}

function tcpPortIsFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** Below the ports that Linux gives out by itself, so that no socket of another program takes a port between its choice and its use. */
const FIRST_PORT = 12_000;
const PORTS = 20_000;
const given = new Set<number>();

/** A port that was free for both UDP and TCP a moment ago, given out once; for programs that cannot report the port they chose themselves. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST_PORT + randomInt(PORTS);
    if (given.has(port)) continue;
    given.add(port);
    if ((await tcpPortIsFree(port, host)) && (await udpPortIsFree(port, host))) return port;
  }
  throw new Error(`no free port found on ${host}`);
}

/** A port that is free together with those that the workers of an engine take beside it, for all their transports. */
export async function freePortForWorkers(workers: number, host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = await freePort(host);
    const own = Array.from({ length: workers }, (_, worker) => ownPortOf(worker, port));
    const free = await Promise.all(
      own.map(
        async (each) => !given.has(each) && (await tcpPortIsFree(each, host)) && (await udpPortIsFree(each, host)),
      ),
    );
    if (free.includes(false)) continue;
    for (const each of own) given.add(each);
    return port;
  }
  throw new Error(`no free ports for ${workers} workers found on ${host}`);
}

/** `0A` is LISTEN; UDP sockets have no such state. */
const LISTENING = '0A';

/** Whether somebody listens on the port, seen from outside: trying to bind it could get in the way of a program that is about to. */
export function isListening(transport: 'udp' | 'tcp', port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return [transport, `${transport}6`].some((table) =>
    readFileSync(`/proc/net/${table}`, 'latin1')
      .split('\n')
      .some((line) => {
        const [, local, , state] = line.trim().split(/\s+/);
        return local?.endsWith(wanted) === true && (transport === 'udp' || state === LISTENING);
      }),
  );
}
