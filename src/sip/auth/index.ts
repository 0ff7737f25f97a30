/** Digest authentication, both sides. Import from here. */
export type { DigestAlgorithm } from './algorithms.ts';
export type { DigestSecret } from './credentials.ts';
export {
  type DigestAnswer,
  DigestClient,
  type DigestClientOptions,
  type DigestCredentials,
  type DigestGiveUp,
} from './digest-client.ts';
export { isDigestScheme, parseDigest } from './digest-params.ts';
export type { Qop } from './digest-response.ts';
export {
  type DigestAccepted,
  type DigestAccount,
  type DigestKind,
  type DigestObserver,
  type DigestPolicy,
  type DigestRefusal,
  type DigestRefused,
  DigestServer,
  type DigestServerOptions,
  type DigestVerdict,
} from './digest-server.ts';
export { type GuessBudget, GuessThrottle, type GuessThrottleOptions } from './guess-throttle.ts';
