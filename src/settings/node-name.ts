/** The name of a node that was given none: made once, kept in its folder, and so another one on each machine. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { NodeSettings } from './node-schema.ts';

const FILE = 'node.name';
const NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/;
/** What a node was called before names were made. A store of one node goes by it still: its registrations name it. */
const FORMER_DEFAULT = 'node-1';

/** The settings with the name that this node goes by. A folder that cannot be written is told of by whoever opens the store in it. */
export function withNodeName(settings: NodeSettings): NodeSettings {
  if (settings.node !== '') return settings;
  return { ...settings, node: keptName(settings.store) };
}

function keptName({ kind, path: folder }: NodeSettings['store']): string {
  const path = join(folder, FILE);
  try {
    const kept = readFileSync(path, 'latin1').trim();
    if (NAME.test(kept)) return kept;
  } catch {
    // There is none yet.
  }
  const isFormer = kind === 'embedded' && existsSync(join(folder, 'provisioning.db'));
  const name = isFormer ? FORMER_DEFAULT : newName();
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(path, `${name}\n`, { mode: 0o600 });
  } catch {
    // The store says so.
  }
  return name;
}

/** The machine's name, for people, and some chance, for machines that are copies of each other. */
function newName(): string {
  const machine = hostname()
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 23);
  return `${machine === '' ? 'node' : machine}-${randomBytes(4).toString('hex')}`;
}
