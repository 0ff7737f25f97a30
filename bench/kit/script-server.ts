import { fileURLToPath } from 'node:url';
import { startChild } from '../../test/kit/child.ts';
import { freePort } from '../../test/kit/free-port.ts';
import type { Server } from './server.ts';

/** A server that is a script of `bench/peers`: it is given its port, the carrier's and more, and prints `ready`. */
export async function startScript(
  name: string,
  script: string,
  carrierPort: number,
  more: readonly string[] = [],
): Promise<Server> {
  const port = await freePort();
  const path = fileURLToPath(new URL(`../peers/${script}`, import.meta.url));
  const child = startChild(process.execPath, [path, String(port), String(carrierPort), ...more]);
  await child.waitFor(/ready/);
  return { name, port, child, stop: () => child.stop() };
}
