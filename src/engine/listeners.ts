import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { nameInOneLine } from '../base/certificate-chain.ts';
import { silentLog } from '../base/log.ts';
import type { Scheduler } from '../base/scheduler.ts';
import type { Listen, NodeSettings } from '../settings/node-schema.ts';
import { socketOf } from '../settings/sockets.ts';
import { formatHost } from '../sip/message/index.ts';
import { isWildcard, type ListenerOptions, type Listening, TransportLayer } from '../sip/transport/index.ts';
import type { Dealing, Workers } from './admit/dealing.ts';

/** What names a listener among those of the node. */
export function listenerId({ name, transport, host, port }: Listen): string {
  return name ?? `${transport}:${formatHost(host)}:${port}`;
}

/** An IPv4 address is not what an IPv6 socket is reached at, nor the other way round; a name may be either. */
function ofFamily(advertised: string | undefined, host: string): string | undefined {
  if (advertised === undefined || isIP(advertised) === 0) return advertised;
  return isIP(advertised) === isIP(host) ? advertised : undefined;
}

/** A listener as the transports open it, with its files read. Throws when a file cannot be read. */
export function listenerOptions(listen: Listen, settings: NodeSettings): ListenerOptions {
  const { transport, host, port, certificate, key, ca, clientCertificate, minVersion, publicPort } = listen;
  const publicHost = listen.publicHost ?? ofFamily(settings.advertise.publicHost, host);
  const privateHost = ofFamily(settings.advertise.privateHost, host);
  return {
    id: listenerId(listen),
    transport,
    host,
    port,
    ...(publicHost === undefined ? {} : { publicHost }),
    ...(privateHost === undefined ? {} : { privateHost }),
    ...(publicPort === undefined ? {} : { publicPort }),
    ...(certificate === undefined ? {} : { certificate: readFileSync(certificate, 'utf8') }),
    ...(key === undefined ? {} : { key: readFileSync(key, 'utf8') }),
    ...(ca === undefined ? {} : { clientCa: readFileSync(ca, 'utf8') }),
    clientCertificate,
    minVersion,
  };
}

/** Whether two listeners cannot both be open: all addresses of a family hold each of them. */
export function sharesPort(one: Listen, other: Listen): boolean {
  if (socketOf(one.transport) !== socketOf(other.transport) || one.port !== other.port || one.port === 0) return false;
  if (isIP(one.host) !== isIP(other.host)) return false;
  return one.host === other.host || isWildcard(one.host) || isWildcard(other.host);
}

/** Each listener with what it says of itself to others, and the certificate that it shows: what `chains` has by id. */
export function listenersOf(
  listening: readonly Listening[],
  listen: readonly Listen[],
  chains: ReadonlyMap<string, string>,
) {
  return listening.map(({ id, transport, host, port }) => {
    const told = listen.find((one) => listenerId(one) === id);
    const { publicHost, publicPort } = told ?? {};
    const chain = chains.get(id);
    return {
      id,
      transport,
      host,
      port,
      ...(publicHost === undefined ? {} : { publicHost }),
      ...(publicPort === undefined ? {} : { publicPort }),
      ...(chain === undefined ? {} : { certificate: certificateFacts(chain) }),
      ...(transport === 'tls' && told !== undefined
        ? { clientCertificate: told.clientCertificate, minVersion: told.minVersion }
        : {}),
    };
  });
}

function certificateFacts(chain: string) {
  const leaf = new X509Certificate(chain);
  const names = (leaf.subjectAltName ?? '').split(', ').map((entry) => entry.replace(/^(DNS|IP Address):/, ''));
  return {
    subject: nameInOneLine(leaf.subject),
    names: names.filter((name) => name !== ''),
    notAfter: leaf.validToDate.toISOString(),
  };
}

/**
 * Every listener of an engine. Where workers share the ports, each has one of its own beside: new requests leave from that one, which
 * comes first, so that their answers need no dealing.
 */
export function allListeners(settings: NodeSettings, workers?: Workers, dealing?: Dealing): ListenerOptions[] {
  const listeners = settings.listen.map((listen) => listenerOptions(listen, settings));
  if (workers === undefined || dealing === undefined) return listeners;
  return listeners.flatMap((options) => [
    { ...options, id: `${options.id} own`, port: workers.ownPort(options.port) },
    { ...options, shared: dealing.sharedPort(options.port) },
  ]);
}

/** Opens every listener and closes it again. Throws a SettingsError that names those that cannot be opened, and why. */
export async function requireListeners(settings: NodeSettings, scheduler: Scheduler): Promise<void> {
  const nobody = { onMessage() {}, onFlowClosed() {}, onFlowFailed() {} };
  const layer = new TransportLayer({ scheduler }, nobody, silentLog);
  await layer.open(settings.listen.map((listen) => listenerOptions(listen, settings)));
  await layer.close();
}

/** The addresses that listeners take messages on; one that listens on all interfaces stands for every address of the machine. */
export function addressesOf(listening: readonly Listening[]): ReadonlySet<string> {
  const addresses = new Set(listening.map(({ host }) => host));
  const wildcards: readonly string[] = ['0.0.0.0', '::'].filter((wildcard) => addresses.has(wildcard));
  if (wildcards.length === 0) return addresses;
  for (const list of Object.values(networkInterfaces())) {
    // A socket on :: takes IPv4 too.
    for (const { address, family } of list ?? [])
      if (family === 'IPv4' || wildcards.includes('::')) addresses.add(address);
  }
  return addresses;
}
