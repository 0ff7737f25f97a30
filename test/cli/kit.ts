import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import { runCli, type Terminal } from '../../src/cli/tandem.ts';
import type { TestApi } from '../api/kit.ts';
import { apiOfAll } from '../api/served.ts';

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface RunOptions {
  readonly colour?: boolean;
  readonly input?: string;
  readonly env?: Record<string, string>;
  readonly started?: (string | undefined)[];
  /** Sees what is printed as it comes. */
  readonly onOut?: (text: string) => void;
}

/** Runs one command line with texts for a terminal. */
export async function run(args: string[], options: RunOptions = {}): Promise<Run> {
  let out = '';
  let err = '';
  const terminal: Terminal = {
    out: (text) => {
      out += text;
      options.onOut?.(text);
    },
    err: (text) => {
      err += text;
    },
    colour: options.colour ?? false,
    env: options.env ?? {},
    readInput: async () => options.input ?? '',
  };
  const hooks = {
    version: '1.2.3',
    start: async (config: string | undefined) => void options.started?.push(config),
    demo: async () => 7,
  };
  const code = await runCli(args, hooks, terminal);
  return { code, out, err };
}

/** What finds and opens the interface of a world; with the system's token unless told otherwise. */
export async function envOf(
  world: TestApi,
  token = world.tokens.system,
): Promise<{ TANDEM_URL: string; TANDEM_TOKEN: string }> {
  return { TANDEM_URL: await world.api.listen('127.0.0.1', 0), TANDEM_TOKEN: token };
}

/** A new folder with these files. */
export function folder(files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'tandem-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

/** An interface for all tests of a file, and what finds and opens it. */
export function served(as: keyof TestApi['tokens'] = 'system') {
  const world = apiOfAll();
  const env: Record<string, string> = {};
  beforeAll(async () => void Object.assign(env, await envOf(world, world.tokens[as])));
  return { world, env };
}
