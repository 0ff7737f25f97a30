import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { type ApiProblem, notNow } from './problem.ts';

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

/** Those of one asker that wait. */
interface Line {
  readonly isKnown: boolean;
  readonly waiting: Waiting[];
}

let running = 0;
/** By who asks; whoever has waited longest since the last turn is first. */
const lines = new Map<string, Line>();
let waitingInAll = 0;
/** Whether the last turn was that of somebody known. */
let wasKnown = false;

/** Hashes a password, as a PHC string. @param asker who is signed in, as for {@link isPassword} */
export async function hashPassword(password: string, asker: string): Promise<string> {
  const nonce = randomBytes(SALT_OCTETS);
  const tag = await derived(
    [asker, true],
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
 * @param isKnown it has been right before: every other turn and half of the places are for those who have, where they come in numbers
 */
export async function isPassword(
  password: string,
  hash: string | undefined,
  asker: string,
  isKnown = false,
): Promise<boolean> {
  const [, memory, passes, parallelism, nonce = '', tag = ''] = PHC.exec(hash ?? '') ?? [];
  const expected = tag === '' ? Buffer.alloc(TAG_OCTETS) : Buffer.from(tag, 'base64');
  const parameters = {
    nonce: nonce === '' ? Buffer.alloc(SALT_OCTETS) : Buffer.from(nonce, 'base64'),
    memory: Number(memory ?? MEMORY_KIB),
    passes: Number(passes ?? PASSES),
    parallelism: Number(parallelism ?? LANES),
  };
  const found = await derived([asker, isKnown], password, parameters, expected.length);
  return timingSafeEqual(found, expected) && tag !== '';
}

interface Parameters {
  readonly nonce: Buffer;
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

type Asker = readonly [name: string, isKnown: boolean];

/** The same password typed on another system has the same octets: composed characters (RFC 8265 §4.2.1 asks for NFC). */
async function derived(asker: Asker, password: string, parameters: Parameters, tagLength: number): Promise<Buffer> {
  if (running < AT_ONCE) running++;
  else await turn(asker);
  try {
    return await derive('argon2id', { message: password.normalize('NFC'), tagLength, ...parameters });
  } finally {
    next();
  }
}

/** Resolves when another work has ended and it is this asker's turn. */
function turn([name, isKnown]: Asker): Promise<void> {
  const line = lines.get(name) ?? { isKnown, waiting: [] };
  if (waitingInAll >= MAX_WAITING) makePlace(line);
  return new Promise((goOn, refuse) => {
    line.waiting.push({ goOn, refuse });
    lines.set(name, line);
    waitingInAll++;
  });
}

/**
 * Those who are known and newcomers have half of the places each, and more while the others leave theirs empty: who has most waiting
 * gives one up, of those who have more than their half, else of the asker's kind for somebody with fewer. So neither many of a few
 * askers nor all of one kind keep anybody else out.
 */
function makePlace({ isKnown, waiting }: Line): void {
  const isOwed = waitingOf(isKnown) < MAX_WAITING / 2;
  const [name, from] = longestOf(isOwed ? !isKnown : isKnown) ?? [];
  const dropped = isOwed || (from?.waiting.length ?? 0) > waiting.length + 1 ? from?.waiting.pop() : undefined;
  if (dropped === undefined) throw busy();
  if (name !== undefined && from?.waiting.length === 0) lines.delete(name);
  waitingInAll--;
  dropped.refuse(busy());
}

function waitingOf(isKnown: boolean): number {
  let count = 0;
  for (const line of lines.values()) if (line.isKnown === isKnown) count += line.waiting.length;
  return count;
}

/** Of those with as many, whoever had a turn last. */
function longestOf(isKnown: boolean): [name: string, line: Line] | undefined {
  const ofKind = [...lines].reverse().filter(([, line]) => line.isKnown === isKnown);
  return ofKind.sort(([, a], [, b]) => b.waiting.length - a.waiting.length)[0];
}

function next(): void {
  const all = [...lines];
  const first = all.find(([, { isKnown }]) => isKnown !== wasKnown) ?? all[0];
  if (first === undefined) {
    running--;
    return;
  }
  const [name, line] = first;
  const one = line.waiting.shift();
  waitingInAll--;
  wasKnown = line.isKnown;
  lines.delete(name);
  if (line.waiting.length > 0) lines.set(name, line);
  one?.goOn();
}

function busy(): ApiProblem {
  return notNow(503, 'busy', 'too many sign-ins at once; try again', 2);
}

function base64(octets: Buffer): string {
  return octets.toString('base64').replace(/=+$/, '');
}
