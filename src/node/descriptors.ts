/** How many connections the process has descriptors for, so that running out of them costs strangers and never those who are served. */
import { readdirSync, readFileSync } from 'node:fs';
import type { NodeSettings } from '../settings/node-schema.ts';

/** Descriptors of the process: how many it may have, and has. */
export interface Descriptors {
  readonly limit: number;
  readonly used: number;
}

/** Undefined where the system does not tell, or sets no limit. */
export function descriptorsOfProcess(): Descriptors | undefined {
  try {
    const limit = /^Max open files\s+([0-9]+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return limit === undefined ? undefined : { limit: Number(limit), used: readdirSync('/proc/self/fd').length };
  } catch {
    return undefined;
  }
}

/** Beside its listeners a node opens these later: call records, audit log, and one to spare for each. */
const FILES = 4;
/** Of what is left HTTP connections get a quarter at most, and as much, up to this, is kept for the DNS, webhooks and files. */
const MOST_SPARE = 256;

/** The settings with no more connections than there are descriptors for. A node that has nothing open but its store yet is asked. */
export function withinDescriptors(settings: NodeSettings, descriptors: Descriptors | undefined): NodeSettings {
  if (descriptors === undefined) return settings;
  const { listen, limits, api } = settings;
  const free = Math.max(descriptors.limit - descriptors.used - listen.length - 1 - FILES, 0);
  const http = Math.min(api.connections, Math.max(Math.floor(free / 4), 1));
  const spare = Math.min(Math.ceil(free / 4), MOST_SPARE);
  const sip = Math.max(free - spare - http, 1);
  if (sip >= limits.connections && http >= api.connections) return settings;
  return {
    ...settings,
    limits: { ...limits, connections: Math.min(limits.connections, sip) },
    api: { ...api, connections: http },
  };
}
