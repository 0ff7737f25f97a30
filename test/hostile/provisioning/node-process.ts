/** A node whose event loop is watched. argv: its configuration file. Orders come over IPC, one at a time, each with an answer. */
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { startNode } from '../../../src/node/node.ts';
import { tuneV8 } from '../../../src/node/v8-tuning.ts';
import { SliceWatch } from '../../kit/slice-watch.ts';

// As the program does.
tuneV8();
const watch = new SliceWatch();
/** How often it looks, ms: what `perf_hooks` tells is from one look to the next. */
const LOOK_MS = 1;
const delay = monitorEventLoopDelay({ resolution: LOOK_MS });
/** V8's collections while it is watched, by the clock of `performance.now()`. */
let collections: { readonly startTime: number; readonly duration: number }[] = [];
new PerformanceObserver((list) => collections.push(...list.getEntries())).observe({ entryTypes: ['gc'] });
/** Until what has been observed is told. */
const TOLD_MS = 50;
const node = await startNode({
  configFile: process.argv[2],
  logStream: { write: () => {} },
  // Calls are not what is measured.
  guardsLoad: false,
});
// As an operator's signal does.
process.on('SIGHUP', () => {
  node.reload().then(
    ({ applied }) => process.send?.({ applied: applied.length }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
// Whoever watches it has gone.
process.on('disconnect', () => process.exit(1));
process.on('message', async (order: 'watch' | 'read' | 'held' | 'stop') => {
  switch (order) {
    case 'watch':
      collections = [];
      delay.enable();
      delay.reset();
      watch.start();
      process.send?.({});
      return;
    case 'read': {
      const { cpuMs, fromMs, toMs } = watch.stop();
      delay.disable();
      const heapMb = process.memoryUsage().heapUsed / 1e6;
      await pause(TOLD_MS);
      const collectedMs = collections
        .map(({ startTime, duration }) => Math.min(startTime + duration, toMs) - Math.max(startTime, fromMs))
        .reduce((sum, ms) => sum + Math.max(ms, 0), 0);
      process.send?.({ cpuMs, collectedMs, delayMs: delay.max / 1e6 - LOOK_MS, heapMb });
      return;
    }
    case 'held':
      globalThis.gc?.();
      globalThis.gc?.();
      process.send?.({ heapMb: process.memoryUsage().heapUsed / 1e6 });
      return;
    case 'stop':
      void node.close().then(() => process.exit(0));
  }
});
process.send?.({
  port: node.listening.find(({ transport }) => transport === 'udp')?.port,
  api: node.apiAddress,
});
