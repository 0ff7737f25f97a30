/** What carries SIP here. */
export type TransportName = 'udp' | 'tcp' | 'tls';

/** Where SIP is spoken to somebody, as Via, Contact and settings name it. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}
