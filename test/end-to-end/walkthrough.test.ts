import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../src/cli/tandem.ts';
import { startEngine, type TestEngine } from '../kit/engine.ts';
import { commandsOf, filesOf, stepsOf, WALKTHROUGH } from '../kit/walkthrough.ts';
import { ask, SYSTEM_TOKEN } from './faults/rest.ts';

/** What a command prints, with `…` for anything. */
function pattern(output: string): RegExp {
  const parts = output.trimEnd().split('…');
  return new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[\\s\\S]*')}\\n?$`);
}

describe('docs/walkthrough.md against a running node', () => {
  let engine: TestEngine;
  let folder: string;
  let base: string;
  let silent: Socket;

  beforeEach(async () => {
    silent = createSocket('udp4');
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
    folder = mkdtempSync(join(tmpdir(), 'tandem-walkthrough-'));
    const host = '127.0.0.1';
    engine = await startEngine({
      provisioning: { tenants: [], trunks: [] },
      settings: {
        listen: [
          { transport: 'udp', host, port: 0 },
          {
            transport: 'tls',
            host,
            port: 0,
            certificate: join(folder, 'cert.pem'),
            key: join(folder, 'key.pem'),
            selfSigned: true,
          },
        ],
        // The page's names are nobody's. Whoever is asked for them says nothing while the test runs, so that no trunk comes to an end.
        dns: { servers: [`127.0.0.1:${silent.address().port}`], timeoutMs: 60_000 },
      },
      environment: { TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN },
    });
    base = engine.apiAddress;
  });
  afterEach(async () => {
    await engine.stop();
    silent.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('every step over HTTP comes back as the page says', async () => {
    const tokens: Record<string, string> = { system: SYSTEM_TOKEN };
    const steps = stepsOf(WALKTHROUGH);
    expect(steps.length).toBeGreaterThan(15);
    for (const { who, method, url, body, status, code } of steps) {
      const answer = await ask(base, method, url, body, { token: tokens[who] });
      expect([method, url, answer.status, code === undefined ? undefined : answer.body.code]).toEqual([
        method,
        url,
        status,
        code,
      ]);
      if (url === '/api/v1/tokens') tokens[answer.body.tenant] = answer.body.token;
    }
  });

  test('every command prints what the page says', async () => {
    const commands = commandsOf(WALKTHROUGH);
    expect(commands.length).toBe(WALKTHROUGH.split('\n$ tandem ').length - 1);
    const files = filesOf(WALKTHROUGH);
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    const tokens: Record<string, string> = { system: SYSTEM_TOKEN };
    for (const { who, args, output } of commands) {
      if (tokens[who] === undefined) {
        const { body } = await ask(base, 'POST', '/api/v1/tokens', { role: 'tenant-admin', tenant: who });
        tokens[who] = body.token;
      }
      let printed = '';
      const write = (text: string) => {
        printed += text;
      };
      await runCli(
        args.map((arg) => (files.has(arg) ? join(folder, arg) : arg)),
        { version: '0.0.0', start: async () => {}, demo: async () => 0 },
        {
          out: write,
          err: write,
          colour: false,
          env: { TANDEM_URL: base, TANDEM_TOKEN: tokens[who] ?? '' },
          readInput: async () => '',
        },
      );
      expect(printed.replaceAll(`${folder}/`, '')).toMatch(pattern(output));
    }
  });
});
