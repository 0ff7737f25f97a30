import { randomBytes } from 'node:crypto';
import { MessageAuthenticator } from '../../base/message-authenticator.ts';
import type { Clock } from '../../base/scheduler.ts';

/**
 * Nonces that need no memory: `time (8) | salt (7) | HMAC (12)`, the HMAC over time, salt, source address and realm with a secret that
 * several nodes may share. Only the address that asked can use a nonce, so evidence that carries one (a wrong password) cannot be forged
 * from elsewhere. The time is wall-clock, since it has to mean the same on every node.
 *
 * A nonce is short, since it is most of what a stranger is sent. Time moves in steps and the salt is of the request, so that each copy of a
 * request gets the same nonce (RFC 3261 §8.2.7) while two clients behind one address get their own.
 *
 * The form is one that nodes of other versions know: during an upgrade they answer for each other's challenges, and a call that rings goes on
 * at another node by the credentials that its INVITE came with.
 */
export type NonceState = 'fresh' | 'expired' | 'forged';

const TIME_DIGITS = 8;
const SALT_DIGITS = 7;
/** Of six bits each. */
const MAC_DIGITS = 12;
const NONCE_LENGTH = TIME_DIGITS + SALT_DIGITS + MAC_DIGITS;
/** How far a nonce may come from the future: the clocks of two nodes differ a little. */
const CLOCK_SKEW_MS = 30_000;
/** As long as copies of a request come (64*T1), but no great part of a nonce's life. */
const LONGEST_STEP_MS = 32_000;
const STEPS_PER_LIFE = 8;

export class NonceSource {
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #stepMs: number;
  readonly #mac: MessageAuthenticator;
  /** The latest step of time, and how it is written. */
  #time = -1;
  #timeText = '';

  constructor(clock: Clock, lifetimeMs: number, secret: Uint8Array) {
    this.#clock = clock;
    this.#lifetimeMs = lifetimeMs;
    this.#stepMs = Math.max(1, Math.min(LONGEST_STEP_MS, Math.floor(lifetimeMs / STEPS_PER_LIFE)));
    this.#mac = new MessageAuthenticator(secret);
  }

  /** `request` is a number of 36 bits at most of what the copies of one request have in common and no other request has. */
  issue(source: string, realm: string, request: number): string {
    const time = Math.floor(this.#clock.wallMs() / this.#stepMs) * this.#stepMs;
    if (time !== this.#time) {
      this.#time = time;
      this.#timeText = time.toString(36).padStart(TIME_DIGITS, '0');
    }
    const head = this.#timeText + saltOf(request);
    return head + this.#macOf(head, source, realm);
  }

  check(nonce: string, source: string, realm: string): NonceState {
    if (nonce.length !== NONCE_LENGTH) return 'forged';
    const head = nonce.slice(0, TIME_DIGITS + SALT_DIGITS);
    if (!isSame(nonce, head.length, this.#macOf(head, source, realm))) return 'forged';
    const ageMs = this.#clock.wallMs() - issuedMs(nonce);
    return ageMs < this.#lifetimeMs && ageMs > -CLOCK_SKEW_MS ? 'fresh' : 'expired';
  }

  #macOf(head: string, source: string, realm: string): string {
    return this.#mac.base64url(`${head}:${source}:${realm}`).slice(0, MAC_DIGITS);
  }
}

/** When a nonce was issued, wall-clock milliseconds; meaningful only for one that {@link NonceSource.check} found genuine. */
export function issuedMs(nonce: string): number {
  return Number.parseInt(nonce.slice(0, TIME_DIGITS), 36);
}

/** It tells requests apart and need not be unguessable, which the HMAC is. */
function saltOf(request: number): string {
  return request.toString(36).padStart(SALT_DIGITS, '0');
}

/** A secret for one engine that shares it with no other node. */
export function randomSecret(): Uint8Array {
  return randomBytes(32);
}

/** Whether `text` from `start` on is this secret, in a time that tells nothing of where the difference is. */
function isSame(text: string, start: number, secret: string): boolean {
  let difference = text.length - start - secret.length;
  for (let index = 0; index < secret.length; index++)
    difference |= text.charCodeAt(start + index) ^ secret.charCodeAt(index);
  return difference === 0;
}

/** The same of hexadecimal digits in either case. */
export function isSameHex(digits: string, secret: string): boolean {
  let difference = digits.length - secret.length;
  for (let index = 0; index < secret.length; index++)
    difference |= (digits.charCodeAt(index) ^ secret.charCodeAt(index)) & ~CASE;
  return difference === 0;
}
/** What a lower-case letter has beside its upper-case one; no two hexadecimal digits differ in it alone otherwise. */
const CASE = 0x20;
