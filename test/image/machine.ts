import { spawnSync } from 'node:child_process';

/** Runs a command to its end and returns what it printed; throws with both streams when it fails or takes longer than it may. */
export function run(
  command: readonly string[],
  options: { readonly cwd?: string; readonly limitMs?: number } = {},
): string {
  const [program, ...args] = command as [string, ...string[]];
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    cwd: options.cwd,
    encoding: 'utf8',
    timeout: options.limitMs ?? 60_000,
    maxBuffer: 256 * 1024 * 1024,
  });
  if (error === undefined && status === 0) return stdout;
  const why = error?.message ?? `exit code ${status ?? signal}`;
  throw new Error(`${command.join(' ')}: ${why}\n${stdout.slice(-4000)}${stderr.slice(-4000)}`);
}

/** Programs of this long form alone, and the Debian package that brings each. */
const PACKAGES: Readonly<Record<string, string>> = {
  buildah: 'buildah',
  mmdebstrap: 'mmdebstrap',
  ip: 'iproute2',
  sipp: 'sip-tester',
};

/** Installs what is missing. Needs root, as the chroots and namespaces do. */
export function prepareMachine(): void {
  if (process.getuid?.() !== 0) throw new Error('this needs root: it makes chroots, mounts and a network namespace');
  const isMissing = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0;
  const missing = Object.entries(PACKAGES).flatMap(([program, name]) => (isMissing(program) ? [name] : []));
  if (missing.length === 0) return;
  console.log(`installing ${missing.join(' ')}`);
  const apt = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
  run([...apt, 'update', '-q'], { limitMs: 300_000 });
  run([...apt, 'install', '-y', '--no-install-recommends', ...missing], { limitMs: 600_000 });
}
