import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { grownOldBy } from '../kit/grown-old.ts';
import { RUNTIME_OPTIONS } from '../kit/runtime-options.ts';

const sourceUrl = (path: string) => new URL(`../../src/${path}`, import.meta.url).href;

/** Runs a script in a process of its own, with V8's own functions (`%HasFastProperties`), and returns what it prints. */
function printedBy(script: string, options: readonly string[] = []): string {
  const args = [...options, '--allow-natives-syntax', '--input-type=module', '--eval', script];
  return execFileSync(process.execPath, args, {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** The same of one that prints JSON. */
function inOwnProcess(script: string, options: readonly string[] = []): unknown {
  return JSON.parse(printedBy(script, options));
}

test('the heap of a node that grows slowly is marked once there are 96 MB of old objects, however few are alive', () => {
  const printed = printedBy(
    `
    const kept = Array.from({ length: 150 }, () => Array.from({ length: 10_000 }, (_each, at) => ({ at })));
    // V8 goes by what was allocated lately: the last of these finds a process at rest.
    for (let round = 0; round < 4; round++) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      globalThis.gc();
    }
    globalThis.gc({ type: 'minor' });
    console.log(kept.length);
    `,
    [...RUNTIME_OPTIONS, '--expose-gc', '--trace-gc', '--trace-gc-nvp'],
  );
  const [limit] = [...printed.matchAll(/"old_gen_allocation_limit":(\d+)/g)].at(-1)?.slice(1) ?? [];
  expect(Number(limit)).toBe(96 * 2 ** 20);
});

describe('tuneV8', () => {
  test('objects that nobody keeps are made among the young ones, though those before them were kept for a while', () => {
    const script = `
      const { tuneV8 } = await import('../../src/node/v8-tuning.ts');
      tuneV8();
      const recordOf = (at) => ({ at, legs: [at, at, at, at] });
      const kept = new Array(4000);
      for (let at = 0; at < 400_000; at++) kept[at % 4000] = recordOf(at);
      kept.fill(undefined);
      globalThis.work = () => {
        for (let at = 0; at < 200_000; at++) globalThis.last = recordOf(at);
      };
    `;
    // All are 24 MB.
    expect(grownOldBy(script)).toBeLessThan(1_000_000);
  });

  test('the thread of the calls marks a five hundredth of the heap at once at most, however late the other threads are', () => {
    const printed = printedBy(
      `
      const { tuneV8 } = await import(${JSON.stringify(sourceUrl('node/v8-tuning.ts'))});
      tuneV8();
      const kept = Array.from({ length: 600_000 }, (_each, at) => ({ at, next: { at } }));
      let dropped = [];
      for (let round = 0; round < 300; round++) {
        if (round % 20 === 0) dropped = [];
        dropped.push(Array.from({ length: 10_000 }, (_each, at) => ({ at, round })));
      }
      console.log(kept.length);
      `,
      ['--v8-pool-size=1', '--max-old-space-size=512', '--max-semi-space-size=6', '--trace-incremental-marking'],
    );
    const steps = [...printed.matchAll(/Schedule: (\d+)KB to mark.*estimated live: (\d+)KB/g)];
    const tooMuch = steps.filter(([, kib, ofKib]) => Number(kib) > Math.max(64, Math.ceil(Number(ofKib) / 500)));
    expect(steps.length).toBeGreaterThan(0);
    expect(tooMuch.map(([line]) => line)).toEqual([]);
  });

  test('strings are fast again after a class that extends String', () => {
    const states = inOwnProcess(`
      const { tuneV8 } = await import(${JSON.stringify(sourceUrl('node/v8-tuning.ts'))});
      const fast = () => %HasFastProperties(String.prototype);
      const states = [fast()];
      class Text extends String {}
      states.push(fast());
      tuneV8();
      states.push(fast());
      console.log(JSON.stringify(states));
    `);
    expect(states).toEqual([true, false, true]);
  });

  test('with everything imported that a node imports, strings and the other built-in objects are fast', () => {
    const slow = inOwnProcess(`
      const { tuneV8 } = await import(${JSON.stringify(sourceUrl('node/v8-tuning.ts'))});
      await import(${JSON.stringify(sourceUrl('node/node.ts'))});
      tuneV8();
      const names = ['Array', 'Function', 'Map', 'Number', 'Object', 'Promise', 'RegExp', 'Set', 'String', 'Uint8Array'];
      console.log(JSON.stringify(names.filter((name) => !%HasFastProperties(globalThis[name].prototype))));
    `);
    expect(slow).toEqual([]);
  });
});

describe('tuneV8ForShare', () => {
  const BELOW_A_CORE = ['--heap-growing-percent=300', '--no-parallel-scavenge'];
  /** What V8 is told, in a process with such a heap that goes on to allocate and collect. */
  const told = (shares: number | readonly number[], heapMib = 4096) =>
    inOwnProcess(
      `
      import { syncBuiltinESMExports } from 'node:module';
      const { setFlagsFromString } = v8;
      const flags = [];
      v8.setFlagsFromString = (flag) => {
        flags.push(flag);
        setFlagsFromString(flag);
      };
      syncBuiltinESMExports();
      const { tuneV8ForShare } = await import(${JSON.stringify(sourceUrl('node/v8-tuning.ts'))});
      for (const share of ${JSON.stringify([shares].flat())}) tuneV8ForShare(share);
      const kept = [];
      for (let round = 0; round < 20; round++) kept.push(Array.from({ length: 100_000 }, (_each, at) => ({ at })));
      console.log(JSON.stringify(kept.length === 20 ? flags : []));
    `,
      [`--max-old-space-size=${heapMib}`, '--max-semi-space-size=6'],
    );

  test('with a part of a core the heap may become four times what is left of it, however little was allocated lately', () => {
    expect(told(0.5)).toEqual(BELOW_A_CORE);
  });

  // V8's own factors of such heaps (`--trace-gc-verbose`): 1.3, 1.4, 1.6, 2.0 and 4.0.
  test.each([
    [192, 30],
    [512, 40],
    [1024, 60],
    [2000, 99],
    [2048, 300],
  ])('a heap of %s MB at most grows no more than V8 grants it by itself: %s percent', (heapMib, percent) => {
    expect(told(0.5, heapMib)).toEqual([`--heap-growing-percent=${percent}`, '--no-parallel-scavenge']);
  });

  test('V8 is told again only when there is a whole core in place of a part, or a part in place of one', () => {
    expect(told(1)).toEqual([]);
    expect(told([0.5, 0.6, 0.25])).toEqual(BELOW_A_CORE);
  });

  test('with a whole one again V8 decides', () => {
    expect((told([0.5, 1]) as string[]).slice(2)).toEqual(['--heap-growing-percent=0', '--parallel-scavenge']);
  });
});
