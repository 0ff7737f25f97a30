/** The port of the HTTP interface: taken, told to the command line, and what is said when it cannot be had. */
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Api } from '../api/index.ts';
import { SettingsError } from '../base/errors.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { API_ADDRESS_FILE } from '../settings/owner-files.ts';

/** Serves HTTP; answers with the address. Throws a SettingsError when the port cannot be had. */
export async function listenForHttp(api: Api, { api: { host, port }, store }: NodeSettings): Promise<string> {
  const address = await api.listen(host, port).catch((error: NodeJS.ErrnoException) => {
    throw apiUnavailable(host, port, error);
  });
  writeFileSync(join(store.path, API_ADDRESS_FILE), `${address}\n`, { mode: 0o600 });
  return address;
}

/** Nobody is looked for there any more. */
export function forgetHttpAddress({ store }: NodeSettings): void {
  rmSync(join(store.path, API_ADDRESS_FILE), { force: true });
}

/** Throws what {@link listenForHttp} would, without serving anything. */
export async function requireHttpPort({ api: { enabled, host, port } }: NodeSettings): Promise<void> {
  if (!enabled) return;
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port }, resolve);
  try {
    await promise;
  } catch (error) {
    throw apiUnavailable(host, port, error as NodeJS.ErrnoException);
  }
  await new Promise((closed) => server.close(closed));
}

/** What is said of an address that cannot be had. */
export function apiUnavailable(host: string, port: number, { code, message }: NodeJS.ErrnoException): SettingsError {
  const [field, why] =
    code === 'EADDRINUSE'
      ? ['port', 'another process has the port: stop it, or set another one (TANDEM_API_PORT; 0: any)']
      : code === 'EADDRNOTAVAIL'
        ? ['host', 'this machine does not have the address (TANDEM_API_HOST)']
        : ['port', code === 'EACCES' ? 'ports below 1024 need a privilege' : message];
  return new SettingsError([
    { code: 'listen-failed', path: `api.${field}`, message: `cannot listen on ${host}:${port}: ${why}` },
  ]);
}
