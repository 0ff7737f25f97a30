export { type AnsweringNode, type GatheredAs, gather } from './across/gather.ts';
export { guardingHeaders } from './browser-guard.ts';
export { guardConnections, timeoutCheckMs } from './connection-guard.ts';
export { endsEarly } from './early-answer.ts';
export type * from './ports.ts';
export { ApiProblem, PROBLEM_TYPE, problemBody } from './problem.ts';
export { type Api, type ApiOptions, createApi, type KeyPairOctets, secured } from './server.ts';
export { writeOwnerToken } from './tokens.ts';
export { refuseUnreadable, severalHosts } from './unreadable.ts';
