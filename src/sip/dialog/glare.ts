/**
 * How long to wait before sending a re-INVITE or UPDATE again that was refused with 491 (RFC 3261 §14.1, RFC 3311 §5.3):
 * the side that made the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, both in steps of 10 ms, so that they do not collide again.
 */
export function glareDelayMs(ownsCallId: boolean, random: () => number = Math.random): number {
  const steps = ownsCallId ? 190 : 200;
  const offset = Math.floor(random() * (steps + 1)) * 10;
  return ownsCallId ? 2100 + offset : offset;
}

/** Retry-After of the 500 to a second request while the first is unanswered: 0 to 10 s (§14.2, RFC 3311 §5.2). */
export function retryAfterSeconds(random: () => number = Math.random): number {
  return Math.floor(random() * 11);
}
