import { randomBytes, timingSafeEqual } from 'node:crypto';
import { randomToken } from '../../base/ids.ts';
import { MessageAuthenticator } from '../../base/message-authenticator.ts';
import type { Clock } from '../../base/scheduler.ts';

/**
 * Nonces that need no memory: `time (12 hex) | salt (12 hex) | HMAC (32 hex)`, the HMAC over time, salt, source address and realm
 * with a secret that several nodes may share. Only the address that asked can use a nonce, so evidence that carries one (a wrong
 * password) cannot be forged from elsewhere. The time is wall-clock, since it has to mean the same on every node.
 */
export type NonceState = 'fresh' | 'expired' | 'forged';

const TIME_DIGITS = 12;
const SALT_DIGITS = 12;
const MAC_DIGITS = 32;
const NONCE_LENGTH = TIME_DIGITS + SALT_DIGITS + MAC_DIGITS;
/** How far a nonce may come from the future: the clocks of two nodes differ a little. */
const CLOCK_SKEW_MS = 30_000;

export class NonceSource {
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #mac: MessageAuthenticator;

  constructor(clock: Clock, lifetimeMs: number, secret: Uint8Array) {
    this.#clock = clock;
    this.#lifetimeMs = lifetimeMs;
    this.#mac = new MessageAuthenticator(secret);
  }

  issue(source: string, realm: string): string {
    const time = Math.floor(this.#clock.wallMs()).toString(16).padStart(TIME_DIGITS, '0');
    const head = time + randomToken().slice(0, SALT_DIGITS);
    return head + this.#macOf(head, source, realm);
  }

  check(nonce: string, source: string, realm: string): NonceState {
    if (nonce.length !== NONCE_LENGTH || !isLowerHex(nonce)) return 'forged';
    const head = nonce.slice(0, TIME_DIGITS + SALT_DIGITS);
    if (!sameOctets(nonce.slice(head.length), this.#macOf(head, source, realm))) return 'forged';
    const ageMs = this.#clock.wallMs() - issuedMs(nonce);
    return ageMs < this.#lifetimeMs && ageMs > -CLOCK_SKEW_MS ? 'fresh' : 'expired';
  }

  #macOf(head: string, source: string, realm: string): string {
    return this.#mac.hex(`${head}:${source}:${realm}`).slice(0, MAC_DIGITS);
  }
}

/** When a nonce was issued, wall-clock milliseconds; meaningful only for one that {@link NonceSource.check} found genuine. */
export function issuedMs(nonce: string): number {
  return Number.parseInt(nonce.slice(0, TIME_DIGITS), 16);
}

/** A secret for one engine that shares it with no other node. */
export function randomSecret(): Uint8Array {
  return randomBytes(32);
}

/** Compares in a time that tells nothing of where the difference is. */
export function sameOctets(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'));
}

function isLowerHex(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66))) return false;
  }
  return true;
}
