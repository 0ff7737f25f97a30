import type { TransportName } from '../base/transport.ts';
import { defaultPort } from '../base/transport.ts';
import type { SipUri } from '../sip/message/index.ts';
import { classifyAddress, plainAddress } from './addresses.ts';
import type { BindingTarget, RegistrarFlow } from './ports.ts';
import { type RegisterAnswer, type RegisterAsk, refuse } from './register-request.ts';

/** How a registered phone is reached: over its flow while that lives, else at a target. */
export interface PhoneReach {
  readonly usesFlow: boolean;
  /** Without the flow; undefined when nothing else leads to the phone. */
  readonly target: BindingTarget | undefined;
}

/**
 * Decides how to reach a phone. `reference` is where it says it is: the first Path URI, else its Contact.
 *
 * Rules it keeps: a phone is reached at the address its REGISTER came from and nowhere else, so a registration can point neither
 * at a third party nor into our network (DEVIATION from RFC 3261 §10.3, which lets a Contact name any address); on a connection,
 * over that connection (RFC 5626 §5.3); over UDP at the port it sent from, since that is where a NAT lets us in, unless its Contact
 * names another port or transport of the very same address and it does not claim symmetry by `rport` (RFC 3581 §4).
 */
export function reachOf(flow: RegistrarFlow, reference: SipUri, claimsSymmetry: boolean): PhoneReach {
  const { transport, remoteAddress: address, remotePort, listenerId } = flow;
  const stays = plainAddress(reference.host) === plainAddress(address);
  const wanted = transportOf(reference);
  if (transport !== 'udp') {
    // Without NAT a connection can be opened to the Contact once this one is gone. It stays as secure as this one is.
    const port = reference.port ?? defaultPort(transport);
    return { usesFlow: true, target: stays ? { transport, address, port, listenerId } : undefined };
  }
  if (stays && wanted !== undefined && wanted !== 'udp') {
    const port = reference.port ?? defaultPort(wanted);
    return { usesFlow: false, target: { transport: wanted, address, port, listenerId } };
  }
  const port = reference.port ?? defaultPort('udp');
  if (stays && port !== remotePort && !claimsSymmetry) {
    return { usesFlow: false, target: { transport, address, port, listenerId } };
  }
  return { usesFlow: true, target: { transport, address, port: remotePort, listenerId } };
}

/** The transport a URI asks for; undefined when it leaves it open (RFC 3263 §4.1). */
function transportOf(uri: SipUri): TransportName | undefined {
  const name = uri.params.get('transport')?.toLowerCase();
  if (uri.scheme === 'sips') return 'tls';
  return name === 'udp' || name === 'tcp' || name === 'tls' ? name : undefined;
}

/** Refuses contacts that stand for no phone; `isOwn`: this engine is there itself. Where they lead this engine sends nothing ({@link reachOf}), but the proxies of a Path do. */
export function refuseContacts(
  { contacts, pathUri }: RegisterAsk,
  flow: RegistrarFlow,
  isOwn: (host: string, port: number) => boolean,
): RegisterAnswer | undefined {
  const mayBeLocal = pathUri === undefined;
  for (const { uri, expiresSeconds } of contacts) {
    if (expiresSeconds !== 0 && !isUsable(uri, flow, isOwn, mayBeLocal)) return refuse(403, 'Contact Not Usable');
  }
  return pathUri === undefined || isUsable(pathUri, flow, isOwn, false) ? undefined : refuse(403, 'Path Not Usable');
}

function isUsable(
  uri: SipUri,
  flow: RegistrarFlow,
  isOwn: (host: string, port: number) => boolean,
  mayBeLocal: boolean,
): boolean {
  const host = plainAddress(uri.host.toLowerCase());
  const port = uri.port ?? defaultPort(transportOf(uri) ?? 'udp');
  // maddr would send the request somewhere else than the host says (RFC 3261 §19.1.1).
  if (port === 0 || uri.params.has('maddr')) return false;
  const kind = host === 'localhost' ? 'loopback' : classifyAddress(host);
  if (kind === 'multicast' || kind === 'unusable') return false;
  // DEVIATION from RFC 3261 §10.3 step 6, which would have a Contact that leads to the phone: Debian's host names give softphones 127.0.1.1, and
  // interfaces without DHCP 169.254.x. It is the phone's machine or link that it means, never ours; like one behind NAT it is reached at its source.
  // Not behind a Path: its last proxy sends to the Contact (RFC 3327 §5.4), which would be that one's own machine or link.
  const isLocal = kind === 'unspecified' || kind === 'loopback' || kind === 'link-local';
  if (isLocal && kind !== classifyAddress(flow.remoteAddress)) return mayBeLocal;
  // Of a name that is served the same holds: phones and gateways that are told one domain write it everywhere.
  if (kind === undefined && mayBeLocal) return true;
  if (host === plainAddress(flow.localAddress) && port === flow.localPort) return false;
  return !isOwn(host, port);
}
