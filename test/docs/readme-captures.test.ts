import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { runCli } from '../../src/cli/tandem.ts';
import { startNode } from '../../src/node/node.ts';

const readme = readFileSync('README.md', 'utf8');
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, , text = '']) => text);

function block(beginning: RegExp): string {
  const found = blocks.find((text) => beginning.test(text));
  if (found === undefined) throw new Error(`README.md has no block that begins with ${beginning}`);
  return found;
}

/** Ports, tokens and times differ from run to run. */
function steady(line: string): string {
  return line
    .replace(/127\.0\.0\.1:[0-9]+/g, '127.0.0.1:PORT')
    .replace(/(branch=z9hG4bK|tag=|Call-ID: )[0-9a-f]{24}/g, '$1TOKEN')
    .replace(/tandem\/[0-9.]+/, 'tandem/VERSION')
    .trimEnd();
}

const lines = (text: string) => text.split('\n').map(steady);

/** The arrows of a ladder: what was sent, and between which columns. */
const arrows = (text: string) =>
  lines(text)
    .filter((line) => /^ +[0-9.]+ +\|/.test(line))
    .map((line) => line.replace(/^ +[0-9.]+/, ''));

describe('README.md shows what really happens', () => {
  test('the ladder of the demo and the INVITE that the carrier received', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['bin/tandem.js', 'demo']);
    const shown = arrows(block(/^ +caller /));
    // Two messages that cross may change places; each is there as often as it is shown.
    expect(arrows(stdout).sort()).toEqual([...shown].sort());
    expect(shown.length).toBeGreaterThan(12);

    const invite = lines(block(/^INVITE /));
    const received = lines(stdout.slice(stdout.indexOf('\nINVITE ') + 1));
    expect(received.slice(0, invite.indexOf('…'))).toEqual(invite.slice(0, invite.indexOf('…')));
  });

  test('what tandem explain prints', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-readme-'));
    const config = join(folder, 'tandem.yaml');
    const settings = {
      listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
      store: { kind: 'embedded', path: join(folder, 'data') },
      provisioning: ['config/demo.yaml'],
      api: { port: 0 },
    };
    writeFileSync(config, JSON.stringify(settings));
    const node = await startNode({ configFile: config, environment: {}, logStream: { write: () => {} } });
    try {
      const [command = '', ...shown] = block(/^\$ npx tandem explain/)
        .trimEnd()
        .split('\n');
      let printed = '';
      const terminal = {
        out: (text: string) => {
          printed += text;
        },
        err: (text: string) => {
          printed += text;
        },
        colour: false,
        env: { TANDEM_URL: node.apiAddress },
        readInput: async () => '',
      };
      const hooks = { start: async () => {}, demo: async () => 0, version: '' };
      const argv = [...command.replace('$ npx tandem ', '').split(' '), '--config', config];
      expect(await runCli(argv, hooks, terminal), printed).toBe(0);
      // Every line of the README, in this order; "…" stands for lines left out.
      const real = lines(printed);
      let at = 0;
      for (const line of shown.map(steady).filter((text) => text.trim() !== '…' && text !== '')) {
        const found = real.indexOf(line, at);
        expect(found, line).toBeGreaterThanOrEqual(at);
        at = found + 1;
      }
    } finally {
      await node.close();
      rmSync(folder, { recursive: true });
    }
  });
});
