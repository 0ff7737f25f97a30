import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

test('npx tandem is the command of the checkout; an npm that asks before install scripts takes our own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-npx-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  copyFileSync(join(ROOT, '.npmrc'), join(folder, '.npmrc'));
  const { name, version, bin, scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(scripts.prepare).toBeDefined();
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, bin, scripts: { prepare: 'true' } }));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/tandem.js'), '#!/bin/sh\necho "found $*"\n', { mode: 0o755 });
  const env = { ...process.env, npm_config_cache: join(folder, 'cache') };
  const { stdout } = await run('npx', ['--offline', 'tandem', 'status'], { cwd: folder, env });
  expect(stdout).toBe('found status\n');
}, 60_000);
