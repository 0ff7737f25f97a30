/** One-time codes by time (RFC 6238): SHA-1, six digits, 30 s, which is what every authenticator app takes. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const STEP_MS = 30_000;
const DIGITS = 6;
const SECRET_OCTETS = 20;
/** Steps before and after now whose codes are good: clocks differ, and typing takes time (RFC 6238 §5.2). */
const WINDOW = 1;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A new secret in Base32 (RFC 4648 §6). 160 bits need no padding. */
export function newTotpSecret(): string {
  return base32(randomBytes(SECRET_OCTETS));
}

/** What an authenticator app reads from a picture or a link. */
export function totpUri(secret: string, user: string, issuer: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(user)}`;
  return `otpauth://totp/${label}?secret=${secret}&issuer=${encodeURIComponent(issuer)}`;
}

/** The time step whose code this is; undefined when it is of none around now, or of one up to `lastStep`: none is good twice. */
export function totpStep(secret: string, code: string, wallMs: number, lastStep: number): number | undefined {
  const given = Buffer.from(code.replace(/\s/g, ''));
  if (given.length !== DIGITS) return undefined;
  const now = Math.floor(wallMs / STEP_MS);
  let found: number | undefined;
  for (let step = now - WINDOW; step <= now + WINDOW; step++) {
    if (timingSafeEqual(given, Buffer.from(totpCode(secret, step))) && step > lastStep) found ??= step;
  }
  return found;
}

/** The code of a time step (RFC 4226 §5.3). */
export function totpCode(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', octetsOf(secret)).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0xf;
  const number = (mac.readUInt32BE(offset) & 0x7fffffff) % 10 ** DIGITS;
  return String(number).padStart(DIGITS, '0');
}

function base32(octets: Uint8Array): string {
  const bits = [...octets].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => ALPHABET[Number.parseInt(five, 2)]).join('');
}

function octetsOf(secret: string): Buffer {
  const bits = [...secret].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
}
