import { isFlow } from '../sip/endpoint/index.ts';
import type { LegOptions } from './plan.ts';
import type { Destination, SendOptions } from './ports.ts';

/** How requests of a leg leave, and how long the first answer may take: no more of its options, for what outlives the leg. */
export function sendOptions(
  options: LegOptions,
  transactionTimeoutMs?: number,
  pastFlow?: SendOptions['pastFlow'],
): SendOptions {
  const { viaHost, viaPort, scope, largeRequests } = options;
  return { viaHost, viaPort, scope, largeRequests, transactionTimeoutMs, pastFlow };
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
