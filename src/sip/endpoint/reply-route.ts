import { isIP } from 'node:net';
import { isInward } from '../../base/egress.ts';
import { KnownTexts } from '../../base/known-texts.ts';
import { withoutZone } from '../../base/network.ts';
import { ownCopy } from '../../base/text.ts';
import { defaultPort } from '../../base/transport.ts';
import { formatHost, formatVia, HeaderId, hostPort, type SipRequest, splitVias, type Via } from '../message/index.ts';
import type { Flow, Target, TransportName } from '../transport/index.ts';

/**
 * Notes in the top Via where a request really came from, so that its responses find back: `received` when sent-by names another host
 * (RFC 3261 §18.2.1), and both `received` and `rport` when the client asks for it (RFC 3581 §4). What a peer wrote there itself is
 * overwritten.
 */
export function noteSource(request: SipRequest, via: Via, flow: Flow): void {
  const asksForPort = via.rport;
  const source = withoutZone(flow.remoteAddress);
  // IPv6 has several spellings; only equal text counts as equal, else `received` is added, which does no harm.
  const wrong = via.host !== source;
  const claimed = via.received;
  if (!asksForPort && !wrong && !claimed) return;
  const field = request.headers.value(HeaderId.Via) ?? '';
  const quick = asksForPort && !claimed ? withSource(field, flow) : undefined;
  if (quick !== undefined) {
    request.headers.replaceFirst(HeaderId.Via, quick, via.rewritten(quick, field));
    return;
  }
  const params = via.params.clone();
  if (asksForPort) params.set('rport', String(flow.remotePort));
  if (asksForPort || wrong) params.set('received', source);
  else params.delete('received');
  const { protocol, transport, host, port } = via;
  const others = field.includes(',') ? splitVias(field).slice(1) : [];
  request.headers.replaceFirst(
    HeaderId.Via,
    [formatVia({ protocol, transport, host, port, params }), ...others].join(', '),
  );
}

/** The usual case without taking the field apart: one value, a bare `;rport`, nothing quoted. Undefined when it is not that. */
function withSource(field: string, flow: Flow): string | undefined {
  const start = field.indexOf(';rport');
  const end = start + ';rport'.length;
  const plain =
    start > 0 && (end === field.length || field[end] === ';') && !field.includes(',') && !field.includes('"');
  if (!plain) return undefined;
  return field.slice(0, start) + sourceParams(flow) + field.slice(end);
}

/** One text for the requests that a peer sends one after the other. */
function sourceParams({ remoteAddress, remotePort }: Flow): string {
  const place = remotePort % LATEST_SOURCES;
  const latest = SOURCES[place];
  if (latest?.remoteAddress === remoteAddress && latest.remotePort === remotePort) return latest.params;
  const params = ownCopy(`;rport=${remotePort};received=${withoutZone(remoteAddress)}`);
  SOURCES[place] = { remoteAddress, remotePort, params };
  return params;
}
const LATEST_SOURCES = 64;
/** The latest, by the last bits of their ports. */
const SOURCES: ({ remoteAddress: string; remotePort: number; params: string } | undefined)[] = Array.from({
  length: LATEST_SOURCES,
});

/**
 * The UDP port that responses go to (RFC 3261 §18.2.2, RFC 3581 §4): the source port if `rport` asks for it, else the one in sent-by.
 * DEVIATION: `maddr` is not followed; it would let anybody aim our responses at a third party, and multicast SIP is not served. Where sent-by is an address
 * behind a NAT, so is its port, and a phone that knows no `rport` hears nothing but at the source port, where other servers answer it by default.
 */
export function replyPort(via: Via, flow: Flow): number {
  // Nothing listens at port 0; who writes it does not know its own.
  if (via.rport || via.port === 0) return flow.remotePort;
  return isBehindNat(via.host, withoutZone(flow.remoteAddress)) ? flow.remotePort : (via.port ?? 5060);
}

/** A private address that comes from a public one; within private networks whoever has several may send from another one. */
function isBehindNat(sentBy: string, source: string): boolean {
  return sentBy !== source && isInward(sentBy, source) && !isInward(source, sentBy);
}

/** Where a response goes whose connection has ended (§18.2.2): the source address, the port of sent-by. Undefined: nowhere. */
export function rerouteTarget(via: Via, flow: Flow): Target | undefined {
  if (flow.transport === 'udp' || isIP(flow.remoteAddress) === 0) return undefined;
  const target: Target = {
    transport: flow.transport,
    address: flow.remoteAddress,
    port: via.port ?? defaultPort(flow.transport),
    listenerId: flow.listenerId,
  };
  return isIP(via.host) === 0 ? { ...target, serverName: via.host } : target;
}

/** A request as seen from its source, whose answers go to another port of the same address. */
export class ReplyFlow implements Flow {
  /** Where the request came from: requests to the peer go there (its NAT lets them in). */
  readonly source: Flow;
  readonly #route: Flow;

  constructor(source: Flow, route: Flow) {
    this.source = source;
    this.#route = route;
  }

  get transport(): TransportName {
    return this.source.transport;
  }

  get reliable(): boolean {
    return this.source.reliable;
  }

  get localAddress(): string {
    return this.source.localAddress;
  }

  get localPort(): number {
    return this.source.localPort;
  }

  get remoteAddress(): string {
    return this.source.remoteAddress;
  }

  get remotePort(): number {
    return this.source.remotePort;
  }

  get listenerId(): string {
    return this.source.listenerId;
  }

  get key(): string {
    return this.source.key;
  }

  get connected(): boolean {
    return this.source.connected;
  }

  get closed(): boolean {
    return this.#route.closed;
  }

  get tls(): Flow['tls'] {
    return this.source.tls;
  }

  send(text: string): void {
    this.#route.send(text);
  }

  keepAlive(intervalMs: number, lastsMs?: number): void {
    this.source.keepAlive(intervalMs, lastsMs);
  }

  close(reason: string): void {
    this.source.close(reason);
  }
}

/** The start of our Via: everything but the branch (RFC 3261 §18.1.1; `rport` as RFC 3581 §3 wants it). Written anew when it is another than the last. */
export class ViaPrefix {
  #transport: TransportName = 'udp';
  #host = '';
  #port = 0;
  #text = '';

  of(transport: TransportName, host: string, port: number): string {
    if (port !== this.#port || host !== this.#host || transport !== this.#transport) {
      const rport = transport === 'udp' ? ';rport' : '';
      this.#text = ownCopy(`SIP/2.0/${transport.toUpperCase()} ${formatHost(host)}:${port}${rport};branch=`);
      this.#transport = transport;
      this.#host = host;
      this.#port = port;
    }
    return this.#text;
  }
}

export function isFlow(to: Flow | Target): to is Flow {
  return 'send' in to;
}

/** Names a target or the peer of a flow, for records: `udp:192.0.2.1:5060`, `udp:[2001:db8::1]:5060`. */
export function describeDestination(to: Flow | Target): string {
  const place = isFlow(to) ? hostPort(to.remoteAddress, to.remotePort) : hostPort(to.address, to.port);
  return DESTINATIONS.of(to.transport, place);
}
/** One text for all calls with one. */
const DESTINATIONS = new KnownTexts((transport, place: string) => `${transport}:${place}`, 10_000);
