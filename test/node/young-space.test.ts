import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { YoungSpace } from '../../src/node/young-space.ts';
import { RUNTIME_OPTIONS } from '../kit/runtime-options.ts';

const source = new URL('../../src/node/young-space.ts', import.meta.url).href;

test('new objects outgrow their space while V8 marks the heap, and not before or after', () => {
  const script = `
    import { PerformanceObserver } from 'node:perf_hooks';
    const { YoungSpace } = await import(${JSON.stringify(source)});
    const YOUNG = 1;
    const WHOLE = 4;
    const collections = [];
    new PerformanceObserver((list) => {
      for (const { startTime, duration, detail } of list.getEntries())
        if (detail.kind === YOUNG || detail.kind === WHOLE) collections.push({ endMs: startTime + duration, kind: detail.kind });
    }).observe({ entryTypes: ['gc'] });
    const young = new YoungSpace();
    const outgrown = [];
    const kept = [];
    const latest = new Array(1000);
    const beganMs = performance.now();
    let samples = 0;
    // On a busy machine there is little to see for long.
    while (outgrown.length < 50 && performance.now() < beganMs + 20000) {
      for (let n = 0; n < 1000; n++) kept.push({ n, text: ['x', n] });
      for (let n = 0; n < 1000; n++) latest[n] = new Array(64).fill(n);
      if (kept.length > 1e6) kept.length = 0;
      samples++;
      if (young.isOutgrown()) outgrown.push(performance.now());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    // What ends a marking is a whole collection, with no young one before it. The last marking may not have ended yet.
    const nextAfter = (atMs) => collections.find(({ endMs }) => endMs >= atMs)?.kind ?? WHOLE;
    const inMarking = outgrown.filter((atMs) => nextAfter(atMs) === WHOLE);
    console.log(JSON.stringify({ samples, outgrown: outgrown.length, inMarking: inMarking.length }));
  `;
  const args = [...RUNTIME_OPTIONS, '--input-type=module', '--eval', script];
  const { samples, outgrown, inMarking } = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  expect(outgrown).toBeGreaterThan(0);
  expect(outgrown).toBeLessThan(samples / 2);
  // One may be of a space that V8 has just given a larger size, until its next collection.
  expect(inMarking).toBeGreaterThan(outgrown * 0.9);
});

test('a space that V8 gives a larger size, or that is nearly full, is not outgrown', () => {
  const sizes = [
    [0.9, 0.1],
    [1.5, 0.5],
    [3.9, 0.1],
    [2, 6],
    [7.9, 0.1],
    [8.2, 0.1],
    [9.5, 0.2],
    [0, 8],
  ] as const;
  let at = 0;
  const young = new YoungSpace(() => {
    const [used, left] = sizes[at++] ?? [0, 0];
    return { space_used_size: used * 2 ** 20, space_available_size: left * 2 ** 20 };
  });
  // The third: V8 had doubled it since it was looked at last, which lasts until the next collection.
  expect(sizes.map(() => young.isOutgrown())).toEqual([false, false, true, false, false, false, true, false]);
});

test('a runtime that does not tell of the space says nothing', () => {
  expect(new YoungSpace(() => undefined).isOutgrown()).toBe(false);
});
