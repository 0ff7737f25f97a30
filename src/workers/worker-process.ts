/** Where the process of a worker begins: it waits for what the supervisor says first. */
import { keepCompiledCode } from '../node/compile-cache.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import type { Supervising } from './worker.ts';

const [folder] = process.argv.slice(2);
if (folder !== undefined) keepCompiledCode(folder);
const [{ runWorker }, { tuneV8 }] = await Promise.all([import('./worker.ts'), import('../node/v8-tuning.ts')]);
tuneV8();

const listeners: ((message: ToWorker | undefined) => void)[] = [];
const supervisor: Supervising = {
  send: (message: FromWorker) => {
    if (!process.connected) return false;
    process.send?.(message, undefined, {}, () => {});
    return true;
  },
  onMessage: (listener) => listeners.push(listener),
};
// A terminal signals the whole group: the supervisor says what is to be done.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
process.on('disconnect', () => {
  // The supervisor was killed, and the store with it. Calls come back as after any such end; ending them in order would forget them.
  process.exit(1);
});
process.on('message', (message: ToWorker) => {
  if (message.kind === 'begin') {
    runWorker(message, supervisor).then(
      () => process.exit(0),
      (error: Error) => {
        // Of what an operator can mend, the supervisor knows.
        if (error.name !== 'SettingsError') process.stderr.write(`${error.stack ?? error.message}\n`);
        // What was said to the supervisor leaves first.
        setImmediate(() => process.exit(1));
      },
    );
    return;
  }
  for (const listener of listeners) listener(message);
});
