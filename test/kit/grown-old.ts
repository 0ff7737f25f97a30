/** What V8 takes for old: octets that two collections of the young generation found alive, as a process of its own counts them. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Octets by which the old space has grown while a script ran its `work`, which it leaves in `globalThis.work`; the heap is not marked meanwhile, so
 * what is garbage by then counts. Imports of the script are relative to `test/kit/`.
 */
export function grownOldBy(script: string): number {
  const counting = `
    const { getHeapSpaceStatistics } = await import('node:v8');
    const oldOctets = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space').space_used_size;
    const before = oldOctets();
    globalThis.work();
    console.log(oldOctets() - before);
  `;
  const options = ['--max-semi-space-size=1', '--initial-heap-size=1000', '--input-type=module', '--eval'];
  const printed = execFileSync(process.execPath, [...options, script + counting], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  return Number(printed);
}
