import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The real programs that the end-to-end tests talk to, and the Debian package that brings each. */
const PEER_PACKAGES: Readonly<Record<string, string>> = {
  sipp: 'sip-tester',
  baresip: 'baresip',
  'linphone-daemon': 'linphone-cli',
  kamailio: 'kamailio',
  'redis-server': 'redis-server',
  tshark: 'tshark',
  dnsmasq: 'dnsmasq-base',
  openssl: 'openssl',
  promtool: 'prometheus',
};

/** Packages that bring no program of their own to start, and programs of the system that a small installation may be without. */
const FURTHER_PACKAGES: readonly string[] = ['kamailio-tls-modules', 'git', 'mount', 'util-linux'];

/** True when the caller asked to run without system peers; every end-to-end file says so in its skip reason. */
export const peersSkipped = process.env['TANDEM_SKIP_PEERS'] === '1';

function findCommand(name: string): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin']) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** The absolute path of a peer's program; throws when it is not installed (the global setup has then said how to get it). */
export function peerCommand(name: keyof typeof PEER_PACKAGES & string): string {
  const path = findCommand(name);
  if (path === undefined) throw new Error(`${name} is not installed (Debian package ${PEER_PACKAGES[name]})`);
  return path;
}

/**
 * What the package manager does not know as installed. A program alone tells nothing: its modules come in packages of their own. On a
 * system without dpkg the programs have to do.
 */
function missingPackages(): string[] {
  const format = `\${Package} \${db:Status-Status}\n`;
  const asked = spawnSync('dpkg-query', ['-W', '-f', format], { encoding: 'utf8' });
  if (asked.status !== 0) {
    return Object.entries(PEER_PACKAGES)
      .filter(([command]) => findCommand(command) === undefined)
      .map(([, debianPackage]) => debianPackage);
  }
  const known = new Set(asked.stdout.split('\n'));
  const wanted = [...Object.values(PEER_PACKAGES), ...FURTHER_PACKAGES];
  return [...new Set(wanted)].filter((debianPackage) => !known.has(`${debianPackage} installed`));
}

function canSudo(): boolean {
  return findCommand('sudo') !== undefined && spawnSync('sudo', ['-n', 'true']).status === 0;
}

/** Installs what is missing when this user may; else fails with the one command to run. */
export function installMissingPeers(): void {
  const packages = missingPackages();
  if (packages.length === 0) return;
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
  const command = `apt-get update && ${install.join(' ')}`;
  const isRoot = process.getuid?.() === 0;
  if (findCommand('apt-get') === undefined || !(isRoot || canSudo())) {
    throw new Error(
      `The tests talk to real peers and these packages are missing: ${packages.join(' ')}\n` +
        `Run:  sudo sh -c '${command}'\n` +
        'or set TANDEM_SKIP_PEERS=1 to leave those tests out.',
    );
  }
  console.log(`installing the tests' peers: ${packages.join(' ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const prefix = isRoot ? [] : ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND'];
  for (const step of [['apt-get', 'update', '-q'], install]) {
    const [program, ...args] = [...prefix, ...step] as [string, ...string[]];
    execFileSync(program, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const stillMissing = missingPackages();
  if (stillMissing.length > 0) throw new Error(`still missing after apt-get install: ${stillMissing.join(' ')}`);
}
