import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Listen, NodeSettings } from '../settings/node-schema.ts';
import type { ListenerOptions, Listening, TransportName } from '../sip/transport/index.ts';

/** The transports that a node listens on. */
export function transportsListened(listen: readonly Listen[]): TransportName[] {
  return [...new Set(listen.map(({ transport }) => transport))];
}

/** A listener as the transports open it, with its files read. Throws when a file cannot be read. */
export function listenerOptions(listen: Listen, settings: NodeSettings): ListenerOptions {
  const { transport, host, port, certificate, key, ca, clientCertificate, minVersion, publicPort } = listen;
  const publicHost = listen.publicHost ?? settings.advertise.publicHost;
  const { privateHost } = settings.advertise;
  return {
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
