import type { KeyObject } from 'node:crypto';
import { signEs256, verifyEs256 } from './jws.ts';

/**
 * Who computes signatures (ES256, as in `jws.ts`): this thread at once, or another one, in which case there is a promise. A call waits for
 * its own signature and for no other.
 */
export interface Signatures {
  /** The signature, base64url. `key` is a private one of P-256. */
  sign(input: string, key: KeyObject): string | Promise<string>;
  /** Whether `signature` is the key's over `input`. */
  verify(input: string, signature: string, key: KeyObject): boolean | Promise<boolean>;
}

/** On this thread, at once. */
export const signaturesHere = { sign: signEs256, verify: verifyEs256 } satisfies Signatures;
