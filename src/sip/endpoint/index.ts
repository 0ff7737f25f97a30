export { buildCancel } from '../transaction/index.ts';
export type { EndpointCounters } from './counters.ts';
export { Endpoint, isFlow } from './endpoint.ts';
export { defaultPort } from './reply-route.ts';
export { StallGuard } from './stall-guard.ts';
export * from './types.ts';
