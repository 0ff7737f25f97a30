import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The real programs that the end-to-end tests talk to, and the Debian package that brings each. */
const PEER_PACKAGES: Readonly<Record<string, string>> = {
  sipp: 'sip-tester',
  baresip: 'baresip',
  'linphone-daemon': 'linphone-cli',
  linphonec: 'linphone-cli',
  kamailio: 'kamailio',
  keepalived: 'keepalived',
  'redis-server': 'redis-server',
  tshark: 'tshark',
  dnsmasq: 'dnsmasq-base',
  openssl: 'openssl',
  promtool: 'prometheus',
  faketime: 'faketime',
  rtpengine: 'rtpengine-daemon',
  nft: 'nftables',
  ip: 'iproute2',
  chromium: 'chromium',
};

/** What the scoreboard of `npm run hostile` attacks with; the suite needs none of it. */
const ATTACKER_PACKAGES: Readonly<Record<string, string>> = {
  svmap: 'sipvicious',
  svwar: 'sipvicious',
  svcrack: 'sipvicious',
  sipsak: 'sipsak',
  sslscan: 'sslscan',
};

/** Packages that bring no program of their own to start, and programs of the system that a small installation may be without. */
const FURTHER_PACKAGES: readonly string[] = [
  // Asks `/readyz` for keepalived.
  'curl',
  'kamailio-tls-modules',
  'kamailio-secsipid-modules',
  'git',
  'mount',
  'util-linux',
];

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
export function peerCommand(name: string): string {
  const path = findCommand(name);
  const debianPackage = PEER_PACKAGES[name] ?? ATTACKER_PACKAGES[name];
  if (path === undefined) throw new Error(`${name} is not installed (Debian package ${debianPackage})`);
  return path;
}

/**
 * What the package manager does not know as installed. A program alone tells nothing: its modules come in packages of their own. On a
 * system without dpkg the programs have to do.
 */
function missingPackages(
  programs: Readonly<Record<string, string>> = PEER_PACKAGES,
  further: readonly string[] = FURTHER_PACKAGES,
): string[] {
  const format = `\${Package} \${db:Status-Status}\n`;
  const asked = spawnSync('dpkg-query', ['-W', '-f', format], { encoding: 'utf8' });
  if (asked.status !== 0) {
    return Object.entries(programs)
      .filter(([command]) => findCommand(command) === undefined)
      .map(([, debianPackage]) => debianPackage);
  }
  const known = new Set(asked.stdout.split('\n'));
  const wanted = [...Object.values(programs), ...further];
  return [...new Set(wanted)].filter((debianPackage) => !known.has(`${debianPackage} installed`));
}

function canSudo(): boolean {
  return findCommand('sudo') !== undefined && spawnSync('sudo', ['-n', 'true']).status === 0;
}

/** Installs what is missing when this user may; else fails with the one command to run. */
export function installMissingPeers(): void {
  install(missingPackages);
}

/** The same for what the scoreboard attacks with. */
export function installMissingAttackers(): void {
  install(() => missingPackages(ATTACKER_PACKAGES, []));
}

function install(missing: () => string[]): void {
  const packages = missing();
  if (packages.length === 0) return;
  const installation = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
  const command = `apt-get update && ${installation.join(' ')}`;
  const isRoot = process.getuid?.() === 0;
  if (findCommand('apt-get') === undefined || !(isRoot || canSudo())) {
    throw new Error(
      `The tests talk to real programs and these packages are missing: ${packages.join(' ')}\n` +
        `Run:  sudo sh -c '${command}'\n` +
        'or set TANDEM_SKIP_PEERS=1 to leave those tests out.',
    );
  }
  console.log(`installing what the tests talk to: ${packages.join(' ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const prefix = isRoot ? [] : ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND'];
  for (const step of [['apt-get', 'update', '-q'], installation]) {
    const [program, ...args] = [...prefix, ...step] as [string, ...string[]];
    execFileSync(program, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const stillMissing = missing();
  if (stillMissing.length > 0) throw new Error(`still missing after apt-get install: ${stillMissing.join(' ')}`);
}
