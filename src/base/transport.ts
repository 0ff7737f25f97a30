/** What carries SIP here. */
export type TransportName = 'udp' | 'tcp' | 'tls';

/** Where SIP is spoken over it when nobody says otherwise (RFC 3261 §19.1.2). */
export function defaultPort(transport: TransportName): number {
  return transport === 'tls' ? 5061 : 5060;
}

/** Where SIP is spoken to somebody, as Via, Contact and settings name it. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}
