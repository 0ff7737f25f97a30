import type { Reader } from './readers.ts';

const WHOLE = 65_536;
const HALF = WHOLE / 2;
/** A measurement that others on the machine disturbed is taken again; what is slow is slow each time. */
const TRIES = 40;
const ROUNDS = 4;
/** Whoever mends it needs the whole input; the longest of the corpus is not much longer. */
const MOST_SHOWN = 8_192;

function costMs(read: (text: string) => void, text: string): number {
  const beganMs = performance.now();
  read(text);
  return performance.now() - beganMs;
}

function leastCostMs(read: (text: string) => void, text: string, enoughMs: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < TRIES && least > enoughMs; attempt++) least = Math.min(least, costMs(read, text));
  return least;
}

/** The input with a piece of it repeated until it has that many octets. */
export function stretched(input: string, at: number, length: number, octets: number): string {
  const piece = input.slice(at, at + length) || 'a';
  const room = Math.max(0, octets - input.length);
  return input.slice(0, at) + piece.repeat(Math.ceil(room / piece.length)).slice(0, room) + input.slice(at);
}

/** Why reading the input, stretched to 64 KB there, is too slow; undefined when it is not. */
export function slowness(
  reader: Reader,
  input: string,
  at: number,
  length: number,
  mostMs: number,
): string | undefined {
  const read = reader.timed ?? reader.read;
  const text = stretched(input, at, length, WHOLE);
  // What looks slow may just not be compiled yet, or have been disturbed each time.
  for (let round = 0; round < ROUNDS; round++) if (leastCostMs(read, text, mostMs) <= mostMs) return undefined;
  const whole = leastCostMs(read, text, 0);
  const half = leastCostMs(read, stretched(input, at, length, HALF), 0);
  return `${reader.name}: ${whole.toFixed(1)} ms for 64 KB, ${half.toFixed(1)} ms for 32 KB: ${JSON.stringify(input.slice(0, MOST_SHOWN))} with ${JSON.stringify(input.slice(at, at + length))} repeated at ${at}`;
}
