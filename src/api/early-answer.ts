/** Answers that are given before the body of the request has come: who was refused must not have this server read what it still sends. */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Of such a body so much more is taken, octets; one that says it is no longer costs nobody the connection. */
const MOST_OCTETS = 65_536;
/** Who is answered has so long to hear it before the connection is gone. */
const LINGER_MS = 1_000;

/**
 * To be called before the head of an answer is written. True: more of the body may come than is taken, and the answer has to say
 * `connection: close`. After it the connection is half-closed, so that who sends still hears why (RFC 9112 §9.6), and ends when that one
 * has left or {@link LINGER_MS} are over.
 */
export function endsEarly(request: IncomingMessage): boolean {
  // Of what is asked within this process there is nothing to come.
  if (request.complete !== false) return false;
  const { socket, headers } = request;
  // Without either of them there is no body (RFC 9112 §6.3).
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= MOST_OCTETS) return false;
  let taken = 0;
  request.unpipe();
  request.on('data', (octets: Buffer) => {
    taken += octets.length;
    if (taken >= MOST_OCTETS) request.pause();
  });
  // What the runtime does with the connection once the answer has been handed over: to close it at once takes the answer back (RST).
  socket.destroySoon = () => linger(request, socket);
  return true;
}

function linger(request: IncomingMessage, socket: Socket): void {
  const close = () => socket.destroy();
  const timer = setTimeout(close, LINGER_MS);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  request.once('end', close);
  socket.end();
}
