/** Wiring only: a node from its configuration, the command line in front of it. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { processTerminal, runCli } from './cli/tandem.ts';
import { runDemo } from './demo/demo.ts';
import { runNode } from './node/node.ts';
import { version } from './node/version.ts';

// A call runs most functions once or a few times: by V8's default (3,000) thousands of calls would pass before they are optimized in
// full, at 1.6 times the CPU. A runtime without this flag says so and goes on.
setFlagsFromString('--invocation-count-for-turbofan=600');

const isEntry = process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isEntry) {
  const terminal = processTerminal();
  process.exitCode = await runCli(
    process.argv.slice(2),
    { start: runNode, demo: () => runDemo(terminal), version },
    terminal,
  );
}
