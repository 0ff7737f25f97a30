import { setImmediate } from 'node:timers/promises';

/**
 * So many turns of the event loop: what is under way within this process has come by then. Time does not say that: a process that was away
 * has its timers go off before it looks at a socket.
 */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}
