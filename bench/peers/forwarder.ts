import { fileURLToPath } from 'node:url';
import { startChild } from '../../test/kit/child.ts';
import { freePort } from '../../test/kit/free-port.ts';
import type { Server } from '../kit/server.ts';

/** What the transport layer costs without an engine on it: texts are passed on unread. The floor of any engine on these sockets. */
export async function startForwarder(carrierPort: number): Promise<Server> {
  const port = await freePort();
  const script = fileURLToPath(new URL('forwarder-process.ts', import.meta.url));
  const child = startChild(process.execPath, [script, String(port), String(carrierPort)]);
  await child.waitFor(/ready/);
  return { name: 'forwarder', port, child, stop: () => child.stop() };
}
