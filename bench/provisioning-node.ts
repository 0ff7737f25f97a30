/** The node that `provisioning.ts` measures: serves the configuration given, and says on request how long its event loop stood still. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startNode } from '../src/node/node.ts';

const delay = monitorEventLoopDelay({ resolution: 1 });
const node = await startNode({ configFile: process.argv[2], logStream: { write: () => {} } });
delay.enable();
process.on('message', (order: 'reset' | 'read' | 'reload' | 'stop') => {
  switch (order) {
    case 'reset':
      delay.reset();
      process.send?.({});
      return;
    case 'read':
      process.send?.({ longestMs: delay.max / 1e6, p99Ms: delay.percentile(99) / 1e6, rss: process.memoryUsage().rss });
      return;
    case 'reload':
      node.reload().then(
        () => process.send?.({ done: true }),
        (error: Error) => process.send?.({ error: error.message }),
      );
      return;
    case 'stop':
      void node.close().then(() => process.exit(0));
  }
});
const port = node.listening.find(({ transport }) => transport === 'udp')?.port;
process.send?.({ port, api: node.apiAddress, tenants: node.engine.directory.tenants.length });
