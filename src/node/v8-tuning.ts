import { setFlagsFromString } from 'node:v8';

/** By this many runs V8 has given a function its own inline caches. */
const WARM_RUNS = 2000;

/**
 * Sets the JavaScript engine up for calls: once, by the process that is a node, after everything is imported.
 *
 * A call runs most functions once or a few times: by V8's default (3,000) thousands of calls would pass before they are optimized in
 * full, at 1.6 times the CPU. A runtime without this flag says so and goes on.
 */
export function tuneV8(): void {
  setFlagsFromString('--invocation-count-for-turbofan=600');
  speedUpStrings();
}

/** Old objects may become so much more, percent, before V8 marks the heap: as much as it grants by itself at most. */
const GROWN_PERCENT = 300;

/**
 * What V8 is told while the process may use a part of a core only, or not any more. It marks the heap with threads of its own, which take
 * all of such a quota for 0.4 s, and decides how soon again by what was allocated by the clock: after an overload every 3 s in place of
 * every 15. And several threads are no gain where all of them share half a core.
 */
export function tuneV8ForShare(share: number): void {
  const isLimited = share < 1;
  setFlagsFromString(`--heap-growing-percent=${isLimited ? GROWN_PERCENT : 0}`);
  setFlagsFromString(isLimited ? '--no-parallel-scavenge' : '--parallel-scavenge');
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
