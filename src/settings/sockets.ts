import type { Listen } from './node-schema.ts';

/** The kind of socket whose ports a transport takes: TLS runs over TCP, and the two cannot share one. */
export function socketOf(transport: Listen['transport']): 'udp' | 'tcp' {
  return transport === 'udp' ? 'udp' : 'tcp';
}
