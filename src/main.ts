/** Wiring only: a node from its configuration, the command line in front of it. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { processTerminal, runCli } from './cli/tandem.ts';
import { version } from './node/version.ts';

/** What a node alone needs is loaded when there is to be one: behind the cache of what is compiled, and no other command waits. */
async function start(configFile: string | undefined): Promise<void> {
  const [{ loadNode }, { keepCompiledCode }, { workerCount }] = await Promise.all([
    import('./settings/load.ts'),
    import('./node/compile-cache.ts'),
    import('./settings/workers.ts'),
  ]);
  const { settings } = loadNode(configFile, process.env);
  if (settings !== undefined) keepCompiledCode(settings.store.path);
  if (settings !== undefined && workerCount(settings) > 1) {
    const { runSupervisor } = await import('./workers/supervisor.ts');
    await runSupervisor(configFile);
    return;
  }
  const [{ runNode }, { tuneV8 }] = await Promise.all([import('./node/run.ts'), import('./node/v8-tuning.ts')]);
  tuneV8();
  await runNode(configFile);
}

const isEntry = process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isEntry) {
  const terminal = processTerminal();
  const demo = async () => (await import('./demo/demo.ts')).runDemo(terminal);
  process.exitCode = await runCli(process.argv.slice(2), { start, demo, version }, terminal);
}
