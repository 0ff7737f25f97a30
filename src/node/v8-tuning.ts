import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { letFirst } from '../base/steps.ts';
import { HeapMarking } from './heap-marking.ts';

/** By this many runs V8 has given a function its own inline caches. */
const WARM_RUNS = 2000;

/**
 * What is done while everything stands still when V8 has marked the heap. A page of new objects of which a hundredth is alive becomes one of
 * old objects as it is (V8: 70 percent; of others each object is moved), and of old pages with gaps objects of 1 MB are moved together, not
 * of 4. Moving cost 12 ms a megabyte, most of it for memory that the system gives first. Gaps stay longer, and are filled by what comes next.
 */
const SHORT_ENDS = ['--page-promotion-threshold=1', '--compaction-max-evacuated-bytes-mb=1'];

/**
 * Objects are made among the young ones. Of a place in the code whose objects V8 has found alive some times, as while it started with a small
 * young space, it would make all later ones among the old ones: records and events, which live for a moment, with the texts that they hold.
 */
const YOUNG_FIRST = '--no-allocation-site-pretenuring';

/**
 * V8 marks the heap with threads of its own, and has that of the calls mark too, in steps of up to 5 ms at each 64 KB allocated, to be done
 * after 0.5 s: it takes the whole heap for alive, garbage included, and does not count what this thread has marked, so of a heap of 400 MB
 * it is always behind. Its schedule for reproducible runs does not go by the clock, and steps are of 64 KB. At run time `--predictable`
 * implies none of what it implies at the start (no threads), but three things beside that schedule: no step ends by the clock, those of
 * tasks neither, so that one that meets a large object is as long as that takes; the young space keeps the size that it has grown to (as it
 * does without, seconds after a burst: 16 MB both ways with `--max-semi-space-size=6`); and what optimized code depends on is put in order
 * when it is installed. Code that is compiled while the flag changes may see both of its values, so it is set before there are calls.
 */
const MARKED_BY_OTHERS = '--predictable';

/**
 * Sets the JavaScript engine up for calls: once, by the process that is a node, after everything is imported.
 *
 * A call runs most functions once or a few times: by V8's default (3,000) thousands of calls would pass before they are optimized in
 * full, at 1.6 times the CPU. A runtime without this flag says so and goes on.
 *
 * Work in slices allocates most; while V8 marks the heap it nearly rests, so that there is little to move when that ends.
 */
export function tuneV8(): void {
  setFlagsFromString('--invocation-count-for-turbofan=600');
  for (const flag of [...SHORT_ENDS, YOUNG_FIRST, MARKED_BY_OTHERS]) setFlagsFromString(flag);
  speedUpStrings();
  const marking = new HeapMarking();
  letFirst(() => marking.isUnderWay);
}

const MEBIBYTE = 2 ** 20;
/** From this limit of the heap on V8 lets old objects become so much more, percent, at most, before it marks the heap again. */
const LARGE_HEAP_MIB = 2048;
const LARGE_GROWN_PERCENT = 300;
/** Below it less, by the limit, and least from this one down. */
const SMALL_HEAP_MIB = 256;
const SMALL_GROWN_PERCENT = { least: 30, most: 100 };

/** The flags are the process's; V8 starts without them. */
let isTunedForPart = false;

/**
 * What V8 is told while the process may use a part of a core only, or not any more. It marks the heap with threads of its own, which take
 * all of such a quota for 0.4 s, and decides how soon again by what was allocated by the clock: after an overload every 3 s in place of
 * every 15. What the heap may become in between is fixed at the most that V8 grants by itself. And several threads are no gain where all of
 * them share half a core.
 */
export function tuneV8ForShare(share: number): void {
  const isLimited = share < 1;
  if (isLimited === isTunedForPart) return;
  isTunedForPart = isLimited;
  const grownPercent = isLimited ? mostGrownPercent(getHeapStatistics().heap_size_limit / MEBIBYTE) : 0;
  setFlagsFromString(`--heap-growing-percent=${grownPercent}`);
  setFlagsFromString(isLimited ? '--no-parallel-scavenge' : '--parallel-scavenge');
}

/** V8's own bound (`MaxGrowingFactor` in its heap controller), which the flag would lift: a small heap may be all the memory there is. */
function mostGrownPercent(limitMib: number): number {
  if (limitMib >= LARGE_HEAP_MIB) return LARGE_GROWN_PERCENT;
  const { least, most } = SMALL_GROWN_PERCENT;
  const share = (limitMib - SMALL_HEAP_MIB) / (LARGE_HEAP_MIB - SMALL_HEAP_MIB);
  return Math.floor(least + (most - least) * Math.max(0, share));
}

/**
 * A class that extends String, as a dependency may have, puts `String.prototype` into V8's slow form, and then even optimized code
 * looks `charCodeAt` up again at each character. Seen as the prototype of an object in warm code, it is made fast again.
 */
function speedUpStrings(): void {
  const boxed = new String('x');
  const read = (text: Pick<string, 'charCodeAt'>) => text.charCodeAt(0);
  for (let run = 0; run < WARM_RUNS; run++) read(boxed);
}
