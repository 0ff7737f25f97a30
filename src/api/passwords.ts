import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/** OWASP's second recommendation for Argon2id: 19 MiB, two passes, one lane; some 30 ms of one core. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const SALT_OCTETS = 16;
const TAG_OCTETS = 32;
/** At once: guesses wait for each other rather than for the threads that DNS and files need. */
const AT_ONCE = 2;
const MAX_WAITING = 100;
const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
const derive = promisify(argon2);

let running = 0;
const waiting: (() => void)[] = [];

/** More sign-ins are under way than can be worked on in a sensible time. */
export class TooManySignInsError extends Error {}

/** Hashes a password, as a PHC string. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(SALT_OCTETS);
  const tag = await derived(password, { nonce, memory: MEMORY_KIB, passes: PASSES, parallelism: LANES }, TAG_OCTETS);
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${base64(nonce)}$${base64(tag)}`;
}

/** A user who does not exist takes as long as one who does: without a hash the work is done all the same, and in vain. */
export async function isPassword(password: string, hash: string | undefined): Promise<boolean> {
  const [, memory, passes, parallelism, nonce = '', tag = ''] = PHC.exec(hash ?? '') ?? [];
  const expected = tag === '' ? Buffer.alloc(TAG_OCTETS) : Buffer.from(tag, 'base64');
  const parameters = {
    nonce: nonce === '' ? Buffer.alloc(SALT_OCTETS) : Buffer.from(nonce, 'base64'),
    memory: Number(memory ?? MEMORY_KIB),
    passes: Number(passes ?? PASSES),
    parallelism: Number(parallelism ?? LANES),
  };
  const found = await derived(password, parameters, expected.length);
  return timingSafeEqual(found, expected) && tag !== '';
}

interface Parameters {
  readonly nonce: Buffer;
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** The same password typed on another system has the same octets: composed characters (RFC 8265 §4.2.1 asks for NFC). */
async function derived(password: string, parameters: Parameters, tagLength: number): Promise<Buffer> {
  await turn();
  try {
    return await derive('argon2id', { message: password.normalize('NFC'), tagLength, ...parameters });
  } finally {
    running--;
    waiting.shift()?.();
  }
}

async function turn(): Promise<void> {
  if (running >= AT_ONCE) {
    if (waiting.length >= MAX_WAITING) throw new TooManySignInsError('too many sign-ins at once');
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  running++;
}

function base64(octets: Buffer): string {
  return octets.toString('base64').replace(/=+$/, '');
}
