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

/**
 * A class that extends String, as a dependency may have, puts `String.prototype` into V8's slow form, and then even optimized code
 * looks `charCodeAt` up again at each character. Seen as the prototype of an object in warm code, it is made fast again.
 */
function speedUpStrings(): void {
  const boxed = new String('x');
  const read = (text: Pick<string, 'charCodeAt'>) => text.charCodeAt(0);
  for (let run = 0; run < WARM_RUNS; run++) read(boxed);
}
