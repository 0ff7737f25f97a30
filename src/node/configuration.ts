/** What a node's configuration says, as its parts take it. */
import { readFileSync } from 'node:fs';
import { SettingsError } from '../base/errors.ts';
import { EVENT_TYPES, type WebhookTopic } from '../observe/index.ts';
import { loadNodeWithFiles, settingsError } from '../settings/load.ts';
import { withNodeName } from '../settings/node-name.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { readStirFiles, type StirFiles } from '../settings/stir-files.ts';
import { systemDnsServers } from '../sip/locate/index.ts';

/** The configuration of a node, with its name. Throws a SettingsError. */
export function loadSettings(configFile: string | undefined, environment: NodeJS.ProcessEnv): NodeSettings {
  const loaded = loadNodeWithFiles(configFile, environment);
  if (loaded.settings === undefined) throw settingsError(loaded.problems);
  return withNodeName(loaded.settings);
}

/** What the files of `stir` hold. Throws a SettingsError. */
export function stirFiles(settings: NodeSettings): StirFiles {
  const read = readStirFiles(settings);
  if ('trust' in read) return read;
  throw new SettingsError(read);
}

export function dnsServers(settings: NodeSettings) {
  if (settings.dns.servers.length === 0) return systemDnsServers();
  return settings.dns.servers.map((text) => {
    const match = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]+)$/.exec(text);
    return match === null
      ? { address: text, port: 53 }
      : { address: match[1] ?? match[2] ?? '', port: Number(match[3]) };
  });
}

/** Webhooks of the configuration file: the operator's own, so they may point into private networks. */
export function configuredWebhooks({ webhooks }: NodeSettings) {
  return webhooks.map(({ name, url, secret, events }) => ({
    id: `configured-${name}`,
    url,
    topics: events.length === 0 ? [...EVENT_TYPES, 'call-record' as const] : (events as WebhookTopic[]),
    secret,
    enabled: true,
    allowPrivate: true,
  }));
}

export function apiTls({ api }: NodeSettings): { tls?: { certificate: Buffer; key: Buffer } } {
  if (api.certificate === undefined || api.key === undefined) return {};
  return { tls: { certificate: readFileSync(api.certificate), key: readFileSync(api.key) } };
}

export function logLevel({ log }: NodeSettings) {
  switch (log.level) {
    case 'trace':
      return 'debug';
    case 'fatal':
    case 'silent':
      return 'error';
    default:
      return log.level;
  }
}

/** A file, folder or address that the system refuses: an operator's to mend, and its message says which. */
export function isOfSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

export function problemOf({ code = 'system', path = '', message }: NodeJS.ErrnoException) {
  return { code: code.toLowerCase(), path, message };
}
