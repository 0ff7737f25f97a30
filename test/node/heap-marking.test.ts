import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { RUNTIME_OPTIONS } from '../kit/runtime-options.ts';

const source = new URL('../../src/node/heap-marking.ts', import.meta.url).href;

test('it is known while V8 marks the heap, from its beginning on, and not before or after', () => {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { PerformanceObserver } from 'node:perf_hooks';
    const { HeapMarking } = await import(${JSON.stringify(source)});
    const YOUNG = 1;
    const WHOLE = 4;
    const MEBIBYTE = 2 ** 20;
    const collections = [];
    new PerformanceObserver((list) => {
      for (const { startTime, duration, detail } of list.getEntries())
        if (detail.kind === YOUNG || detail.kind === WHOLE) collections.push({ endMs: startTime + duration, kind: detail.kind });
    }).observe({ entryTypes: ['gc'] });
    const marking = new HeapMarking();
    const known = [];
    const kept = [];
    const beganMs = performance.now();
    let samples = 0;
    let begun = 0;
    let leastMib = Infinity;
    let was = false;
    const youngMib = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_used_size / MEBIBYTE;
    // On a busy machine there is little to see for long.
    while (begun < 5 && performance.now() < beganMs + 20000) {
      for (let n = 0; n < 1000; n++) kept.push({ n, text: ['x', n] });
      if (kept.length > 1e6) kept.length = 0;
      samples++;
      const is = marking.isUnderWay;
      if (is && !was) {
        begun++;
        leastMib = Math.min(leastMib, youngMib());
      }
      if (is) known.push(performance.now());
      was = is;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    // What ends a marking is a whole collection, with no young one before it. The last marking may not have ended yet.
    const nextAfter = (atMs) => collections.find(({ endMs }) => endMs >= atMs)?.kind ?? WHOLE;
    const inMarking = known.filter((atMs) => nextAfter(atMs) === WHOLE);
    console.log(JSON.stringify({ samples, begun, leastMib, known: known.length, inMarking: inMarking.length }));
  `;
  const args = [...RUNTIME_OPTIONS, '--input-type=module', '--eval', script];
  const { samples, begun, leastMib, known, inMarking } = JSON.parse(
    execFileSync(process.execPath, args, { encoding: 'utf8' }),
  );
  expect(begun).toBeGreaterThan(0);
  expect(known).toBeLessThan(samples / 2);
  expect(inMarking).toBeGreaterThan(known * 0.9);
  // While the space is far from full: there is nothing yet to be moved when the marking ends.
  expect(leastMib).toBeLessThan(4);
});
