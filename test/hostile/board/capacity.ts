import type { CallFigures, Phase } from './processes.ts';

/** Where the search begins. */
export const LOWEST_RATE = 50;
const COARSE = 2;
const FINE = 1.1;
const LOOK_SECONDS = 3;
/** What the machine does besides, or a collection of garbage, spoils a look now and then: it is not the last. */
const LOOKS = 2;
/** A short look finds what is served for a moment, before the heap is marked: capacity is what is served in each phase of so many in a row, each time from rest. */
const HELD_PHASES = [1, 3, 3];
const PHASE_SECONDS = 10;
export const HELD_SECONDS = HELD_PHASES.reduce((sum, phases) => sum + phases) * PHASE_SECONDS;
const LESS = 0.95;

/**
 * The most calls a second of which in each ten seconds of ten, thirty and thirty in a row 99 % complete and are set up within 250 ms (p99);
 * 0 when there is no such rate. Coarse steps, fine ones, then held: as long as it is measured at afterwards, and longer.
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
  const isHeld = async (perSecond: number) => {
    for (const phases of HELD_PHASES) if (!(await isServedFor(perSecond, PHASE_SECONDS, phases))) return false;
    return true;
  };
  for (; best >= LOWEST_RATE; best *= LESS) if (await isHeld(best)) return best;
  return 0;
}
