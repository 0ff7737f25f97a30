#!/usr/bin/env node
// Finds the Node that this package brings along (or a new enough one) and runs the command with it.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The oldest that it is meant to run on. */
const REQUIRED = { major: 24, minor: 7 };

/**
 * In a file of their own for whoever starts the engine without this program, to measure it. What calls leave behind is collected in steps of
 * 6 MB and not of 16 (`--max-semi-space-size`): it takes up to a twentieth more time in all, and a call waits a third as long for it.
 * V8 has a thread of its own (`--v8-pool-size`) for each processor beside the calls' one, and not always four: those that find none take
 * turns of 4 ms with the calls.
 * A node's heap is not marked before its old objects are 96 MB (`--initial-old-space-size`). By itself V8 marks one that grows slowly, as at
 * 300 calls a second, whenever 8 MB have grown old, and takes more time for that than they are worth.
 * Under a CPU quota below a core the heap is marked by one thread beside the calls' own and not by several, which take all of the quota
 * (`--concurrent-marking-max-worker-num`), and what follows is not done by several at once either: what is left alive is moved by one, and
 * what is free is swept when it is needed. A process that runs cannot change them all (V8 ends it for some). V8 renames its options: one that
 * the runtime does not know is left out.
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

/** What share of a core control groups allow: read by the runtime, since this Node may be too old for the file that does it. */
async function cpuShare() {
  const reader = new URL('../src/node/cpu-quota.ts', import.meta.url).href;
  if (runtime === process.execPath) return (await import(reader)).cpuShare();
  const script = `import { cpuShare } from ${JSON.stringify(reader)}; console.log(await cpuShare());`;
  return Number(execFileSync(runtime, ['--input-type=module', '--eval', script], { encoding: 'utf8' }));
}

const runtime = isNewEnough(process.versions.node) ? process.execPath : bundledNode();
if (runtime === undefined) {
  console.error(
    `tandem needs Node ${REQUIRED.major}.${REQUIRED.minor} or newer; this is ${process.version} and no bundled runtime is installed (npm ci brings one on Linux x64 and arm64)`,
  );
  process.exit(1);
}

/** Of these options the ones that the runtime knows: with one that it does not it would say so, and end. */
function knownOf(options) {
  // Those that Node documents, this one knows about itself; of the others it is asked, once in nearly all cases.
  const isDocumented = (option) => runtime === process.execPath && process.allowedNodeEnvironmentFlags.has(option);
  const takes = (...some) => spawnSync(runtime, [...some, '--version'], { stdio: 'ignore' }).status === 0;
  const asked = options.filter((option) => !isDocumented(option));
  if (asked.length === 0 || takes(...asked)) return options;
  return options.filter((option) => isDocumented(option) || takes(option));
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const ofCores = Object.entries(OPTIONS.upToCores).find(([most]) => availableParallelism() <= Number(most))?.[1] ?? [];
/** Other commands are over before the heap is marked. */
const ofStart = async () => [...OPTIONS.start, ...((await cpuShare()) < 1 ? OPTIONS.belowOneCore : [])];
const isStart = process.argv[2] === 'start';
const options = knownOf([...OPTIONS.always, ...ofCores, ...(isStart ? await ofStart() : [])]);
const args = [...options, join(root, 'src', 'main.ts'), ...process.argv.slice(2)];

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
