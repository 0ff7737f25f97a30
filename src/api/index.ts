export { type AnsweringNode, type GatheredAs, gather } from './across/gather.ts';
export { guardConnections, timeoutCheckMs } from './connection-guard.ts';
export type * from './ports.ts';
export { type Api, type ApiOptions, createApi, type KeyPairOctets } from './server.ts';
export { writeOwnerToken } from './tokens.ts';
