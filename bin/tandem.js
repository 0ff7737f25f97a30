#!/usr/bin/env node
// Finds the Node that this package brings along (or a new enough one) and runs the command with it.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The oldest that it is meant to run on. */
const REQUIRED = { major: 24, minor: 7 };

/**
 * In a file of their own for whoever starts the engine without this program, to measure it. What calls leave behind is collected in steps of
 * 6 MB and not of 16 (`--max-semi-space-size`): it takes up to a twentieth more time in all, and a call waits a third as long for it.
 */
const OPTIONS = createRequire(import.meta.url)('./runtime-options.json');

function bundledNode() {
  try {
    const require = createRequire(import.meta.url);
    const manifest = require.resolve(`node-linux-${process.arch}/package.json`);
    return join(dirname(manifest), 'bin', 'node');
  } catch {
    return undefined;
  }
}

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > REQUIRED.major || (major === REQUIRED.major && minor >= REQUIRED.minor);
}

const runtime = isNewEnough(process.versions.node) ? process.execPath : bundledNode();
if (runtime === undefined) {
  console.error(
    `tandem needs Node ${REQUIRED.major}.${REQUIRED.minor} or newer; this is ${process.version} and no bundled runtime is installed (npm ci brings one on Linux x64 and arm64)`,
  );
  process.exit(1);
}
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = [...OPTIONS, join(root, 'src', 'main.ts'), ...process.argv.slice(2)];

// One process where Node can do that: whoever signals this one signals the engine. It fails only where the system has no such call.
if (runtime === process.execPath && typeof process.execve === 'function' && process.platform === 'linux') {
  process.removeAllListeners('warning');
  process.execve(runtime, [runtime, ...args], process.env);
}

// An older Node stays as its parent. The channel tells the engine when this process ends without having passed a signal on.
const child = spawn(runtime, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  // Without its own handler the signal ends this process as it ended the child.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
