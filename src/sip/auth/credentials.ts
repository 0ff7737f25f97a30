import { randomBytes } from 'node:crypto';
import { DIGEST_ALGORITHMS, type DigestAlgorithm, digestLength, ha1 } from './algorithms.ts';

/**
 * What a server knows of one account's password: the password itself, or H(A1) for the algorithms it was stored for. H(A1) binds
 * the realm and the user name, so it is no use for another domain.
 */
export type DigestSecret =
  | { readonly password: string }
  | { readonly ha1: Readonly<Partial<Record<DigestAlgorithm, string>>> };

interface Cached {
  readonly username: string;
  readonly realm: string;
  readonly byAlgorithm: Partial<Record<DigestAlgorithm, string>>;
}

/**
 * Finds H(A1) for a secret. One made from a password is remembered as long as the secret object lives, so that a provisioned
 * account pays for it once; the object's own identity is the key, so a changed password can never meet an old hash.
 */
export class Ha1Cache {
  readonly #cache = new WeakMap<DigestSecret, Cached>();

  get(secret: DigestSecret, algorithm: DigestAlgorithm, username: string, realm: string): string | undefined {
    if ('ha1' in secret) return secret.ha1[algorithm];
    let cached = this.#cache.get(secret);
    if (cached === undefined || cached.username !== username || cached.realm !== realm) {
      cached = { username, realm, byAlgorithm: {} };
      this.#cache.set(secret, cached);
    }
    const known = cached.byAlgorithm[algorithm];
    if (known !== undefined) return known;
    const computed = ha1(algorithm, username, realm, secret.password);
    cached.byAlgorithm[algorithm] = computed;
    return computed;
  }
}

/** H(A1) of nobody: verified against when there is no such user, so that an unknown user costs and says what a known one does. */
export function dummySecret(): DigestSecret {
  const values: Partial<Record<DigestAlgorithm, string>> = {};
  for (const algorithm of DIGEST_ALGORITHMS) {
    values[algorithm] = randomBytes(digestLength(algorithm) / 2).toString('hex');
  }
  return { ha1: values };
}
