export { type AnsweringNode, type Gathering, gather } from './across/gather.ts';
export { guardConnections, timeoutCheckMs } from './connection-guard.ts';
export type * from './ports.ts';
export { type Api, type ApiOptions, createApi } from './server.ts';
export { writeOwnerToken } from './tokens.ts';
