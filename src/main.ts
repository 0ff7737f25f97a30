/** Wiring only: a node from its configuration, the command line in front of it. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { processTerminal, runCli } from './cli/tandem.ts';
import { tuneV8 } from './node/v8-tuning.ts';
import { version } from './node/version.ts';

tuneV8();

const isEntry = process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isEntry) {
  const terminal = processTerminal();
  process.exitCode = await runCli(
    process.argv.slice(2),
    {
      // The engine is loaded by the commands that run one.
      start: async (config) => (await import('./node/node.ts')).runNode(config),
      demo: async () => (await import('./demo/demo.ts')).runDemo(terminal),
      version,
    },
    terminal,
  );
}
