/**
 * Where requests within a dialog go, and where they may come from (RFC 3261 §12.2, behaviour 19).
 *
 * A peer says in Contact and Record-Route where its requests shall go. It is believed where it names a place at which this very peer
 * is known to be: the address that it sends from, or an address of the trunk that it is. Whatever else it names (a private address
 * behind a NAT, another machine, a metadata service, this engine itself) is passed over, and the request goes back the way that the
 * peer's own messages come. So nobody can make this engine send to a third party, and no name that a peer made up is looked up.
 */

import { isIP } from 'node:net';
import { defaultPort } from '../../base/transport.ts';
import {
  type AddressedLeg,
  addressOf,
  type CallPeers,
  type Destination,
  isAt,
  type LegOwner,
  namesDestination,
  placeOf,
  type RelayedField,
  type RoutedLeg,
} from '../../call/index.ts';
import { foreignNumberIn, type OutboundEvent } from '../../outbound/index.ts';
import { isRelayableHeaderName } from '../../provisioning/tenants/fields.ts';
import { type Binding, phoneOf } from '../../registrar/index.ts';
import type { DigestClient } from '../../sip/auth/index.ts';
import { type Endpoint, isFlow } from '../../sip/endpoint/index.ts';
import { type NameAddr, parseUri, type SipRequest } from '../../sip/message/index.ts';
import type { Flow, Target, TransportName } from '../../sip/transport/index.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';
import type { Acquaintances } from '../acquaintances.ts';
import type { FrontProxies, Sender } from '../admit/front-proxies.ts';
import type { KnownNodes } from '../continuity/known-nodes.ts';
import { type NodeMark, sendersVia } from '../continuity/node-mark.ts';
import type { EngineObserver } from '../engine-options.ts';
import type { PeerNodes } from '../peer-nodes.ts';
import type { Registrations } from '../registrations.ts';
import type { Served } from '../served.ts';
import { assertedParty } from './party-address.ts';

export interface PeersOptions {
  readonly served: Pick<Served, 'directory' | 'isOwnHost' | 'isOwnAddress' | 'isHere'>;
  readonly trunks: TrunkService;
  readonly registrations: Registrations;
  readonly endpoint: { readonly transport: Pick<Endpoint['transport'], 'supports'> };
  readonly peers: Pick<PeerNodes, 'isPeerAddress'>;
  /** Of what a node passes on, wherever it comes from. */
  readonly mark: Pick<NodeMark, 'isOn'>;
  /** Nodes as they are, and as they were when they were heard of last. */
  readonly known: Pick<KnownNodes, 'wasAt'>;
  readonly sources: Pick<Acquaintances, 'knows'>;
  readonly front: Pick<FrontProxies, 'senderOf'>;
  /** Hears of what is kept from a trunk. */
  readonly observer: Pick<EngineObserver, 'onNumberKept'>;
}

/** From the least to the most secure; of two that are alike the connection is the more certain one. */
const SECURITY: readonly TransportName[] = ['udp', 'tcp', 'tls'];

export class Peers implements Required<CallPeers> {
  readonly mayCross = isRelayableHeaderName;
  readonly #options: PeersOptions;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  asserted(leg: RoutedLeg, address: NameAddr): string | undefined {
    return assertedParty(this.#options.served.directory, leg, address);
  }

  /**
   * The same as for the INVITE to a trunk: no number of another tenant's on its provider. The first one that is kept is told of:
   * requests within a call come at any rate, with as many values as fit.
   */
  relayable({ name, values, call, taker, sender }: RelayedField): readonly string[] {
    if (taker.trunkId === undefined) return values;
    const { served, observer } = this.#options;
    const { record } = call;
    const { tenant: of = '' } = record.facts;
    const [tenant, trunk] = [served.directory.tenantByName(of), served.directory.trunk(taker.trunkId)];
    // One that is served no more has no numbers to ask for; the half of a call between nodes that knows no tenant is asked elsewhere.
    if (tenant === undefined || trunk === undefined) return of === '' ? values : [];
    let kept: OutboundEvent | undefined;
    const told = values.filter((value) => {
      const foreign = foreignNumberIn(served.directory, tenant, trunk, [name, value]);
      kept ??= foreign;
      return foreign === undefined;
    });
    if (kept !== undefined)
      observer.onNumberKept(kept, { tenant: of, callId: record.id, extension: sender?.owner?.number });
    return told;
  }

  credentials(trunkId: string): DigestClient | undefined {
    const { served, trunks } = this.#options;
    const trunk = served.directory.trunk(trunkId);
    return trunk && trunks.digestClient(trunk);
  }

  nextHop(leg: AddressedLeg, uri: string): Destination | undefined {
    const { destination } = leg;
    if (!isFlow(destination) || !destination.reliable) return this.#named(leg, uri) ?? this.#moved(leg, uri);
    // RFC 5923: a connection that is there is used, whatever address the peer gives for a new one.
    if (!destination.closed) return undefined;
    const { trunkId } = leg.options;
    if (trunkId === undefined) return this.#registered(leg) ?? this.#named(leg, uri);
    const home = this.#options.trunks.home(trunkId);
    // A gateway that has registered anew can be reached so, and perhaps only so.
    if ('send' in home) return home.closed ? this.#named(leg, uri) : home;
    return this.#named(leg, uri) ?? this.#again(leg, destination, home);
  }

  /** To where the connection led that has ended; the port that a peer's own connection came from leads nowhere. */
  #again(
    leg: AddressedLeg,
    { transport, remoteAddress, remotePort, listenerId }: Flow,
    home: readonly Target[],
  ): Target | undefined {
    const servers = home.filter((target) => target.transport === transport);
    const server = servers.find(({ address }) => address === remoteAddress);
    if (server !== undefined) return server;
    if (leg.isCallerSide && servers[0] !== undefined) return servers[0];
    if (!this.#options.endpoint.transport.supports(transport, remoteAddress)) return undefined;
    const from = listenerId === '' ? {} : { listenerId };
    return this.#secured(leg.options.trunkId, { transport, address: remoteAddress, port: remotePort, ...from });
  }

  /**
   * A dialog never becomes less secure than the trunk is configured, or than its connection was: what a Contact leaves out, or asks
   * for, can only be more.
   */
  #held(leg: AddressedLeg, asked: TransportName): TransportName {
    const { destination, options } = leg;
    const { trunkId, isBetweenNodes } = options;
    // The way between two nodes is what it is, whatever the trunk's.
    const configured = trunkId === undefined || isBetweenNodes === true ? undefined : this.#transportOf(trunkId);
    const least = configured ?? destination.transport;
    return SECURITY.indexOf(asked) >= SECURITY.indexOf(least) ? asked : least;
  }

  /** Goes by the sender: of a proxy of the operator's own, and of a node that passes on, the address is that of everybody behind it. */
  plausible(leg: Pick<RoutedLeg, 'options' | 'destination'>, flow: Flow, request: SipRequest): boolean {
    const { owner, trunkId, sender: before, isBetweenNodes } = leg.options;
    const { front, registrations } = this.#options;
    const passed = this.#passedBy(flow, request);
    const sender = front.senderOf(request, passed ?? flow);
    if (sender.unnamed === true) return false;
    const { remoteAddress } = sender;
    if (remoteAddress === before || remoteAddress === addressOf(leg.destination)) return true;
    const isItself = sender === flow;
    if (isItself && this.#isOfNode(flow, request)) return true;
    // The other half of the call has gone to another node, which has lost the store since: it is in no roster, and at its address nobody else.
    if (isItself && isBetweenNodes === true && this.#wasNode(remoteAddress)) return true;
    if (trunkId !== undefined) return this.#isOfTrunk(trunkId, remoteAddress);
    if (owner === undefined) return false;
    // A phone that has changed networks has registered from the new one.
    return isItself ? registrations.isOn(flow, owner) : registrations.isFrom(remoteAddress, owner);
  }

  #isOfNode({ remoteAddress }: Flow, request: SipRequest): boolean {
    const { peers, mark } = this.#options;
    return peers.isPeerAddress(remoteAddress) || mark.isOn(request);
  }

  /** Whose BYE a node has passed on; undefined where it is the node's own, or that of whoever has sent it here. */
  #passedBy(flow: Flow, request: SipRequest): Sender | undefined {
    const from = request.method === 'BYE' ? sendersVia(request)?.from : undefined;
    if (from === undefined || !this.#isOfNode(flow, request)) return undefined;
    return { remoteAddress: from, remotePort: 0, transport: flow.transport, tls: undefined };
  }

  /** Whether a node was at an address, and nobody is known there since. */
  #wasNode(address: string): boolean {
    const { known, sources } = this.#options;
    return known.wasAt(address) && !sources.knows(address);
  }

  #isOfTrunk(trunkId: string, address: string): boolean {
    const { trunks, registrations, served } = this.#options;
    if (trunks.identification.isOf(trunkId, address)) return true;
    const trunk = served.directory.trunk(trunkId);
    return trunk?.type === 'accept-register' && registrations.gateway(trunk)?.binding.source.address === address;
  }

  /** The place that a URI names, if the peer is known to be there and the leg's own way leads elsewhere. */
  #named(leg: AddressedLeg, text: string): Target | undefined {
    const { destination } = leg;
    const { trunkId, isBetweenNodes } = leg.options;
    const { served, peers, trunks } = this.#options;
    if (this.#isDestination(leg, text)) return undefined;
    const uri = parseUri(text);
    if (!('host' in uri) || uri.params.has('maddr')) return undefined;
    // Nothing listens at port 0; peers write it that do not know their own.
    if (uri.port === 0) return undefined;
    // The other half of a call between nodes may be at another worker of this machine, or have come to one.
    const isWorker = isBetweenNodes === true && isIP(uri.host) !== 0 && served.isOwnHost(uri.host);
    // What workers say to the outside may be the address of a NAT, where nobody behind it gets in; they know a way to each other.
    const isBeside = isWorker && served.isOwnHost(addressOf(destination));
    const address = isBeside ? addressOf(destination) : uri.host;
    const isThere = address === addressOf(destination);
    const isPeer = isThere || isWorker || peers.isPeerAddress(address);
    if (!isPeer && isIP(address) === 0) return undefined;
    if (!isPeer && (trunkId === undefined || !trunks.identification.isOf(trunkId, address))) return undefined;
    const asked = transportOf(uri.scheme, uri.params.get('transport'));
    if (asked === undefined) return undefined;
    const transport = this.#held(leg, asked);
    if (!this.#options.endpoint.transport.supports(transport, address)) return undefined;
    const port = uri.port ?? defaultPort(transport);
    // What is served there is SIP in clear text; the connection that there was has shown where TLS is.
    if (transport === 'tls' && asked !== 'tls' && uri.port === defaultPort('udp')) return undefined;
    if (transport === destination.transport && isAt(destination, address, port)) {
      if (!isFlow(destination) || !destination.closed) return undefined;
    }
    const isOwn = isBetweenNodes === true ? served.isHere(address, port) : served.isOwnAddress(address, port);
    if (isOwn || leg.unreachable === `${address}:${port}`) return undefined;
    const { listenerId } = destination;
    // The peer has known us by that listener's address so far; to an address of another family it does not lead.
    const staysThere = isIP(address) === isIP(addressOf(destination)) && listenerId !== undefined && listenerId !== '';
    const target: Target = { transport, address, port, ...(staysThere ? { listenerId } : {}) };
    return this.#secured(trunkId, target);
  }

  /** The usual case, without reading the URI: it names the leg's own way. */
  #isDestination(leg: AddressedLeg, uri: string): boolean {
    const { destination } = leg;
    if (isFlow(destination) && destination.closed) return false;
    return namesDestination(uri, destination) && this.#held(leg, destination.transport) === destination.transport;
  }

  /** A target with the trunk's TLS material; undefined when that cannot be read, or the trunk's owner may not have it sent to. */
  #secured(trunkId: string | undefined, target: Target): Target | undefined {
    return trunkId === undefined ? target : this.#options.trunks.secured(trunkId, target);
  }

  /** The transport of a trunk; undefined for one that does not exist, or is reached by its gateway's binding. */
  #transportOf(trunkId: string): TransportName | undefined {
    const trunk = this.#options.served.directory.trunk(trunkId);
    return trunk === undefined || trunk.type === 'accept-register' ? undefined : trunk.transport;
  }

  /** A phone whose connection has ended may have made another one; it may have another Contact then, of a port of that where nobody listens (RFC 5626 §1). */
  #registered(leg: AddressedLeg): Destination | undefined {
    const { owner } = leg.options;
    const isThere = ({ source }: Binding<Flow>): boolean => source.address === addressOf(leg.destination);
    // One at its address that says no instance may be it with a new Call-ID.
    const mayBeIt = (one: Binding<Flow>): boolean =>
      (owner?.phone === undefined || one.instance === undefined) && isThere(one);
    const bindings = this.#bindingsOf(leg).filter((one) => isOf(owner, one) || mayBeIt(one));
    const named = bindings.filter(({ requestUri }) => requestUri === leg.dialog.remoteTarget);
    const isIt = (one: Binding<Flow>): boolean =>
      isThere(one) && (named[0] === undefined || one.instance === named[0].instance);
    const connected = (list: typeof bindings) => list.filter(({ flow }) => flow?.closed === false);
    const binding = only(connected(named)) ?? only(connected(bindings).filter(isIt)) ?? named[0] ?? only(bindings);
    return binding && wayTo(binding);
  }

  /**
   * Over UDP a phone or gateway that has registered its Contact of this dialog from another place since: its NAT has another port for it, or it another network.
   * Another phone that writes the same Contact is not it.
   */
  #moved(leg: AddressedLeg, uri: string): Destination | undefined {
    if (uri !== leg.dialog.remoteTarget || this.#isDestination(leg, uri)) return undefined;
    const binding = only(this.#bindingsOf(leg).filter((one) => one.requestUri === uri && isOf(leg.options.owner, one)));
    const way = binding && wayTo(binding);
    return way === undefined || placeOf(way) === leg.unreachable ? undefined : way;
  }

  #bindingsOf({ options: { owner, trunkId, isBetweenNodes } }: AddressedLeg): readonly Binding<Flow>[] {
    const { registrations, served } = this.#options;
    if (isBetweenNodes === true) return [];
    if (owner !== undefined) return registrations.bindingsOfOwner(owner);
    const trunk = trunkId === undefined ? undefined : served.directory.trunk(trunkId);
    const gateway = trunk?.type === 'accept-register' ? registrations.gateway(trunk) : undefined;
    return gateway === undefined ? [] : [gateway.binding];
  }
}

/** Whether a binding is of the phone that a leg is with; a gateway has one, whoever it is. */
function isOf(owner: LegOwner | undefined, binding: Binding<Flow>): boolean {
  return owner === undefined || phoneOf(binding) === owner.phone;
}

function wayTo({ flow, target }: Binding<Flow>): Destination | undefined {
  return flow?.closed === false ? flow : target;
}

function transportOf(scheme: 'sip' | 'sips', param: string | undefined): TransportName | undefined {
  if (scheme === 'sips') return 'tls';
  switch (param?.toLowerCase()) {
    case undefined:
    case 'udp':
      return 'udp';
    case 'tcp':
      return 'tcp';
    case 'tls':
      return 'tls';
    default:
      return undefined;
  }
}

function only<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined;
}
