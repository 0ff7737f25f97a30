import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Backend } from '../../src/workers/backends.ts';

export type Serve = (request: IncomingMessage, reply: ServerResponse) => void;

/** Workers' HTTP interfaces, as a test has them answer; gone when it ends. */
export async function startBackends(...serves: readonly Serve[]): Promise<Backend[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-backend-'));
  const servers = serves.map((serve) => createServer(serve));
  onTestFinished(async () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    rmSync(folder, { recursive: true, force: true });
  });
  return Promise.all(
    servers.map(async (server, index) => {
      const socket = join(folder, String(index + 1));
      await new Promise<void>((resolve) => server.listen(socket, resolve));
      return { worker: index + 1, socket };
    }),
  );
}

export function answer(reply: ServerResponse, status: number, body: unknown): void {
  reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
