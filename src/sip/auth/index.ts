/** Digest authentication, both sides. Import from here. */
export type { DigestAlgorithm } from './algorithms.ts';
export type { DigestSecret } from './credentials.ts';
export {
  DigestClient,
  type DigestCredentials,
  type DigestGiveUp,
} from './digest-client.ts';
export { isDigestScheme } from './digest-params.ts';
export {
  type DigestAccount,
  type DigestPolicy,
  type DigestRefusal,
  type DigestRefused,
  DigestServer,
  type DigestServerOptions,
  type DigestVerdict,
} from './digest-server.ts';
export { GuessThrottle, type GuessThrottleOptions } from './guess-throttle.ts';
