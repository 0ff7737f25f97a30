export { isWildcard } from './advertised.ts';
export type { TlsFacts } from './certificate-names.ts';
export type { TransportCounters } from './counters.ts';
export { GenerationCache } from './generation-cache.ts';
export { SourceGate, type SourceGateOptions } from './source-gate.ts';
export type { TlsTrial } from './tls-client.ts';
export { TransportLayer, type TransportLayerOptions } from './transport-layer.ts';
export * from './types.ts';
export type { DatagramSocket } from './udp-listener.ts';
