import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { ApiProblem } from './problem.ts';

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

interface Waiting {
  readonly goOn: () => void;
  readonly refuse: (problem: ApiProblem) => void;
}

let running = 0;
/** By who asks; whoever has waited longest since the last turn is first. */
const waiting = new Map<string, Waiting[]>();
let waitingInAll = 0;

/** Hashes a password, as a PHC string. `asker` as for {@link isPassword}. */
export async function hashPassword(password: string, asker: string): Promise<string> {
  const nonce = randomBytes(SALT_OCTETS);
  const tag = await derived(
    asker,
    password,
    { nonce, memory: MEMORY_KIB, passes: PASSES, parallelism: LANES },
    TAG_OCTETS,
  );
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${base64(nonce)}$${base64(tag)}`;
}

/**
 * A user who does not exist takes as long as one who does: without a hash the work is done all the same, and in vain.
 *
 * @param asker an address, or who is signed in: askers have their turns one after the other. An ApiProblem is thrown where too many wait.
 */
export async function isPassword(password: string, hash: string | undefined, asker: string): Promise<boolean> {
  const [, memory, passes, parallelism, nonce = '', tag = ''] = PHC.exec(hash ?? '') ?? [];
  const expected = tag === '' ? Buffer.alloc(TAG_OCTETS) : Buffer.from(tag, 'base64');
  const parameters = {
    nonce: nonce === '' ? Buffer.alloc(SALT_OCTETS) : Buffer.from(nonce, 'base64'),
    memory: Number(memory ?? MEMORY_KIB),
    passes: Number(passes ?? PASSES),
    parallelism: Number(parallelism ?? LANES),
  };
  const found = await derived(asker, password, parameters, expected.length);
  return timingSafeEqual(found, expected) && tag !== '';
}

interface Parameters {
  readonly nonce: Buffer;
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** The same password typed on another system has the same octets: composed characters (RFC 8265 §4.2.1 asks for NFC). */
async function derived(asker: string, password: string, parameters: Parameters, tagLength: number): Promise<Buffer> {
  if (running < AT_ONCE) running++;
  else await turn(asker);
  try {
    return await derive('argon2id', { message: password.normalize('NFC'), tagLength, ...parameters });
  } finally {
    next();
  }
}

/** Resolves when another work has ended and it is this asker's turn. */
function turn(asker: string): Promise<void> {
  const line = waiting.get(asker) ?? [];
  if (waitingInAll >= MAX_WAITING) makePlace(line.length);
  return new Promise((goOn, refuse) => {
    line.push({ goOn, refuse });
    waiting.set(asker, line);
    waitingInAll++;
  });
}

/** Who has most waiting gives one up for somebody with fewer, so that many from a few addresses keep nobody else out. */
function makePlace(own: number): void {
  const [longest = []] = [...waiting.values()].sort((a, b) => b.length - a.length);
  const dropped = longest.length > own + 1 ? longest.pop() : undefined;
  if (dropped === undefined) throw busy();
  waitingInAll--;
  dropped.refuse(busy());
}

function next(): void {
  const [first] = waiting;
  if (first === undefined) {
    running--;
    return;
  }
  const [asker, line] = first;
  const one = line.shift();
  waitingInAll--;
  waiting.delete(asker);
  if (line.length > 0) waiting.set(asker, line);
  one?.goOn();
}

function busy(): ApiProblem {
  return new ApiProblem(503, 'busy', 'too many sign-ins at once; try again', { headers: { 'retry-after': '2' } });
}

function base64(octets: Buffer): string {
  return octets.toString('base64').replace(/=+$/, '');
}
