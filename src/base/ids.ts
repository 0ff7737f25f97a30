import { randomBytes } from 'node:crypto';

const POOL_BYTES = 12 * 512;
let pool = '';
let offset = 0;

/**
 * A token of 24 hexadecimal digits: 96 bits from a crypto source, safe in any SIP token position (tags, branches, Call-IDs).
 * Drawn from a pre-filled pool, since a draw per call costs a system call.
 */
export function randomToken(): string {
  if (offset === pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex');
    offset = 0;
  }
  offset += 24;
  return pool.slice(offset - 24, offset);
}

/** RFC 3261 §8.1.1.7: the branch of a request starts with the magic cookie. */
export const BRANCH_COOKIE = 'z9hG4bK';

export function randomBranch(): string {
  return BRANCH_COOKIE + randomToken();
}
