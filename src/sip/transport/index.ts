export type { HostPort, TransportName } from '../../base/transport.ts';
export { isWildcard, localAddress } from './advertised.ts';

export { DatagramBatching } from './datagram-batching.ts';
export { GenerationCache } from './generation-cache.ts';
export { SourceGate } from './source-gate.ts';
export type { TlsTrial } from './tls-client.ts';
export { isOwnShortage, TransportLayer, type TransportLayerOptions } from './transport-layer.ts';
export * from './types.ts';
export type { DatagramSocket } from './udp-listener.ts';
