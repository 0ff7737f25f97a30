export { EndpointCounters, MessageCounters } from './counters.ts';
export { Endpoint, isFlow } from './endpoint.ts';
export { defaultPort } from './reply-route.ts';
export * from './types.ts';
