/** A node whose event loop is watched. argv: its configuration file. Orders come over IPC, one at a time, each with an answer. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startNode } from '../../../src/node/node.ts';
import { tuneV8 } from '../../../src/node/v8-tuning.ts';
import { SliceWatch } from '../../kit/slice-watch.ts';

// As the program does.
tuneV8();
const watch = new SliceWatch();
const delay = monitorEventLoopDelay({ resolution: 1 });
const node = await startNode({
  configFile: process.argv[2],
  logStream: { write: () => {} },
  // It never sleeps while it is watched, and calls are not what is measured.
  guardsLoad: false,
});
// As an operator's signal does.
process.on('SIGHUP', () => {
  node.reload().then(
    ({ applied }) => process.send?.({ applied: applied.length }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('message', (order: 'watch' | 'read' | 'held' | 'stop') => {
  switch (order) {
    case 'watch':
      delay.enable();
      delay.reset();
      watch.start();
      process.send?.({});
      return;
    case 'read': {
      const { cpuMs, wallMs } = watch.stop();
      delay.disable();
      process.send?.({ cpuMs, wallMs, delayMs: delay.max / 1e6, heapMb: process.memoryUsage().heapUsed / 1e6 });
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
