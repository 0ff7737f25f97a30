import { defaultPort } from '../base/transport.ts';
import { type Dialog, TARGET_REFRESH, targetOfMessage } from '../sip/dialog/index.ts';
import { isFlow } from '../sip/endpoint/index.ts';
import { HeaderId, namesPlace, type SipRequest } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { LegOptions } from './plan.ts';
import type { AddressedLeg, CallEnvironment, Destination, SendOptions, WayOptions } from './ports.ts';

/** How requests of a leg leave, and how long the first answer may take: no more of its options, for what outlives the leg. */
export function sendOptions(
  options: LegOptions,
  transactionTimeoutMs?: number,
  pastFlow?: SendOptions['pastFlow'],
): SendOptions {
  const { viaHost, viaPort, scope, largeRequests } = options;
  return { viaHost, viaPort, scope, largeRequests, transactionTimeoutMs, pastFlow };
}

/** What calls that end one after the other keep is mostly the same: they share it. */
let latestWay: WayOptions = {};

/** How a peer is reached, and no more of a leg's options, for what outlives the leg. */
export function wayOptions(options: WayOptions): WayOptions {
  const { viaHost, viaPort, scope, largeRequests, owner, trunkId, isBetweenNodes } = options;
  const isSame =
    owner === latestWay.owner &&
    trunkId === latestWay.trunkId &&
    isBetweenNodes === latestWay.isBetweenNodes &&
    viaHost === latestWay.viaHost &&
    viaPort === latestWay.viaPort &&
    scope === latestWay.scope &&
    largeRequests === latestWay.largeRequests;
  if (!isSame) latestWay = { viaHost, viaPort, scope, largeRequests, owner, trunkId, isBetweenNodes };
  return latestWay;
}

/** Where a request within a dialog goes. */
export function hopOf(
  { peers }: Pick<CallEnvironment, 'peers'>,
  leg: AddressedLeg & { readonly dialog: Pick<Dialog, 'hasTarget' | 'nextHop'> },
): Destination {
  const { destination, dialog } = leg;
  if (!dialog.hasTarget) return destination;
  return peers.nextHop?.(leg, dialog.nextHop()) ?? destination;
}

/**
 * A request of a phone says where it is now: over a new connection where that of the dialog has ended, and, where it refreshes its target (RFC 3261
 * §12.2.2), over another connection, behind another port of its NAT, or on a connection that its Contact goes on to. Not where it names the place of before: there it listens,
 * whatever port it sends from.
 */
export function followPhone(
  leg: Pick<AddressedLeg, 'options'> & {
    readonly dialog: Pick<Dialog, 'nextHop'>;
    destination: Destination;
    unreachable: string | undefined;
  },
  flow: Flow,
  request: SipRequest,
): void {
  const { destination, options } = leg;
  const { method, headers } = request;
  if (options.owner === undefined || options.isBetweenNodes === true) return;
  if (flow.transport !== destination.transport) {
    const goesOn = destination.transport === 'udp' && TARGET_REFRESH.has(method);
    if (goesOn && ON_CONNECTION.test(headers.value(HeaderId.Contact) ?? '')) leg.destination = flow;
    return;
  }
  if (isAt(destination, flow.remoteAddress, flow.remotePort)) return;
  if (flow.reliable) {
    const isClosed = isFlow(destination) && destination.closed;
    const target = isClosed ? undefined : targetOfMessage(request);
    if (isClosed || (target !== undefined && !namesDestination(target, destination))) leg.destination = flow;
  } else if (TARGET_REFRESH.has(method) && !namesDestination(leg.dialog.nextHop(), destination)) {
    leg.destination = flow;
    leg.unreachable = placeOf(destination);
  }
}

const ON_CONNECTION = /^[^>]*;transport=(?:tcp|tls)(?![\w-])/i;

/** Whether a URI names just this place, without reading it; false says nothing. */
export function namesDestination(uri: string, to: Destination): boolean {
  const { transport } = to;
  const port = isFlow(to) ? to.remotePort : to.port;
  return namesPlace(uri, transport, addressOf(to), port, port === defaultPort(transport));
}

export function placeOf(to: Destination): string {
  return isFlow(to) ? `${to.remoteAddress}:${to.remotePort}` : `${to.address}:${to.port}`;
}

export function isAt(to: Destination, address: string, port: number): boolean {
  return addressOf(to) === address && (isFlow(to) ? to.remotePort : to.port) === port;
}

/** The address that messages of this peer are expected from. */
export function addressOf(to: Destination): string {
  return isFlow(to) ? to.remoteAddress : to.address;
}
