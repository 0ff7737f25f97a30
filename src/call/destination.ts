import type { Flow } from '../sip/transport/index.ts';
import type { Destination } from './ports.ts';

/** A flow can send; a target is only an address. */
export function isFlow(value: object): value is Flow {
  return typeof (value as { send?: unknown }).send === 'function';
}

/** `transport:address:port`, for records. */
export function describeDestination(to: Destination): string {
  return isFlow(to)
    ? `${to.transport}:${bracketed(to.remoteAddress)}:${to.remotePort}`
    : `${to.transport}:${bracketed(to.address)}:${to.port}`;
}

/** The address that messages of this peer are expected from. */
export function addressOf(to: Destination): string {
  return isFlow(to) ? to.remoteAddress : to.address;
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
