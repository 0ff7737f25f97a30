import { fileURLToPath } from 'node:url';
import { startChild } from '../../test/kit/child.ts';
import { freePort } from '../../test/kit/free-port.ts';
import type { Server } from '../kit/server.ts';

export async function startSipB2bua(carrierPort: number): Promise<Server> {
  const port = await freePort();
  const script = fileURLToPath(new URL('sip-b2bua-process.ts', import.meta.url));
  const child = startChild(process.execPath, [script, String(port), String(carrierPort)]);
  await child.waitFor(/ready/);
  return { name: 'sip 0.0.6', port, child, stop: () => child.stop() };
}
