import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadNode, settingsError } from '../settings/load.ts';
import { API_ADDRESS_FILE, OWNER_TOKEN_FILE } from '../settings/owner-files.ts';
import type { FoundEngine } from './api-client.ts';
import { CommandError } from './command-error.ts';

/** Finds the engine: TANDEM_URL and TANDEM_TOKEN, else by the configuration and the files that it keeps in its data folder while it runs. */
export function findEngine(config: string | undefined, env: Readonly<Record<string, string | undefined>>): FoundEngine {
  const { TANDEM_URL: url, TANDEM_TOKEN: token } = env;
  if (url !== undefined && url !== '' && token !== undefined && token !== '')
    return { url: url.replace(/\/$/, ''), token };
  const { settings, problems } = loadNode(config, env);
  if (settings === undefined) throw new CommandError(settingsError(problems).message);
  const { api, store } = settings;
  const scheme = api.certificate === undefined ? 'http' : 'https';
  const found = url ?? runningAt(store.path) ?? `${scheme}://${reachable(api.host)}:${api.port}`;
  return {
    url: found.replace(/\/$/, ''),
    token: token ?? readOwnerToken(join(store.path, OWNER_TOKEN_FILE)),
  };
}

/** An engine that listens on all addresses is asked on this machine's own. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/** Where the engine of this folder serves, which its configuration may not say any more; undefined when none runs. */
function runningAt(folder: string): string | undefined {
  try {
    const { protocol, hostname, port } = new URL(readFileSync(join(folder, API_ADDRESS_FILE), 'utf8').trim());
    return `${protocol}//${reachable(hostname.replace(/^\[|\]$/g, ''))}${port === '' ? '' : `:${port}`}`;
  } catch {
    return undefined;
  }
}

function readOwnerToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const why =
      (error as { code?: string }).code === 'EACCES'
        ? 'may be read only by the user that runs the engine'
        : 'is not there: the engine makes it when it starts';
    throw new CommandError(`${path} ${why}; or set TANDEM_TOKEN`);
  }
}
