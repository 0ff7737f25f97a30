import type { CallFigures, Phase } from './processes.ts';

/** Where the search begins. */
export const LOWEST_RATE = 50;
const COARSE = 2;
const FINE = 1.1;
const LOOK_SECONDS = 3;
/** What the machine does besides, or a collection of garbage, spoils a look now and then: it is not the last. */
const LOOKS = 2;
/** A short look finds what is served for a moment: capacity is what is served in each of so many phases in a row. */
const HELD_PHASES = 3;
const PHASE_SECONDS = 10;
export const HELD_SECONDS = HELD_PHASES * PHASE_SECONDS;
/** A lower rate is tried so many times. */
const HOLDS = 6;
const LESS = 0.95;

/**
 * The most calls a second of which in each ten of 30 seconds in a row 99 % complete and are set up within 250 ms (p99); 0 when there is
 * no such rate. Coarse steps, fine ones, then held.
 *
 * @param offer places calls at one rate after the other
 */
export async function capacityOf(
  offer: (phases: readonly Phase[]) => Promise<readonly CallFigures[]>,
): Promise<number> {
  const isServedFor = async (perSecond: number, seconds: number, times = 1) => {
    const seen = await offer(Array.from({ length: times }, () => ({ perSecond, seconds })));
    return seen.every(({ completed, placed, setupP99 }) => completed >= 0.99 * placed && setupP99 <= 250);
  };
  const isServed = async (perSecond: number) => {
    for (let look = 0; look < LOOKS; look++) if (await isServedFor(perSecond, LOOK_SECONDS)) return true;
    return false;
  };
  // Code is compiled while it runs for the first time.
  await isServed(LOWEST_RATE);
  let best = 0;
  for (let rate = LOWEST_RATE; await isServed(rate); rate *= COARSE) best = rate;
  const tooMuch = best * COARSE;
  for (let rate = best * FINE; best > 0 && rate < tooMuch && (await isServed(rate)); rate *= FINE) best = rate;
  for (let hold = 0; hold < HOLDS && best > 0; hold++, best *= LESS)
    if (await isServedFor(best, PHASE_SECONDS, HELD_PHASES)) return best;
  return best;
}
