import { mkdirSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/**
 * Keeps what V8 has compiled, and the sources without their types, in the store's folder: the next start, after a crash too, takes half
 * of the CPU time. To be called before the modules are imported that it is for. What is in the folder is run: one that others may write
 * to is not used, and one that cannot be made is the store's to complain of. NODE_COMPILE_CACHE names another folder.
 *
 * @param storeFolder `store.path`
 */
export function keepCompiledCode(storeFolder: string): void {
  try {
    mkdirSync(storeFolder, { recursive: true, mode: 0o700 });
    if ((statSync(storeFolder).mode & 0o022) !== 0) return;
  } catch {
    return;
  }
  enableCompileCache(join(storeFolder, 'compile-cache'));
}
