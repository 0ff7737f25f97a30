import type { Dialog } from '../sip/dialog/index.ts';
import { isFlow } from '../sip/endpoint/index.ts';
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

/** The address that messages of this peer are expected from. */
export function addressOf(to: Destination): string {
  return isFlow(to) ? to.remoteAddress : to.address;
}
