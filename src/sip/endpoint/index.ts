export type { EndpointCounters } from './counters.ts';
export { Endpoint, isFlow } from './endpoint.ts';
export { LoadGuard, type LoadGuardOptions, type UtilizationProbe } from './load-guard.ts';
export { defaultPort } from './reply-route.ts';
export * from './types.ts';
