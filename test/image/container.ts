import { readFileSync } from 'node:fs';
import { type Child, startChild } from '../kit/child.ts';
import type { ImageConfiguration } from './build.ts';
import { run } from './machine.ts';

/**
 * A container as docker-compose.yml runs it: the user of the image, no capability, no new privileges, a root that nobody may write to,
 * its own network with nothing but the loopback device, which has the addresses given. It ends with its first process.
 */
export class Container {
  readonly process: Child;
  readonly #root: string;
  readonly #configuration: ImageConfiguration;
  readonly #variables: readonly string[];

  constructor(
    root: string,
    configuration: ImageConfiguration,
    more: { readonly addresses: readonly string[]; readonly environment: Readonly<Record<string, string>> },
  ) {
    this.#root = root;
    this.#configuration = configuration;
    const variables = Object.entries(more.environment).map(([name, value]) => `${name}=${value}`);
    this.#variables = [...configuration.Env, ...variables];
    const writable = ['/tmp', ...Object.keys(configuration.Volumes)];
    const script = [
      'set -e',
      'ip link set lo up',
      ...more.addresses.map((address) => `ip addr add ${address}/32 dev lo`),
      `mount --bind "${root}" "${root}"`,
      `mount -o remount,bind,ro "${root}"`,
      // A volume keeps the owner that the image gave its folder.
      ...writable.map(
        (path) => `mount -t tmpfs -o "$(stat -c 'uid=%u,gid=%g,mode=%a' "${root}${path}")" tmpfs "${root}${path}"`,
      ),
      `mount -t proc proc "${root}/proc"`,
      `mount --rbind /dev "${root}/dev"`,
      'exec "$@"',
    ].join('\n');
    const command = this.#inside([...configuration.Entrypoint, ...configuration.Cmd]);
    const namespaces = ['--mount', '--propagation=private', '--net'];
    this.process = startChild('unshare', [...namespaces, 'sh', '-c', script, 'sh', ...command]);
  }

  /** What the kernel says of the first process: `Uid`, `CapEff`, `NoNewPrivs`. */
  status(field: string): string {
    const text = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
  }

  /** True when something listens on this UDP port in its network. */
  hasUdpPort(port: number): boolean {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    return readFileSync(`/proc/${this.process.pid}/net/udp`, 'utf8').includes(`:${hex} `);
  }

  /** Runs a command in it, as the image's user or as the superuser, to its end. Throws when it fails. */
  execute(command: readonly string[], as: 'user' | 'superuser' = 'user'): string {
    return run([...this.#entering('--net', '--mount'), ...this.#inside(command, as)]);
  }

  /** Starts a program of this machine in its network. */
  startBeside(program: string, args: readonly string[]): Child {
    const [enter = '', ...rest] = this.#entering('--net');
    return startChild(enter, [...rest, program, ...args], { env: { ...process.env, TERM: 'dumb' } });
  }

  #entering(...namespaces: readonly string[]): string[] {
    return ['nsenter', '--target', String(this.process.pid), ...namespaces];
  }

  #inside(command: readonly string[], as: 'user' | 'superuser' = 'user'): string[] {
    const { User: user, WorkingDir: folder } = this.#configuration;
    const identity = [`--reuid=${user}`, `--regid=${user}`, '--init-groups'];
    const nothing = ['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all'];
    const privileges = as === 'superuser' ? [] : ['setpriv', ...identity, ...nothing];
    return ['chroot', this.#root, ...privileges, 'env', '-i', `--chdir=${folder}`, ...this.#variables, ...command];
  }
}
