export { buildAck, buildCancel } from '../transaction/index.ts';

export type { RoomForCalls } from './endings.ts';
export { Endpoint } from './endpoint.ts';
export { MAX_UDP_REQUEST_OCTETS } from './large-requests.ts';
export { describeDestination, isFlow } from './reply-route.ts';
export { StallGuard } from './stall-guard.ts';
export * from './types.ts';
